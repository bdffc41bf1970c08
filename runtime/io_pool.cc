// The pool that does blocking work; see environment.h.
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "weir/runtime/environment.h"

namespace weir {
namespace {

class ThreadIoPool final : public IoPool {
 public:
  ThreadIoPool(unsigned threads, bool background) {
    for (unsigned i = 0; i < threads; ++i) {
      threads_.emplace_back([this, background] {
        if (background) give_way();
        run();
      });
      pthread_setname_np(threads_.back().native_handle(), background ? "weir-merge" : "weir-io");
    }
  }
  ~ThreadIoPool() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    condition_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  void post(std::function<void()> work) override {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(work));
    }
    condition_.notify_one();
  }
  void wait_idle() override {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return queue_.empty() && busy_ == 0; });
  }

 private:
  /// The thread that calls gets a tenth of what others get of a processor that they share. A system
  /// that refuses that keeps it as it is.
  static void give_way() {
    constexpr int kNicer = 10;
    const auto thread = static_cast<id_t>(::gettid());
    const int nice = ::getpriority(PRIO_PROCESS, thread) + kNicer;  // too high a number is cut
    static_cast<void>(::setpriority(PRIO_PROCESS, thread, nice));
  }
  void run() {
    for (;;) {
      std::function<void()> work;
      {
        std::unique_lock lock(mutex_);
        condition_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) return;
        work = std::move(queue_.front());
        queue_.pop_front();
        ++busy_;
      }
      work();
      work = nullptr;
      const std::lock_guard lock(mutex_);
      --busy_;
      idle_.notify_all();
    }
  }
  std::mutex mutex_;
  std::condition_variable condition_, idle_;
  std::deque<std::function<void()>> queue_;
  std::vector<std::thread> threads_;
  std::size_t busy_ = 0;  // threads that work
  bool stopping_ = false;
};

}  // namespace

std::unique_ptr<IoPool> make_io_pool(unsigned threads, bool background) {
  return std::make_unique<ThreadIoPool>(threads, background);
}

unsigned merge_threads() { return std::max(1u, std::thread::hardware_concurrency() / 2); }

}  // namespace weir
