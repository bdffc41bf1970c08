// The tasks of one attempt that run in this process, with the channels between them: built and
// restored, but driven by nobody yet. In a cluster each process of an attempt has one, all made
// from the same plan; which tasks are in it says the Placement.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "weir/checkpoint/store.h"
#include "weir/runtime/coordinator.h"
#include "weir/runtime/placement.h"
#include "weir/runtime/plan.h"
#include "weir/runtime/task.h"

namespace weir {

struct TaskGroupOptions {
  std::string job_version;
  std::size_t channel_capacity = 8;  ///< batches
  Duration batch_timeout{2};
  /// A state of so many rows in a subtask is restored while the job runs already.
  std::uint64_t background_restore_rows = 200'000;
  std::size_t restore_slice_rows = 2048;  ///< then so many at a time
  std::uint64_t memory_bytes = 0;         ///< for all keyed state of this process; 0: no limit
  bool pause_sources = false;             ///< nothing is read
  /// A write of a task that takes longer ends the attempt.
  std::chrono::nanoseconds give_up_after = std::chrono::nanoseconds::max();
  Placement* placement = nullptr;  ///< null: all tasks run here
  /// What carries messages from a task; tests put something slow in between.
  std::function<TaskListener&(TaskListener&)> to_coordinator =
      [](TaskListener& coordinator) -> TaskListener& { return coordinator; };
  /// Makes a channel; tests put one that is full at random moments here.
  std::function<std::unique_ptr<Channel>(std::size_t capacity)> make_channel = make_local_channel;
};

/// What all processes of an attempt know of it. All of it outlives the tasks.
struct AttemptView {
  const Graph& graph;
  const Plan& plan;
  const JobIdentity& identity;
  Environment& env;
  CheckpointStore& store;
  const RestorePoint* restore;  ///< null: a fresh start

  /// No task of the attempt takes part in a checkpoint before this one.
  CheckpointId first_checkpoint() const;
};

class TaskGroup {
 public:
  /// Builds the tasks and restores them. They report to `listener`. Blocks on disk.
  static Result<std::unique_ptr<TaskGroup>> create(const AttemptView& attempt,
                                                   TaskGroupOptions options,
                                                   TaskListener& listener);

  const std::vector<std::unique_ptr<Task>>& tasks() const { return tasks_; }
  /// The task of that number, or null when it runs elsewhere.
  Task* find(TaskId id) const;
  /// How a coordinator of this process reaches a task of it.
  static std::unique_ptr<TaskGateway> gateway_of(Task& task);

 private:
  TaskGroup(const AttemptView& attempt, TaskGroupOptions options)
      : attempt_(attempt), options_(std::move(options)) {}
  bool here(const PlanVertex& vertex, std::uint32_t subtask) const;
  std::uint64_t budget_of_a_state() const;
  void make_tasks(TaskListener& listener);
  void connect();
  std::size_t connect_writer(const std::vector<PlanChannel>& channels, std::size_t begin);
  Status restore_step(const RestorePoint& restore, const StepManifest& step);

  const AttemptView attempt_;
  const TaskGroupOptions options_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::vector<std::unique_ptr<Task>> tasks_;
  std::vector<std::vector<Task*>> by_vertex_;  // null: elsewhere
};

/// All items of a step in a checkpoint, from all its subtasks.
Result<std::vector<StateItem>> read_items(Storage& storage, const std::string& runs_folder,
                                          const StepManifest& step);

/// The items of a step in a checkpoint as its `parallelism` subtasks get them now.
Result<std::vector<std::vector<StateItem>>> share_items(Storage& storage,
                                                        const std::string& runs_folder,
                                                        const StepManifest& step,
                                                        std::uint32_t parallelism);

}  // namespace weir
