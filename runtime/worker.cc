// Threads that step tasks; see worker.h.
#include "weir/runtime/worker.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <string>
#include <thread>

namespace weir {
namespace {

thread_local const char* current_steps = nullptr;

/// Orders this thread's earlier stores before its later loads. The thread sanitizer knows no
/// fences; there a read-modify-write, a full barrier on this hardware, stands in.
inline void store_load_fence() {
#if defined(__SANITIZE_THREAD__)
  static std::atomic<int> barrier{0};
  barrier.fetch_add(1, std::memory_order_seq_cst);
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

/// Where signal handlers of the calling thread run if they ask for it (SA_ONSTACK), so that one can
/// still say that a function of the job has filled the stack.
class SignalStack {
 public:
  SignalStack() {
    const stack_t stack{bytes_.data(), 0, bytes_.size()};
    ::sigaltstack(&stack, &before_);
  }
  ~SignalStack() { ::sigaltstack(&before_, nullptr); }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  std::array<char, 65536> bytes_;
  stack_t before_{};
};

}  // namespace

const char* current_task_steps() { return current_steps; }

class Worker::Thread final : public Waker {
 public:
  explicit Thread(Driven* driven) : driven_(driven) {}
  ~Thread() override { stop(); }

  void add(Task* task) {
    std::string steps;
    for (const Task::StepView& view : task->steps()) {
      steps += (steps.empty() ? "" : ", ") + view.step->name;
    }
    tasks_.push_back({task, std::move(steps)});
    clock_ = task->env().clock;
    task->set_waker(this);
  }
  void start() {
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "weir-task");
  }
  void stop() {
    if (!thread_.joinable()) return;
    stopping_.store(true);
    wake();
    thread_.join();
  }

  // The sleeper announces itself, then looks at all tasks once more; whoever brings work makes it
  // visible first and looks for a sleeper second. So one of the two sees the other.
  void wake() override {
    store_load_fence();
    if (!sleeping_.load(std::memory_order_relaxed)) return;
    if (driven_ != nullptr) return driven_->interrupt();
    const std::lock_guard lock(mutex_);
    woken_ = true;
    condition_.notify_one();
  }

 private:
  void run() {
    const SignalStack signal_stack;
    int quiet_rounds = 0;
    look();
    while (!stopping_.load(std::memory_order_relaxed)) {
      const bool moved = driven_ != nullptr && driven_->poll();
      if (moved) look();  // no task was at work meanwhile
      if (step_all() || moved) {
        quiet_rounds = 0;
        continue;
      }
      if (++quiet_rounds < 50) {
        __builtin_ia32_pause();
        continue;
      }
      sleep();
      quiet_rounds = 0;
    }
  }
  void look() {
    if (clock_ != nullptr) mark_ = clock_->steady_now();
  }
  /// Steps each task; true when one made progress.
  bool step_all() {
    bool progress = false;
    for (auto& [task, steps] : tasks_) {
      if (task == nullptr) continue;
      current_steps = steps.c_str();
      const Task::Step result = task->step(mark_);
      progress |= result == Task::Step::progress;
      if (result == Task::Step::done) task = nullptr;
    }
    current_steps = nullptr;
    return progress;
  }
  void sleep() {
    std::chrono::nanoseconds pause = std::chrono::milliseconds(10);
    for (const auto& [task, steps] : tasks_) {
      if (task == nullptr) continue;
      if (const auto wish = task->wants_step_in()) pause = std::min(pause, *wish);
    }
    if (pause.count() <= 0) return;
    if (driven_ == nullptr) {
      const std::lock_guard lock(mutex_);
      woken_ = false;
    }
    sleeping_.store(true, std::memory_order_relaxed);
    store_load_fence();
    if (!step_all() && !stopping_.load()) doze(pause);
    sleeping_.store(false, std::memory_order_relaxed);
    look();
  }

  void doze(std::chrono::nanoseconds limit) {
    if (driven_ != nullptr) return driven_->wait(limit);
    std::unique_lock lock(mutex_);
    condition_.wait_for(lock, limit, [this] { return woken_; });
  }

  struct Share {
    Task* task;         // null when done
    std::string steps;  // their names, for crash handlers
  };
  Driven* const driven_;  // or null
  std::vector<Share> tasks_;
  Clock* clock_ = nullptr;  // of the tasks
  SteadyTime mark_{};       // up to which their time has been accounted for
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> sleeping_{false};
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
};

Worker::Worker(unsigned threads, Driven* driven) {
  for (unsigned i = 0; i < threads; ++i) {
    threads_.push_back(std::make_unique<Thread>(i == 0 ? driven : nullptr));
  }
}
Worker::~Worker() { stop(); }

void Worker::add(Task* task, unsigned index) { threads_[index % threads_.size()]->add(task); }
void Worker::start() {
  for (auto& thread : threads_) thread->start();
}
void Worker::stop() {
  for (auto& thread : threads_) thread->stop();
}

}  // namespace weir
