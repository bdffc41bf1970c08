// Which workers run a job. See cluster/placement.h.
#include "weir/cluster/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "weir/base/clock.h"

namespace weir::cluster {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> placed(std::uint32_t parallelism, const std::vector<WorkerView>& workers,
                                const std::set<std::string>& before = {}) {
  std::vector<std::string> texts;
  for (const ProcessPlace& each : place(parallelism, workers, before)) {
    texts.push_back(each.worker + ":" + std::to_string(each.slots));
  }
  return texts;
}

TEST(Placement, SpreadsInProportionToSlots) {
  EXPECT_THAT(placed(6, {{"a", "", 2}, {"b", "", 4}}), ElementsAre("b:4", "a:2"));
  EXPECT_THAT(placed(3, {{"a", "", 2}, {"b", "", 4}}), ElementsAre("b:2", "a:1"));
  EXPECT_THAT(placed(4, {{"a", "", 1}, {"b", "", 1}, {"c", "", 1}, {"d", "", 1}, {"e", "", 1}}),
              ElementsAre("a:1", "b:1", "c:1", "d:1"));
}

TEST(Placement, TakesTheLeastLoadedFirst) {
  EXPECT_THAT(placed(2, {{"a", "", 4, 3}, {"b", "", 4, 1}}), ElementsAre("b:2"));
  EXPECT_THAT(placed(4, {{"a", "", 4, 3}, {"b", "", 4, 1}}), ElementsAre("b:3", "a:1"));
}

TEST(Placement, TooFewSlotsAreShared) {
  EXPECT_THAT(placed(7, {{"a", "", 1}, {"b", "", 2}}), ElementsAre("b:5", "a:2"));
  EXPECT_THAT(placed(1, {{"a", "", 1, 90}}), ElementsAre("a:1"));
  EXPECT_THAT(placed(2, {{"a", "", 0}}), ElementsAre("a:2"));
}

TEST(Placement, TheMasterIsWhereMostOfTheJobIs) {
  EXPECT_THAT(placed(9, {{"a", "", 2}, {"b", "", 2}, {"c", "", 5}}),
              ElementsAre("c:5", "a:2", "b:2"));
  EXPECT_THAT(placed(4, {{"c", "", 2}, {"a", "", 2}}), ElementsAre("a:2", "c:2"));
}

TEST(Placement, AmongEqualsWhereTheJobWasBefore) {
  const std::vector<WorkerView> workers = {{"a", "", 2}, {"b", "", 2}, {"c", "", 2}};
  EXPECT_THAT(placed(2, workers), ElementsAre("a:1", "b:1"));
  EXPECT_THAT(placed(2, workers, {"c", "z"}), ElementsAre("a:1", "c:1"));
}

TEST(Placement, NothingWithoutWorkers) {
  EXPECT_TRUE(placed(3, {}).empty());
  EXPECT_TRUE(placed(0, {{"a", "", 2}}).empty());
}

TEST(Placement, NoSlotWouldBeBetterOffElsewhere) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    std::vector<WorkerView> workers;
    for (std::uint64_t i = 0, n = 1 + random.below(30); i < n; ++i) {
      workers.push_back({"w" + std::to_string(100 + i), "",
                         static_cast<std::uint32_t>(1 + random.below(8)),
                         static_cast<std::uint32_t>(random.below(12))});
    }
    const auto parallelism = static_cast<std::uint32_t>(1 + random.below(60));
    const auto places = place(parallelism, workers, {});
    std::map<std::string, std::uint32_t> given;
    std::uint32_t sum = 0;
    for (const ProcessPlace& each : places) {
      EXPECT_TRUE(given.emplace(each.worker, each.slots).second) << "twice on one worker";
      EXPECT_GT(each.slots, 0u);
      EXPECT_LE(each.slots, places[0].slots);
      sum += each.slots;
    }
    EXPECT_EQ(sum, parallelism) << "seed " << seed;
    for (const WorkerView& from : workers) {
      for (const WorkerView& to : workers) {
        if (given[from.id] == 0 || from.id == to.id) continue;
        EXPECT_LE((from.used + given[from.id]) * to.slots,
                  (to.used + given[to.id] + 1) * from.slots)
            << "seed " << seed << ": from " << from.id << " to " << to.id;
      }
    }
  }
}

}  // namespace
}  // namespace weir::cluster
