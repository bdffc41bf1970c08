// A cluster of real processes on this host for benchmarks, as `weir local` starts it: the command
// and the libraries of jobs are those of the build that the benchmark belongs to.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "bench/scratch.h"
#include "weir/cluster/worker_child.h"

namespace weir::bench {

class LocalCluster {
 public:
  /// Starts a coordinator and `workers` workers of one slot each; ends the process if that fails.
  explicit LocalCluster(unsigned workers);
  /// Submits a job of the build, by the name of its library, and returns its id.
  std::string submit(const std::string& library, unsigned parallelism,
                     const std::map<std::string, std::string>& settings) const;
  /// Waits until a job is over; ends the process unless it has finished.
  void wait_finished(const std::string& job) const;

 private:
  const ScratchFolder folder_;
  std::unique_ptr<cluster::ChildProcess> child_;
  std::string url_;
};

}  // namespace weir::bench
