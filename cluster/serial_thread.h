// A thread that carries out what it is given, one after the other: state that belongs to it needs
// no locks.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "weir/base/clock.h"

namespace weir::cluster {

class SerialThread {
 public:
  using Work = std::function<void()>;
  /// `tick`, if there is one, is called on the thread after each round of work, and says when it
  /// wants to be called again if none comes before; SteadyTime::max() for never.
  explicit SerialThread(Clock& clock, std::function<SteadyTime()> tick = nullptr);
  ~SerialThread() { end(); }
  SerialThread(const SerialThread&) = delete;
  SerialThread& operator=(const SerialThread&) = delete;

  /// Any thread; dropped when the thread has ended.
  void post(Work work);
  /// Waits for what it does at this moment; the rest is dropped. Not from the thread itself.
  void end();

 private:
  void loop();

  Clock& clock_;
  const std::function<SteadyTime()> tick_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::vector<Work> waiting_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace weir::cluster
