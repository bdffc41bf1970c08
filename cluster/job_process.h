// One process of an attempt of a job, as a worker starts it: it builds the job, meets the other
// processes of the attempt and runs its share of the tasks; process 0, the master, also has their
// coordinator, so that no death of a cluster's coordinator stops checkpoints. Whatever fails ends
// the process, and with it the attempt; starting anew is the scheduler's business.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "weir/cluster/messages.h"
#include "weir/net/tls.h"
#include "weir/runtime/run.h"

namespace weir::cluster {

/// What a process runs.
struct LoadedJob {
  JobFunction function = nullptr;
  RunOptions options;  ///< as for a run in one process
  std::string build;   ///< of its library
};

/// Requests to a job that runs, as JSON; the master answers them.
class JobRequests {
 public:
  virtual ~JobRequests() = default;
  /// Any thread; may block until the job ends.
  virtual Result<std::string> answer(const std::string& json) = 0;
  /// The job has ended, `outcome` in a word: requests that wait must return.
  virtual void ended(const std::string& outcome, CheckpointId checkpoint) = 0;
};

struct JobProcessOptions {
  Address worker;                           ///< its door on this host
  ProcessId id;                             ///< of this process
  std::string token;                        ///< for that door
  std::shared_ptr<net::Tls> tls = nullptr;  ///< for it and for links; null: none is spoken
  /// Loads the library of an assignment.
  std::function<Result<LoadedJob>(const Assignment&)> load;
  std::function<std::unique_ptr<JobRequests>(JobRunner&, const LoadedJob&)> make_requests;
};

/// Runs this process to its end, which the worker brings about. Returns only when the worker cannot
/// be reached.
Error run_job_process(const JobProcessOptions& options);

}  // namespace weir::cluster
