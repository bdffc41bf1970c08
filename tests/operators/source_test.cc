// Event time at the source: lateness record by record, idle splits, alignment, the end.
#include "tests/operators/support.h"

namespace weir::test {
namespace {

TEST(Source, ARecordIsLateWhenItLiesBehindTheNewestOfItsSplitLessTheAllowance) {
  const auto build = [](Job& job, Inputs& in, Outputs& out) {
    auto events =
        in.stream<Event>(job, "events", {.event_time = &Event::time, .out_of_order = 10ms}, 2);
    out.collect(events, "in_time");
    out.collect(events.late(), "late");
  };
  Random random(9);
  std::vector<Event> splits[2], in_time, late;
  for (unsigned s = 0; s < 2; ++s) {
    std::int64_t now = s * 10'000, newest = INT64_MIN;
    for (int i = 0; i < 400; ++i) {
      now += static_cast<std::int64_t>(random.below(5));
      splits[s].push_back(event("s", now - static_cast<std::int64_t>(random.below(20)), i));
      const std::int64_t time = to_millis(splits[s].back().time);
      (newest != INT64_MIN && time < newest - 10 ? late : in_time).push_back(splits[s].back());
      newest = std::max(newest, time);
    }
  }
  run_every_way(
      build,
      [&](Harness& h, int half) {
        for (unsigned s = 0; s < 2; ++s) {
          for (int i = half == 1 ? 0 : 200; i < (half == 1 ? 200 : 400); ++i)
            h.push("events", splits[s][static_cast<std::size_t>(i)], s);
        }
      },
      [&](Harness& h) {
        EXPECT_EQ(sorted(h.committed<Event>("in_time")), sorted(in_time));
        EXPECT_EQ(sorted(h.committed<Event>("late")), sorted(late));
      });
}

TEST(Source, LateRecordsThatNobodyTakesAreDeadLettersAndCanBeReplayed) {
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    out.collect(in.stream<Event>(job, "events", {.event_time = &Event::time}), "out");
  });
  h.push("events", event("a", 100));
  h.push("events", event("a", 99, 1));
  h.run();
  const auto letters = h.dead_letters("events");
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].reason, DeadLetterReason::late);
  EXPECT_TRUE(h.replay(letters).ok());
  EXPECT_THAT(h.output<Event>("out"), ElementsAre(event("a", 100), event("a", 99, 1)));
}

/// Emits each record when event time has passed it.
void release_job(Job& job, Inputs& in, Outputs& out) {
  out.collect(in.stream<Event>(job, "events",
                               {.event_time = &Event::time, .idle_after = Duration(10'000)}, 2)
                  .key_by(&Event::user)
                  .process<Event, Event>(
                      "hold",
                      [](Event& held, const Event& e, auto& ctx) {
                        held = e;
                        ctx.set_timer(e.time);
                      },
                      [](Event& held, const Timer&, auto& ctx) { ctx.emit(held); }),
              "out");
}

TEST(Source, EventTimeIsThatOfTheSlowestSplit) {
  for (const std::uint32_t parallelism : kParallelisms) {
    Harness h(release_job, {.parallelism = parallelism, .seed = parallelism});
    h.push("events", event("a", 10), 0);
    h.push("events", event("b", 100), 0);
    h.run();
    EXPECT_THAT(h.output<Event>("out"), IsEmpty()) << "split 1 has said nothing";
    h.push("events", event("c", 11), 1);
    h.run();
    EXPECT_THAT(h.take<Event>("out"), ElementsAre(event("a", 10)));
    h.end("events", 1);
    h.run();
    EXPECT_THAT(h.take<Event>("out"), ElementsAre(event("c", 11)));
    h.end("events", 0);
    h.run();
    EXPECT_TRUE(h.finished());
    EXPECT_THAT(h.take<Event>("out"), ElementsAre(event("b", 100)));
  }
}

TEST(Source, AnIdleSplitDoesNotHoldEventTimeBack) {
  for (const std::uint32_t parallelism : kParallelisms) {
    Harness h(release_job, {.parallelism = parallelism, .seed = parallelism});
    h.push("events", event("a", 10), 0);
    h.push("events", event("b", 100), 0);
    h.idle("events", 1);
    h.run();
    EXPECT_THAT(h.take<Event>("out"), ElementsAre(event("a", 10)));
    h.push("events", event("c", 110), 1);  // back again: it holds event time back once more
    h.run();
    EXPECT_EQ(h.take<Event>("out").size(), 0u);
    h.push("events", event("d", 105), 0);
    h.run();
    EXPECT_THAT(h.take<Event>("out"), ElementsAre(event("b", 100)));
    h.push("events", event("f", 200), 0);
    h.run();
    EXPECT_THAT(h.take<Event>("out"), ElementsAre(event("d", 105)));
    h.push("events", event("e", 120), 1);
    h.run();
    EXPECT_THAT(h.take<Event>("out"), ElementsAre(event("c", 110)));
  }
}

TEST(Source, ASilentSplitIsIdleAfterItsTime) {
  for (const std::uint32_t parallelism : kParallelisms) {
    Harness h(release_job, {.parallelism = parallelism, .seed = parallelism});
    h.push("events", event("a", 10), 0);
    h.push("events", event("b", 100), 0);
    h.push("events", event("c", 5), 1);
    h.run();
    EXPECT_THAT(h.output<Event>("out"), IsEmpty());
    h.advance(9s);
    EXPECT_THAT(h.output<Event>("out"), IsEmpty());
    h.push("events", event("d", 101), 0);
    h.advance(2s);
    EXPECT_EQ(sorted(h.take<Event>("out")),
              (std::vector<Event>{event("a", 10), event("b", 100), event("c", 5)}));
  }
}

TEST(Source, WhenAllSplitsAreIdleTheFurthestSaysTheTime) {
  for (const std::uint32_t parallelism : kParallelisms) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      Harness h(release_job, {.parallelism = parallelism, .seed = seed});
      for (int i = 0; i < 50; ++i) {
        h.push("events", event("a", 10 * i), 0);
        h.push("events", event("b", 5 * i), 1);
      }
      h.idle("events", 0);
      h.idle("events", 1);
      h.run();
      h.advance(Duration(50));  // a split that was read too early rests a little
      EXPECT_EQ(h.take<Event>("out").size(), 99u);  // all but that at the very end
    }
  }
}

TEST(Source, WatermarksSurviveARestore) {
  Harness h(release_job, {.parallelism = 2});
  h.push("events", event("a", 10), 0);
  h.watermark("events", at(50));
  h.run();
  h = h.restore(h.snapshot(), {.parallelism = 3});
  h.push("events", event("b", 50, 1), 0);  // behind the watermark of before
  h.push("events", event("c", 51, 2), 0);
  h.run();
  EXPECT_EQ(h.dead_letters("events").size(), 1u);
  h.end_all();
  h.run();
  EXPECT_EQ(sorted(h.output<Event>("out")),
            (std::vector<Event>{event("a", 10), event("c", 51, 2)}));
}

TEST(Source, AlignedSourcesStayWithinTheirDrift) {
  for (const std::uint32_t parallelism : {1u, 2u}) {
    Harness h(
        [](Job& job, Inputs& in, Outputs& out) {
          const auto options = [] {
            return SourceOptions<Event>{
                .event_time = &Event::time, .align = "group", .align_drift = 100ms};
          };
          out.collect(in.stream<Event>(job, "fast", options()), "fast_out");
          out.collect(in.stream<Event>(job, "slow", options()), "slow_out");
        },
        {.parallelism = parallelism});
    h.push("slow", event("s", 0));
    h.run();
    for (int i = 1; i <= 5000; ++i) h.push("fast", event("f", i * 10));
    h.run();
    const std::size_t ahead = h.output<Event>("fast_out").size();
    EXPECT_LT(ahead, 1200u) << "one batch or so beyond the drift";
    h.push("slow", event("s", 100'000));
    h.end_all();
    h.run();
    EXPECT_EQ(h.output<Event>("fast_out").size(), 5000u);
    EXPECT_TRUE(h.finished());
  }
}

TEST(Source, AtTheEndOfABoundedInputEverythingIsCommitted) {
  Harness h(release_job, {.parallelism = 2});
  h.push("events", event("a", 10), 0);
  h.end_all();
  h.run();
  EXPECT_TRUE(h.finished());
  EXPECT_THAT(h.committed<Event>("out"), ElementsAre(event("a", 10)));
  Harness again = h.restore(h.snapshot(), {.parallelism = 3});
  again.run();
  EXPECT_TRUE(again.finished());
  EXPECT_THAT(again.committed<Event>("out"), ElementsAre(event("a", 10)));
}

}  // namespace
}  // namespace weir::test
