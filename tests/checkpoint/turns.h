// Several threads of which one runs at a time, until it gives its turn away: how attempts of a job
// interleave is then decided by a seed, down to single operations of a storage, and can be
// repeated. Each may stand still for long in the middle of anything, as a process that was frozen
// does.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "weir/base/clock.h"

namespace weir::testing {

class Turns {
 public:
  /// With probability `chance` a turn ends at a call of `maybe_end`.
  Turns(Random& random, double chance) : random_(random), chance_(chance) {}

  /// Runs all of `bodies`, the first one first, until each has returned.
  void run(std::vector<std::function<void()>> bodies) {
    running_.assign(bodies.size(), true);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      threads.emplace_back([this, i, &bodies] {
        wait_for_turn(i);
        bodies[i]();
        const std::lock_guard lock(mutex_);
        running_[i] = false;
        pass_on();
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  /// Called by whoever's turn it is, and by others when nothing runs.
  void maybe_end() {
    std::unique_lock lock(mutex_);
    if (running_.empty() || !running_[turn_] || !random_.chance(chance_)) return;
    const std::size_t me = turn_;
    pass_on();
    changed_.wait(lock, [&] { return turn_ == me; });
  }

 private:
  void wait_for_turn(std::size_t i) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return turn_ == i; });
  }
  /// To any that still runs. The caller holds the mutex.
  void pass_on() {
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < running_.size(); ++i) {
      if (running_[i]) left.push_back(i);
    }
    if (!left.empty()) turn_ = left[random_.below(left.size())];
    changed_.notify_all();
  }

  Random& random_;
  double chance_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<bool> running_;
  std::size_t turn_ = 0;
};

}  // namespace weir::testing
