// Room for callers; see http_limits.h.
#include "weir/cluster/http_limits.h"

#include <tuple>

namespace weir::cluster {

/// Of all guests, or of those from `address`; the end when none has to go.
HttpGuests::Guests::iterator HttpGuests::first_to_go(const std::string* address) {
  auto first = guests_.end();
  for (auto guest = guests_.begin(); guest != guests_.end(); ++guest) {
    const Guest& one = guest->second;
    if (one.standing == Standing::known || (address != nullptr && one.address != *address))
      continue;
    if (first == guests_.end() ||
        std::tie(one.standing, one.since) < std::tie(first->second.standing, first->second.since)) {
      first = guest;
    }
  }
  return first;
}

HttpGuests::Go HttpGuests::take_out(Guests::iterator guest) {
  const auto count = of_address_.find(guest->second.address);
  if (--count->second == 0) of_address_.erase(count);
  Go go = std::move(guest->second.go);
  guests_.erase(guest);
  return go;
}

std::optional<HttpGuests::Id> HttpGuests::enter(const std::string& address, bool this_host, Go go) {
  Go leaves;
  std::unique_lock lock(mutex_);
  if (closed_) return {};
  const auto of_address = of_address_.find(address);
  const bool many = of_address != of_address_.end() &&
                    of_address->second >= (this_host ? limits_.of_this_host : limits_.of_address);
  if (many || guests_.size() >= limits_.all) {
    const auto first = first_to_go(many ? &address : nullptr);
    if (first == guests_.end()) return {};
    leaves = take_out(first);
  }
  const Id id = ++changes_;
  guests_.emplace(id, Guest{address, std::move(go), Standing::arriving, id});
  ++of_address_[address];
  lock.unlock();
  if (leaves) leaves();
  return id;
}

bool HttpGuests::becomes(Id guest, Standing standing) {
  const std::lock_guard lock(mutex_);
  const auto found = guests_.find(guest);
  if (found == guests_.end()) return false;
  found->second.standing = standing;
  found->second.since = ++changes_;
  return true;
}

void HttpGuests::leave(Id guest) {
  Go unused;  // what it holds may end here, not under the lock
  const std::lock_guard lock(mutex_);
  const auto found = guests_.find(guest);
  if (found != guests_.end()) unused = take_out(found);
}

void HttpGuests::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  const Guests all = std::exchange(guests_, {});
  of_address_.clear();
  lock.unlock();
  for (const auto& [id, guest] : all) guest.go();
}

bool ByteBudget::take(std::uint64_t bytes) {
  std::uint64_t taken = taken_.load();
  do {
    if (bytes > most_ - taken) return false;
  } while (!taken_.compare_exchange_weak(taken, taken + bytes));
  return true;
}

}  // namespace weir::cluster
