// Which workers run a job. A pure function: any thread.
#pragma once

#include <cstdint>
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
};

/// Spreads `parallelism` slots over `workers`, at most one process on each: one after another they
/// go to the worker of which then the least part is used, so that no slot would be better off
/// elsewhere. Among equals those of `before` come first, since they may still have the job's state,
/// then those with more slots, then by id. More slots than there are get shared. The master,
/// process 0, is on the worker that has most of the job's slots; the others follow by id. Nothing
/// when there is no worker.
std::vector<ProcessPlace> place(std::uint32_t parallelism, const std::vector<WorkerView>& workers,
                                const std::set<std::string>& before);

}  // namespace weir::cluster
