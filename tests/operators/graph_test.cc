// Mistakes in a graph are said when it is built, with the step and the place in the source.
#include "tests/operators/support.h"

namespace weir::test {
namespace {

std::int64_t number(const Event& e) { return e.n; }

/// The message of the GraphError that building throws; empty when none.
std::string error_of(const Harness::Build& build) {
  try {
    Harness h(build);
  } catch (const GraphError& e) {
    return e.what();
  }
  return {};
}

TEST(Graph, RefusesAName) {
  for (const auto& name : std::vector<std::string>{"", "two words", "a/b", std::string(101, 'x')}) {
    const std::string what = error_of([&](Job& job, Inputs& in, Outputs& out) {
      out.collect(in.stream<Event>(job, "events").map(name, number), "out");
    });
    EXPECT_THAT(what, HasSubstr("graph_test.cc:")) << name;
    EXPECT_THAT(what, HasSubstr("name"));
  }
}

TEST(Graph, RefusesANameThatIsTakenAndSaysByWhom) {
  const std::string what = error_of([](Job& job, Inputs& in, Outputs& out) {
    auto once = in.stream<Event>(job, "events").map("same", number);
    out.collect(once.map("same", [](std::int64_t n) { return n; }), "out");
  });
  EXPECT_THAT(what, HasSubstr("'same'"));
  EXPECT_THAT(what, HasSubstr("taken by the step at"));
}

TEST(Graph, RefusesAStreamThatNobodyTakes) {
  const std::string what = error_of([](Job& job, Inputs& in, Outputs& out) {
    auto events = in.stream<Event>(job, "events");
    out.collect(events.map("taken", number), "out");
    auto [yes, no] = events.split("halves", [](const Event& e) { return e.n > 0; });
    out.collect(yes, "yes");
  });
  EXPECT_THAT(what, HasSubstr("halves"));
  EXPECT_THAT(what, HasSubstr("false"));
  EXPECT_THAT(what, HasSubstr("graph_test.cc:"));
}

TEST(Graph, RefusesAJobWithoutASource) {
  EXPECT_THAT(error_of([](Job&, Inputs&, Outputs&) {}), HasSubstr("no source"));
}

TEST(Graph, RefusesStepsThatGoByEventTimeBelowASourceWithout) {
  const std::string window = error_of([](Job& job, Inputs& in, Outputs& out) {
    auto timed = in.stream<Event>(job, "timed", {.event_time = &Event::time});
    auto untimed = in.stream<Event>(job, "untimed");
    auto [sums, late] =
        timed.union_with("all", untimed.filter("some", [](const Event& e) { return e.n > 0; }))
            .key_by(&Event::user)
            .window<std::int64_t>(
                "sums", tumbling(std::chrono::hours(1)),
                [](std::int64_t& sum, const Event& e) { sum += e.n; },
                [](std::int64_t& sum, const std::int64_t& other) { sum += other; });
    out.collect(sums, "out");
    late.discard("late");
    timed.late().discard("too_late");
  });
  EXPECT_THAT(window, HasSubstr("'sums'"));
  EXPECT_THAT(window, HasSubstr("'untimed'"));
  EXPECT_THAT(window, HasSubstr("&Event::time"));
  const std::string dedupe = error_of([](Job& job, Inputs& in, Outputs& out) {
    auto [first, late] = in.stream<Event>(job, "events")
                             .key_by(&Event::user)
                             .dedupe("unique", {.ttl = std::chrono::hours(1)});
    out.collect(first, "out");
    late.discard("late");
  });
  EXPECT_THAT(dedupe, HasSubstr("'unique'"));
  const std::string ordered = error_of([](Job& job, Inputs& in, Outputs& out) {
    auto [numbers, late] =
        in.stream<Event>(job, "events")
            .key_by(&Event::user)
            .in_event_time_order()
            .process<std::int64_t, std::int64_t>(
                "ordered", [](std::int64_t&, const Event& e, auto& ctx) { ctx.emit(e.n); });
    out.collect(numbers, "out");
    late.discard("late");
  });
  EXPECT_THAT(ordered, HasSubstr("'ordered'"));
}

TEST(Graph, RefusesADedupeWithoutATimeToLive) {
  const std::string what = error_of([](Job& job, Inputs& in, Outputs& out) {
    auto [first, late] =
        in.stream<Event>(job, "events").key_by(&Event::user).dedupe("unique", {.ttl = Duration(0)});
    out.collect(first, "out");
  });
  EXPECT_THAT(what, HasSubstr("unique"));
  EXPECT_THAT(what, HasSubstr("graph_test.cc:"));
}

TEST(Graph, TakesAStreamThatIsDiscarded) {
  EXPECT_EQ(error_of([](Job& job, Inputs& in, Outputs&) {
              in.stream<Event>(job, "events").discard("nothing");
            }),
            "");
}

TEST(Graph, MaxParallelismBoundsTheParallelismOfSteps) {
  const std::string what = error_of([](Job& job, Inputs& in, Outputs& out) {
    job.set_max_parallelism(4);
    out.collect(in.stream<Event>(job, "events").map("wide", number, {.parallelism = 8}), "out");
  });
  EXPECT_THAT(what, HasSubstr("wide"));
  EXPECT_THAT(what, HasSubstr("max_parallelism"));
}

}  // namespace
}  // namespace weir::test
