// Building and restoring an attempt; see deployment.h.
#include "weir/runtime/deployment.h"

#include <algorithm>
#include <map>

#include "weir/checkpoint/run_verify.h"
#include "weir/runtime/job.h"

namespace weir {
namespace {

class LocalGateway final : public TaskGateway {
 public:
  explicit LocalGateway(Task& task) : task_(task) {}
  void trigger_checkpoint(CheckpointId id, bool last) override {
    ask([id, last](Task& t) { t.trigger_checkpoint(id, last); });
  }
  void checkpoint_complete(CheckpointId id) override {
    ask([id](Task& t) { t.checkpoint_complete(id); });
  }
  void add_splits(const std::string& step, std::vector<NewSplit> splits, bool complete) override {
    ask([step, splits = std::move(splits), complete](Task& t) {
      t.add_splits(step, splits, complete);
    });
  }
  void limit_event_time(const std::string& step, EventTime limit) override {
    ask([step, limit](Task& t) { t.limit_event_time(step, limit); });
  }
  void confirm_idle(std::int64_t after_ns) override {
    ask([after_ns](Task& t) { t.confirm_idle(after_ns); });
  }
  void replay(const std::string& step, std::vector<DeadLetter> letters) override {
    ask([step, letters = std::move(letters)](Task& t) { t.replay(step, letters); });
  }
  void drop_letters(const std::string& step, std::vector<DeadLetter> letters) override {
    ask([step, letters = std::move(letters)](Task& t) { t.drop_letters(step, letters); });
  }

 private:
  template <class Request>
  void ask(Request request) {
    task_.post([task = &task_, request = std::move(request)] {
      request(*task);
      return Status();
    });
  }
  Task& task_;
};

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

Result<std::vector<StateItem>> read_items(Storage& storage, const std::string& runs_folder,
                                          const StepManifest& step) {
  std::vector<StateItem> items;
  for (const SubtaskManifest& subtask : step.subtasks) {
    for (const RunInfo& run : subtask.items) {
      WEIR_ASSIGN(auto rows, open_run(storage, runs_folder, run));
      WEIR_TRY(rows->seek(""));
      while (rows->valid()) {
        items.push_back({std::string(rows->key()), std::string(rows->value())});
        WEIR_TRY(rows->next());
      }
    }
  }
  return items;
}

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
  // Tasks hold operators whose commits run on I/O threads; the driver waits for those before this.
  tasks_.clear();
}

bool Deployment::quiescent() const {
  const CheckpointId last = coordinator_->last_completed();
  return std::all_of(tasks_.begin(), tasks_.end(),
                     [last](const auto& task) { return task->settled() >= last; });
}

Status Deployment::build(const RestorePoint* restore) {
  coordinator_ = std::make_unique<Coordinator>(graph_, plan_, identity_, options_.coordinator, env_,
                                               store_, restore ? &restore->manifest : nullptr);
  if (restore != nullptr && restore->runs_folder != store_.runs_folder()) {
    WEIR_TRY(store_.import_dead_letters(restore->manifest, restore->runs_folder));
  }
  if (restore != nullptr) WEIR_TRY(check_letters(store_, restore->manifest));
  WEIR_TRY(prepare_sinks(restore));
  make_tasks();
  connect();
  for (auto& task : tasks_) WEIR_TRY(task->open(restore != nullptr));
  if (restore != nullptr) WEIR_TRY(restore_all(*restore));
  for (auto& task : tasks_) {
    coordinator_->add_task({task->setup().id, task->setup().vertex, task->setup().subtask,
                            options_.to_task(std::make_unique<LocalGateway>(*task)),
                            task->steps()});
    if (options_.coordinator.replay_only) task->pause_sources();
  }
  coordinator_->start();
  for (auto& task : tasks_) coordinator_->task_restored(task->setup().id);
  return {};
}

/// Every keyed step of every subtask gets the same share.
std::uint64_t Deployment::budget_of_a_state() const {
  if (options_.memory_bytes == 0) return 0;
  std::uint64_t states = 0;
  for (const GraphStep& step : graph_.steps()) {
    if (!step.state_schema.empty()) states += plan_.parallelism_of[step.id];
  }
  return std::max<std::uint64_t>(options_.memory_bytes / std::max<std::uint64_t>(states, 1), 1);
}

void Deployment::make_tasks() {
  by_vertex_.resize(plan_.vertices.size());
  const CheckpointId first = coordinator_->last_completed() + 1;
  const std::uint64_t budget = budget_of_a_state();
  for (const PlanVertex& vertex : plan_.vertices) {
    for (std::uint32_t subtask = 0; subtask < vertex.parallelism; ++subtask) {
      TaskSetup setup;
      setup.id = static_cast<TaskId>(tasks_.size());
      setup.attempt = identity_.attempt;
      setup.vertex = vertex.id;
      setup.subtask = subtask;
      setup.parallelism = vertex.parallelism;
      setup.max_parallelism = identity_.max_parallelism;
      setup.job = identity_.job;
      setup.run_id = identity_.run_id;
      setup.attempt_name = identity_.attempt_name;
      setup.job_version = options_.job_version;
      setup.runs_folder = store_.runs_folder();
      setup.first_checkpoint = first;
      setup.batch_timeout = options_.batch_timeout;
      setup.state_budget_bytes = budget;
      setup.background_restore_rows = options_.background_restore_rows;
      tasks_.push_back(
          std::make_unique<Task>(std::move(setup), env_, options_.to_coordinator(*coordinator_)));
      for (const StepId step : vertex.steps) tasks_.back()->add_operator(graph_.step(step));
      by_vertex_[vertex.id].push_back(tasks_.back().get());
    }
  }
}

void Deployment::connect() {
  for (const PlanVertex& vertex : plan_.vertices) {
    for (std::size_t k = 1; k < vertex.steps.size(); ++k) {
      for (const GraphEdge& edge : graph_.step(vertex.steps[k]).inputs) {
        for (Task* task : by_vertex_[vertex.id]) {
          task->chain(edge.from, edge.port, vertex.steps[k], edge.input, edge.hasher);
        }
      }
    }
  }
  for (const PlanEdge& edge : plan_.edges) {
    const GraphStep& to = graph_.step(edge.to);
    for (Task* from : by_vertex_[edge.from_vertex]) {
      std::vector<Channel*> targets;
      for (Task* task : by_vertex_[edge.to_vertex]) {
        channels_.push_back(options_.make_channel(options_.channel_capacity));
        targets.push_back(channels_.back().get());
        task->connect_in(targets.back(), edge.combined ? to.combined_input : edge.edge.input);
      }
      from->connect_out(edge, to, std::move(targets));
    }
  }
}

Status Deployment::prepare_sinks(const RestorePoint* restore) {
  WEIR_CHECK(options_.locks != nullptr, "whoever deploys a job holds the locks of its sinks");
  WEIR_ASSIGN(const StateIdentity state, store_.identity(env_.seed));
  for (const GraphStep& step : graph_.steps()) {
    if (!step.sink) continue;
    std::vector<std::string> live;
    const StepManifest* written = restore ? restore->manifest.find(step.name) : nullptr;
    if (written != nullptr) {
      WEIR_ASSIGN(auto items, read_items(store_.storage(), restore->runs_folder, *written));
      for (StateItem& item : items) live.push_back(std::move(item.value));
    }
    const SinkContext context{&env_,
                              identity_.job,
                              identity_.run_id,
                              identity_.attempt_name,
                              step.name,
                              0,
                              plan_.parallelism_of[step.id],
                              coordinator_->last_completed() + 1,
                              restore != nullptr,
                              restore ? restore->manifest.id : 0,
                              {state.id, state.path, options_.temporary_state},
                              options_.locks};
    if (Status status = step.sink->prepare(context, live); !status.ok()) {
      return Error{status.error().code, "Sink '" + step.name + "': " + status.error().message,
                   status.error().retryable};
    }
  }
  return {};
}

Status Deployment::restore_all(const RestorePoint& restore) {
  for (const GraphStep& step : graph_.steps()) {
    const StepManifest* written = restore.manifest.find(step.name);
    StepManifest fresh;  // a step that the job did not have yet begins empty
    fresh.name = step.name;
    WEIR_TRY(restore_step(restore, written != nullptr ? *written : fresh));
  }
  return {};
}

Status Deployment::restore_step(const RestorePoint& restore, const StepManifest& written) {
  const StepId id = graph_.find(written.name)->id;
  const auto& tasks = by_vertex_[plan_.vertex_of[id]];
  const auto parallelism = static_cast<std::uint32_t>(tasks.size());
  WEIR_ASSIGN(auto items, read_items(store_.storage(), restore.runs_folder, written));
  std::sort(items.begin(), items.end(),
            [](const StateItem& a, const StateItem& b) { return a.key < b.key; });
  std::vector<StepRestore> parts(parallelism);
  for (std::size_t i = 0; i < items.size(); ++i) {
    parts[i % parallelism].items.push_back(std::move(items[i]));
  }
  std::int64_t watermark = written.subtasks.empty() ? INT64_MIN : INT64_MAX;
  for (const SubtaskManifest& subtask : written.subtasks) {
    watermark = std::min(watermark, subtask.watermark_ms);
  }
  for (std::uint32_t i = 0; i < parallelism; ++i) {
    StepRestore& part = parts[i];
    part.step = written.name;
    part.runs_folder = restore.runs_folder;
    part.key_schema = written.key_schema;
    part.state_schema = written.state_schema;
    part.watermark = from_millis(watermark);
    const KeyGroupRange groups = key_groups_of(i, parallelism, identity_.max_parallelism);
    part.slices = plan_state_restore(written, groups);
    // Runs can be carried on only by the subtask that would have written them, in the same folder.
    const bool same = parallelism == written.parallelism && part.slices.size() <= 1 &&
                      restore.runs_folder == store_.runs_folder();
    if (same && !part.slices.empty()) part.own_runs = part.slices[0].runs;
    if (graph_.step(id).source) {
      std::vector<std::string> splits;
      for (const StateItem& item : part.items) splits.push_back(item.key);
      coordinator_->known_splits(written.name, i, splits);
    }
    WEIR_TRY(tasks[i]->restore(part, store_.storage()));
  }
  return {};
}

}  // namespace weir
