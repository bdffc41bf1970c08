// Where the tasks of an attempt run when it has several processes. The runtime knows no network: a
// cluster implements this (cluster/attempt_links.h). Without a placement all tasks run here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "weir/runtime/coordinator.h"
#include "weir/runtime/task.h"
#include "weir/runtime/worker.h"

namespace weir {

/// A task in another process, as the coordinator of the attempt sees it.
class RemoteTask {
 public:
  virtual ~RemoteTask() = default;
  /// Carries messages to it; they arrive in their order.
  virtual std::unique_ptr<TaskGateway> gateway() = 0;
  /// What its process last said of its steps. The counters live as long as this.
  virtual std::vector<Task::StepView> steps() const = 0;
  /// As Task::settled. Thread-safe.
  virtual CheckpointId settled() const = 0;
};

class Placement {
 public:
  virtual ~Placement() = default;
  /// Which process of the attempt runs the subtasks of that number.
  virtual std::uint32_t process_of(std::uint32_t subtask) const = 0;
  /// Whether that subtask runs in this process. The same answer each time.
  virtual bool here(std::uint32_t vertex, std::uint32_t subtask) const = 0;
  /// The end of channel `number` that a task here writes to, for subtask `subtask` of `vertex`,
  /// which runs elsewhere. Channels have the same numbers in all processes.
  virtual Channel& open_out(std::uint32_t number, std::uint32_t vertex, std::uint32_t subtask) = 0;
  /// The end that a task here reads from; that subtask, elsewhere, writes to it.
  virtual Channel& open_in(std::uint32_t number, std::uint32_t vertex, std::uint32_t subtask,
                           std::function<std::unique_ptr<BatchBase>()> make_batch) = 0;

  // ---- only in the process of the coordinator
  /// Sinks are prepared and `restore` is there to be read (null: a fresh start): the other
  /// processes may build their tasks, and these speak to `coordinator`.
  virtual void prepared(TaskListener& coordinator, const JobIdentity& identity,
                        const RestorePoint* restore) = 0;
  /// A task elsewhere.
  virtual RemoteTask& task(TaskId id, const PlanVertex& vertex) = 0;
  /// The coordinator is about to go: once this returns nobody speaks to it.
  virtual void detach() = 0;
};

/// What makes a job runner the process of the coordinator in an attempt of a cluster: it runs its
/// share of the tasks, and its state folder is nobody's alone (a claim fences it, see
/// checkpoint/store.h).
struct AttemptPart {
  AttemptId attempt = 1;           ///< of the job
  Placement* placement = nullptr;  ///< null: all tasks run here
  Driven* driven = nullptr;        ///< by the first thread that runs tasks, if not null
  /// The newest checkpoint in the state folder before the job began. Where there is a newer one, an
  /// earlier attempt of the job has made it, and `from` means that no more.
  CheckpointId began = UINT64_MAX;
  /// A checkpoint that the job has completed: a state folder without it, or a newer one, is not the
  /// one that it has written.
  CheckpointId completed = 0;
  std::string job = {};             ///< its id, which no other job has: who holds the state folder
  std::set<std::string> over = {};  ///< jobs that have ended, whose folders it may take
};

}  // namespace weir
