// What is kept of checkpoints: phases of the slowest task, sums of those that were completed, and
// no more than the newest.
#include "weir/runtime/checkpoint_history.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;
using State = CheckpointRecord::State;

constexpr SteadyTime kBegin = SteadyTime(1000s);
constexpr EventTime kWall = from_millis(1'600'000'000'000);

TEST(CheckpointHistory, TellsThePhasesOfTheSlowestTask) {
  CheckpointHistory history;
  history.begin(7, CheckpointKind::savepoint, 2, kWall, kBegin);
  CheckpointRecord record = history.newest(kBegin + 4ms)[0];
  EXPECT_EQ(record.state, State::under_way);
  EXPECT_EQ(record.duration, 4ms);
  history.acknowledged({1ms, 2ms, 30ms}, kBegin + 40ms);
  history.acknowledged({5ms, 1ms, 10ms}, kBegin + 50ms);
  history.completed(7, 1234, kBegin + 57ms);
  history.committed(7, 3ms);
  history.committed(7, 8ms);
  history.committed(7, 1ms);
  record = history.newest(kBegin + 1h)[0];
  EXPECT_EQ(record.id, 7u);
  EXPECT_EQ(record.kind, CheckpointKind::savepoint);
  EXPECT_EQ(record.state, State::completed);
  EXPECT_EQ(record.triggered_at, kWall);
  EXPECT_EQ(record.duration, 57ms);
  EXPECT_EQ(record.tasks, 2u);
  EXPECT_EQ(record.acknowledged, 2u);
  EXPECT_EQ(record.size_bytes, 1234u);
  EXPECT_EQ(record.phases.alignment, 5ms);
  EXPECT_EQ(record.phases.pause, 2ms);
  EXPECT_EQ(record.phases.write, 30ms);
  EXPECT_EQ(record.phases.manifest, 7ms);
  EXPECT_EQ(record.phases.commit, 8ms);
}

TEST(CheckpointHistory, SumsAreOfThoseThatWereCompleted) {
  CheckpointHistory history;
  for (CheckpointId id = 1; id <= 3; ++id) {
    history.begin(id, CheckpointKind::periodic, 1, kWall, kBegin);
    history.acknowledged({1ms, 2ms, 3ms}, kBegin + 10ms);
    if (id == 2) {
      history.failed("no room", kBegin + 11ms);
      history.failed("said twice", kBegin + 12ms);
    } else {
      history.completed(id, id * 100, kBegin + 14ms);
      history.committed(id, id * 1ms);
    }
  }
  const CheckpointTotals totals = history.totals();
  EXPECT_EQ(totals.completed, 2u);
  EXPECT_EQ(totals.failed, 1u);
  EXPECT_EQ(totals.duration, 28ms);
  EXPECT_EQ(totals.phases.write, 6ms);
  EXPECT_EQ(totals.phases.manifest, 8ms);
  EXPECT_EQ(totals.phases.commit, 4ms);
  EXPECT_EQ(totals.newest_bytes, 300u);
  const auto newest = history.newest(kBegin);
  EXPECT_EQ(newest[1].state, State::failed);
  EXPECT_EQ(newest[1].failure, "no room");
  EXPECT_EQ(newest[1].duration, 11ms);
}

TEST(CheckpointHistory, OneThatIsLateCountsAsCompleted) {
  CheckpointHistory history;
  history.begin(1, CheckpointKind::periodic, 1, kWall, kBegin);
  history.acknowledged({1ms, 2ms, 3ms}, kBegin + 10ms);
  history.failed("its manifest is late", kBegin + 20ms);
  history.begin(2, CheckpointKind::periodic, 1, kWall, kBegin + 20ms);
  history.completed(1, 100, kBegin + 50ms);
  const auto newest = history.newest(kBegin + 50ms);
  EXPECT_EQ(newest[0].state, State::under_way);
  EXPECT_EQ(newest[1].state, State::completed);
  EXPECT_EQ(newest[1].failure, "");
  EXPECT_EQ(newest[1].duration, 50ms);
  EXPECT_EQ(history.totals().completed, 1u);
  EXPECT_EQ(history.totals().failed, 0u);
}

TEST(CheckpointHistory, IsBoundedAndDeafToWhatIsNotUnderWay) {
  CheckpointHistory history;
  history.acknowledged({1ms, 1ms, 1ms}, kBegin);
  history.completed(1, 1, kBegin);
  history.failed("nothing to fail", kBegin);
  history.committed(1, 1ms);
  EXPECT_TRUE(history.newest(kBegin).empty());
  for (CheckpointId id = 1; id <= 1000; ++id) {
    history.begin(id, CheckpointKind::periodic, 1, kWall, kBegin);
    history.completed(id, 1, kBegin + 1ms);
  }
  const auto newest = history.newest(kBegin);
  EXPECT_EQ(newest.size(), 50u);
  EXPECT_EQ(newest.front().id, 1000u);
  EXPECT_EQ(history.totals().completed, 1000u);
}

}  // namespace
}  // namespace weir
