// Every hash is read exactly once, whatever the two parallelisms (hazard H17).
#include <gtest/gtest.h>

#include <vector>

#include "weir/base/clock.h"
#include "weir/checkpoint/store.h"

namespace weir {
namespace {

constexpr std::uint32_t kMaxima[] = {1, 5, 16, 17, 255, 256, 1000};

StepManifest step_with(std::uint32_t parallelism, std::uint32_t max_parallelism) {
  StepManifest step;
  step.name = "count";
  step.parallelism = parallelism;
  for (std::uint32_t i = 0; i < parallelism; ++i) {
    SubtaskManifest subtask;
    subtask.index = i;
    subtask.groups = key_groups_of(i, parallelism, max_parallelism);
    subtask.state = {{"old-" + std::to_string(i), 1, 1, {}},
                     {"new-" + std::to_string(i), 1, 1, {}}};
    step.subtasks.push_back(subtask);
  }
  return step;
}

/// How often each group is read when `step` is restored with `parallelism` subtasks.
std::vector<int> count_reads(const StepManifest& step, std::uint32_t parallelism,
                             std::uint32_t max_parallelism) {
  std::vector<int> reads(max_parallelism, 0);
  for (std::uint32_t i = 0; i < parallelism; ++i) {
    const KeyGroupRange own = key_groups_of(i, parallelism, max_parallelism);
    for (const RestoreSlice& slice : plan_state_restore(step, own)) {
      const SubtaskManifest& old = step.subtasks.at(slice.old_subtask);
      EXPECT_EQ(slice.runs, old.state) << "all runs of the old subtask, oldest first";
      for (std::uint32_t group = slice.take.begin; group < slice.take.end; ++group) {
        EXPECT_TRUE(old.groups.contains(group) && own.contains(group));
        ++reads[group];
      }
    }
  }
  return reads;
}

TEST(RestorePlan, EveryGroupIsReadOnceForAllRescales) {
  for (const std::uint32_t max : kMaxima) {
    for (std::uint32_t p = 1; p <= 16; ++p) {
      const StepManifest step = step_with(p, max);
      for (std::uint32_t q = 1; q <= 16; ++q) {
        EXPECT_EQ(count_reads(step, q, max), std::vector<int>(max, 1)) << p << " to " << q;
      }
    }
  }
}

TEST(RestorePlan, EveryHashIsReadOnce) {
  Random random(2);
  for (int i = 0; i < 2000; ++i) {
    const std::uint32_t max = kMaxima[random.below(std::size(kMaxima))];
    const auto p = static_cast<std::uint32_t>(1 + random.below(16));
    const auto q = static_cast<std::uint32_t>(1 + random.below(16));
    const std::uint32_t group = key_group_of(random.next(), max);
    EXPECT_EQ(count_reads(step_with(p, max), q, max)[group], 1);
  }
}

TEST(RestorePlan, TheSameParallelismReadsOnlyItsOwn) {
  const StepManifest step = step_with(7, 256);
  for (std::uint32_t i = 0; i < 7; ++i) {
    const auto slices = plan_state_restore(step, key_groups_of(i, 7, 256));
    ASSERT_EQ(slices.size(), 1u);
    EXPECT_EQ(slices[0].old_subtask, i);
    EXPECT_EQ(slices[0].take, step.subtasks[i].groups);
  }
}

TEST(RestorePlan, SubtasksWithoutGroupsReadNothingAndAreNotRead) {
  const StepManifest step = step_with(16, 5);  // most old subtasks own nothing
  EXPECT_TRUE(plan_state_restore(step, {3, 3}).empty());
  for (const RestoreSlice& slice : plan_state_restore(step, {0, 5})) {
    EXPECT_LT(slice.take.begin, slice.take.end);
  }
}

}  // namespace
}  // namespace weir
