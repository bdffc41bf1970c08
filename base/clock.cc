// The system's clocks, a clock for simulations, and the seeded generator.
#include "weir/base/clock.h"

#include <mutex>
#include <random>

#include "weir/base/check.h"
#include "weir/base/hash.h"

namespace weir {
namespace {

class SystemClock : public Clock {
 public:
  SteadyTime steady_now() override { return std::chrono::steady_clock::now(); }
  EventTime wall_now() override {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
};

std::uint64_t rotate_left(std::uint64_t x, int bits) { return (x << bits) | (x >> (64 - bits)); }

}  // namespace

std::unique_ptr<Clock> make_system_clock() { return std::make_unique<SystemClock>(); }

struct ManualClock::State {
  std::mutex mutex;
  // Nanoseconds, so that many small advances add up in wall time too.
  std::chrono::nanoseconds elapsed{0};
  EventTime wall_start;
};

ManualClock::ManualClock(EventTime start) : state_(std::make_unique<State>()) {
  state_->wall_start = start;
}

ManualClock::~ManualClock() = default;

SteadyTime ManualClock::steady_now() {
  const std::lock_guard lock(state_->mutex);
  return SteadyTime(state_->elapsed);
}

EventTime ManualClock::wall_now() {
  const std::lock_guard lock(state_->mutex);
  return state_->wall_start + std::chrono::floor<Duration>(state_->elapsed);
}

void ManualClock::advance(std::chrono::nanoseconds by) {
  WEIR_CHECK(by.count() >= 0, "a steady clock never goes back");
  const std::lock_guard lock(state_->mutex);
  state_->elapsed += by;
}

void ManualClock::step_wall(Duration by) {
  const std::lock_guard lock(state_->mutex);
  state_->wall_start += by;
}

// SplitMix64 (Steele, Lea, Flood 2014) spreads the seed, as the generator's authors advise: a state
// of zeroes would yield zeroes for ever.
Random::Random(std::uint64_t seed) {
  for (std::uint64_t& word : state_) word = mix64(seed += 0x9e3779b97f4a7c15ull);
}

std::uint64_t Random::next() {
  const std::uint64_t result = rotate_left(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = rotate_left(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
  WEIR_CHECK(bound > 0, "Random::below needs a bound of at least 1");
  // Multiplies into the range and throws away the few values that would favour some results
  // (Lemire 2019, "Fast Random Integer Generation in an Interval").
  const std::uint64_t unfair = (0 - bound) % bound;
  for (;;) {
    const auto product = static_cast<unsigned __int128>(next()) * bound;
    if (static_cast<std::uint64_t>(product) >= unfair) {
      return static_cast<std::uint64_t>(product >> 64);
    }
  }
}

bool Random::chance(double p) { return static_cast<double>(next() >> 11) * 0x1p-53 < p; }

std::uint64_t entropy_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

}  // namespace weir
