// Merging runs against std::map, and when to merge.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/checkpoint/fixture.h"
#include "weir/checkpoint/run.h"

namespace weir {
namespace {

using testing::must;
using testing::Rows;

class MergeTest : public ::testing::Test {
 protected:
  MergeTest() { must(storage_.make_dirs("runs")); }

  /// `count` random runs, oldest first; `all_` becomes what they say together.
  void make_runs(Random& random, std::size_t count) {
    runs_.clear();
    all_.clear();
    for (std::size_t i = 0; i < count; ++i) {
      const Rows rows = testing::random_rows(random, random.below(400), 600);
      for (const auto& [key, value] : rows) all_[key] = value;
      runs_.push_back(must(testing::write_run(storage_, "runs", "r" + std::to_string(i), rows)));
    }
  }
  std::unique_ptr<RowCursor> cursor(bool hide_tombstones) {
    std::vector<std::unique_ptr<RowCursor>> newest_first;
    for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
      newest_first.push_back(must(open_run(storage_, "runs", *run)));
    }
    return merge_cursors(std::move(newest_first), hide_tombstones);
  }
  static Rows live(const Rows& rows) {
    Rows kept;
    for (const auto& row : rows) {
      if (row.second) kept.insert(row);
    }
    return kept;
  }

  MemoryStorage storage_;
  std::vector<RunInfo> runs_;
  Rows all_;
};

TEST_F(MergeTest, TheNewestRowOfAKeyHidesTheOthers) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    make_runs(random, random.below(9));
    EXPECT_EQ(testing::read_rows(*cursor(false)), all_);
    EXPECT_EQ(testing::read_rows(*cursor(true)), live(all_));
    const std::string from = "k" + std::to_string(random.below(600));
    EXPECT_EQ(testing::read_rows(*cursor(false), from), Rows(all_.lower_bound(from), all_.end()));
    const Rows kept = live(all_);
    EXPECT_EQ(testing::read_rows(*cursor(true), from), Rows(kept.lower_bound(from), kept.end()));
  }
}

TEST_F(MergeTest, ACursorSeeksBackAndForth) {
  Random random(50);
  make_runs(random, 4);
  const auto merged = cursor(true);
  const Rows kept = live(all_);
  for (int i = 0; i < 200; ++i) {
    const std::string from = "k" + std::to_string(random.below(700));
    must(merged->seek(from));
    auto expected = kept.lower_bound(from);
    for (int step = 0; step < 5 && expected != kept.end(); ++step, ++expected) {
      ASSERT_TRUE(merged->valid());
      EXPECT_EQ(merged->key(), expected->first);
      EXPECT_EQ(merged->value(), *expected->second);
      must(merged->next());
    }
  }
}

TEST_F(MergeTest, MergingRunsChangesNoAnswer) {
  for (std::uint64_t seed = 100; seed < 130; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    make_runs(random, 2 + random.below(6));
    const std::size_t first = random.below(runs_.size() - 1);
    const std::size_t last = first + 1 + random.below(runs_.size() - first);
    const auto begin = runs_.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = runs_.begin() + static_cast<std::ptrdiff_t>(last);
    const RunInfo merged = must(merge_runs(storage_, "runs", {begin, end}, "m", first == 0));
    if (first == 0 && last == runs_.size()) {
      EXPECT_EQ(merged.rows, live(all_).size());
    }
    runs_.insert(runs_.erase(begin, end), merged);
    EXPECT_EQ(testing::read_rows(*cursor(true)), live(all_));
  }
}

TEST_F(MergeTest, BitByBitGivesTheSameRun) {
  Random random(70);
  make_runs(random, 5);
  RunInfo at_once = must(merge_runs(storage_, "runs", runs_, "m", true));
  RunMerge merge(storage_, "runs", runs_, "bits", true);
  std::size_t steps = 1;
  for (; !must(merge.step(10)); ++steps) {
  }
  EXPECT_EQ(steps, runs_.size() + at_once.rows / 10 + 1);
  at_once.file = "bits";
  EXPECT_EQ(merge.merged(), at_once);
}

TEST_F(MergeTest, TombstonesGoOnlyAtTheOldestEnd) {
  const RunInfo old = must(testing::write_run(storage_, "runs", "a", {{"k", "1"}, {"x", "1"}}));
  const RunInfo gone = must(testing::write_run(storage_, "runs", "b", {{"k", std::nullopt}}));
  EXPECT_EQ(must(merge_runs(storage_, "runs", {gone}, "m1", false)).rows, 1u);
  EXPECT_EQ(must(merge_runs(storage_, "runs", {gone}, "m2", true)).rows, 0u);
  EXPECT_EQ(must(merge_runs(storage_, "runs", {old, gone}, "m3", true)).rows, 1u);
}

TEST_F(MergeTest, ADamagedInputStopsTheMerge) {
  Random random(60);
  make_runs(random, 3);
  testing::overwrite(storage_, "runs/r1", "not a run");
  EXPECT_FALSE(merge_runs(storage_, "runs", runs_, "m", true).ok());
  EXPECT_FALSE(must(storage_.exists("runs/m")));
}

// ---- when to merge ----------------------------------------------------------------------------

std::vector<RunInfo> of_sizes(std::initializer_list<std::uint64_t> megabytes) {
  std::vector<RunInfo> runs;
  for (const std::uint64_t mb : megabytes) runs.push_back({"", mb << 20, 0, {}});
  return runs;
}

TEST(ChooseMerge, FourAlikeBecomeOne) {
  EXPECT_TRUE(choose_merge({}).empty());
  EXPECT_TRUE(choose_merge(of_sizes({1})).empty());
  EXPECT_TRUE(choose_merge(of_sizes({1, 1, 1})).empty());
  const MergeChoice choice = choose_merge(of_sizes({100, 1, 1, 1, 1}));
  EXPECT_EQ(choice.first, 1u);
  EXPECT_EQ(choice.last, 5u);
  EXPECT_TRUE(choose_merge(of_sizes({100, 4, 1, 1, 1})).empty());
}

TEST(ChooseMerge, TiersCascade) {
  const MergeChoice choice = choose_merge(of_sizes({4, 4, 4, 1, 1, 1, 1}));
  EXPECT_EQ(choice.first, 0u);
  EXPECT_EQ(choice.last, 7u);
}

TEST(ChooseMerge, TinyRunsCountAsEquals) {
  std::vector<RunInfo> runs(4);
  runs[0].size_bytes = 20'000;
  EXPECT_EQ(choose_merge(runs).last, 4u);
}

TEST(ChooseMerge, BoundsRunsAndRewriting) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<RunInfo> runs;
    double written = 0, rewritten = 0, smallest = 1 << 20;
    for (int checkpoint = 0; checkpoint < 3000; ++checkpoint) {
      const std::uint64_t size = (1 << 20) << random.below(seed % 2 == 0 ? 1 : 10);
      runs.push_back({"", size, 0, {}});
      written += static_cast<double>(size);
      for (MergeChoice choice; !(choice = choose_merge(runs)).empty();) {
        ASSERT_LE(choice.last, runs.size());
        std::uint64_t sum = 0;
        for (std::size_t i = choice.first; i < choice.last; ++i) sum += runs[i].size_bytes;
        rewritten += static_cast<double>(sum);
        runs.resize(choice.first);
        runs.push_back({"", sum, 0, {}});
      }
      ASSERT_LE(static_cast<double>(runs.size()), 3 + 1.5 * std::log2(written / smallest));
    }
    EXPECT_LE(rewritten / written, 1 + std::log2(3000) / 2 * 1.5);
  }
}

}  // namespace
}  // namespace weir
