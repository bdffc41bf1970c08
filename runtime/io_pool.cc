// The pool that does blocking work; see environment.h.
#include <pthread.h>

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
  explicit ThreadIoPool(unsigned threads) {
    for (unsigned i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { run(); });
      pthread_setname_np(threads_.back().native_handle(), "weir-io");
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

std::unique_ptr<IoPool> make_io_pool(unsigned threads) {
  return std::make_unique<ThreadIoPool>(threads);
}

}  // namespace weir
