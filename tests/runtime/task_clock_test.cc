// Where a task's time goes: adds up to the time that passed, never goes back, also for who looks
// while it is being written; and rates from such counters.
#include "weir/runtime/task_clock.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>

#include "weir/runtime/rates.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr SteadyTime kBegin = SteadyTime(1000s);

std::chrono::nanoseconds total(const TaskTimes& times) {
  return std::accumulate(times.spent.begin(), times.spent.end(), std::chrono::nanoseconds(0));
}

TEST(TaskClock, CountsNothingBeforeTheFirstTurn) {
  const TaskClock clock;
  EXPECT_EQ(clock.at(kBegin), TaskTimes());
}

TEST(TaskClock, TimeBelongsToWhatTheTaskWasAt) {
  TaskClock clock;
  clock.turn(TaskActivity::busy, kBegin);
  clock.turn(TaskActivity::backpressured, kBegin + 3ms);
  clock.turn(TaskActivity::busy, kBegin + 10ms);
  clock.turn(TaskActivity::idle, kBegin + 11ms);
  const TaskTimes times = clock.at(kBegin + 15ms);
  EXPECT_EQ(times.of(TaskActivity::busy), 4ms);
  EXPECT_EQ(times.of(TaskActivity::backpressured), 7ms);
  EXPECT_EQ(times.of(TaskActivity::idle), 4ms) << "also what is under way";
  EXPECT_EQ(times.of(TaskActivity::waiting), 0ms);
}

TEST(TaskClock, WhatWasShownDoesNotGoBack) {
  TaskClock clock;
  clock.turn(TaskActivity::idle, kBegin);
  clock.turn(TaskActivity::busy, kBegin + 1ms);
  EXPECT_EQ(clock.at(kBegin + 3ms).of(TaskActivity::busy), 2ms);
  clock.turn(TaskActivity::idle, kBegin + 1ms);  // the step found nothing to do
  EXPECT_EQ(clock.at(kBegin + 3ms).of(TaskActivity::busy), 2ms);
  EXPECT_EQ(clock.at(kBegin + 3ms).of(TaskActivity::idle), 3ms);
}

TEST(TaskClock, SaysWhatAnotherProcessHasCounted) {
  TaskClock clock;
  TaskTimes told;
  told.spent = {1s, 2s, 3s, 4s};
  clock.set(told);
  EXPECT_EQ(clock.at(kBegin), told);
  EXPECT_EQ(clock.at(kBegin + 1h), told) << "time there is not time here";
}

TEST(TaskClock, AReaderNeverSeesHalfATurn) {
  TaskClock clock;
  clock.turn(TaskActivity{}, kBegin);
  std::atomic<bool> over{false};
  std::jthread writer([&] {
    for (int i = 1; i <= 200'000; ++i) {
      const auto next = static_cast<TaskActivity>(i % static_cast<int>(kTaskActivities));
      clock.turn(next, kBegin + i * 1us);
    }
    over = true;
  });
  TaskTimes before;
  while (!over) {
    const TaskTimes now = clock.at(kBegin);  // before all turns: what is under way adds nothing
    for (std::size_t i = 0; i < kTaskActivities; ++i) ASSERT_GE(now.spent[i], before.spent[i]);
    // Each turn ends a microsecond, so that half a turn would be no whole number of them.
    ASSERT_EQ(total(now) % 1us, 0ns);
    // The four take turns.
    for (std::size_t i = 1; i < kTaskActivities; ++i) {
      ASSERT_LE(now.spent[i] - now.spent[0], 1us);
      ASSERT_LE(now.spent[0] - now.spent[i], 1us);
    }
    before = now;
  }
  writer.join();
  EXPECT_EQ(total(clock.at(kBegin)), 200'000us);
}

StepSample sample(std::uint64_t in, std::chrono::nanoseconds busy, std::chrono::nanoseconds idle) {
  StepSample made;
  made.records_in = in;
  made.records_out = in / 2;
  made.times.spent = {busy, 0ns, 0ns, idle};
  return made;
}

TEST(RateMeter, RatesAreThoseOfTheLastSeconds) {
  RateMeter meter;
  EXPECT_TRUE(meter.due(kBegin));
  meter.add(kBegin, {sample(0, 0s, 0s), sample(1000, 5s, 5s)});
  EXPECT_EQ(meter.of({0}).records_in, 0) << "one look says nothing of a rate";
  EXPECT_FALSE(meter.due(kBegin + 999ms));
  ASSERT_TRUE(meter.due(kBegin + 2s));
  meter.add(kBegin + 2s, {sample(600, 1s, 1s), sample(1400, 5s, 7s)});
  EXPECT_EQ(meter.of({0}).records_in, 300);
  EXPECT_EQ(meter.of({0}).records_out, 150);
  EXPECT_EQ(meter.of({0}).of(TaskActivity::busy), 0.5);
  EXPECT_EQ(meter.of({0, 1}).records_in, 500) << "together";
  EXPECT_EQ(meter.of({0, 1}).of(TaskActivity::busy), 0.25) << "the mean";
  EXPECT_EQ(meter.of({0, 1}).of(TaskActivity::idle), 0.75);
  for (int i = 3; i < 20; ++i) {
    meter.add(kBegin + i * 1s, {sample(600, 1s, i * 1s), sample(1400, 5s, 7s)});
  }
  EXPECT_EQ(meter.of({0}).records_in, 0) << "it has stood still for long enough";
  EXPECT_EQ(meter.of({0}).of(TaskActivity::idle), 1);
  EXPECT_EQ(meter.of({1}).of(TaskActivity::idle), 0) << "nothing was told of it";
}

}  // namespace
}  // namespace weir
