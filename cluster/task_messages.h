// How the coordinator of an attempt and the tasks of its other processes speak with each other: the
// calls of TaskGateway and TaskListener as Cap'n Proto messages (task_messages.capnp), which travel
// beside the channels of a link (net/link.h), in order.
//
// Writing: what the gateway and the listener made here are called with goes to `send`, as one
// message each. Reading: `read_peer_message` turns a message into calls of a PeerMessages. Any
// thread; the senders as thread-safe as `send`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/runtime/coordinator.h"
#include "weir/runtime/metrics.h"
#include "weir/runtime/task.h"

namespace weir::cluster {

using SendBytes = std::function<void(std::string_view)>;

/// What a step of a task has counted.
struct StepCounts {
  std::uint64_t records_in = 0, records_out = 0, late = 0, dead_letters = 0, duplicates = 0,
                timers_fired = 0, state_entries = 0, state_bytes = 0;
  std::int64_t watermark_ms = 0, lag = 0;
  bool idle = false;
  friend bool operator==(const StepCounts&, const StepCounts&) = default;
};
StepCounts read_counts(const StepMetrics& metrics);
void write_counts(const StepCounts& counts, StepMetrics& metrics);

struct TaskCounts {
  TaskId task = 0;
  CheckpointId settled = 0;
  std::vector<StepCounts> steps;
  TaskTimes times = {};
  friend bool operator==(const TaskCounts&, const TaskCounts&) = default;
};

/// What the process of the coordinator has prepared; what the others need to build their tasks.
struct Deploy {
  std::string run_id, attempt_name;
  CheckpointId newest_id = 0, claimed_id = 0;
  std::string restore;  ///< path of the manifest to restore from; empty: a fresh start
};

// ---- writing
/// Calls of the gateway go to `task`, which lives where `send` leads.
std::unique_ptr<TaskGateway> make_remote_gateway(TaskId task, SendBytes send);
/// The coordinator lives where `send` leads.
std::unique_ptr<TaskListener> make_remote_listener(SendBytes send);
std::string encode_counts(const std::vector<TaskCounts>& counts);
std::string encode_deploy(const Deploy& deploy);
/// The job has ended well: the others stop their tasks and wait to be ended.
std::string encode_end();

// ---- reading
/// What a process understands; each is called on the thread of `read_peer_message`.
class PeerMessages {
 public:
  virtual ~PeerMessages() = default;
  /// The task that a message is for, or null when there is none: the message is dropped then.
  virtual TaskGateway* gateway(TaskId task) = 0;
  /// The coordinator, or null when it is not here.
  virtual TaskListener* listener() = 0;
  virtual void counts(const std::vector<TaskCounts>& counts) = 0;
  virtual void deploy(Deploy deploy) = 0;
  virtual void end_received() = 0;
};
/// Error: corrupt, for bytes that are none of these messages.
Status read_peer_message(std::string_view bytes, PeerMessages& to);

}  // namespace weir::cluster
