// Campaigns for the lead, and keeps it, on a thread of its own, since calls of the registry block.
//
// A lead is certain until a term has passed since the last successful `renew` began: whoever acts
// as leader asks `certain_until` before each act, by its own steady clock (hazard H27). An epoch is
// led at most once: after a lead was given up or ran out, whatever was on its way under it can no
// longer be written once the next one has begun.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "weir/base/clock.h"
#include "weir/cluster/registry.h"

namespace weir::cluster {

/// What comes about; called on the election's thread.
struct ElectionEvents {
  std::function<void(std::uint64_t epoch)> won;
  std::function<void(std::uint64_t epoch, const std::string& why)> lost;
  /// Who leads instead, as it said of itself; "" when nobody, or nobody knows. Once a change.
  std::function<void(const std::string& address)> follows;
};

class Election {
 public:
  /// `address` must be another for each process. Does nothing before `start`.
  Election(Registry& registry, Clock& clock, std::string address, ElectionEvents events);
  /// Resigns.
  ~Election();
  Election(const Election&) = delete;
  Election& operator=(const Election&) = delete;

  /// Begins to campaign.
  void start();
  /// Until when the lead of `epoch` is certain; SteadyTime::min() when it is over. Any thread.
  SteadyTime certain_until(std::uint64_t epoch) const;
  /// The leader cannot go on: resigns, and campaigns anew after a pause. Any thread.
  void give_up(std::uint64_t epoch);

 private:
  void loop();
  void campaign();
  void renew();
  void lose(const std::string& why);
  void follow(const std::string& address);
  bool pause();

  Registry& registry_;
  Clock& clock_;
  const std::string address_;
  const ElectionEvents events_;
  std::uint64_t last_epoch_ = 0;            // of the loop
  std::string followed_ = "?", complaint_;  // of the loop; what was said last
  mutable std::mutex mutex_;                // guards what follows
  std::condition_variable wake_;
  std::uint64_t epoch_ = 0;  // 0: does not lead
  SteadyTime until_{};
  bool given_up_ = false, ending_ = false;
  std::thread thread_;
};

}  // namespace weir::cluster
