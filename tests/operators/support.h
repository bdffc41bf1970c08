// What the operator tests share: a record type, short names, and the parallelisms and seeds under
// which each job must give one answer.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "weir/testing.h"

namespace weir::test {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;
using weir::testing::Harness;
using weir::testing::HarnessError;
using weir::testing::Inputs;
using weir::testing::Options;
using weir::testing::Outputs;
using weir::testing::Snapshot;

inline EventTime at(std::int64_t ms) { return from_millis(ms); }

/// A record with a key, an event time and a number that tells it from others.
struct Event {
  std::string user;
  EventTime time{};
  std::int64_t n = 0;
  friend bool operator==(const Event&, const Event&) = default;
  friend auto operator<=>(const Event&, const Event&) = default;
};
WEIR_DESCRIBE(Event, user, time, n);
inline void PrintTo(const Event& e, std::ostream* out) {
  *out << e.user << "@" << to_millis(e.time) << "#" << e.n;
}
inline Event event(std::string user, std::int64_t ms, std::int64_t n = 0) {
  return {std::move(user), at(ms), n};
}

/// Sorts a copy, where order between keys is nobody's promise.
template <class T>
std::vector<T> sorted(std::vector<T> values) {
  std::sort(values.begin(), values.end());
  return values;
}

inline constexpr std::uint32_t kParallelisms[] = {1, 2, 3, 7};

/// Added to every seed: WEIR_TEST_SEED, to try others than those of every day.
inline std::uint64_t seed_offset() {
  const char* text = std::getenv("WEIR_TEST_SEED");
  return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
}

/// Feeds a job in two halves in many ways, and hands each harness at its end to `check`: without a
/// stop; stopped at a snapshot in the midst and restored at the same and other parallelisms; after
/// crashes. `feed(h, half)` pushes; the inputs are ended behind the second half.
inline void run_every_way(const Harness::Build& build,
                          const std::function<void(Harness&, int half)>& feed,
                          const std::function<void(Harness&)>& check, std::uint64_t seed = 1) {
  seed += seed_offset();
  const auto finish = [&](Harness& h, const std::string& way) {
    SCOPED_TRACE(way);
    feed(h, 2);
    h.end_all();
    h.run();
    ASSERT_TRUE(h.finished());
    check(h);
  };
  for (const std::uint32_t from : kParallelisms) {
    const std::string start =
        "seed " + std::to_string(seed) + ", parallelism " + std::to_string(from);
    {
      Harness h(build, {.parallelism = from, .seed = ++seed});
      feed(h, 1);
      h.run_a_little();
      finish(h, start);
    }
    {
      Harness h(build, {.parallelism = from, .seed = ++seed});
      feed(h, 1);
      h.run_a_little();
      Snapshot moment = h.snapshot();
      for (const std::uint32_t to : kParallelisms) {
        Harness restored = h.restore(moment, {.parallelism = to, .seed = ++seed});
        finish(restored, start + ", restored at " + std::to_string(to));
      }
    }
    {
      Harness h(build, {.parallelism = from, .seed = ++seed, .checkpoint_interval = Duration(20)});
      feed(h, 1);
      for (const std::uint32_t next : kParallelisms) {
        h.run_a_little();
        h.crash(next);
      }
      finish(h, start + ", after crashes");
    }
  }
}

}  // namespace weir::test
