// What the leader decides, without I/O, clock or threads, so that it is tested as tables and in a
// simulation of a whole cluster (hazards H26 to H29): which processes run where, what a failure
// leads to, when an attempt is given up. The leader (leader.h) feeds it events and carries out its
// orders in their order; an order `Save` must be durable before the next one is carried out.
//
// Rules:
//   - A job has at most one attempt. Its number is saved before a process starts under it; what
//     reports under an older number, or for a job that is over or unknown, is killed. A job whose
//     record cannot be read is not unknown: its processes go on, and nothing is done about them.
//   - Any process of an attempt that ends, or whose worker is lost, ends the attempt: its other
//     processes are killed and a new one starts from the newest checkpoint, at once after a lost
//     worker, else after a pause that doubles with each failure in a row (from 100 ms to 30 s).
//     What cannot heal by itself, or has failed more often than the job's max-restarts without a
//     checkpoint between, is failed. A lost worker is not the job's fault and does not count.
//   - Where a process could not load the library of its job, of another build or for want of
//     something on that host, the job is not placed again: it is tried on other workers, five times
//     in a row. A new leader does not know of it.
//   - After a failure that was no loss of a worker the next attempt need not be where the last was:
//     the worker on which it failed is avoided if there is room elsewhere, or after three failures
//     there in a row.
//   - The processes of an attempt die one after another. That is one failure, and the most telling
//     report of it is kept, until the next attempt begins: what cannot heal before what can, and
//     both before a connection to a peer that is gone. When the peer's worker turns out to be lost,
//     that was it. A process that ended without a failure did so by its master's word, which is
//     then waited for (kQuietEnd).
//   - The master's word about the newest attempt counts even after the attempt was given up, as
//     long as no other has begun.
//   - Subtasks are spread over all workers in proportion to their slots, the least loaded first;
//     too few slots are shared. Without any worker a job waits. What runs is not moved.
//   - A new leader with jobs that are not over first waits for workers to say what runs: for
//     `adopt_for`, or until all workers that its records name are there. It starts nothing before,
//     since it would crowd the first workers to come. An attempt of which every process is reported
//     goes on untouched; one of which a worker comes without its process, or does not come at all,
//     fails as if that worker was lost.
//   - A worker whose connection is gone is lost, and its jobs start elsewhere at once. Only one
//     that registers again before the leader noticed goes on: what it reports is compared with what
//     it should run, and what may have been lost on the way (Peers, Ask) is sent again.
//   - To stop, rescale or update, the master is asked for a last checkpoint; when the attempt fails
//     meanwhile it is started again and asked again, so that nothing is lost. Between two attempts
//     such a job is still `stopping`, with no processes.
//   - A change that was accepted takes effect or is spoken of: when the job fails for good before
//     its last checkpoint, it goes on with the change from its newest one, since that may be what
//     mends it; when it finishes before, its record says so. A later stop or cancel replaces it.
//   - The order of orders: for each job its record, if that changed, then what is sent for it.
//
// Any one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "weir/base/clock.h"
#include "weir/cluster/messages.h"
#include "weir/cluster/placement.h"
#include "weir/cluster/records.h"

namespace weir::cluster {

struct SchedulerOptions {
  std::chrono::milliseconds adopt_for{6000};  ///< how long a new leader waits for workers
  /// An attempt has failed whose processes do not all listen by then; they load the library first.
  std::chrono::milliseconds listen_within{60000};
  /// Nor all run by then, from when they all listened: state is copied, transactions are recovered.
  std::chrono::milliseconds start_within{600000};
  std::chrono::milliseconds first_pause{100}, longest_pause{30000};
  std::string libraries;  ///< the folder of job libraries in the shared storage
};

/// To be carried out by the leader.
struct Save {
  JobRecord record;
};
struct Send {
  std::string worker;
  Message message;  ///< Start, Peers, Kill or Ask
};
using Order = std::variant<Save, Send>;

// Why a job cannot be asked for anything: it is not known, its record cannot be read, it is over.
// Each says what to do.
Error no_such_job(const std::string& text);
Error left_alone(const UnreadableRecord& record);
Error over_already(const JobRecord& record);

class Scheduler {
 public:
  Scheduler(SchedulerOptions options, std::vector<JobRecord> records, SteadyTime now,
            EventTime wall, std::vector<UnreadableRecord> unreadable = {});

  // ---- events. Each returns what is to be done.
  using Orders = std::vector<Order>;
  Orders worker_joined(const Register& worker, SteadyTime now, EventTime wall);
  /// Its connection is gone, or it has been silent for too long.
  Orders worker_lost(const std::string& worker, const std::string& why, SteadyTime now,
                     EventTime wall);
  Orders reported(const std::string& worker, const ProcessReport& report, SteadyTime now,
                  EventTime wall);
  /// Whatever time alone makes due.
  Orders tick(SteadyTime now, EventTime wall);
  /// When `tick` next has something to do; SteadyTime::max() for never.
  SteadyTime next_deadline() const;

  // ---- requests of users. Errors: not_found, or invalid_argument when the job's state does not
  // allow it, or its spec is too large, or its state folder that of another job which is not over
  // (paths are compared, and where they led to when the jobs were submitted; what that does not
  // show is found by the attempts; where the record of a job cannot be read, folders of its id are
  // taken for its own); incompatible when the job's own record cannot be read. Nothing
  // has changed then.
  Result<Orders> submit(JobRecord record, SteadyTime now, EventTime wall);
  Result<Orders> cancel(const std::string& job, SteadyTime now, EventTime wall);
  /// Ends the job after a last checkpoint; at once when it never began an attempt. Between two
  /// attempts another one must begin: the newest checkpoint may have been completed without its
  /// output being published, which is done by whoever restores it.
  Result<Orders> stop(const std::string& job, SteadyTime now, EventTime wall);
  /// Goes on with `spec` (another parallelism, another library) after a last checkpoint. A job that
  /// is over starts anew from its newest checkpoint, or, without one, from where it was to begin.
  /// Between two attempts the change takes effect at once.
  Result<Orders> change(const std::string& job, JobSpec spec, SteadyTime now, EventTime wall);
  /// Before the master is asked for a savepoint that ends the job: the job is to stop, also when
  /// the attempt ends before it does. Besides, error: invalid_argument for a job that is to change,
  /// which would be forgotten when the savepoint is refused.
  Result<Orders> stop_by_savepoint(const std::string& job, SteadyTime now, EventTime wall);
  /// The master of the newest attempt has refused that, or its checkpoint has failed: the job goes
  /// on, unless another stop or change came meanwhile.
  Orders savepoint_refused(const std::string& job, SteadyTime now, EventTime wall);
  /// Drops what is known of a job that is over, once its record is gone; of others nothing.
  void forget(const std::string& job);

  // ---- looking
  const std::map<std::string, JobRecord>& jobs() const;
  /// Jobs that are left alone, by id; none of them is among jobs().
  const std::map<std::string, UnreadableRecord>& unreadable() const { return unreadable_; }
  std::vector<WorkerView> workers() const;
  /// The job that a user means by, in this order: an id; the name of the only job that has it and
  /// is not over; the name of jobs that are over, of which the one that ended last; the unique
  /// beginning of an id. Errors: not_found; invalid_argument, which names the candidates;
  /// incompatible, when the record of the job that is meant cannot be read.
  Result<std::string> find(const std::string& text) const;
  /// Whom to ask about a job: its master, and the worker on which that runs; nothing when it does
  /// not run.
  std::optional<std::pair<std::string, ProcessId>> master_of(const std::string& job) const;
  /// What a job that is not over waits for, in words behind "waits for"; empty when it runs.
  std::string waits_for(const std::string& job, SteadyTime now) const;
  /// The same of a new leader as a whole, which starts nothing yet.
  std::string awaits(SteadyTime now) const;

 private:
  /// What is known of one process of an attempt.
  struct Process {
    std::optional<ProcessPhase> phase;  ///< nothing: not reported
    Address address;
    bool has_peers = false;  ///< they have been sent
  };
  /// What is known of a job beside its record.
  struct Run {
    std::vector<Process> processes;  ///< of its attempt
    bool adopting = false;           ///< it was started by another leader
    bool listened = false;           ///< all processes of the last attempt did
    bool asked = false;              ///< its master has been asked for a last checkpoint
    bool by_savepoint = false;       ///< by a user, with a savepoint, which it may refuse
    SteadyTime due = SteadyTime::max();
    std::uint64_t highest_attempt = 0;  ///< that anybody reported
    // Of the last attempt that failed.
    std::set<std::string> before;       ///< its workers
    bool faulty = false;                ///< it was no loss of a worker
    int telling = 0;                    ///< how much its failure says
    std::uint32_t failures_before = 0;  ///< as if it had not failed
    // Of the job's library: workers that could not load it, and their builds; attempts in a row
    // that ended so.
    std::map<std::string, std::string> unfit;
    std::uint32_t unfit_attempts = 0;
  };
  struct Worker {
    std::string host;
    std::uint32_t slots = 1;
    std::string build;
  };
  /// What jobs have been given of a worker, be it there or not.
  struct Load {
    std::uint32_t used = 0;
    std::set<std::string> jobs;
  };
  /// What is ordered for one job.
  struct JobOrders {
    bool save = false;
    std::vector<Send> sends;
  };
  /// One event, and what it leads to.
  struct Turn {
    SteadyTime now;
    EventTime wall;
    Orders first = {};  ///< concerns no record
    std::map<std::string, JobOrders> jobs = {};
  };

  // Each ends an event (scheduler.cc).
  Orders finish(Turn& turn);
  void changed(Turn& turn, JobRecord& record);
  void send(Turn& turn, const std::string& job, const std::string& worker, Message message);
  void set_due(const std::string& job, SteadyTime due);
  void time_is_up(Turn& turn, const std::string& job);
  void settle_if_all_are_here(SteadyTime now);

  // Attempts (scheduler_attempts.cc).
  void load(const JobRecord& record);
  void unload(const JobRecord& record);
  void start_soon(const std::string& job);
  void start_ready(Turn& turn);
  void begin_attempt(Turn& turn, JobRecord& record);
  void release(Turn& turn, JobRecord& record);
  std::vector<ProcessPlace> place_job(const JobRecord& record,
                                      const std::vector<WorkerView>& workers) const;
  bool fits_elsewhere(const JobRecord& record, const Failure& failure);
  void note(Turn& turn, JobRecord& record, Failure failure);
  void fail(Turn& turn, JobRecord& record, Failure failure, bool lost_worker);
  void give_up_or_restart(Turn& turn, JobRecord& record, bool lost_worker);
  void give_up(Turn& turn, JobRecord& record);
  void end(Turn& turn, JobRecord& record, JobState state);
  void go_on_with(Turn& turn, JobRecord& record, JobSpec spec);
  SteadyTime::duration pause_after(std::uint32_t failures) const;

  // Reports (scheduler_reports.cc).
  void take(Turn& turn, const std::string& worker, const ProcessReport& report);
  void take_checkpoint(Turn& turn, JobRecord& record, const ProcessReport& report);
  void take_phase(Turn& turn, JobRecord& record, const ProcessReport& report);
  void take_end(Turn& turn, JobRecord& record, const std::string& worker,
                const ProcessReport& report);
  void take_late(Turn& turn, JobRecord& record, const std::string& worker,
                 const ProcessReport& report);
  bool take_word(Turn& turn, JobRecord& record, const ProcessReport& report);
  void advance(Turn& turn, JobRecord& record);
  void send_peers(Turn& turn, const JobRecord& record);
  void ask_to_stop(Turn& turn, const JobRecord& record);
  void fail_missing(Turn& turn, const std::string& worker, const std::set<ProcessId>& reported);
  void explain_by_loss(Turn& turn, const std::string& worker, const Failure& failure);

  std::vector<std::string> late_workers(const JobRecord& record) const;
  Status check_folder(const std::string& job, const JobSpec& spec) const;
  Result<JobRecord*> to_change(const std::string& job);

  SchedulerOptions options_;
  std::map<std::string, JobRecord> records_;
  std::map<std::string, UnreadableRecord> unreadable_;
  std::map<std::string, Run> runs_;  ///< one for each record
  std::map<std::string, Worker> workers_;
  std::map<std::string, Load> loads_;
  std::set<std::pair<SteadyTime, std::string>> due_;  ///< the jobs with a time in Run::due
  std::set<std::string> ready_;  ///< jobs to start as soon as there is a worker
  SteadyTime settled_at_;        ///< when a new leader begins to start attempts
  bool settled_ = false;
  std::set<std::string> awaited_;  ///< workers that records name and that have not come yet
};

}  // namespace weir::cluster
