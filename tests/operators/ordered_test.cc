// in_event_time_order: what the function sees is sorted by time, then rank, then arrival, whatever
// the disorder in which records come.
#include <map>

#include "tests/operators/support.h"

namespace weir::test {
namespace {

/// Tells what the function saw: the numbers of the records so far.
void ordered_job(Job& job, Inputs& in, Outputs& out, Duration allowance, ProcessOptions options) {
  auto events =
      in.stream<Event>(job, "events", {.event_time = &Event::time, .out_of_order = allowance});
  auto [seen, late] = events.union_with("all", events.late())
                          .key_by(&Event::user)
                          .in_event_time_order([](const Event& e) { return e.n % 3; })
                          .process<std::string, std::string>(
                              "ordered",
                              [](std::string& state, const Event& e, auto& ctx) {
                                EXPECT_EQ(ctx.time(), e.time);
                                if (e.n == 777) throw std::runtime_error("seven");
                                if (e.n == 999) {
                                  ctx.clear_state();
                                  return;
                                }
                                state += " " + std::to_string(e.n);
                                ctx.set_timer(e.time, "same instant");
                              },
                              [](std::string& state, const Timer&, auto& ctx) {
                                ctx.emit(ctx.key() + ":" + state);
                              },
                              options);
  out.collect(seen, "seen");
  out.collect(late, "late");
}
Harness::Build ordered(Duration allowance, ProcessOptions options = {}) {
  return [=](Job& job, Inputs& in, Outputs& out) { ordered_job(job, in, out, allowance, options); };
}

TEST(Ordered, HandsRecordsOverByTimeRankAndArrivalAndTimersBehindThem) {
  Harness h(ordered(1s));
  h.push_all<Event>("events", {event("a", 30, 5), event("a", 10, 4), event("a", 20, 2),
                               event("a", 20, 1), event("a", 20, 0), event("a", 20, 4)});
  h.run();
  EXPECT_THAT(h.output<std::string>("seen"), IsEmpty());
  h.watermark("events", at(10));
  h.run();
  EXPECT_THAT(h.take<std::string>("seen"), ElementsAre("a: 4"));
  Harness r = h.restore(h.snapshot(), {.parallelism = 3});
  r.end("events");
  r.run();
  EXPECT_THAT(r.output<std::string>("seen"), ElementsAre("a: 4 0 1 4 2", "a: 4 0 1 4 2 5"));
}

TEST(Ordered, EqualsASortedModelWhateverTheWay) {
  for (std::uint64_t seed = 41; seed <= 43; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::vector<Event> events;
    std::int64_t now = 0;
    for (int i = 0; i < 400; ++i) {
      now += static_cast<std::int64_t>(random.below(8));
      events.push_back(event("k" + std::to_string(random.below(6)),
                             now - static_cast<std::int64_t>(random.below(50)), i));
    }
    std::vector<Event> by_time = events;
    std::stable_sort(by_time.begin(), by_time.end(), [](const Event& a, const Event& b) {
      return std::pair(a.time, a.n % 3) < std::pair(b.time, b.n % 3);
    });
    std::map<std::string, std::string> state;
    std::vector<std::string> expected;
    for (std::size_t i = 0; i < by_time.size(); ++i) {
      const Event& e = by_time[i];
      state[e.user] += " " + std::to_string(e.n);
      bool last_of_instant = true;
      for (std::size_t j = i + 1; j < by_time.size() && by_time[j].time == e.time; ++j) {
        last_of_instant &= by_time[j].user != e.user;
      }
      if (last_of_instant) expected.push_back(e.user + ":" + state[e.user]);
    }
    run_every_way(
        ordered(50ms),
        [&](Harness& h, int half) {
          for (std::size_t i = half == 1 ? 0 : 200; i < (half == 1 ? 200 : events.size()); ++i)
            h.push("events", events[i]);
        },
        [&](Harness& h) {
          EXPECT_EQ(sorted(h.committed<std::string>("seen")), sorted(expected));
          EXPECT_THAT(h.committed<Event>("late"), IsEmpty());
        },
        seed);
  }
}

TEST(Ordered, WhatIsTooLateToPutInOrderGoesToTheLateStream) {
  for (const std::uint32_t parallelism : kParallelisms) {
    Harness h(ordered(Duration(0)), {.parallelism = parallelism});
    h.push_all<Event>("events", {event("a", 100, 1), event("a", 50, 2), event("a", 200, 3)});
    h.end("events");
    h.run();
    EXPECT_THAT(h.output<Event>("late"), ElementsAre(event("a", 50, 2)));
    EXPECT_THAT(h.output<std::string>("seen"), ElementsAre("a: 1", "a: 1 3"));
  }
}

TEST(Ordered, ClearStateKeepsWhatStillWaits) {
  Harness h(ordered(1s));
  h.push_all<Event>(
      "events", {event("a", 10, 1), event("a", 20, 999), event("a", 30, 2), event("b", 10, 999)});
  h.watermark("events", at(25));
  h.run();
  EXPECT_THAT(h.take<std::string>("seen"), ElementsAre("a: 1"));
  Harness r = h.restore(h.snapshot(), {.parallelism = 2});
  EXPECT_EQ(r.state_rows("ordered"), 2u) << "a with one waiting record, b is gone";
  r.end("events");
  r.run();
  EXPECT_THAT(r.output<std::string>("seen"), ElementsAre("a: 2"));
}

TEST(Ordered, AFailureIsTakenBackAndReplayed) {
  Harness h(ordered(1s, {.park_keys = true, .rollback_state = true}));
  h.push_all<Event>("events", {event("a", 30, 3), event("a", 20, 777), event("a", 10, 1)});
  h.watermark("events", at(50));
  h.run();
  EXPECT_THAT(h.output<std::string>("seen"), ElementsAre("a: 1"));
  auto letters = h.dead_letters("ordered");
  ASSERT_EQ(letters.size(), 2u);
  EXPECT_EQ(letters[1].reason, DeadLetterReason::parked);
  EXPECT_FALSE(h.replay(letters).ok());
  ASSERT_TRUE(h.drop({h.dead_letters("ordered")[0]}).ok());
  ASSERT_TRUE(h.replay(h.dead_letters("ordered")).ok());
  h.end("events");
  h.run();
  EXPECT_EQ(h.output<std::string>("seen").back(), "a: 1 3");
}

TEST(Ordered, TimeToLiveNeverTakesRecordsThatWait) {
  // The second record comes long after the first would have expired, but before its turn.
  Harness h(ordered(10s, {.ttl = {100ms, false}}));
  h.push_all<Event>("events", {event("a", 0, 1), event("a", 5000, 2), event("a", 5050, 3)});
  h.end("events");
  h.run();
  EXPECT_THAT(h.output<std::string>("seen"), ElementsAre("a: 1", "a: 2", "a: 2 3"));
  EXPECT_EQ(h.state_rows("ordered"), 0u) << "and at last it is gone";
}

}  // namespace
}  // namespace weir::test
