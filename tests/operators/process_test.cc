// process: keyed state, timers on both clocks, time to live, clearing, dead letters and parking.
#include <map>

#include "tests/operators/support.h"

namespace weir::test {
namespace {

struct Count {
  std::int64_t records = 0;
  std::int64_t sum = 0;
};
WEIR_DESCRIBE(Count, records, sum);

struct Said {
  std::string user;
  EventTime time{};
  std::string what;
  friend auto operator<=>(const Said&, const Said&) = default;
};
WEIR_DESCRIBE(Said, user, time, what);
void PrintTo(const Said& s, std::ostream* out) {
  *out << s.user << "@" << to_millis(s.time) << ":" << s.what;
}
Said said(std::string user, std::int64_t ms, std::string what) {
  return {std::move(user), at(ms), std::move(what)};
}

/// Pseudo-random events of a few keys, increasing in time, split in two halves.
std::vector<Event> random_events(std::uint64_t seed, int count, int keys, int step_ms) {
  Random random(seed);
  std::vector<Event> events;
  std::int64_t now = 0;
  for (int i = 0; i < count; ++i) {
    now += static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(step_ms)));
    events.push_back(event("u" + std::to_string(random.below(static_cast<std::uint64_t>(keys))),
                           now, static_cast<std::int64_t>(random.below(100))));
  }
  return events;
}
std::function<void(Harness&, int)> in_halves(std::vector<Event> events) {
  return [events = std::move(events)](Harness& h, int half) {
    const std::size_t middle = events.size() / 2;
    for (std::size_t i = half == 1 ? 0 : middle; i < (half == 1 ? middle : events.size()); ++i)
      h.push("events", events[i]);
  };
}

TEST(Process, CountsByKeyWhateverTheParallelism) {
  const auto events = random_events(3, 800, 37, 10);
  std::map<std::string, Count> model;
  std::vector<Said> expected;
  for (const Event& e : events) {
    Count& c = model[e.user];
    ++c.records;
    c.sum += e.n;
    expected.push_back({e.user, e.time, std::to_string(c.records) + "/" + std::to_string(c.sum)});
  }
  run_every_way(
      [](Job& job, Inputs& in, Outputs& out) {
        out.collect(in.stream<Event>(job, "events", {.event_time = &Event::time})
                        .key_by(&Event::user)
                        .process<Count, Said>("count",
                                              [](Count& c, const Event& e, auto& ctx) {
                                                ++c.records;
                                                c.sum += e.n;
                                                ctx.emit(Said{ctx.key(), ctx.time(),
                                                              std::to_string(c.records) + "/" +
                                                                  std::to_string(c.sum)});
                                              }),
                    "out");
      },
      in_halves(events),
      [&](Harness& h) { EXPECT_EQ(sorted(h.committed<Said>("out")), sorted(expected)); });
}

/// Says "silent" when a user has done nothing for 50 ms. In event-time order, because otherwise a
/// record that was read in the same batch may cancel a timer that it comes behind.
void silence_job(Job& job, Inputs& in, Outputs& out) {
  auto [silent, late] = in.stream<Event>(job, "events", {.event_time = &Event::time})
                            .key_by(&Event::user)
                            .in_event_time_order()
                            .process<EventTime, Said>(
                                "silence",
                                [](EventTime& last, const Event& e, auto& ctx) {
                                  if (last != EventTime{}) ctx.cancel_timer(last + 50ms, "silent");
                                  last = e.time;
                                  ctx.set_timer(e.time + 50ms, "silent");
                                  ctx.set_timer(e.time + 50ms, "silent");  // changes nothing
                                },
                                [](EventTime& last, const Timer& timer, auto& ctx) {
                                  ctx.emit(Said{ctx.key(), timer.time, timer.name});
                                  EXPECT_EQ(timer.time, last + 50ms);
                                  EXPECT_EQ(ctx.time(), timer.time);
                                  last = EventTime{};
                                });
  out.collect(silent, "out");
}

TEST(Process, EventTimersFireInTimeAndMayBeCancelled) {
  const auto events = random_events(5, 600, 7, 20);
  std::map<std::string, EventTime> last;
  std::vector<Said> expected;
  const auto silent = [&](const std::string& user, EventTime since) {
    expected.push_back({user, since + 50ms, "silent"});
  };
  for (const Event& e : events) {
    auto [place, first] = last.try_emplace(e.user, e.time);
    // At one instant records come before timers.
    if (!first && place->second + 50ms < e.time) silent(e.user, place->second);
    place->second = e.time;
  }
  for (const auto& [user, time] : last) silent(user, time);
  run_every_way(silence_job, in_halves(events), [&](Harness& h) {
    EXPECT_EQ(sorted(h.committed<Said>("out")), sorted(expected));
    for (const auto& record : h.emitted<Said>("out")) EXPECT_EQ(record.time, record.value.time);
  });
}

TEST(Process, TimersComeInTheOrderOfTimeAndOnlyWhenTimeHasPassed) {
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    out.collect(in.stream<Event>(job, "events", {.event_time = &Event::time})
                    .key_by(&Event::user)
                    .process<Count, Said>(
                        "p", [](Count&, const Event& e, auto& ctx) { ctx.set_timer(at(e.n), "t"); },
                        [](Count& c, const Timer& t, auto& ctx) {
                          ctx.emit(Said{ctx.key(), t.time, t.name});
                          // Timers set in timers: one that is due at once, one for later.
                          if (++c.records == 1) {
                            ctx.set_timer(t.time - 5ms, "past");
                            ctx.set_timer(t.time + 1000ms, "later");
                          }
                        }),
                "out");
  });
  h.push("events", event("b", 1, 300));
  h.push("events", event("a", 2, 200));
  h.push("events", event("a", 3, 100));
  h.run();
  EXPECT_THAT(h.output<Said>("out"), IsEmpty());
  h.watermark("events", at(99));
  h.run();
  EXPECT_THAT(h.output<Said>("out"), IsEmpty());
  h.watermark("events", at(100));
  h.run();
  EXPECT_THAT(h.take<Said>("out"), ElementsAre(said("a", 100, "t"), said("a", 95, "past")));
  Harness r = h.restore(h.snapshot(), {.parallelism = 2});
  for (Harness* t : {&h, &r}) {
    t->watermark("events", at(5000));
    t->run();
    auto got = t->take<Said>("out");
    EXPECT_EQ(sorted(got), sorted(std::vector<Said>{
                               said("a", 200, "t"), said("b", 300, "t"), said("b", 295, "past"),
                               said("a", 1100, "later"), said("b", 1300, "later")}));
  }
}

TEST(Process, ProcessingTimersFollowWallTime) {
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    out.collect(in.stream<Event>(job, "events")
                    .key_by(&Event::user)
                    .process<Count, Said>(
                        "p",
                        [](Count&, const Event& e, auto& ctx) {
                          const EventTime due = ctx.processing_time() + Duration(e.n);
                          ctx.set_processing_timer(due, "ring");
                          if (e.n == 7) ctx.cancel_processing_timer(due, "ring");
                        },
                        [](Count&, const Timer& t, auto& ctx) {
                          EXPECT_TRUE(t.processing);
                          ctx.emit(Said{ctx.key(), t.time, t.name});
                        }),
                "out");
  });
  const EventTime start = h.now();
  h.push("events", event("a", 0, 1000));
  h.push("events", event("b", 0, 2000));
  h.push("events", event("c", 0, 7));
  h.run();
  EXPECT_EQ(h.now(), start);
  h.advance(999ms);
  EXPECT_THAT(h.output<Said>("out"), IsEmpty());
  h.advance(1ms);
  EXPECT_THAT(h.take<Said>("out"), ElementsAre(Said{"a", start + 1s, "ring"}));
  Harness r = h.restore(h.snapshot(), {.parallelism = 3});
  EXPECT_EQ(r.now(), h.now());
  r.advance(1s);
  EXPECT_THAT(r.output<Said>("out"), ElementsAre(Said{"b", start + 2s, "ring"}));
}

TEST(Process, ClearStateForgetsStateAndTimers) {
  const auto build = [](Job& job, Inputs& in, Outputs& out) {
    out.collect(in.stream<Event>(job, "events", {.event_time = &Event::time})
                    .key_by(&Event::user)
                    .process<Count, Said>(
                        "p",
                        [](Count& c, const Event& e, auto& ctx) {
                          c.sum += e.n;
                          ctx.set_timer(e.time + 100ms);
                          ctx.emit(Said{ctx.key(), e.time, std::to_string(c.sum)});
                          if (e.n == 0) ctx.clear_state();
                        },
                        [](Count& c, const Timer& t, auto& ctx) {
                          ctx.emit(Said{ctx.key(), t.time, "timer " + std::to_string(c.sum)});
                          if (c.sum == 9) ctx.clear_state();
                        }),
                "out");
  };
  for (const std::uint32_t parallelism : kParallelisms) {
    Harness h(build, {.parallelism = parallelism});
    h.push("events", event("a", 1, 5));
    h.run();
    Harness r = h.restore(h.snapshot(), {.parallelism = 2});
    r.push("events", event("a", 2, 0));  // clears
    r.push("events", event("a", 3, 9));
    r.run();
    r = r.restore(r.snapshot(), {.parallelism = parallelism});
    r.watermark("events", at(150));  // fires and clears
    r.run();
    r = r.restore(r.snapshot(), {.parallelism = 3});
    r.push("events", event("a", 151, 4));
    r.end("events");
    r.run();
    EXPECT_EQ(sorted(r.output<Said>("out")),
              sorted(std::vector<Said>{said("a", 1, "5"), said("a", 2, "5"), said("a", 3, "9"),
                                       said("a", 103, "timer 9"), said("a", 151, "4"),
                                       said("a", 251, "timer 4")}));
  }
}

std::int64_t state_entries(Harness& h) { return static_cast<std::int64_t>(h.state_rows("p")); }

void counting_with_ttl(Job& job, Inputs& in, Outputs& out, bool processing_time) {
  out.collect(
      in.stream<Event>(job, "events", {.event_time = &Event::time})
          .key_by(&Event::user)
          .process<Count, Said>("p",
                                [](Count& c, const Event& e, auto& ctx) {
                                  ctx.emit(Said{ctx.key(), e.time, std::to_string(++c.records)});
                                },
                                {}, {.ttl = {100ms, processing_time}}),
      "out");
}

TEST(Process, EventTimeToLiveDeletesState) {
  const auto build = [](Job& job, Inputs& in, Outputs& out) {
    counting_with_ttl(job, in, out, false);
  };
  Harness h(build);
  h.push("events", event("a", 0));
  h.push("events", event("b", 50));
  h.push("events", event("a", 60));
  h.run();
  EXPECT_EQ(state_entries(h), 2);
  h.push("events", event("b", 150));  // 100 ms after its last: gone, made anew
  h.push("events", event("a", 159));  // lives again
  h.run();
  EXPECT_THAT(h.take<Said>("out"),
              ElementsAre(said("a", 0, "1"), said("b", 50, "1"), said("a", 60, "2"),
                          said("b", 150, "1"), said("a", 159, "3")));
  Harness r = h.restore(h.snapshot(), {.parallelism = 2});
  for (Harness* t : {&h, &r}) {
    EXPECT_EQ(state_entries(*t), 2);
    t->watermark("events", at(250));
    t->run();
    EXPECT_EQ(state_entries(*t), 1) << "b has expired without any record";
    t->watermark("events", at(259));
    t->run();
    EXPECT_EQ(state_entries(*t), 0);
  }
}

TEST(Process, TimeToLiveOnWallTimeDeletesState) {
  const auto build = [](Job& job, Inputs& in, Outputs& out) {
    counting_with_ttl(job, in, out, true);
  };
  Harness h(build);
  h.push("events", event("a", 0));
  h.push("events", event("b", 0));
  h.run();
  h.advance(60ms);
  h.push("events", event("a", 0));
  h.run();
  h = h.restore(h.snapshot(), {.parallelism = 3});
  h.advance(40ms);
  EXPECT_EQ(state_entries(h), 1);
  h.push("events", event("b", 0));
  h.run();
  h.advance(60ms);
  EXPECT_EQ(state_entries(h), 1) << "a is gone";
  h.advance(40ms);
  EXPECT_EQ(state_entries(h), 0);
  EXPECT_EQ(sorted(h.output<Said>("out")),
            sorted(std::vector<Said>{said("a", 0, "1"), said("b", 0, "1"), said("a", 0, "2"),
                                     said("b", 0, "1")}));
}

/// Trivially copyable state is put back; any other with `rollback_state`.
template <class State>
std::vector<Said> with_failures(bool rollback_state) {
  Harness h([=](Job& job, Inputs& in, Outputs& out) {
    out.collect(
        in.stream<Event>(job, "events", {.event_time = &Event::time})
            .key_by(&Event::user)
            .template process<State, Said>("p",
                                           [](State& s, const Event& e, auto& ctx) {
                                             if constexpr (std::is_same_v<State, std::string>)
                                               s += std::to_string(e.n);
                                             else
                                               s = s * 10 + e.n;
                                             std::string text;
                                             if constexpr (std::is_same_v<State, std::string>)
                                               text = s;
                                             else
                                               text = std::to_string(s);
                                             ctx.emit(Said{ctx.key(), e.time, text});
                                             if (e.n == 6) throw std::runtime_error("six");
                                           },
                                           {}, {.rollback_state = rollback_state}),
        "out");
  });
  std::int64_t time = 0;
  for (const int n : {1, 6, 2}) h.push("events", event("a", ++time, n));
  h.run();
  EXPECT_EQ(h.dead_letters("p").size(), 1u);
  return h.output<Said>("out");
}

TEST(Process, AnExceptionTakesBackEmissionsAndState) {
  const std::vector<Said> undone{said("a", 1, "1"), said("a", 3, "12")};
  EXPECT_EQ(with_failures<std::int64_t>(false), undone);
  EXPECT_EQ(with_failures<std::string>(true), undone);
  EXPECT_EQ(with_failures<std::string>(false),
            (std::vector<Said>{said("a", 1, "1"), said("a", 3, "162")}));
}

TEST(Process, AnExceptionLeavesNoTimersAndNoClearBehind) {
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    out.collect(in.stream<Event>(job, "events", {.event_time = &Event::time})
                    .key_by(&Event::user)
                    .process<Count, Said>(
                        "p",
                        [](Count& c, const Event& e, auto& ctx) {
                          ++c.records;
                          ctx.emit(Said{ctx.key(), e.time, std::to_string(c.records)});
                          if (e.n != 1) return;
                          ctx.set_timer(e.time + 10ms, "from a failure");
                          ctx.clear_state();
                          throw std::runtime_error("one");
                        },
                        [](Count&, const Timer& t, auto& ctx) {
                          ctx.emit(Said{ctx.key(), t.time, t.name});
                        }),
                "out");
  });
  h.push("events", event("a", 1, 0));
  h.push("events", event("a", 2, 1));
  h.push("events", event("a", 3, 0));
  h.end("events");
  h.run();
  EXPECT_THAT(h.output<Said>("out"), ElementsAre(said("a", 1, "1"), said("a", 3, "2")));
}

TEST(Process, ATimerThatThrowsFailsTheJobWithItsStep) {
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    out.collect(
        in.stream<Event>(job, "events", {.event_time = &Event::time})
            .key_by(&Event::user)
            .process<Count, Said>(
                "thrower", [](Count&, const Event& e, auto& ctx) { ctx.set_timer(e.time); },
                [](Count&, const Timer&, auto&) { throw std::runtime_error("in a timer"); }),
        "out");
  });
  h.push("events", event("a", 1));
  h.end("events");
  const Status status = h.try_run();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("in a timer"));
  EXPECT_THAT(status.error().message, HasSubstr("thrower"));
}

bool mended;  // what fails at first works later

void parking_job(Job& job, Inputs& in, Outputs& out) {
  out.collect(in.stream<Event>(job, "events", {.event_time = &Event::time}, 2)
                  .key_by(&Event::user)
                  .process<std::string, Said>("p",
                                              [](std::string& seen, const Event& e, auto& ctx) {
                                                if (e.n < 0 && !mended)
                                                  throw std::runtime_error("negative");
                                                seen += std::to_string(e.n) + ",";
                                                ctx.emit(Said{ctx.key(), e.time, seen});
                                              },
                                              {}, {.park_keys = true, .rollback_state = true}),
              "out");
}

TEST(Process, ParkingKeepsTheOrderOfAKeyAcrossFailureAndReplay) {
  for (const std::uint32_t parallelism : kParallelisms) {
    SCOPED_TRACE(parallelism);
    mended = false;
    Harness h(parking_job, {.parallelism = parallelism, .seed = parallelism});
    h.push("events", event("a", 1, 1));
    h.push("events", event("a", 2, -2));
    h.push("events", event("b", 2, 2));
    h.push("events", event("a", 3, 3));
    h.run();
    h = h.restore(h.snapshot(), {.parallelism = 2});
    h.push("events", event("a", 4, -4));
    h.push("events", event("a", 5, 5));
    h.run();
    EXPECT_EQ(sorted(h.output<Said>("out")),
              sorted(std::vector<Said>{said("a", 1, "1,"), said("b", 2, "2,")}));
    auto letters = h.dead_letters();
    ASSERT_EQ(letters.size(), 4u);
    EXPECT_EQ(letters[0].reason, DeadLetterReason::user_error);
    for (int i : {1, 2, 3}) EXPECT_EQ(letters[i].reason, DeadLetterReason::parked);

    EXPECT_FALSE(h.replay(letters).ok()) << "the first still fails";
    letters = h.dead_letters();
    ASSERT_EQ(letters.size(), 4u) << "and those behind it wait on";
    mended = true;
    h = h.restore(h.snapshot(), {.parallelism = 3});
    ASSERT_TRUE(h.replay(h.dead_letters()).ok());
    h.push("events", event("a", 6, 6));
    h.run();
    EXPECT_THAT(h.dead_letters(), IsEmpty());
    EXPECT_EQ(
        sorted(h.output<Said>("out")),
        sorted(std::vector<Said>{said("a", 1, "1,"), said("b", 2, "2,"), said("a", 2, "1,-2,"),
                                 said("a", 3, "1,-2,3,"), said("a", 4, "1,-2,3,-4,"),
                                 said("a", 5, "1,-2,3,-4,5,"), said("a", 6, "1,-2,3,-4,5,6,")}));
  }
}

TEST(Process, DroppingAllLettersOfAKeyUnparksIt) {
  mended = false;
  Harness h(parking_job);
  h.push("events", event("a", 1, -1));
  h.push("events", event("a", 2, 2));
  h.run();
  const auto letters = h.dead_letters();
  ASSERT_EQ(letters.size(), 2u);
  ASSERT_TRUE(h.drop({letters[0]}).ok());
  h.push("events", event("a", 3, 3));
  h.run();
  EXPECT_THAT(h.output<Said>("out"), IsEmpty()) << "it still waits behind the second";
  ASSERT_TRUE(h.replay(h.dead_letters()).ok());
  h.push("events", event("a", 4, 4));
  h.run();
  EXPECT_THAT(h.output<Said>("out"),
              ElementsAre(said("a", 2, "2,"), said("a", 3, "2,3,"), said("a", 4, "2,3,4,")));
}

TEST(Process, ALetterOfAnEarlierPlaceIsReplayedBeforeWhatIsParkedBehindIt) {
  // Letters in a wrong order, as a tool may hand them over, do not break the order of the key.
  mended = false;
  Harness h(parking_job, {.parallelism = 2});
  for (int i : {-1, 2, 3}) h.push("events", event("a", std::abs(i), i));
  h.run();
  auto letters = h.dead_letters();
  ASSERT_EQ(letters.size(), 3u);
  std::reverse(letters.begin(), letters.end());
  mended = true;
  ASSERT_TRUE(h.replay(letters).ok());
  EXPECT_THAT(h.output<Said>("out"),
              ElementsAre(said("a", 1, "-1,"), said("a", 2, "-1,2,"), said("a", 3, "-1,2,3,")));
}

TEST(Process, ATimerForTheEndOfTimeFiresAtTheEndOfInput) {
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    out.collect(in.stream<Event>(job, "in")
                    .key_by(&Event::user)
                    .process<std::int64_t, Event>(
                        "sum",
                        [](std::int64_t& sum, const Event& e, auto& ctx) {
                          sum += e.n;
                          ctx.set_timer(kEndOfTime);
                        },
                        [](std::int64_t& sum, const Timer&, auto& ctx) {
                          ctx.emit(Event{ctx.key(), at(0), sum}, at(INT64_MAX - 1));
                        }),
                "out");
  });
  h.push("in", event("a", 1, 10));
  h.push("in", event("a", 2, 20));
  h.end_all();
  h.run();
  EXPECT_THAT(h.output<Event>("out"), ElementsAre(event("a", 0, 30)));
}

}  // namespace
}  // namespace weir::test
