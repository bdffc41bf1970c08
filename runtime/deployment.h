// One attempt to run a job in this process: all tasks of a plan, the channels between them, and
// their coordinator, built and restored but driven by nobody yet. Threads drive it in production
// (worker.h), a seeded loop does in simulation.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "weir/checkpoint/store.h"
#include "weir/runtime/coordinator.h"
#include "weir/runtime/plan.h"
#include "weir/runtime/task.h"

namespace weir {

class Job;

struct DeploymentOptions {
  CoordinatorOptions coordinator;
  std::string job_version;
  std::size_t channel_capacity = 8;  ///< batches
  Duration batch_timeout{2};
  /// A state of so many rows in a subtask is restored while the job runs already.
  std::uint64_t background_restore_rows = 200'000;
  std::uint64_t memory_bytes = 0;  ///< for all keyed state of this process; 0: no limit
  bool temporary_state = false;    ///< the state folder ends with the process
  HeldLocks* locks = nullptr;      ///< of the process, for its sinks; not null
  /// Makes a channel; tests put one that is full at random moments here.
  std::function<std::unique_ptr<Channel>(std::size_t capacity)> make_channel = make_local_channel;
  /// What carries messages to a task, and what from one; tests put something slow in between.
  std::function<std::unique_ptr<TaskGateway>(std::unique_ptr<TaskGateway>)> to_task =
      [](std::unique_ptr<TaskGateway> task) { return task; };
  std::function<TaskListener&(TaskListener&)> to_coordinator =
      [](TaskListener& coordinator) -> TaskListener& { return coordinator; };
};

class Deployment {
 public:
  /// Builds all tasks and restores them from `restore` (null: a fresh start). Calls `prepare` of
  /// the sinks. Blocks on disk.
  static Result<std::unique_ptr<Deployment>> create(const Graph& graph, const Plan& plan,
                                                    const JobIdentity& identity,
                                                    DeploymentOptions options, Environment& env,
                                                    CheckpointStore& store,
                                                    const RestorePoint* restore);
  ~Deployment();

  const std::vector<std::unique_ptr<Task>>& tasks() const { return tasks_; }
  Coordinator& coordinator() { return *coordinator_; }
  /// Every task has seen the last checkpoint and committed what it made due. Thread-safe; a
  /// moment's truth unless the job has ended.
  bool quiescent() const;
  /// For the simulation of a crash: what is under way on the I/O pool never comes back.
  void abandon() { coordinator_->abandon(); }

 private:
  Deployment(const Graph& graph, const Plan& plan, const JobIdentity& identity,
             DeploymentOptions options, Environment& env, CheckpointStore& store)
      : graph_(graph),
        plan_(plan),
        identity_(identity),
        options_(std::move(options)),
        env_(env),
        store_(store) {}
  Status build(const RestorePoint* restore);
  void make_tasks();
  std::uint64_t budget_of_a_state() const;
  void connect();
  Status prepare_sinks(const RestorePoint* restore);
  Status restore_all(const RestorePoint& restore);
  Status restore_step(const RestorePoint& restore, const StepManifest& step);

  const Graph& graph_;
  const Plan& plan_;
  JobIdentity identity_;
  DeploymentOptions options_;
  Environment& env_;
  CheckpointStore& store_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::vector<std::unique_ptr<Task>> tasks_;
  std::vector<std::vector<Task*>> by_vertex_;
  std::unique_ptr<Coordinator> coordinator_;
};

/// All items of a step in a checkpoint, from all its subtasks.
Result<std::vector<StateItem>> read_items(Storage& storage, const std::string& runs_folder,
                                          const StepManifest& step);

/// Says whether `manifest` can be restored into `graph`: every step with state is still there
/// (unless `allow_dropped_state`), with compatible schemas.
Status check_restore(const Graph& graph, const Manifest& manifest, bool allow_dropped_state);
/// The same for a whole job: also the number of its key groups must be that of the checkpoint.
Status check_restore(const Job& job, const Manifest& manifest, bool allow_dropped_state);

}  // namespace weir
