// Messages between the coordinator and its tasks under simulation: each waits until the driver
// delivers it, and the driver chooses at random among those that are next on their lines. So what
// one task hears, another hears long before or after it.
//
// A line keeps its order, as a connection does, but for one thing: that a checkpoint is complete
// may come late, and not at all when a newer notice follows (hazard H7). One thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "weir/base/clock.h"
#include "weir/runtime/coordinator.h"
#include "weir/runtime/task.h"

namespace weir {

class SlowMessages {
 public:
  /// `random` outlives this, as this outlives what it makes.
  explicit SlowMessages(Random& random) : random_(random) {}
  SlowMessages(const SlowMessages&) = delete;
  SlowMessages& operator=(const SlowMessages&) = delete;

  /// A line to the task behind `task`.
  std::unique_ptr<TaskGateway> to_task(std::unique_ptr<TaskGateway> task);
  /// A line from one task to `coordinator`.
  TaskListener& to_coordinator(TaskListener& coordinator);

  /// Delivers one message of a random line; false when there is none.
  bool deliver_one();
  /// The process has died: nothing is delivered any more, and all lines are gone.
  void drop();
  std::size_t waiting() const { return waiting_; }

 private:
  struct Message {
    std::function<void()> deliver;
    CheckpointId complete = 0;  ///< the checkpoint of which it says so, if it does
  };
  /// Of one direction between one task and its coordinator.
  struct Line {
    std::deque<Message> messages;
  };
  class Gateway;
  class Listener;

  void send(Line& line, std::function<void()> deliver, CheckpointId complete = 0);
  std::size_t choose(const Line& line);
  Line& new_line();

  Random& random_;
  std::vector<std::unique_ptr<Line>> lines_;
  std::vector<std::unique_ptr<TaskListener>> listeners_;
  std::size_t waiting_ = 0;
};

}  // namespace weir
