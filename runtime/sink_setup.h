// What an attempt asks of its sinks before any of their subtasks opens: in the process of the
// coordinator to prepare their destinations, then in each other process to attach to them.
//
// Called on the thread that builds the tasks. Both block on whatever the sinks write to.
#pragma once

#include "weir/base/result.h"
#include "weir/runtime/placement.h"
#include "weir/runtime/task_group.h"

namespace weir {

class HeldLocks;

/// Calls `prepare` of all sinks, with what the checkpoint to restore says of them. Errors name the
/// sink. `placement` may be null: all tasks run here. `locks` lives until the process ends.
Status prepare_sinks(const AttemptView& attempt, const Placement* placement, bool temporary_state,
                     HeldLocks& locks);

/// Calls `attach` of all sinks, once the process of the coordinator has prepared them.
Status attach_sinks(const AttemptView& attempt, const Placement& placement);

}  // namespace weir
