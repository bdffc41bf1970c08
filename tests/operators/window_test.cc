// Windows against a brute-force model: every window that any record touches is gathered by looking
// at all records.
#include <map>
#include <set>

#include "tests/operators/support.h"

namespace weir::test {
namespace {

using Row = Windowed<std::string, std::int64_t>;
struct Result {
  std::string key;
  std::int64_t start, end, value;
  friend auto operator<=>(const Result&, const Result&) = default;
};
void PrintTo(const Result& r, std::ostream* out) {
  *out << r.key << "[" << r.start << "," << r.end << ")=" << r.value;
}
std::vector<Result> results(const std::vector<Row>& rows) {
  std::vector<Result> all;
  for (const Row& r : rows) all.push_back({r.key, to_millis(r.start), to_millis(r.end), r.value});
  return sorted(std::move(all));
}

Harness::Build summing(WindowSpec spec, Duration out_of_order = Duration(0),
                       Duration lateness = Duration(0), unsigned splits = 1) {
  return [=](Job& job, Inputs& in, Outputs& out) {
    auto events = in.stream<Event>(
        job, "events", {.event_time = &Event::time, .out_of_order = out_of_order}, splits);
    auto [sums, late] =
        events.union_with("all", events.late())
            .key_by(&Event::user)
            .window<std::int64_t>(
                "windows", spec, [](std::int64_t& sum, const Event& e) { sum += e.n; },
                [](std::int64_t& sum, const std::int64_t& other) { sum += other; },
                {.allowed_lateness = lateness});
    out.collect(sums, "sums");
    out.collect(late, "late");
  };
}

std::int64_t floor_to(std::int64_t time, std::int64_t step, std::int64_t offset) {
  std::int64_t rest = (time - offset) % step;
  if (rest < 0) rest += step;
  return time - rest;
}

/// What windows of `spec` hold when all of `events` come in time.
std::vector<Result> model(const std::vector<Event>& events, const WindowSpec& spec) {
  std::map<std::pair<std::string, std::int64_t>, Result> windows;
  const std::int64_t size = spec.size.count(), slide = spec.slide.count();
  for (const Event& e : events) {
    const std::int64_t time = to_millis(e.time);
    for (std::int64_t start = floor_to(time, slide, spec.offset.count()); start + size > time;
         start -= slide) {
      auto& window = windows.try_emplace({e.user, start}, Result{e.user, start, start + size, 0})
                         .first->second;
      window.value += e.n;
    }
  }
  std::vector<Result> all;
  for (const auto& [key, window] : windows) all.push_back(window);
  return sorted(std::move(all));
}

std::vector<Result> session_model(std::vector<Event> events, std::int64_t gap) {
  std::sort(events.begin(), events.end());
  std::vector<Result> all;
  for (const Event& e : events) {
    const std::int64_t time = to_millis(e.time);
    if (!all.empty() && all.back().key == e.user && time < all.back().end) {
      all.back().end = time + gap;
      all.back().value += e.n;
    } else {
      all.push_back({e.user, time, time + gap, e.n});
    }
  }
  return sorted(std::move(all));
}

/// Events that are out of order by less than `disorder`.
std::vector<Event> disordered(std::uint64_t seed, int count, std::int64_t disorder,
                              std::int64_t start = -2000) {
  Random random(seed);
  std::vector<Event> events;
  std::int64_t now = start;
  for (int i = 0; i < count; ++i) {
    now += static_cast<std::int64_t>(random.below(random.chance(0.1) ? 200 : 12));
    events.push_back(
        event("u" + std::to_string(random.below(5)),
              now - static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(disorder))),
              static_cast<std::int64_t>(1 + random.below(9))));
  }
  return events;
}
std::function<void(Harness&, int)> in_halves(std::vector<Event> events, unsigned splits = 1) {
  return [events = std::move(events), splits](Harness& h, int half) {
    const std::size_t middle = events.size() / 2;
    for (std::size_t i = half == 1 ? 0 : middle; i < (half == 1 ? middle : events.size()); ++i)
      h.push("events", events[i], static_cast<unsigned>(i) % splits);
  };
}

TEST(Window, TumblingSlidingAndShiftedEqualTheModel) {
  const WindowSpec specs[] = {tumbling(100ms),      tumbling(70ms, 30ms), tumbling(70ms, -500ms),
                              sliding(100ms, 30ms), sliding(50ms, 80ms),  sliding(90ms, 30ms, 7ms)};
  std::uint64_t seed = 11;
  for (const WindowSpec& spec : specs) {
    SCOPED_TRACE(std::to_string(spec.size.count()) + "/" + std::to_string(spec.slide.count()) +
                 "+" + std::to_string(spec.offset.count()));
    const auto events = disordered(++seed, 300, 40);
    const auto expected = model(events, spec);
    run_every_way(
        summing(spec, 40ms, Duration(0), 3), in_halves(events, 3),
        [&](Harness& h) {
          std::vector<Result> got = results(h.committed<Row>("sums"));
          if (spec.slide <= spec.size) {
            EXPECT_THAT(h.committed<Event>("late"), IsEmpty());
          }
          EXPECT_EQ(got, expected);
        },
        seed);
  }
}

TEST(Window, SessionsEqualTheModel) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    const auto events = disordered(seed, 300, 60);
    run_every_way(
        summing(session(50ms), 60ms, Duration(0), 2), in_halves(events, 2),
        [&](Harness& h) {
          EXPECT_EQ(results(h.committed<Row>("sums")), session_model(events, 50));
        },
        seed);
  }
}

TEST(Window, SessionsExactlyOneGapApartStayApart) {
  Harness h(summing(session(50ms), 1s));
  h.push_all<Event>("events",
                    {event("a", 100, 1), event("a", 150, 2), event("a", 249, 4), event("a", 200, 8),
                     event("b", 0, 16), event("b", 98, 32), event("b", 49, 64)});
  h.end("events");
  h.run();
  EXPECT_EQ(results(h.output<Row>("sums")),
            (std::vector<Result>{
                {"a", 100, 150, 1}, {"a", 150, 200, 2}, {"a", 200, 299, 12}, {"b", 0, 148, 112}}));
}

TEST(Window, FiresWhenEventTimePassesItsEnd) {
  Harness h(summing(tumbling(100ms)));
  h.push("events", event("a", 10, 1));
  h.push("events", event("b", 99, 1));
  h.watermark("events", at(98));
  h.run();
  EXPECT_THAT(h.output<Row>("sums"), IsEmpty());
  h.watermark("events", at(99));
  h.run();
  EXPECT_EQ(h.output<Row>("sums").size(), 2u);
  for (const auto& r : h.emitted<Row>("sums")) EXPECT_EQ(r.time, at(99));
  EXPECT_EQ(h.state_rows("windows"), 0u);
}

TEST(Window, LateRecordsGoToTheLateStream) {
  for (const std::uint32_t parallelism : kParallelisms) {
    SCOPED_TRACE(parallelism);
    Harness h(summing(tumbling(100ms)), {.parallelism = parallelism, .seed = parallelism});
    h.push("events", event("a", 10, 1));
    h.push("events", event("a", 150, 2));
    h = h.restore(h.snapshot(), {.parallelism = 2});
    h.push("events", event("a", 20, 4));   // its window has ended
    h.push("events", event("a", 110, 8));  // late at the source, in time for its window
    h.end("events");
    h.run();
    EXPECT_EQ(results(h.output<Row>("sums")),
              (std::vector<Result>{{"a", 0, 100, 1}, {"a", 100, 200, 10}}));
    EXPECT_THAT(h.output<Event>("late"), ElementsAre(event("a", 20, 4)));
  }
}

TEST(Window, AllowedLatenessCorrectsAResult) {
  for (const std::uint32_t parallelism : kParallelisms) {
    SCOPED_TRACE(parallelism);
    Harness h(summing(tumbling(100ms), Duration(0), 100ms),
              {.parallelism = parallelism, .seed = parallelism});
    h.push("events", event("a", 10, 1));
    h.push("events", event("a", 150, 2));
    h.push("events", event("a", 20, 4));  // within the allowed lateness
    h = h.restore(h.snapshot(), {.parallelism = 3});
    h.push("events", event("b", 30, 8));    // a window that had no result yet
    h.push("events", event("a", 200, 16));  // watermark 199: the first window is given up
    h.push("events", event("a", 40, 32));
    h.end("events");
    h.run();
    EXPECT_EQ(results(h.output<Row>("sums")), (std::vector<Result>{{"a", 0, 100, 1},
                                                                   {"a", 0, 100, 5},
                                                                   {"a", 100, 200, 2},
                                                                   {"a", 200, 300, 16},
                                                                   {"b", 0, 100, 8}}));
    EXPECT_THAT(h.output<Event>("late"), ElementsAre(event("a", 40, 32)));
    EXPECT_EQ(h.state_rows("windows"), 0u);
  }
}

/// Judges record by record, as one split read in order would be.
struct LateModel {
  std::int64_t size, allowed;
  std::int64_t newest = INT64_MIN;
  std::map<std::pair<std::string, std::int64_t>, std::vector<std::pair<bool, std::int64_t>>> adds;
  std::vector<Event> late;
  void take(const Event& e) {
    const std::int64_t time = to_millis(e.time);
    newest = std::max(newest, time);
    const std::int64_t watermark = time > newest - 1 ? INT64_MIN : newest - 1;
    const std::int64_t start = floor_to(time, size, 0), last = start + size - 1;
    if (last <= watermark && last + allowed <= watermark) {
      late.push_back(e);
      return;
    }
    adds[{e.user, start}].push_back({last <= watermark, e.n});
  }
  std::vector<Result> results() const {
    std::vector<Result> all;
    for (const auto& [window, values] : adds) {
      std::int64_t sum = 0;
      bool any = false;
      for (const auto& [after, n] : values) {
        if (!after) sum += n, any = true;
      }
      const auto& [key, start] = window;
      if (any) all.push_back({key, start, start + size, sum});
      for (const auto& [after, n] : values) {
        if (after) all.push_back({key, start, start + size, sum += n});
      }
    }
    return sorted(std::move(all));
  }
};

TEST(Window, LatenessDoesNotDependOnBatchingOrParallelism) {
  for (std::uint64_t seed = 21; seed <= 24; ++seed) {
    SCOPED_TRACE(seed);
    const auto events = disordered(seed, 300, 150);
    LateModel model{60, 50, INT64_MIN, {}, {}};
    for (const Event& e : events) model.take(e);
    ASSERT_FALSE(model.late.empty());
    run_every_way(
        summing(tumbling(60ms), Duration(0), 50ms), in_halves(events),
        [&](Harness& h) {
          EXPECT_EQ(results(h.committed<Row>("sums")), model.results());
          EXPECT_EQ(sorted(h.committed<Event>("late")), sorted(model.late));
        },
        seed);
  }
}

TEST(Window, SessionsDoNotDependOnWhenEventTimePassed) {
  // With the watermark at 14 the first late record makes a session that is open until 19; so the
  // second one joins it before its result.
  const std::pair<Duration, std::vector<Result>> cases[] = {
      {0ms, {{"a", 0, 10, 1}, {"a", 9, 19, 6}, {"b", 15, 26, 24}}},
      {100ms, {{"a", 0, 10, 1}, {"a", 0, 19, 7}, {"b", 15, 26, 24}}},
  };
  for (const auto& [lateness, expected] : cases) {
    for (const bool apart : {false, true}) {
      SCOPED_TRACE(std::to_string(lateness.count()) + (apart ? " apart" : " together"));
      Harness h(summing(session(10ms), Duration(0), lateness));
      const auto push = [&](const Event& e) {
        h.push("events", e);
        if (apart) h.run();
      };
      push(event("a", 0, 1));
      push(event("b", 15, 8));
      push(event("a", 9, 2));
      push(event("a", 9, 4));
      push(event("b", 16, 16));
      h.end("events");
      h.run();
      EXPECT_EQ(results(h.output<Row>("sums")), expected);
      EXPECT_EQ(h.state_rows("windows"), 0u);
    }
  }
}

TEST(Window, LateSessionsDoNotDependOnBatchingParallelismOrRestores) {
  for (std::uint64_t seed = 31; seed <= 33; ++seed) {
    SCOPED_TRACE(seed);
    const auto events = disordered(seed, 200, 200);
    const auto build = summing(session(40ms), Duration(0), 60ms);
    Harness one(build);
    for (const Event& e : events) {  // event time passes after each record
      one.push("events", e);
      one.run();
    }
    one.end("events");
    one.run();
    const auto expected = results(one.output<Row>("sums"));
    const auto late = sorted(one.output<Event>("late"));
    ASSERT_FALSE(late.empty());
    run_every_way(
        build, in_halves(events),
        [&](Harness& h) {
          EXPECT_EQ(results(h.committed<Row>("sums")), expected);
          EXPECT_EQ(sorted(h.committed<Event>("late")), late);
          EXPECT_EQ(h.state_rows("windows"), 0u);
        },
        seed);
  }
}

TEST(Window, AThrowingCombineLeavesTheSessions) {
  static bool broken;
  broken = true;
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    auto windows =
        in.stream<Event>(job, "events", {.event_time = &Event::time, .out_of_order = 1s})
            .key_by(&Event::user)
            .window<std::int64_t>(
                "w", session(10ms), [](std::int64_t& sum, const Event& e) { sum += e.n; },
                [](std::int64_t& sum, const std::int64_t& other) {
                  if (broken) throw std::runtime_error("cannot");
                  sum += other;
                });
    out.collect(windows.results, "sums");
  });
  h.push_all<Event>("events", {event("a", 0, 1), event("a", 15, 2), event("a", 8, 4)});
  h.run();
  const auto letters = h.dead_letters("w");
  ASSERT_EQ(letters.size(), 1u);
  Harness healed = h.restore(h.snapshot(), {});
  h.end("events");
  h.run();
  EXPECT_EQ(results(h.output<Row>("sums")),
            (std::vector<Result>{{"a", 0, 10, 1}, {"a", 15, 25, 2}}));
  broken = false;
  ASSERT_TRUE(healed.replay(letters).ok());
  healed.end("events");
  healed.run();
  EXPECT_EQ(results(healed.output<Row>("sums")), (std::vector<Result>{{"a", 0, 25, 7}}));
}

TEST(Window, WithoutAnybodyToTakeThemLateRecordsAreDeadLetters) {
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    auto events = in.stream<Event>(job, "events", {.event_time = &Event::time});
    auto windows =
        events.union_with("all", events.late())
            .key_by(&Event::user)
            .window<std::int64_t>(
                "w", tumbling(10ms), [](std::int64_t& sum, const Event& e) { sum += e.n; },
                [](std::int64_t& sum, const std::int64_t& other) { sum += other; });
    out.collect(windows.results, "sums");
  });
  h.push_all<Event>("events", {event("a", 100, 1), event("a", 5, 2)});
  h.run();
  const auto letters = h.dead_letters("w");
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].reason, DeadLetterReason::late);
  EXPECT_FALSE(h.replay(letters).ok()) << "it is as late as before";
  EXPECT_EQ(h.dead_letters("w").size(), 1u);
}

TEST(Window, AThrowingAddMakesADeadLetterAndLeavesTheWindow) {
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    auto windows = in.stream<Event>(job, "events", {.event_time = &Event::time})
                       .key_by(&Event::user)
                       .window<std::int64_t>(
                           "w", tumbling(10ms),
                           [](std::int64_t& sum, const Event& e) {
                             if (e.n == 13) throw std::runtime_error("thirteen");
                             sum += e.n;
                           },
                           [](std::int64_t& sum, const std::int64_t& other) { sum += other; });
    out.collect(windows.results, "sums");
  });
  h.push_all<Event>("events", {event("a", 1, 13), event("b", 1, 1), event("b", 2, 13)});
  h.end("events");
  h.run();
  EXPECT_EQ(results(h.output<Row>("sums")), (std::vector<Result>{{"b", 0, 10, 1}}));
  EXPECT_EQ(h.dead_letters("w").size(), 2u);
}

TEST(Window, WithoutASizeIsAGraphError) {
  Job job("test", {});
  weir::testing::InputMap inputs;
  Inputs in(inputs);
  auto keyed = in.stream<Event>(job, "events").key_by(&Event::user);
  try {
    static_cast<void>(keyed.window<std::int64_t>(
        "empty", tumbling(Duration(0)), [](std::int64_t&, const Event&) {},
        [](std::int64_t&, const std::int64_t&) {}));
    FAIL();
  } catch (const GraphError& e) {
    EXPECT_THAT(e.what(), HasSubstr("empty"));
    EXPECT_THAT(e.what(), HasSubstr("window_test.cc:"));
  }
}

}  // namespace
}  // namespace weir::test
