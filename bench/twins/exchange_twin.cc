// A bare exchange over TCP; see exchange_twin.h.
#include "bench/twins/exchange_twin.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <boost/unordered/unordered_flat_map.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

namespace weir::bench {
namespace {

constexpr std::size_t kBuffer = 256 << 10;

std::int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

/// One of two halves of the users, evenly.
int half_of(std::uint64_t user) { return static_cast<int>((user * 0x9e3779b97f4a7c15ull) >> 63); }

class Half {
 public:
  Half(int fd, int half) : fd_(fd), half_(half), in_(kBuffer) { out_.reserve(2 * kBuffer); }

  void take(const CostEvent& event) {
    if (event.type == 3) return;
    CostEvent doubled = event;
    doubled.val *= 2;
    if (half_of(event.user) == half_) return keep(doubled);
    const char* bytes = reinterpret_cast<const char*>(&doubled);
    out_.insert(out_.end(), bytes, bytes + sizeof doubled);
  }
  bool full() const { return out_.size() - sent_ >= kBuffer; }
  bool sent() const { return sent_ == out_.size(); }
  std::uint64_t taken() const { return taken_; }

  /// Sends and receives what can be at once; waits for either if there is nothing. False when the
  /// connection broke.
  bool move(bool until_end) {
    const bool wants_out = !sent();
    pollfd ready{fd_, static_cast<short>(POLLIN | (wants_out ? POLLOUT : 0)), 0};
    if (::poll(&ready, 1, until_end || full() ? -1 : 0) < 0) return false;
    if ((ready.revents & POLLOUT) != 0 && !send_some()) return false;
    return (ready.revents & (POLLIN | POLLHUP)) == 0 || receive_some();
  }
  bool ended() const { return ended_; }

 private:
  void keep(const CostEvent& event) {
    CostTotals& totals = table_[event.user];
    ++totals.count;
    totals.sum += event.val;
    totals.last = event.ts;
    ++taken_;
  }
  bool send_some() {
    const ssize_t n = ::send(fd_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN;
    sent_ += static_cast<std::size_t>(n);
    if (!sent() && sent_ < kBuffer) return true;
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(sent_));
    sent_ = 0;
    return true;
  }
  bool receive_some() {
    const ssize_t n = ::recv(fd_, in_.data() + have_, in_.size() - have_, 0);
    if (n < 0) return errno == EAGAIN;
    ended_ = n == 0;
    have_ += static_cast<std::size_t>(n);
    const std::size_t whole = have_ / sizeof(CostEvent);
    for (std::size_t i = 0; i < whole; ++i) {
      CostEvent event;
      std::memcpy(&event, in_.data() + i * sizeof event, sizeof event);
      keep(event);
    }
    have_ -= whole * sizeof(CostEvent);
    std::memmove(in_.data(), in_.data() + whole * sizeof(CostEvent), have_);
    return true;
  }

  const int fd_, half_;
  std::vector<char> in_, out_;
  std::size_t have_ = 0, sent_ = 0;
  bool ended_ = false;
  std::uint64_t taken_ = 0;
  boost::unordered_flat_map<std::uint64_t, CostTotals> table_;
};

}  // namespace

ExchangeHalf run_exchange_half(int fd, int half, std::uint64_t events, std::uint64_t keys) {
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  CostGenerator generator(keys);
  Half state(fd, half);
  ExchangeHalf done;
  done.began_ns = now_ns();
  CostEvent event{};
  for (std::uint64_t i = 0; i < events; ++i) {
    generator.next(i, event);
    state.take(event);
    while (state.full()) {
      if (!state.move(false)) return done;
    }
  }
  while (!state.sent()) {
    if (!state.move(true)) return done;
  }
  done.ended_ns = now_ns();
  ::shutdown(fd, SHUT_WR);
  while (!state.ended()) {
    if (!state.move(true)) return done;
  }
  done.taken = state.taken();
  done.whole = true;
  return done;
}

}  // namespace weir::bench
