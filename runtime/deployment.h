// One attempt to run a job, in the process of its coordinator: that, and the tasks of a plan that
// run here (all of them, but in a cluster), built and restored but driven by nobody yet. Threads
// drive it in production (worker.h), a seeded loop does in simulation.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "weir/checkpoint/store.h"
#include "weir/runtime/coordinator.h"
#include "weir/runtime/plan.h"
#include "weir/runtime/task.h"
#include "weir/runtime/task_group.h"

namespace weir {

class Job;

struct DeploymentOptions : TaskGroupOptions {
  CoordinatorOptions coordinator;
  bool temporary_state = false;  ///< the state folder ends with the process
  HeldLocks* locks = nullptr;    ///< of the process, for its sinks; not null, but may hold none
  /// What carries messages to a task; tests put something slow in between.
  std::function<std::unique_ptr<TaskGateway>(std::unique_ptr<TaskGateway>)> to_task =
      [](std::unique_ptr<TaskGateway> task) { return task; };
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

  /// Those of this process.
  const std::vector<std::unique_ptr<Task>>& tasks() const { return group_->tasks(); }
  /// A step in a subtask, with live counters.
  struct Part {
    Task::StepView view;
    TaskId task = 0;
    std::uint32_t subtask = 0;
    std::uint32_t process = 0;  ///< of the attempt
  };
  /// The steps of all tasks, here and elsewhere.
  const std::vector<Part>& parts() const { return parts_; }
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
  Status tell_splits(const RestorePoint& restore);
  void add_tasks();

  const Graph& graph_;
  const Plan& plan_;
  JobIdentity identity_;
  DeploymentOptions options_;
  Environment& env_;
  CheckpointStore& store_;
  std::unique_ptr<TaskGroup> group_;
  std::vector<RemoteTask*> elsewhere_;
  std::vector<Part> parts_;
  std::unique_ptr<Coordinator> coordinator_;
};

/// Says whether `manifest` can be restored into `graph`: every step with state is still there
/// (unless `allow_dropped_state`), with compatible schemas.
Status check_restore(const Graph& graph, const Manifest& manifest, bool allow_dropped_state);
/// The same for a whole job: also the number of its key groups must be that of the checkpoint.
Status check_restore(const Job& job, const Manifest& manifest, bool allow_dropped_state);

}  // namespace weir
