// The timer queue against std::multimap.
#include "weir/runtime/timer_queue.h"

#include <gtest/gtest.h>

#include <set>

#include "weir/base/clock.h"

namespace weir {
namespace {

TEST(TimerQueue, EqualsAMultiset) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    TimerQueue queue;
    std::multiset<std::pair<std::int64_t, std::uint64_t>> model;
    std::int64_t now = -5000;
    const std::uint64_t spread = seed % 2 ? 100'000 : 3000;
    for (int i = 0; i < 3000; ++i) {
      if (random.chance(0.6)) {
        // Mostly ahead, sometimes behind what has been taken already.
        const std::int64_t time = now - 1500 + static_cast<std::int64_t>(random.below(spread));
        const std::uint64_t hash = random.below(5);
        queue.add(time, hash);
        model.emplace(time, hash);
        continue;
      }
      if (random.chance(0.5)) now += static_cast<std::int64_t>(random.below(2500));
      for (std::uint64_t most = random.below(20); most > 0; --most) {
        TimerQueue::Due due{};
        const bool any = queue.pop(now, due);
        ASSERT_EQ(any, !model.empty() && model.begin()->first <= now);
        if (!any) break;
        ASSERT_EQ(due.time_ms, model.begin()->first);
        ASSERT_EQ(due.hash, model.begin()->second);
        model.erase(model.begin());
      }
      ASSERT_EQ(queue.size(), model.size());
      ASSERT_EQ(queue.next_time(), model.empty() ? INT64_MAX : model.begin()->first);
    }
    TimerQueue::Due due{};
    while (queue.pop(INT64_MAX, due)) model.erase(model.begin());
    EXPECT_TRUE(model.empty());
  }
}

TEST(TimerQueue, SortsLargeBuckets) {
  // Hashes: even; all alike in their leading bits; few values; rising.
  for (const int kind : {0, 1, 2, 3}) {
    for (const std::uint64_t times : {1, 3, 1024, 5000}) {
      SCOPED_TRACE(std::to_string(kind) + " " + std::to_string(times));
      Random random(static_cast<std::uint64_t>(kind) * 10'000 + times);
      TimerQueue queue;
      std::multiset<std::pair<std::int64_t, std::uint64_t>> model;
      const auto add = [&](std::uint64_t i, std::int64_t start) {
        const std::uint64_t even = random.below(UINT64_MAX);
        const std::uint64_t hashes[] = {even, even % 7 == 0 ? even : even >> 40, even % 3, i};
        const std::int64_t time = start + static_cast<std::int64_t>(random.below(times));
        queue.add(time, hashes[kind]);
        model.emplace(time, hashes[kind]);
      };
      for (std::uint64_t i = 0; i < 20'000; ++i) add(i, -2048);
      for (std::uint64_t i = 0; !model.empty(); ++i) {
        if (i < 3000) add(i, model.begin()->first + static_cast<std::int64_t>(random.below(2)));
        TimerQueue::Due due{};
        ASSERT_TRUE(queue.pop(INT64_MAX, due));
        ASSERT_EQ(std::pair(due.time_ms, due.hash), *model.begin());
        model.erase(model.begin());
      }
    }
  }
}

TEST(TimerQueue, TakesTheEndsOfTime) {
  TimerQueue queue;
  queue.add(INT64_MAX - 1, 1);
  queue.add(INT64_MIN, 2);
  queue.add(0, 3);
  TimerQueue::Due due{};
  ASSERT_TRUE(queue.pop(INT64_MIN, due));
  EXPECT_EQ(due.hash, 2u);
  EXPECT_FALSE(queue.pop(-1, due));
  ASSERT_TRUE(queue.pop(0, due));
  ASSERT_TRUE(queue.pop(INT64_MAX, due));
  EXPECT_EQ(due.hash, 1u);
  EXPECT_EQ(queue.next_time(), INT64_MAX);
}

}  // namespace
}  // namespace weir
