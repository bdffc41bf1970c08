// What the leader decides, without I/O, clock or threads, so that it is tested as tables and in a
// simulation of a whole cluster (hazards H26 to H29): which processes run where, what a failure
// leads to, when an attempt is given up. The leader (leader.h) feeds it events and carries out its
// orders in their order; an order `Save` must be durable before the next one is carried out.
//
// Rules:
//   - A job has at most one attempt. Its number is saved before a process starts under it; what
//     reports under an older number is killed.
//   - Any process of an attempt that ends, or whose worker is lost, ends the attempt: its other
//     processes are killed and a new one starts from the newest checkpoint, at once after a lost
//     worker, else after a pause that doubles with each failure in a row (from 100 ms to 30 s).
//     What cannot heal by itself, or has failed more often than the job's max-restarts, is failed.
//   - Subtasks are spread over all workers in proportion to their slots, the least loaded first;
//     too few slots are shared. Without any worker a job waits.
//   - A new leader first waits for workers to say what runs (`adopt_for`); an attempt of which
//     every process is reported goes on untouched.
//   - To stop, rescale or update, the master is asked for a last checkpoint; when the attempt fails
//     meanwhile it is started again and asked again, so that nothing is lost.
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
#include "weir/cluster/records.h"

namespace weir::cluster {

struct SchedulerOptions {
  std::chrono::milliseconds adopt_for{3000};      ///< how long a new leader waits for workers
  std::chrono::milliseconds start_within{60000};  ///< an attempt that does not run by then failed
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

/// A worker as the scheduler knows it.
struct WorkerView {
  std::string id, host;
  std::uint32_t slots = 1;
  std::uint32_t used = 0;  ///< slots that jobs have been given
};

class Scheduler {
 public:
  Scheduler(SchedulerOptions options, std::vector<JobRecord> records, SteadyTime now,
            EventTime wall);

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
  // allow it; nothing has changed then.
  Result<Orders> submit(JobRecord record, SteadyTime now, EventTime wall);
  Result<Orders> cancel(const std::string& job, SteadyTime now, EventTime wall);
  /// Ends the job after a last checkpoint.
  Result<Orders> stop(const std::string& job, SteadyTime now, EventTime wall);
  /// Goes on with `spec` (another parallelism, another library) after a last checkpoint. A job that
  /// is over starts anew from its newest checkpoint.
  Result<Orders> change(const std::string& job, JobSpec spec, SteadyTime now, EventTime wall);

  // ---- looking
  const std::map<std::string, JobRecord>& jobs() const;
  std::vector<WorkerView> workers() const;
  /// The job that a user means by an id, the unique beginning of one, or the name of the only job
  /// that has it and is not over. Errors: not_found; invalid_argument, which names the candidates.
  Result<std::string> find(const std::string& text) const;
  /// Whom to ask about a job: its master, and the worker on which that runs; nothing when it does
  /// not run.
  std::optional<std::pair<std::string, ProcessId>> master_of(const std::string& job) const;
};

}  // namespace weir::cluster
