// Splits: choice among them, watermark, idleness.
#include "weir/runtime/splits.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;

SplitState split(const std::string& id) {
  SplitState s;
  s.id = id;
  return s;
}

TEST(Splits, StoreAndReadBack) {
  SplitState s = split("a");
  s.position = "17";
  s.newest_ms = -5;
  s.floor_ms = INT64_MIN;
  s.ended = true;
  const std::string bytes = encode_split(s);
  const auto back = decode_split("a", bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->position, "17");
  EXPECT_EQ(back->newest_ms, -5);
  EXPECT_EQ(back->floor_ms, INT64_MIN);
  EXPECT_TRUE(back->ended);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_split("a", bytes.substr(0, size)).ok()) << size;
  }
}

TEST(Splits, TheWatermarkIsThatOfTheSlowest) {
  SplitSet set(10ms, 0ms);
  const SteadyTime now{};
  const std::size_t a = set.add(split("a"), now), b = set.add(split("b"), now);
  set.update(true);
  EXPECT_EQ(set.watermark(), kBeginningOfTime);
  set[a].newest_ms = 100;
  set.update(true);
  EXPECT_EQ(set.watermark(), kBeginningOfTime) << "b has not been read";
  set[b].newest_ms = 50;
  set.update(true);
  EXPECT_EQ(to_millis(set.watermark()), 39);
  EXPECT_EQ(set.choose(now, kEndOfTime), b) << "the one furthest back";
  set[b].ended = true;
  set.update(true);
  EXPECT_EQ(to_millis(set.watermark()), 89);
  set.restore_watermark(from_millis(20));
  EXPECT_EQ(to_millis(set.watermark()), 89) << "it never goes back";
}

TEST(Splits, OnesThatAreNewOrComeBackDoNotBringTimeBack) {
  SplitSet set(0ms, 0ms);
  SteadyTime now{};
  const std::size_t a = set.add(split("a"), now);
  set[a].newest_ms = 101;
  set.update(false);
  const std::size_t b = set.add(split("b"), now);
  EXPECT_EQ(set[b].watermark(0), 100) << "by which its records are late";
  set.update(false);
  EXPECT_EQ(to_millis(set.watermark()), 100);
  set.found_empty(b, true, now);
  set[a].newest_ms = 201;
  set.update(false);
  EXPECT_EQ(to_millis(set.watermark()), 200) << "b is idle";
  set.found_records(b, now);
  EXPECT_EQ(set[b].watermark(0), 200);
}

TEST(Splits, SleepAfterNothingAndWaitForOthersAtTheLimit) {
  SplitSet set(0ms, 50ms);
  SteadyTime now{};
  const std::size_t a = set.add(split("a"), now);
  set[a].newest_ms = 1000;
  EXPECT_EQ(set.choose(now, from_millis(10)), set.size()) << "ahead of the limit";
  EXPECT_EQ(set.choose(now, from_millis(1000)), a);
  set.found_empty(a, false, now);
  EXPECT_EQ(set.choose(now, kEndOfTime), set.size()) << "asleep";
  now += 10ms;
  EXPECT_EQ(set.choose(now, kEndOfTime), a);
  set.update(false);
  EXPECT_FALSE(set.idle());
  now += 50ms;
  set.found_empty(a, false, now);
  set.update(false);
  EXPECT_TRUE(set.idle());
  set[a].ended = true;
  set.update(true);
  EXPECT_FALSE(set.idle()) << "an end is no idleness";
  EXPECT_TRUE(set.all_ended());
}

}  // namespace
}  // namespace weir
