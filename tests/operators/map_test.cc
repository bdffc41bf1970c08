// map, filter, flat_map, split, union, rebalance.
#include "tests/operators/support.h"

namespace weir::test {
namespace {

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
  const auto half = [](Harness& t, int which) {
    for (int i = 0; i < 500; ++i) t.push("events", event("u", which * 1000 + i, which * 1000 + i));
  };
  run_every_way(build, half, [](Harness& t) {
    std::vector<std::int64_t> expected;
    for (int which : {1, 2}) {
      for (int i = 0; i < 500; ++i) expected.push_back(2 * (which * 1000 + i));
    }
    EXPECT_EQ(sorted(t.committed<std::int64_t>("out")), expected);
  });
}

}  // namespace
}  // namespace weir::test
