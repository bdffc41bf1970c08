// Building and restoring an attempt; see deployment.h.
#include "weir/runtime/deployment.h"

#include <algorithm>
#include <map>

#include "weir/checkpoint/run_verify.h"
#include "weir/runtime/job.h"
#include "weir/runtime/sink_setup.h"

namespace weir {
namespace {

std::string label(const StepManifest& step) {
  return "step '" + step.name + "' (" + step.kind + ")";
}

bool has_state(const StepManifest& step) {
  return std::any_of(step.subtasks.begin(), step.subtasks.end(),
                     [](const SubtaskManifest& s) { return !s.state.empty() || !s.items.empty(); });
}

/// Nothing else reads the dead letters of a job that runs, but each checkpoint goes on naming them.
Status check_letters(CheckpointStore& store, const Manifest& manifest) {
  for (const RunInfo& run : manifest.dead_letters) {
    if (auto file = open_verified(store.storage(), store.runs_folder(), run); !file.ok()) {
      return Error{file.error().code, "Dead letters cannot be restored: " + file.error().message};
    }
  }
  return {};
}

}  // namespace

Status check_restore(const Graph& graph, const Manifest& manifest, bool allow_dropped_state) {
  for (const StepManifest& written : manifest.steps) {
    const GraphStep* step = graph.find(written.name);
    if (step == nullptr) {
      if (!has_state(written) || allow_dropped_state) continue;
      return Error{ErrorCode::incompatible,
                   "The checkpoint holds state of " + label(written) +
                       ", which the job no longer has. If it was renamed, give it its old name; to "
                       "drop its state, use --allow-dropped-state."};
    }
    if (step->kind != written.kind && has_state(written)) {
      return Error{ErrorCode::incompatible, "Step '" + written.name + "' was a " + written.kind +
                                                " when the checkpoint was taken and is a " +
                                                step->kind + " now; give it another name."};
    }
    if (!written.state_schema.empty() && step->check_state) {
      if (Status fits = step->check_state(written.key_schema, written.state_schema); !fits.ok()) {
        return Error{ErrorCode::incompatible, "The state of step '" + written.name +
                                                  "' cannot be restored: " + fits.error().message};
      }
    }
  }
  return {};
}

Status check_restore(const Job& job, const Manifest& manifest, bool allow_dropped_state) {
  if (manifest.max_parallelism != job.max_parallelism()) {
    return Error{ErrorCode::incompatible,
                 "The state was written with max_parallelism " +
                     std::to_string(manifest.max_parallelism) + ", the job now says " +
                     std::to_string(job.max_parallelism()) +
                     ". It is fixed for the life of a job's state: set it back."};
  }
  return check_restore(job.graph(), manifest, allow_dropped_state);
}

Result<std::unique_ptr<Deployment>> Deployment::create(const Graph& graph, const Plan& plan,
                                                       const JobIdentity& identity,
                                                       DeploymentOptions options, Environment& env,
                                                       CheckpointStore& store,
                                                       const RestorePoint* restore) {
  std::unique_ptr<Deployment> made(
      new Deployment(graph, plan, identity, std::move(options), env, store));
  WEIR_TRY(made->build(restore));
  return made;
}

Deployment::~Deployment() {
  if (options_.placement != nullptr) options_.placement->detach();
  // Tasks hold operators whose commits run on I/O threads; the driver waits for those before this.
  group_.reset();
}

bool Deployment::quiescent() const {
  const CheckpointId last = coordinator_->last_completed();
  const auto& here = tasks();
  return std::all_of(here.begin(), here.end(),
                     [last](const auto& task) { return task->settled() >= last; }) &&
         std::all_of(elsewhere_.begin(), elsewhere_.end(),
                     [last](const RemoteTask* task) { return task->settled() >= last; });
}

Status Deployment::build(const RestorePoint* restore) {
  coordinator_ = std::make_unique<Coordinator>(graph_, plan_, identity_, options_.coordinator, env_,
                                               store_, restore ? &restore->manifest : nullptr);
  if (restore != nullptr && restore->runs_folder != store_.runs_folder()) {
    WEIR_TRY(store_.import_dead_letters(restore->manifest, restore->runs_folder));
  }
  if (restore != nullptr) WEIR_TRY(check_letters(store_, restore->manifest));
  WEIR_CHECK(options_.locks != nullptr, "whoever deploys a job holds the locks of its sinks");
  const AttemptView attempt{graph_, plan_, identity_, env_, store_, restore};
  WEIR_TRY(prepare_sinks(attempt, options_.placement, options_.temporary_state, *options_.locks));
  if (options_.placement != nullptr) {
    options_.placement->prepared(*coordinator_, identity_, restore);
  }
  TaskGroupOptions options = options_;
  options.pause_sources = options_.coordinator.replay_only;
  WEIR_ASSIGN(group_, TaskGroup::create(attempt, options, *coordinator_));
  if (restore != nullptr) WEIR_TRY(tell_splits(*restore));
  add_tasks();
  coordinator_->start();
  for (const auto& task : tasks()) coordinator_->task_restored(task->setup().id);
  return {};
}

/// Makes all tasks known to the coordinator, here and elsewhere.
void Deployment::add_tasks() {
  TaskId next = 0;
  for (const PlanVertex& vertex : plan_.vertices) {
    for (std::uint32_t subtask = 0; subtask < vertex.parallelism; ++subtask, ++next) {
      TaskEntry entry{next, vertex.id, subtask, nullptr, {}};
      if (Task* task = group_->find(next); task != nullptr) {
        entry.gateway = options_.to_task(TaskGroup::gateway_of(*task));
        entry.steps = task->steps();
      } else {
        RemoteTask& remote = options_.placement->task(next, vertex);
        entry.gateway = options_.to_task(remote.gateway());
        entry.steps = remote.steps();
        elsewhere_.push_back(&remote);
      }
      const Placement* placement = options_.placement;
      const std::uint32_t process = placement == nullptr ? 0 : placement->process_of(subtask);
      for (const Task::StepView& view : entry.steps)
        parts_.push_back({view, next, subtask, process});
      coordinator_->add_task(std::move(entry));
    }
  }
}

/// Tells the coordinator which splits have been assigned already, and to whom.
Status Deployment::tell_splits(const RestorePoint& restore) {
  for (const GraphStep& step : graph_.steps()) {
    const StepManifest* written = restore.manifest.find(step.name);
    if (!step.source || written == nullptr) continue;
    WEIR_ASSIGN(const auto shares, share_items(store_.storage(), restore.runs_folder, *written,
                                               plan_.parallelism_of[step.id]));
    for (std::uint32_t i = 0; i < shares.size(); ++i) {
      std::vector<std::string> splits;
      for (const StateItem& item : shares[i]) splits.push_back(item.key);
      coordinator_->known_splits(step.name, i, splits);
    }
  }
  return {};
}

}  // namespace weir
