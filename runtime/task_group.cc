// Building and restoring the tasks of a process; see task_group.h.
#include "weir/runtime/task_group.h"

#include <algorithm>

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

/// What a step that the job did not have when the checkpoint was taken begins with.
StepManifest empty_step(const std::string& name) {
  StepManifest fresh;
  fresh.name = name;
  return fresh;
}

}  // namespace

CheckpointId AttemptView::first_checkpoint() const {
  const CheckpointId restored = restore != nullptr ? restore->manifest.id : 0;
  return std::max({identity.claimed_id, identity.newest_id, restored}) + 1;
}

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

Result<std::vector<std::vector<StateItem>>> share_items(Storage& storage,
                                                        const std::string& runs_folder,
                                                        const StepManifest& step,
                                                        std::uint32_t parallelism) {
  WEIR_ASSIGN(auto items, read_items(storage, runs_folder, step));
  std::sort(items.begin(), items.end(),
            [](const StateItem& a, const StateItem& b) { return a.key < b.key; });
  std::vector<std::vector<StateItem>> shares(parallelism);
  for (std::size_t i = 0; i < items.size(); ++i) {
    shares[i % parallelism].push_back(std::move(items[i]));
  }
  return shares;
}

std::unique_ptr<TaskGateway> TaskGroup::gateway_of(Task& task) {
  return std::make_unique<LocalGateway>(task);
}

Result<std::unique_ptr<TaskGroup>> TaskGroup::create(const AttemptView& attempt,
                                                     TaskGroupOptions options,
                                                     TaskListener& listener) {
  std::unique_ptr<TaskGroup> made(new TaskGroup(attempt, std::move(options)));
  made->make_tasks(listener);
  made->connect();
  const RestorePoint* restore = attempt.restore;
  for (auto& task : made->tasks_) WEIR_TRY(task->open(restore != nullptr));
  if (restore != nullptr) {
    for (const GraphStep& step : attempt.graph.steps()) {
      const StepManifest* written = restore->manifest.find(step.name);
      WEIR_TRY(made->restore_step(*restore, written != nullptr ? *written : empty_step(step.name)));
    }
  }
  if (made->options_.pause_sources) {
    for (auto& task : made->tasks_) task->pause_sources();
  }
  return made;
}

Task* TaskGroup::find(TaskId id) const {
  const auto found = std::find_if(tasks_.begin(), tasks_.end(),
                                  [id](const auto& task) { return task->setup().id == id; });
  return found == tasks_.end() ? nullptr : found->get();
}

bool TaskGroup::here(const PlanVertex& vertex, std::uint32_t subtask) const {
  return options_.placement == nullptr || options_.placement->here(vertex.id, subtask);
}

/// Every keyed step of every subtask here gets the same share.
std::uint64_t TaskGroup::budget_of_a_state() const {
  if (options_.memory_bytes == 0) return 0;
  std::uint64_t states = 0;
  for (const PlanVertex& vertex : attempt_.plan.vertices) {
    const auto keyed = std::count_if(vertex.steps.begin(), vertex.steps.end(), [this](StepId id) {
      return !attempt_.graph.step(id).state_schema.empty();
    });
    for (std::uint32_t subtask = 0; subtask < vertex.parallelism; ++subtask) {
      if (here(vertex, subtask)) states += static_cast<std::uint64_t>(keyed);
    }
  }
  return std::max<std::uint64_t>(options_.memory_bytes / std::max<std::uint64_t>(states, 1), 1);
}

/// Tasks are numbered alike in all processes.
void TaskGroup::make_tasks(TaskListener& listener) {
  const Plan& plan = attempt_.plan;
  const JobIdentity& identity = attempt_.identity;
  by_vertex_.resize(plan.vertices.size());
  const std::uint64_t budget = budget_of_a_state();
  TaskId next = 0;
  for (const PlanVertex& vertex : plan.vertices) {
    for (std::uint32_t subtask = 0; subtask < vertex.parallelism; ++subtask) {
      const TaskId id = next++;
      if (!here(vertex, subtask)) {
        by_vertex_[vertex.id].push_back(nullptr);
        continue;
      }
      TaskSetup setup;
      setup.id = id;
      setup.attempt = identity.attempt;
      setup.vertex = vertex.id;
      setup.subtask = subtask;
      setup.parallelism = vertex.parallelism;
      setup.max_parallelism = identity.max_parallelism;
      setup.job = identity.job;
      setup.run_id = identity.run_id;
      setup.attempt_name = identity.attempt_name;
      setup.job_version = options_.job_version;
      setup.runs_folder = attempt_.store.runs_folder();
      setup.first_checkpoint = attempt_.first_checkpoint();
      setup.batch_timeout = options_.batch_timeout;
      setup.give_up_after = options_.give_up_after;
      setup.state_budget_bytes = budget;
      setup.background_restore_rows = options_.background_restore_rows;
      setup.restore_slice_rows = options_.restore_slice_rows;
      tasks_.push_back(std::make_unique<Task>(std::move(setup), attempt_.env,
                                              options_.to_coordinator(listener)));
      for (const StepId step : vertex.steps) {
        tasks_.back()->add_operator(attempt_.graph.step(step));
      }
      by_vertex_[vertex.id].push_back(tasks_.back().get());
    }
  }
}

void TaskGroup::connect() {
  for (const PlanVertex& vertex : attempt_.plan.vertices) {
    for (std::size_t k = 1; k < vertex.steps.size(); ++k) {
      for (const GraphEdge& edge : attempt_.graph.step(vertex.steps[k]).inputs) {
        for (Task* task : by_vertex_[vertex.id]) {
          if (task == nullptr) continue;
          task->chain(edge.from, edge.port, vertex.steps[k], edge.input, edge.hasher);
        }
      }
    }
  }
  const std::vector<PlanChannel> channels = channels_of(attempt_.plan);
  for (std::size_t i = 0; i < channels.size();) i = connect_writer(channels, i);
}

/// Connects the writer of the channel at `begin` to all its readers; returns where the next
/// writer's channels begin.
std::size_t TaskGroup::connect_writer(const std::vector<PlanChannel>& channels, std::size_t begin) {
  const PlanEdge& edge = *channels[begin].edge;
  const std::uint32_t from = channels[begin].from;
  const GraphStep& to = attempt_.graph.step(edge.to);
  const std::uint32_t input = edge.combined ? to.combined_input : edge.edge.input;
  const auto make_batch = batch_maker(attempt_.graph, edge);
  Task* writer = by_vertex_[edge.from_vertex][from];
  std::vector<Channel*> targets;
  std::size_t i = begin;
  for (; i < channels.size() && channels[i].edge == &edge && channels[i].from == from; ++i) {
    Task* reader = by_vertex_[edge.to_vertex][channels[i].to];
    const std::uint32_t number = channels[i].number;
    if (writer == nullptr && reader == nullptr) continue;
    if (writer == nullptr) {
      reader->connect_in(&options_.placement->open_in(number, edge.from_vertex, from, make_batch),
                         input);
    } else if (reader == nullptr) {
      targets.push_back(&options_.placement->open_out(number, edge.to_vertex, channels[i].to));
    } else {
      channels_.push_back(options_.make_channel(options_.channel_capacity));
      targets.push_back(channels_.back().get());
      reader->connect_in(targets.back(), input);
    }
  }
  if (writer != nullptr) writer->connect_out(edge, to, std::move(targets), make_batch);
  return i;
}

Status TaskGroup::restore_step(const RestorePoint& restore, const StepManifest& written) {
  const StepId id = attempt_.graph.find(written.name)->id;
  const auto& tasks = by_vertex_[attempt_.plan.vertex_of[id]];
  if (std::all_of(tasks.begin(), tasks.end(), [](Task* task) { return task == nullptr; })) {
    return {};
  }
  const auto parallelism = static_cast<std::uint32_t>(tasks.size());
  Storage& storage = attempt_.store.storage();
  WEIR_ASSIGN(auto shares, share_items(storage, restore.runs_folder, written, parallelism));
  std::int64_t watermark = written.subtasks.empty() ? INT64_MIN : INT64_MAX;
  for (const SubtaskManifest& subtask : written.subtasks) {
    watermark = std::min(watermark, subtask.watermark_ms);
  }
  for (std::uint32_t i = 0; i < parallelism; ++i) {
    if (tasks[i] == nullptr) continue;
    StepRestore part;
    part.step = written.name;
    part.items = std::move(shares[i]);
    part.runs_folder = restore.runs_folder;
    part.key_schema = written.key_schema;
    part.state_schema = written.state_schema;
    part.watermark = from_millis(watermark);
    const KeyGroupRange groups = key_groups_of(i, parallelism, attempt_.identity.max_parallelism);
    part.slices = plan_state_restore(written, groups);
    // Runs can be carried on only by the subtask that would have written them, in the same folder.
    const bool same = parallelism == written.parallelism && part.slices.size() <= 1 &&
                      restore.runs_folder == attempt_.store.runs_folder();
    if (same && !part.slices.empty()) part.own_runs = part.slices[0].runs;
    WEIR_TRY(tasks[i]->restore(part, storage));
  }
  return {};
}

}  // namespace weir
