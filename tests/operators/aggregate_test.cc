// aggregate: with and without a combiner before the exchange, at the end and on each change.
#include <map>

#include "tests/operators/support.h"

namespace weir::test {
namespace {

struct Totals {
  std::int64_t count = 0, sum = 0, last = 0;
  friend auto operator<=>(const Totals&, const Totals&) = default;
};
WEIR_DESCRIBE(Totals, count, sum, last);
using Row = Keyed<std::string, Totals>;

void add(Totals& t, const Event& e) {
  ++t.count;
  t.sum += e.n;
  t.last = e.n;
}
void combine(Totals& t, const Totals& later) {
  t.count += later.count;
  t.sum += later.sum;
  if (later.count > 0) t.last = later.last;
}

Harness::Build totals(Emit emit) {
  return [emit](Job& job, Inputs& in, Outputs& out) {
    out.collect(in.stream<Event>(job, "events", {.event_time = &Event::time})
                    .key_by(&Event::user)
                    .aggregate<Totals>("totals", add, combine, {.emit = emit}),
                "out");
  };
}

std::vector<Event> events_of(std::uint64_t seed, int count) {
  Random random(seed);
  std::vector<Event> events;
  for (int i = 0; i < count; ++i) {
    // One key has most of the records.
    const std::string user = random.chance(0.7) ? "hot" : "u" + std::to_string(random.below(50));
    events.push_back(event(user, i, static_cast<std::int64_t>(random.below(100))));
  }
  return events;
}
std::map<std::string, Totals> model(const std::vector<Event>& events) {
  std::map<std::string, Totals> totals;
  for (const Event& e : events) add(totals[e.user], e);
  return totals;
}
std::function<void(Harness&, int)> in_halves(const std::vector<Event>& events) {
  return [&events](Harness& h, int half) {
    const std::size_t middle = events.size() / 2;
    for (std::size_t i = half == 1 ? 0 : middle; i < (half == 1 ? middle : events.size()); ++i)
      h.push("events", events[i]);
  };
}

TEST(Aggregate, AtTheEndSaysEachKeyOnce) {
  const auto events = events_of(4, 1500);
  const auto expected = model(events);
  run_every_way(totals(Emit::at_end), in_halves(events), [&](Harness& h) {
    const auto rows = h.committed<Row>("out");
    EXPECT_EQ(rows.size(), expected.size());
    std::map<std::string, Totals> got;
    for (const Row& row : rows) got[row.key] = row.value;
    EXPECT_EQ(got, expected);
  });
}

TEST(Aggregate, OnChangeEndsWithTheSameAndNeverGoesBack) {
  const auto events = events_of(5, 1500);
  const auto expected = model(events);
  run_every_way(totals(Emit::on_change), in_halves(events), [&](Harness& h) {
    std::map<std::string, Totals> got;
    for (const Row& row : h.committed<Row>("out")) {
      EXPECT_GT(row.value.count, got[row.key].count) << row.key;
      got[row.key] = row.value;
    }
    EXPECT_EQ(got, expected);
  });
}

TEST(Aggregate, AHotKeyCostsLittleMoreThanABatchBehindTheExchange) {
  Harness h(totals(Emit::at_end), {.parallelism = 2});
  for (int i = 0; i < 20'000; ++i) h.push("events", event("hot", i, 1));
  h.end("events");
  h.run();
  EXPECT_EQ(h.output<Row>("out")[0].value.count, 20'000);
  EXPECT_LT(h.counter("totals", "records_in"), 2'000u);
}

TEST(Aggregate, KeysThatDoNotRepeatAndThenDoAreCombinedAgain) {
  Harness h(
      [](Job& job, Inputs& in, Outputs& out) {
        out.collect(in.stream<Event>(job, "events", {.event_time = &Event::time})
                        .key_by(&Event::user)
                        .aggregate<Totals>(
                            "totals",
                            [](Totals& t, const Event& e) {
                              if (e.n == 13) throw std::runtime_error("thirteen");
                              add(t, e);
                            },
                            combine),
                    "out");
      },
      {.parallelism = 2});
  std::map<std::string, Totals> expected;
  int failing = 0;
  for (int i = 0; i < 60'000; ++i) {
    // For a third of the time each key comes once; then one key has it all, then both in turn.
    const bool hot = i >= 20'000 && (i < 40'000 || i % 2 == 0);
    const Event e = event(hot ? "hot" : "u" + std::to_string(i), i, i % 1000);
    h.push("events", e);
    if (e.n == 13)
      ++failing;
    else
      add(expected[e.user], e);
  }
  h.end("events");
  h.run();
  std::map<std::string, Totals> got;
  for (const Row& row : h.output<Row>("out")) got[row.key] = row.value;
  EXPECT_EQ(got, expected);
  EXPECT_EQ(h.dead_letters("totals").size(), static_cast<std::size_t>(failing));
  EXPECT_LT(h.counter("totals", "records_in"), 40'000u) << "20,000 and 10,000 come once";
}

TEST(Aggregate, AThrowingAddMakesADeadLetterOfItsRecord) {
  static bool broken;
  for (const std::uint32_t parallelism : kParallelisms) {
    SCOPED_TRACE(parallelism);
    broken = true;
    Harness h(
        [](Job& job, Inputs& in, Outputs& out) {
          out.collect(in.stream<Event>(job, "events", {.event_time = &Event::time})
                          .key_by(&Event::user)
                          .aggregate<Totals>(
                              "totals",
                              [](Totals& t, const Event& e) {
                                if (broken && e.n == 13) throw std::runtime_error("thirteen");
                                add(t, e);
                              },
                              combine),
                      "out");
        },
        {.parallelism = parallelism});
    h.push_all<Event>("events", {event("a", 1, 1), event("a", 2, 13), event("b", 3, 13)});
    h.run();
    auto letters = h.dead_letters("totals");
    ASSERT_EQ(letters.size(), 2u);
    broken = false;
    ASSERT_TRUE(h.replay(letters).ok());
    h.end("events");
    h.run();
    std::map<std::string, Totals> got;
    for (const Row& row : h.output<Row>("out")) got[row.key] = row.value;
    EXPECT_EQ(got["a"].sum, 14);
    EXPECT_EQ(got["b"].sum, 13);
    EXPECT_THAT(h.dead_letters(), IsEmpty());
  }
}

TEST(Aggregate, ReplayAtAnotherParallelismFindsTheRightSubtask) {
  static bool broken;
  broken = true;
  const auto build = [](Job& job, Inputs& in, Outputs& out) {
    out.collect(in.stream<Event>(job, "events", {.event_time = &Event::time})
                    .key_by(&Event::user)
                    .aggregate<Totals>(
                        "totals",
                        [](Totals& t, const Event& e) {
                          if (broken && e.n == 13) throw std::runtime_error("thirteen");
                          add(t, e);
                        },
                        combine),
                "out");
  };
  Harness h(build, {.parallelism = 3});
  for (int i = 0; i < 40; ++i) {
    h.push("events", event("u" + std::to_string(i), i, 1));
    h.push("events", event("u" + std::to_string(i), i, 13));
  }
  h.run();
  broken = false;
  Harness r = h.restore(h.snapshot(), {.parallelism = 7});
  ASSERT_TRUE(r.replay(r.dead_letters()).ok());
  r = r.restore(r.snapshot(), {.parallelism = 2});
  r.end("events");
  r.run();
  const auto rows = r.output<Row>("out");
  EXPECT_EQ(rows.size(), 40u);
  for (const Row& row : rows) EXPECT_EQ(row.value.sum, 14) << row.key;
}

TEST(Aggregate, AKeyWhoseRecordsAllFailHasNoResult) {
  for (const Emit emit : {Emit::at_end, Emit::on_change}) {
    for (const std::uint32_t parallelism : kParallelisms) {
      SCOPED_TRACE(parallelism);
      Harness h(
          [emit](Job& job, Inputs& in, Outputs& out) {
            out.collect(in.stream<Event>(job, "events", {.event_time = &Event::time})
                            .key_by(&Event::user)
                            .aggregate<Totals>("totals",
                                               [](Totals& t, const Event& e) {
                                                 if (e.n == 13)
                                                   throw std::runtime_error("thirteen");
                                                 add(t, e);
                                               },
                                               combine, {.emit = emit}),
                        "out");
          },
          {.parallelism = parallelism});
      h.push_all<Event>("events", {event("good", 1, 1), event("bad", 2, 13), event("bad", 3, 13)});
      h.end("events");
      h.run();
      const auto rows = h.output<Row>("out");
      ASSERT_EQ(rows.size(), 1u);
      EXPECT_EQ(rows[0].key, "good");
      EXPECT_EQ(h.dead_letters("totals").size(), 2u);
    }
  }
}

TEST(Aggregate, ARecordThatIsRefusedChangesNothingThatMustBeSaid) {
  for (const Emit emit : {Emit::at_end, Emit::on_change}) {
    Harness h([emit](Job& job, Inputs& in, Outputs& out) {
      out.collect(in.stream<Event>(job, "events", {.event_time = &Event::time})
                      .key_by(&Event::user)
                      .aggregate<Totals>("totals",
                                         [](Totals& t, const Event& e) {
                                           if (e.n == 13) throw std::runtime_error("thirteen");
                                           add(t, e);
                                         },
                                         combine, {.emit = emit}),
                  "out");
    });
    h.push("events", event("a", 1, 1));
    h.run();
    h.push("events", event("a", 2, 13));
    h.run();
    EXPECT_EQ(h.output<Row>("out").size(), emit == Emit::on_change ? 1u : 0u);
    h.end("events");
    h.run();
    EXPECT_FALSE(h.replay(h.dead_letters()).ok());
    EXPECT_EQ(h.output<Row>("out").size(), 1u);
  }
}

TEST(Aggregate, ResultsOfTheEndGoThroughWindowsAndTimesToLive) {
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    auto keyed = in.stream<Event>(job, "events", {.event_time = &Event::time})
                     .key_by(&Event::user)
                     .aggregate<Totals>("totals", add, combine)
                     .key_by(&Row::key);
    const auto count = [](std::int64_t& n, const Row& row) { n += row.value.count; };
    const auto join = [](std::int64_t& n, const std::int64_t& other) { n += other; };
    int number = 0;
    for (const WindowSpec& spec : {tumbling(1h, -1h), session(1h)}) {
      auto [counts, late] = keyed.window<std::int64_t>("w" + std::to_string(++number), spec, count,
                                                       join, {.allowed_lateness = 1h});
      out.collect(counts, "counts" + std::to_string(number));
      late.discard("late" + std::to_string(number));
    }
    out.collect(
        keyed.process<std::int64_t, std::int64_t>(
            "p", [](std::int64_t& n, const Row& row, auto& ctx) { ctx.emit(n += row.value.count); },
            NoTimerFn{}, {.ttl = {1h}}),
        "kept");
  });
  h.push_all<Event>("events", {event("a", 1, 1), event("a", 2, 1)});
  h.end("events");
  h.run();
  ASSERT_TRUE(h.finished());
  for (const char* counts : {"counts1", "counts2"}) {
    const auto rows = h.output<Windowed<std::string, std::int64_t>>(counts);
    ASSERT_EQ(rows.size(), 1u) << counts;
    EXPECT_EQ(rows[0].value, 2);
    EXPECT_LT(rows[0].start, rows[0].end);
  }
  EXPECT_THAT(h.output<std::int64_t>("kept"), ElementsAre(2));
}

}  // namespace
}  // namespace weir::test
