// The loop of a serial thread; see serial_thread.h.
#include "weir/cluster/serial_thread.h"

#include <algorithm>
#include <utility>

namespace weir::cluster {

SerialThread::SerialThread(Clock& clock, std::function<SteadyTime()> tick)
    : clock_(clock), tick_(std::move(tick)), thread_([this] { loop(); }) {}

void SerialThread::post(Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return;
    waiting_.push_back(std::move(work));
  }
  wake_.notify_one();
}

void SerialThread::end() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  waiting_.clear();
}

void SerialThread::loop() {
  std::vector<Work> work;
  for (;;) {
    const SteadyTime due = tick_ ? tick_() : SteadyTime::max();
    std::unique_lock lock(mutex_);
    while (waiting_.empty() && !ending_) {
      const SteadyTime now = clock_.steady_now();
      if (now >= due) break;
      // In pieces: the end of time cannot be converted to that of the system.
      wake_.wait_for(lock, std::min<std::chrono::nanoseconds>(due - now, std::chrono::hours(1)));
    }
    if (ending_) return;
    work.swap(waiting_);
    lock.unlock();
    for (Work& one : work) one();
    work.clear();
  }
}

}  // namespace weir::cluster
