// The threads that step tasks: each runs its share of them in turn, and sleeps when none has
// anything to do. A task stays on its thread.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "weir/runtime/task.h"

namespace weir {

/// The steps of the task that the calling thread is stepping, or null outside of tasks. May be
/// called in a signal handler.
const char* current_task_steps();

/// What the first thread of a worker does between tasks, and where it sleeps: a network, for one.
/// Then what comes in for its tasks need not wake it, which costs more than the bytes.
class Driven {
 public:
  virtual ~Driven() = default;
  /// Does what can be done at once; true when that was something.
  virtual bool poll() = 0;
  /// The same, but sleeps until there is something, for no longer than `limit`.
  virtual void wait(std::chrono::nanoseconds limit) = 0;
  /// Ends a `wait`, at once or when it begins. Any thread.
  virtual void interrupt() = 0;
};

class Worker {
 public:
  /// `threads` is at least 1. `driven`, which may be null, outlives this.
  explicit Worker(unsigned threads, Driven* driven = nullptr);
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
