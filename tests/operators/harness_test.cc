// The test harness itself: what it says has come out.
#include <gmock/gmock.h>

#include "weir/testing.h"
#include "weir/weir.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

void copy(Job& job, Inputs& in, Outputs& out) {
  out.collect(in.stream<std::string>(job, "in"), "out");
}

std::vector<std::string> committed(Harness& h) { return h.committed<std::string>("out"); }

TEST(HarnessOutput, IsCommittedByACheckpoint) {
  Harness h(copy);
  h.push<std::string>("in", "one");
  h.run();
  EXPECT_THAT(h.output<std::string>("out"), ElementsAre("one"));
  EXPECT_THAT(committed(h), ElementsAre());
  h.snapshot();
  EXPECT_THAT(committed(h), ElementsAre("one"));
}

TEST(HarnessOutput, OfARestoredJobIsCommittedTooWhateverItsSeed) {
  Harness first(copy, {.seed = 7});
  first.push<std::string>("in", "one");
  first.run();
  const Snapshot moment = first.snapshot();
  for (const std::uint64_t seed : {7, 8}) {
    Harness again(copy, moment, {.seed = seed});
    EXPECT_THAT(committed(again), ElementsAre("one"));
    again.push<std::string>("in", "two");
    again.run();
    const Snapshot later = again.snapshot();
    EXPECT_THAT(committed(again), ElementsAre("one", "two")) << seed;
    Harness third(copy, later, {.seed = seed});
    third.push<std::string>("in", "three");
    third.run();
    third.snapshot();
    third.crash(2);
    EXPECT_THAT(committed(third), ElementsAre("one", "two", "three")) << seed;
    third.push<std::string>("in", "four");
    third.run();
    third.snapshot();
    EXPECT_THAT(committed(third), UnorderedElementsAre("one", "two", "three", "four")) << seed;
  }
}

}  // namespace
}  // namespace weir::testing
