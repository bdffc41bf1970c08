// How a deployed job stands, from the counters of its parts. For the job runner, which keeps the
// deployment in place meanwhile; any thread.
#pragma once

#include <vector>

#include "weir/runtime/deployment.h"
#include "weir/runtime/rates.h"
#include "weir/runtime/run.h"

namespace weir {

/// What the parts have counted, in their order, for the rate meter.
std::vector<StepSample> samples_of(const Deployment& deployment, SteadyTime now);
/// Adds what the parts have counted to the steps of `status`, which holds what was counted before.
void add_parts(const Deployment& deployment, const RateMeter& rates, SteadyTime now,
               JobStatus& status);
/// The parts one by one.
std::vector<SubtaskStatus> subtasks_of(const Deployment& deployment, const RateMeter& rates,
                                       SteadyTime now);

/// Says where task `id` is.
void add_place(TaskId id, const Deployment& deployment, AttemptFailure& failure);

}  // namespace weir
