// dedupe against its definition (operators/dedupe.h): a record of time t is a repeat when a kept
// record of its key has a time s with |t - s| < ttl.
#include <array>
#include <cstdlib>
#include <map>

#include "tests/operators/support.h"

namespace weir::test {
namespace {

Harness::Build unique(Duration ttl, Duration out_of_order = Duration(0)) {
  return [=](Job& job, Inputs& in, Outputs& out) {
    auto events =
        in.stream<Event>(job, "events", {.event_time = &Event::time, .out_of_order = out_of_order});
    auto [first, late] =
        events.union_with("all", events.late()).key_by(&Event::user).dedupe("unique", {.ttl = ttl});
    out.collect(first, "first");
    out.collect(late, "late");
  };
}

TEST(Dedupe, DropsRepeatsWithinTheTimeToLive) {
  Harness h(unique(100ms, 1s));
  h.push_all<Event>("events", {event("a", 1000, 1), event("a", 1099, 2), event("a", 1100, 3),
                               event("a", 900, 4), event("a", 901, 5), event("b", 1000, 6)});
  h.run();
  EXPECT_THAT(h.output<Event>("first"), ElementsAre(event("a", 1000, 1), event("a", 1100, 3),
                                                    event("a", 900, 4), event("b", 1000, 6)));
  EXPECT_EQ(h.counter("unique", "duplicates"), 2u);
}

TEST(Dedupe, ForgetsWhatNothingCanRepeatAnyMore) {
  Harness h(unique(100ms));
  for (int i = 0; i < 50; ++i) h.push("events", event("k" + std::to_string(i), i));
  h.watermark("events", at(99));
  h.run();
  EXPECT_EQ(h.state_rows("unique"), 50u);
  // The last may go from 149 on, and goes before another quarter of the ttl is over.
  for (int t = 100; t <= 175; ++t) {
    if (t == 150) h.push("events", event("last", 151));
    h.watermark("events", at(t));
    h.run();
    EXPECT_GE(h.state_rows("unique"), static_cast<std::size_t>(std::max(149 - t, 0)));
  }
  EXPECT_EQ(h.state_rows("unique"), 1u);
  h.watermark("events", at(1'000'000));  // a jump over many rounds
  h.watermark("events", at(1'000'025));
  h.run();
  EXPECT_EQ(h.state_rows("unique"), 0u);
}

// Whatever steps event time takes, each hash is searched once event time has gone on by a period.
TEST(Dedupe, TheHandLeavesNothingOut) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const std::uint64_t first = random.next() >> 1, last = first + (random.next() >> 1);
    const auto period = static_cast<std::int64_t>(1 + random.below(100));
    ExpiryHand hand(period, first, last);
    std::array<std::uint64_t, 5> hashes{first, last, first + (last - first) / 2};
    for (std::size_t i = 3; i < hashes.size(); ++i) {
      hashes[i] = first + random.below(last - first);
    }
    std::array<std::int64_t, 5> searched_at{};
    searched_at.fill(-100'000);
    std::int64_t now = -50'000;
    for (int step = 0; step < 2000; ++step) {
      now += static_cast<std::int64_t>(random.below(random.chance(0.05) ? 300 : 9));
      while (const auto stretch = hand.next(now)) {
        const bool whole = stretch->begin == stretch->last || random.chance(0.7);
        const std::uint64_t end =
            whole ? stretch->last
                  : stretch->begin + random.below(stretch->last - stretch->begin) / 2;
        for (std::size_t i = 0; i < hashes.size(); ++i) {
          if (stretch->begin <= hashes[i] && hashes[i] <= end) searched_at[i] = now;
        }
        hand.searched(*stretch, whole, whole ? 0 : end + 1);
      }
      if (step == 0) continue;
      for (const std::int64_t at : searched_at) ASSERT_LT(now - at, period + 300);
    }
    while (const auto stretch = hand.next(INT64_MAX)) {
      for (std::size_t i = 0; i < hashes.size(); ++i) {
        if (stretch->begin <= hashes[i] && hashes[i] <= stretch->last) searched_at[i] = INT64_MAX;
      }
      hand.searched(*stretch, true, 0);
    }
    for (const std::int64_t at : searched_at) EXPECT_EQ(at, INT64_MAX);
  }
}

TEST(Dedupe, KeepsManyTimesOfAKeyAndTheirStoredForm) {
  SeenTimes seen;
  const std::vector<std::int64_t> times{5, -3, INT64_MAX - 1, INT64_MIN + 1, 40};
  for (const std::int64_t time : times) seen.add(time);
  EXPECT_TRUE(seen.within(41, 2));
  EXPECT_FALSE(seen.within(42, 2));
  EXPECT_FALSE(seen.within(41, 2, 40));
  EXPECT_FALSE(seen.all_before(INT64_MAX - 2));
  EXPECT_TRUE(seen.all_before(INT64_MAX - 1));
  SeenTimes back;
  ASSERT_TRUE(decode_from(encode_to_string(seen), back));
  std::vector<std::int64_t> read;
  back.for_each([&](std::int64_t time) { read.push_back(time); });
  EXPECT_EQ(read, times);
}

TEST(Dedupe, FingerprintsStandForTheirKeyType) {
  EXPECT_TRUE((std::is_same_v<FingerprintKey<std::int64_t>, std::int64_t>));
  const std::string text = "message 1";
  const auto print = fingerprint_key<std::string>(hash_key(text), text);
  Fingerprint<std::string> back;
  ASSERT_TRUE(decode_from(encode_to_string(print), back));
  EXPECT_EQ(back.hash, hash_key(text));
  EXPECT_EQ(back.second, hash_bytes_xxh3(text));
  using Pair = std::pair<std::string, std::int64_t>;
  KeyedRowLoader<Fingerprint<Pair>, SeenTimes> other;
  const Status status =
      other.open(to_json(schema_of<Fingerprint<std::string>>()), to_json(schema_of<SeenTimes>()));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::incompatible);
}

TEST(Dedupe, SendsOnWhatIsTooLateToJudge) {
  Harness h(unique(100ms));
  h.push_all<Event>("events", {event("a", 0, 1), event("a", 1000, 2), event("a", 950, 3),
                               event("a", 899, 4), event("a", 900, 5)});
  h.run();
  EXPECT_THAT(h.output<Event>("first"),
              ElementsAre(event("a", 0, 1), event("a", 1000, 2), event("a", 900, 5)));
  EXPECT_THAT(h.output<Event>("late"), ElementsAre(event("a", 899, 4)));
}

TEST(Dedupe, EqualsItsDefinitionUnderDisorder) {
  for (std::uint64_t seed = 31; seed <= 34; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::vector<Event> events;
    std::int64_t now = 0;
    for (int i = 0; i < 600; ++i) {
      now += static_cast<std::int64_t>(random.below(15));
      events.push_back(event("k" + std::to_string(random.below(12)),
                             now - static_cast<std::int64_t>(random.below(200)), i));
    }
    std::vector<Event> expected;
    std::map<std::string, std::vector<std::int64_t>> kept;
    for (const Event& e : events) {
      bool repeat = false;
      for (const std::int64_t s : kept[e.user]) repeat |= std::abs(to_millis(e.time) - s) < 60;
      if (repeat) continue;
      kept[e.user].push_back(to_millis(e.time));
      expected.push_back(e);
    }
    run_every_way(
        unique(60ms, 200ms),
        [&](Harness& h, int half) {
          for (std::size_t i = half == 1 ? 0 : 300; i < (half == 1 ? 300 : events.size()); ++i)
            h.push("events", events[i]);
        },
        [&](Harness& h) {
          EXPECT_EQ(sorted(h.committed<Event>("first")), sorted(expected));
          EXPECT_EQ(h.state_rows("unique"), 0u);
        },
        seed);
  }
}

}  // namespace
}  // namespace weir::test
