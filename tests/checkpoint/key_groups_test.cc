// Key groups agree with themselves: ranges cover, hashes sort as groups.
#include <gtest/gtest.h>

#include "weir/base/clock.h"
#include "weir/checkpoint/manifest.h"

namespace weir {
namespace {

constexpr std::uint32_t kMaxima[] = {1, 2, 3, 7, 100, 255, 256, 257, 1000, 32768};

TEST(KeyGroups, RangesOfAllSubtasksCoverAllGroupsOnce) {
  for (const std::uint32_t max : kMaxima) {
    for (std::uint32_t parallelism = 1; parallelism <= 17; ++parallelism) {
      std::uint32_t covered = 0;
      for (std::uint32_t i = 0; i < parallelism; ++i) {
        const KeyGroupRange range = key_groups_of(i, parallelism, max);
        EXPECT_EQ(range.begin, covered);
        EXPECT_LE(range.begin, range.end);
        EXPECT_LE(range.end - range.begin, max / parallelism + 1) << "shares are even";
        covered = range.end;
      }
      EXPECT_EQ(covered, max);
    }
  }
}

TEST(KeyGroups, FirstHashIsTheBoundary) {
  for (const std::uint32_t max : kMaxima) {
    EXPECT_EQ(first_hash_of(0, max), 0u);
    for (std::uint32_t group = 0; group < max; ++group) {
      const std::uint64_t first = first_hash_of(group, max);
      EXPECT_EQ(key_group_of(first, max), group);
      if (group > 0) {
        EXPECT_EQ(key_group_of(first - 1, max), group - 1);
      }
    }
    EXPECT_EQ(key_group_of(UINT64_MAX, max), max - 1);
  }
}

TEST(KeyGroups, SortedHashesHaveSortedGroups) {
  Random random(1);
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t a = random.next(), b = random.next();
    EXPECT_LE(key_group_of(std::min(a, b), 256), key_group_of(std::max(a, b), 256));
  }
}

TEST(KeyGroups, EmptyRangesContainNothing) {
  const KeyGroupRange empty{5, 5};
  EXPECT_FALSE(empty.contains(5));
  EXPECT_FALSE(empty.contains(4));
}

}  // namespace
}  // namespace weir
