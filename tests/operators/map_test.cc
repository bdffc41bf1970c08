// map, filter, flat_map, split, union, rebalance.
#include "tests/operators/support.h"

namespace weir::test {
namespace {

void push_half(Harness& h, int half, const std::string& input = "events") {
  for (int i = 0; i < 400; ++i) {
    const int n = half * 1000 + i;
    h.push(input, event("u" + std::to_string(i % 5), n, n));
  }
}
std::vector<std::int64_t> numbers() {
  std::vector<std::int64_t> all;
  for (const int half : {1, 2}) {
    for (int i = 0; i < 400; ++i) all.push_back(half * 1000 + i);
  }
  return all;
}
std::vector<std::int64_t> numbers_of(std::vector<Event> events) {
  std::vector<std::int64_t> all;
  for (const Event& e : events) all.push_back(e.n);
  return sorted(std::move(all));
}

TEST(Map, ChangesEachRecordAndKeepsItsTime) {
  const auto build = [](Job& job, Inputs& in, Outputs& out) {
    auto events = in.stream<Event>(job, "events", {.event_time = &Event::time});
    out.collect(events.map("double", [](const Event& e) { return e.n * 2; }), "out");
  };
  Harness h(build);
  h.push("events", event("a", 10, 1));
  h.push("events", event("b", 20, 2));
  h.run();
  EXPECT_THAT(h.output<std::int64_t>("out"), ElementsAre(2, 4));
  EXPECT_THAT(h.committed<std::int64_t>("out"), IsEmpty());
  EXPECT_EQ(h.emitted<std::int64_t>("out")[1].time, at(20));
  run_every_way(
      build, [](Harness& t, int half) { push_half(t, half); },
      [](Harness& t) {
        std::vector<std::int64_t> expected = numbers();
        for (std::int64_t& n : expected) n *= 2;
        EXPECT_EQ(sorted(t.committed<std::int64_t>("out")), expected);
      });
}

TEST(Filter, KeepsWhatThePredicateWants) {
  run_every_way(
      [](Job& job, Inputs& in, Outputs& out) {
        out.collect(in.stream<Event>(job, "events")
                        .filter("even", [](const Event& e) { return e.n % 2 == 0; }),
                    "out");
      },
      [](Harness& t, int half) { push_half(t, half); },
      [](Harness& t) {
        std::vector<std::int64_t> expected = numbers();
        std::erase_if(expected, [](std::int64_t n) { return n % 2 != 0; });
        EXPECT_EQ(numbers_of(t.committed<Event>("out")), expected);
      });
}

TEST(Split, SendsEachRecordToOneSide) {
  run_every_way(
      [](Job& job, Inputs& in, Outputs& out) {
        auto [low, high] = in.stream<Event>(job, "events").split("half", [](const Event& e) {
          return e.n < 2000;
        });
        out.collect(low, "low");
        out.collect(high, "high");
      },
      [](Harness& t, int half) { push_half(t, half); },
      [](Harness& t) {
        const auto all = numbers();
        const std::vector<std::int64_t> low(all.begin(), all.begin() + 400);
        const std::vector<std::int64_t> high(all.begin() + 400, all.end());
        EXPECT_EQ(numbers_of(t.committed<Event>("low")), low);
        EXPECT_EQ(numbers_of(t.committed<Event>("high")), high);
      });
}

TEST(FlatMap, EmitsToSeveralOutputsByType) {
  run_every_way(
      [](Job& job, Inputs& in, Outputs& out) {
        auto [names, counts] =
            in.stream<Event>(job, "events")
                .flat_map<std::string, std::int64_t>("both", [](const Event& e, auto& o) {
                  for (std::int64_t i = 0; i < e.n % 3; ++i) o.emit(e.user);
                  o.emit(e.n);
                });
        out.collect(names, "names");
        out.collect(counts, "counts");
      },
      [](Harness& t, int half) { push_half(t, half); },
      [](Harness& t) {
        std::vector<std::string> names;
        for (const std::int64_t n : numbers()) {
          names.insert(names.end(), static_cast<std::size_t>(n % 3),
                       "u" + std::to_string(n % 1000 % 5));
        }
        EXPECT_EQ(sorted(t.committed<std::string>("names")), sorted(names));
        EXPECT_EQ(sorted(t.committed<std::int64_t>("counts")), numbers());
      });
}

TEST(FlatMap, MayEmitMoreThanABatchForOneRecord) {
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    out.collect(in.stream<Event>(job, "events")
                    .flat_map<std::int64_t>("many",
                                            [](const Event& e, auto& o) {
                                              for (std::int64_t i = 0; i < e.n; ++i) o.emit(i);
                                              if (e.user == "bad") throw std::runtime_error("no");
                                            }),
                "out");
  });
  h.push("events", event("bad", 0, 3000));
  h.push("events", event("good", 0, 2000));
  h.push("events", event("bad", 0, 5));
  h.run();
  EXPECT_EQ(h.output<std::int64_t>("out").size(), 2000u);
  EXPECT_EQ(h.dead_letters("many").size(), 2u);
}

TEST(Stateless, AThrowingFunctionMakesADeadLetterThatCanBeReplayed) {
  // The map refuses while `broken`: what fails once may succeed later.
  static bool broken;
  broken = true;
  const auto build = [](Job& job, Inputs& in, Outputs& out) {
    auto events = in.stream<Event>(job, "events", {.event_time = &Event::time});
    const auto checked = [](const Event& e) {
      if (broken && e.n % 3 == 0) throw std::invalid_argument("three");
      return true;
    };
    out.collect(events.map("map", [=](const Event& e) { return checked(e), e.n; }), "mapped");
    out.collect(events.filter("filter", checked), "filtered");
    out.collect(events.flat_map<std::int64_t>("flat",
                                              [=](const Event& e, auto& o) {
                                                o.emit(e.n);
                                                checked(e);
                                                o.emit(-e.n);
                                              }),
                "flat_out");
  };
  for (const std::uint32_t parallelism : kParallelisms) {
    SCOPED_TRACE(parallelism);
    broken = true;
    Harness h(build, {.parallelism = parallelism, .seed = parallelism});
    for (int n = 1; n <= 6; ++n) h.push("events", event("u", n, n));
    h.run();
    EXPECT_EQ(sorted(h.output<std::int64_t>("mapped")), (std::vector<std::int64_t>{1, 2, 4, 5}));
    EXPECT_EQ(sorted(h.output<std::int64_t>("flat_out")),
              (std::vector<std::int64_t>{-5, -4, -2, -1, 1, 2, 4, 5}));
    auto letters = h.dead_letters();
    ASSERT_EQ(letters.size(), 6u);
    for (const DeadLetter& letter : letters) {
      EXPECT_EQ(letter.reason, DeadLetterReason::user_error);
      EXPECT_THAT(letter.message, HasSubstr("three"));
      EXPECT_EQ(letter.attempt, 1u);
    }
    EXPECT_FALSE(h.replay(letters).ok()) << "still broken";
    letters = h.dead_letters();
    ASSERT_EQ(letters.size(), 6u);
    EXPECT_EQ(letters[0].attempt, 2u);
    broken = false;
    Harness mended = h.restore(h.snapshot(), {.parallelism = 2});
    EXPECT_TRUE(mended.replay(mended.dead_letters()).ok());
    EXPECT_THAT(mended.dead_letters(), IsEmpty());
    EXPECT_EQ(sorted(mended.output<std::int64_t>("mapped")),
              (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(numbers_of(mended.output<Event>("filtered")),
              (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(mended.output<std::int64_t>("flat_out").size(), 12u);
    for (const auto& record : mended.emitted<std::int64_t>("mapped")) {
      EXPECT_EQ(record.time, at(record.value));
    }
  }
}

TEST(Union, BringsStreamsTogether) {
  run_every_way(
      [](Job& job, Inputs& in, Outputs& out) {
        auto a = in.stream<Event>(job, "a", {.event_time = &Event::time});
        auto b = in.stream<Event>(job, "b", {.event_time = &Event::time}, 3);
        out.collect(a.union_with("all", b.filter("some", [](const Event& e) { return e.n % 2; })),
                    "out");
      },
      [](Harness& t, int half) {
        push_half(t, half, "a");
        push_half(t, half, "b");
      },
      [](Harness& t) {
        std::vector<std::int64_t> expected = numbers();
        for (const std::int64_t n : numbers()) {
          if (n % 2) expected.push_back(n);
        }
        EXPECT_EQ(numbers_of(t.committed<Event>("out")), sorted(expected));
      });
}

TEST(Union, OfAStreamWithItselfDoublesIt) {
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    auto a = in.stream<Event>(job, "a");
    out.collect(a.union_with("twice", a), "out");
  });
  h.push("a", event("x", 1, 7));
  h.run();
  EXPECT_THAT(h.output<Event>("out"), ElementsAre(event("x", 1, 7), event("x", 1, 7)));
}

TEST(Rebalance, SpreadsRecordsOverAllSubtasks) {
  const auto build = [](Job& job, Inputs& in, Outputs& out) {
    auto events = in.stream<Event>(job, "events");
    out.collect(events.rebalance().map("same", [](const Event& e) { return e; }), "out");
  };
  Harness h(build, {.parallelism = 3});
  push_half(h, 1);
  h.run();
  std::map<std::uint32_t, int> by_subtask;
  for (const auto& record : h.emitted<Event>("out")) ++by_subtask[record.subtask];
  EXPECT_EQ(by_subtask.size(), 3u);
  run_every_way(
      build, [](Harness& t, int half) { push_half(t, half); },
      [](Harness& t) { EXPECT_EQ(numbers_of(t.committed<Event>("out")), numbers()); });
}

TEST(Parallelism, OfAStepMayDifferFromThatOfTheJob) {
  run_every_way(
      [](Job& job, Inputs& in, Outputs& out) {
        auto one = in.stream<Event>(job, "events", {.parallelism = 1}, 2);
        auto five = one.map("five", [](const Event& e) { return e; }, {.parallelism = 5});
        out.collect(five.map("two", [](const Event& e) { return e; }, {.parallelism = 2}), "out");
      },
      [](Harness& t, int half) { push_half(t, half); },
      [](Harness& t) { EXPECT_EQ(numbers_of(t.committed<Event>("out")), numbers()); });
}

TEST(Source, WhatDoesNotDecodeIsADeadLetterAndIsReplayedAtTheDecoder) {
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    out.collect(in.stream<Event>(job, "events", {.event_time = &Event::time}), "out");
  });
  h.push_json("events", R"({"user":"a","time":"1970-01-01T00:00:01Z","n":1})");
  h.push_json("events", R"({"user":"b","time":)");
  h.run();
  EXPECT_THAT(h.output<Event>("out"), ElementsAre(event("a", 1000, 1)));
  auto letters = h.dead_letters("events");
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].reason, DeadLetterReason::decode);
  EXPECT_EQ(letters[0].source, "0@1");
  letters[0].bytes = R"({"user":"b","time":"1970-01-01T00:00:02Z","n":2})";
  EXPECT_TRUE(h.replay(letters).ok());
  EXPECT_THAT(h.output<Event>("out"), ElementsAre(event("a", 1000, 1), event("b", 2000, 2)));
  EXPECT_THAT(h.dead_letters(), IsEmpty());
}

TEST(DeadLetters, ACeilingFailsTheJobWithTheCounts) {
  Harness h(
      [](Job& job, Inputs& in, Outputs& out) {
        out.collect(in.stream<Event>(job, "events")
                        .map("never",
                             [](const Event& e) -> std::int64_t {
                               if (e.n >= 0) throw std::runtime_error("no");
                               return 0;
                             }),
                    "out");
      },
      {.max_dead_letters = 10});
  for (int i = 0; i < 20; ++i) h.push("events", event("a", i, i));
  const Status status = h.try_run();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("never="));
}

TEST(DeadLetters, MayBeDropped) {
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    out.collect(in.stream<Event>(job, "events"), "out");
  });
  h.push_json("events", "?");
  h.push_json("events", "!");
  auto letters = h.dead_letters();
  h.run();
  letters = h.dead_letters();
  ASSERT_EQ(letters.size(), 2u);
  EXPECT_TRUE(h.drop({letters[0]}).ok());
  letters = h.dead_letters();
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].bytes, "!");
}

}  // namespace
}  // namespace weir::test
