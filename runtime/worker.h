// The threads that step tasks: each runs its share of them in turn, and sleeps when none has
// anything to do. A task stays on its thread.
#pragma once

#include <memory>
#include <vector>

#include "weir/runtime/task.h"

namespace weir {

/// The steps of the task that the calling thread is stepping, or null outside of tasks. May be
/// called in a signal handler.
const char* current_task_steps();

class Worker {
 public:
  /// `threads` is at least 1.
  explicit Worker(unsigned threads);
  /// Stops and joins.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Gives `task` to thread `index` (modulo their number). Before `start`.
  void add(Task* task, unsigned index);
  void start();
  /// Asks all tasks to stop where they are, and waits for the threads. Tasks are then only touched
  /// by the caller.
  void stop();

 private:
  class Thread;
  std::vector<std::unique_ptr<Thread>> threads_;
};

}  // namespace weir
