// The thread of an election; see election.h.
#include "weir/cluster/election.h"

#include <algorithm>
#include <utility>

#include "weir/base/log.h"

namespace weir::cluster {
namespace {

/// Between two campaigns: a lead that is given back is taken up within this time.
constexpr std::chrono::milliseconds kLongest{250};

}  // namespace

Election::Election(Registry& registry, Clock& clock, std::string address, ElectionEvents events)
    : registry_(registry),
      clock_(clock),
      address_(std::move(address)),
      events_(std::move(events)) {}

void Election::start() {
  thread_ = std::thread([this] { loop(); });
}

Election::~Election() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (epoch_ != 0) registry_.resign(epoch_);
}

SteadyTime Election::certain_until(std::uint64_t epoch) const {
  const std::lock_guard lock(mutex_);
  return epoch == epoch_ && !given_up_ ? until_ : SteadyTime::min();
}

void Election::give_up(std::uint64_t epoch) {
  {
    const std::lock_guard lock(mutex_);
    if (epoch != epoch_) return;
    given_up_ = true;
  }
  wake_.notify_all();
}

void Election::loop() {
  for (;;) {
    const bool leads = [this] {
      const std::lock_guard lock(mutex_);
      return epoch_ != 0;
    }();
    leads ? renew() : campaign();
    if (!pause()) return;
  }
}

/// Waits a quarter of a term, for no longer than `kLongest`, or until the lead is given up; false
/// at the end.
bool Election::pause() {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, std::min(registry_.term() / 4, kLongest),
                 [this] { return ending_ || given_up_; });
  return !ending_;
}

void Election::campaign() {
  const SteadyTime before = clock_.steady_now();
  const auto leader = registry_.campaign(address_);
  if (!leader.ok()) {
    if (leader.error().message != complaint_) {
      log_warn("election", "cannot campaign: " + leader.error().message);
    }
    complaint_ = leader.error().message;
    return follow("");
  }
  complaint_.clear();
  if (leader->address != address_) return follow(leader->address);
  if (leader->epoch <= last_epoch_) {  // of a lead that we have left; see the top of election.h
    registry_.resign(leader->epoch);
    return;
  }
  last_epoch_ = leader->epoch;
  {
    const std::lock_guard lock(mutex_);
    epoch_ = leader->epoch;
    until_ = before + registry_.term();
    given_up_ = false;
  }
  followed_ = "?";
  log_info("election", "won the lead, epoch " + std::to_string(leader->epoch));
  events_.won(leader->epoch);
}

void Election::renew() {
  const SteadyTime before = clock_.steady_now();
  std::uint64_t epoch = 0;
  bool given_up = false;
  {
    const std::lock_guard lock(mutex_);
    epoch = epoch_;
    given_up = given_up_ || before >= until_;
  }
  if (given_up) {
    registry_.resign(epoch);
    return lose("it was given up");
  }
  const Status renewed = registry_.renew(epoch);
  if (renewed.ok()) {
    const std::lock_guard lock(mutex_);
    until_ = before + registry_.term();
    return;
  }
  if (renewed.error().code == ErrorCode::not_found) return lose(renewed.error().message);
  log_warn("election", "cannot renew the lead: " + renewed.error().message);
}

void Election::lose(const std::string& why) {
  std::uint64_t epoch = 0;
  {
    const std::lock_guard lock(mutex_);
    epoch = std::exchange(epoch_, 0);
    given_up_ = false;
  }
  log_warn("election", "lost the lead of epoch " + std::to_string(epoch) + ": " + why);
  events_.lost(epoch, why);
}

void Election::follow(const std::string& address) {
  if (address == followed_) return;
  followed_ = address;
  log_info("election", address.empty() ? "nobody leads" : "follows " + address);
  events_.follows(address);
}

}  // namespace weir::cluster
