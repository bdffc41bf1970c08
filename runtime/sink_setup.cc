// Preparing and attaching sinks; see sink_setup.h.
#include "weir/runtime/sink_setup.h"

#include <string>
#include <utility>
#include <vector>

namespace weir {
namespace {

SinkContext context_of(const AttemptView& attempt, const GraphStep& step,
                       const Placement* placement) {
  SinkContext context;
  context.env = &attempt.env;
  context.job = attempt.identity.job;
  context.run_id = attempt.identity.run_id;
  context.attempt = attempt.identity.attempt_name;
  context.step = step.name;
  context.parallelism = attempt.plan.parallelism_of[step.id];
  context.first_checkpoint = attempt.first_checkpoint();
  context.restored = attempt.restore != nullptr;
  const std::uint32_t vertex = attempt.plan.vertex_of[step.id];
  for (std::uint32_t subtask = 0; subtask < context.parallelism; ++subtask) {
    if (placement == nullptr || placement->here(vertex, subtask)) context.here.push_back(subtask);
  }
  return context;
}

/// All committables and carried-over items of a sink in the checkpoint to restore.
Result<std::vector<std::string>> live_items(const AttemptView& attempt, const GraphStep& step) {
  std::vector<std::string> live;
  const RestorePoint* restore = attempt.restore;
  const StepManifest* written = restore ? restore->manifest.find(step.name) : nullptr;
  if (written == nullptr) return live;
  WEIR_ASSIGN(auto items, read_items(attempt.store.storage(), restore->runs_folder, *written));
  for (StateItem& item : items) live.push_back(std::move(item.value));
  return live;
}

Status named(const GraphStep& step, const Status& status) {
  if (status.ok()) return {};
  return Error{status.error().code, "Sink '" + step.name + "': " + status.error().message,
               status.error().retryable};
}

}  // namespace

Status prepare_sinks(const AttemptView& attempt, const Placement* placement, bool temporary_state,
                     HeldLocks& locks) {
  WEIR_ASSIGN(const StateIdentity state, attempt.store.identity(attempt.env.seed));
  WEIR_TRY(attempt.store.check_claim());
  for (const GraphStep& step : attempt.graph.steps()) {
    if (!step.sink) continue;
    WEIR_ASSIGN(const std::vector<std::string> live, live_items(attempt, step));
    SinkContext context = context_of(attempt, step, placement);
    context.restored_checkpoint = attempt.restore ? attempt.restore->manifest.id : 0;
    context.owner = {state.id, state.path, temporary_state};
    context.locks = &locks;
    WEIR_TRY(named(step, step.sink->prepare(context, live)));
  }
  return {};
}

Status attach_sinks(const AttemptView& attempt, const Placement& placement) {
  WEIR_ASSIGN(const StateIdentity state, attempt.store.identity(attempt.env.seed));
  for (const GraphStep& step : attempt.graph.steps()) {
    if (!step.sink) continue;
    SinkContext context = context_of(attempt, step, &placement);
    context.owner = {state.id, state.path, false};
    if (!context.here.empty()) WEIR_TRY(named(step, step.sink->attach(context)));
  }
  return {};
}

}  // namespace weir
