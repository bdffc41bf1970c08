// One lead from its beginning to its end: the scheduler, the workers that are connected, and the
// orders that are being carried out.
//
// Orders are carried out one after the other. A record is in the registry before what follows it is
// done; a request is answered when all that it led to has been done. The lead is over when the
// registry says so, when it is no longer certain, or when it cannot write for `give_up_after`; then
// nothing is done any more, and whoever waits is told. A record that the registry will never take
// is left out, with the processes that were to start under it, and who asked for it is told.
//
// Threads: one, the control thread; what comes from elsewhere (links, the registry's thread) is
// posted to it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "weir/base/clock.h"
#include "weir/cluster/registry.h"
#include "weir/cluster/scheduler.h"
#include "weir/cluster/serial_thread.h"

namespace weir::net {
class Link;
}

namespace weir::cluster {

struct LeaderOptions {
  SchedulerOptions scheduler;
  std::chrono::milliseconds heartbeat{200};
  std::chrono::milliseconds timeout{3000};         ///< of silence, at both ends of a link
  std::chrono::milliseconds give_up_after{10000};  ///< of failing writes
  std::size_t keep_jobs = 100;                     ///< that are over; the newest
};

/// What a leader stands on; all of it outlives the leader.
struct LeaderSeams {
  Clock& clock;
  Registry& registry;
  SerialThread& control;          ///< on which the leader lives
  SerialThread& registry_thread;  ///< for writes, which block
  /// Until when the lead is certain.
  std::function<SteadyTime()> certain_until;
};

/// A worker as people see it.
struct WorkerInfo {
  WorkerView view;
  std::string build_id;
  std::int64_t silent_ms = 0;  ///< since it was last heard
};

class ClusterLeader {
 public:
  ClusterLeader(LeaderOptions options, LeaderSeams seams, std::uint64_t epoch, RecordSet known);
  /// Closes all links, and fails what waits.
  ~ClusterLeader();
  ClusterLeader(const ClusterLeader&) = delete;
  ClusterLeader& operator=(const ClusterLeader&) = delete;

  std::uint64_t epoch() const { return epoch_; }
  /// Why the lead is over; nothing while it is not.
  const std::optional<std::string>& over() const { return over_; }

  /// A worker has been greeted.
  void arrived(std::shared_ptr<net::Link> link, const std::string& peer);
  /// Does what time makes due; when to be called again.
  SteadyTime tick();

  // ---- requests of users. `done` is called on the control thread: here, or later.
  using Done = std::function<void(Status)>;
  void submit(JobRecord record, Done done);
  void cancel(const std::string& job, Done done);
  void stop(const std::string& job, Done done);
  void change(const std::string& job, JobSpec spec, Done done);

  using Answered = std::function<void(Result<std::string> json)>;
  /// Asks a job's master. `timeout` nothing: as long as it takes, while its worker is there.
  /// Errors: not_found when the job does not run; io, retryable, when it does not answer in time;
  /// cancelled, retryable, when its worker goes away; what the job answers.
  void ask_master(const std::string& job, std::string json,
                  std::optional<std::chrono::milliseconds> timeout, Answered answered);
  /// Asks a job's master for a savepoint with which the job ends; `json` is that request. That the
  /// job is to stop is saved before, so that it does not go on by itself when the attempt fails in
  /// between. When the master refuses, or its checkpoint fails, the job goes on. Errors: as of
  /// ask_master; cancelled when it is not known how the master fared.
  void savepoint_and_stop(const std::string& job, std::string json, Answered answered);
  /// With the worker that answered.
  using LogAnswered = std::function<void(Result<std::string> json, const std::string& worker)>;
  /// Asks for what a process has said, be it gone: the worker on which it ran; where that is not
  /// known, not there, or has it no more, all of them. Errors: not_found; as of ask_master.
  void ask_log(const ProcessId& process, const std::string& json, std::chrono::milliseconds timeout,
               LogAnswered answered);

  // ---- looking
  /// Whether the job has a master that can be asked.
  bool runs(const std::string& job) const { return scheduler_.master_of(job).has_value(); }
  /// Those that are known, by id; of those that are over the newest.
  std::vector<const JobRecord*> jobs() const;
  const JobRecord* job(const std::string& id) const;
  /// As Scheduler::unreadable.
  const std::map<std::string, UnreadableRecord>& unreadable() const {
    return scheduler_.unreadable();
  }
  /// As Scheduler::find, and Scheduler::waits_for.
  Result<std::string> find(const std::string& text) const { return scheduler_.find(text); }
  std::string waits_for(const std::string& job) const { return scheduler_.waits_for(job, now()); }
  std::vector<WorkerInfo> workers() const;

 private:
  struct Session {
    std::shared_ptr<net::Link> link;
    std::string peer;
    std::string worker;  ///< its id once it has registered
    std::string build_id;
    SteadyTime last_heard{};
    std::shared_ptr<std::atomic<int>> unread;  ///< messages that wait for the control thread
  };
  struct Erase {
    std::string job;
  };
  struct Step {
    std::variant<Save, Send, Erase, Done> what;
    std::uint64_t event;  ///< that led to it
  };
  struct Waiting {
    std::string worker;
    SteadyTime deadline;
    Answered answered;
  };

  void take(std::uint64_t session, Result<Message> message);
  void take_register(std::uint64_t session, Register message);
  void take_answer(const std::string& worker, Answer answer);
  void close(std::uint64_t session, const std::string& why);
  void carry_out(Scheduler::Orders orders);
  void add(Scheduler::Orders orders);
  void request(Result<Scheduler::Orders> orders, Done done);
  void run();
  void write(std::string key, std::optional<std::string> value);
  void written(Status status);
  void drop_save(const Error& error);
  void send(const Send& order);
  void forget_old_jobs();
  void beat();
  void fail_requests(const std::string& worker, const std::string& why);
  bool check_certain();
  void end(const std::string& why);
  void ask_all_for_log(const ProcessId& process, const std::string& json,
                       std::chrono::milliseconds timeout, const LogAnswered& answered);
  void ask(const std::string& worker, ProcessId id, std::string json,
           std::optional<std::chrono::milliseconds> timeout, Answered answered);
  SteadyTime now() const { return seams_.clock.steady_now(); }
  EventTime wall() const { return seams_.clock.wall_now(); }

  const LeaderOptions options_;
  LeaderSeams seams_;
  const std::uint64_t epoch_;
  Scheduler scheduler_;
  std::optional<std::string> over_;
  std::map<std::uint64_t, Session> sessions_;
  std::map<std::string, std::uint64_t> session_of_;  ///< by worker
  std::uint64_t next_session_ = 1;
  SteadyTime next_beat_{};
  std::deque<Step> steps_;
  std::uint64_t events_ = 0;
  bool writing_ = false, running_ = false;
  SteadyTime retry_at_ = SteadyTime::max();
  std::optional<SteadyTime> failing_since_;
  std::map<std::uint64_t, Waiting> requests_;
  std::uint64_t next_request_ = 1;                        // 0 is the scheduler's
  std::set<std::string> forgotten_;                       // jobs that are no longer in the registry
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // what is posted ends with the leader
};

}  // namespace weir::cluster
