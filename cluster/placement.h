// Which workers run a job. Pure functions: any thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "weir/cluster/records.h"

namespace weir::cluster {

/// A worker as the scheduler knows it.
struct WorkerView {
  std::string id, host;
  std::uint32_t slots = 1;
  std::uint32_t used = 0;  ///< slots that jobs have been given
  std::string build = {};  ///< of its Weir
};

/// What is known against workers for one job.
struct Reservations {
  /// Workers that could not load the job's library, and the builds of their Weir.
  std::map<std::string, std::string> unfit;
  std::string culprit;         ///< on which its last attempt failed; may be empty
  std::uint32_t in_a_row = 0;  ///< how many attempts before this have failed there
};
/// Those of `workers` that the job is to be placed on. Without the unfit ones, nor others of their
/// builds, as long as there are others. Without the culprit when the rest has room for
/// `parallelism`, or after three failures in a row, when it may well be the host. All of them
/// rather than none.
std::vector<WorkerView> eligible(std::uint32_t parallelism, const std::vector<WorkerView>& workers,
                                 const Reservations& against);

/// Spreads `parallelism` slots over `workers`, at most one process on each: one after another they
/// go to the worker of which then the least part is used, so that no slot would be better off
/// elsewhere. Among equals those of `before` come first, since they may still have the job's state,
/// then those with more slots, then by id. More slots than there are get shared. The master,
/// process 0, is on the worker that has most of the job's slots; the others follow by id. Nothing
/// when there is no worker.
std::vector<ProcessPlace> place(std::uint32_t parallelism, const std::vector<WorkerView>& workers,
                                const std::set<std::string>& before);

}  // namespace weir::cluster
