// dedupe against its definition (operators/dedupe.h): a record of time t is a repeat when a kept
// record of its key has a time s with |t - s| < ttl.
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
  h.push("events", event("a", 0));
  h.push("events", event("b", 50));
  h.run();
  EXPECT_EQ(h.state_rows("unique"), 2u);
  h.watermark("events", at(99));
  EXPECT_EQ(h.state_rows("unique"), 2u);
  h.watermark("events", at(100));
  h.run();
  EXPECT_EQ(h.state_rows("unique"), 1u);
  h.watermark("events", at(150));
  h.run();
  EXPECT_EQ(h.state_rows("unique"), 0u);
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
