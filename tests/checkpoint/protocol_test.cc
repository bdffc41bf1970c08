// The protocol as a table: each case is a list of events with the answers expected.
#include "weir/checkpoint/protocol.h"

#include <gtest/gtest.h>

#include "weir/base/clock.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Ack = CheckpointProtocol::AckOutcome;
using Fail = CheckpointProtocol::FailOutcome;
using Kind = CheckpointKind;

constexpr AttemptId kAttempt = 7;

SteadyTime at(std::chrono::milliseconds ms) { return SteadyTime{} + ms; }

/// Tasks 1, 2 and 3, one checkpoint a second, given up after 5 s; the last id was 10.
class Protocol : public ::testing::Test {
 protected:
  static CheckpointProtocol make(std::uint32_t tolerated = UINT32_MAX) {
    return CheckpointProtocol({1s, 5s, tolerated}, {1, 2, 3}, kAttempt, 10);
  }
  void restore_all() {
    for (TaskId task : {1, 2, 3}) p_.task_restored(task, kAttempt);
  }
  /// Lets the clock start at 0.
  void start() {
    restore_all();
    EXPECT_FALSE(p_.poll(at(0ms)));
  }
  void expect_trigger(std::chrono::milliseconds when, CheckpointId id, Kind kind) {
    const auto trigger = p_.poll(at(when));
    ASSERT_TRUE(trigger) << "at " << when.count() << " ms";
    EXPECT_EQ(trigger->id, id);
    EXPECT_EQ(trigger->kind, kind);
  }
  void expect_nothing(std::chrono::milliseconds when) {
    EXPECT_FALSE(p_.poll(at(when))) << "at " << when.count() << " ms";
  }
  void acknowledge_all(CheckpointId id) {
    EXPECT_EQ(p_.acknowledge(1, kAttempt, id), Ack::waiting);
    EXPECT_EQ(p_.acknowledge(2, kAttempt, id), Ack::waiting);
    EXPECT_EQ(p_.acknowledge(3, kAttempt, id), Ack::complete);
  }
  void complete(CheckpointId id, std::chrono::milliseconds when) {
    acknowledge_all(id);
    p_.manifest_written(id, at(when));
  }

  CheckpointProtocol p_ = make();
};

TEST_F(Protocol, NothingBeforeEveryTaskHasRestored) {
  p_.request(Kind::savepoint);
  expect_nothing(10s);
  p_.task_restored(1, kAttempt);
  p_.task_restored(2, kAttempt);
  p_.task_restored(3, kAttempt - 1);  // a task of an attempt that is gone
  expect_nothing(20s);
  EXPECT_FALSE(p_.all_restored());
  EXPECT_EQ(p_.next_deadline(), SteadyTime::max());
  p_.task_restored(3, kAttempt);
  expect_trigger(20s, 11, Kind::savepoint);
}

TEST_F(Protocol, TheFirstPeriodicOneComesAnIntervalAfterRestore) {
  restore_all();
  EXPECT_EQ(p_.next_deadline(), SteadyTime::min());
  expect_nothing(400ms);
  EXPECT_EQ(p_.next_deadline(), at(1400ms));
  expect_nothing(1399ms);
  expect_trigger(1400ms, 11, Kind::periodic);
}

TEST_F(Protocol, OneAtATimeAndIdsGrow) {
  start();
  expect_trigger(1s, 11, Kind::periodic);
  EXPECT_EQ(p_.in_progress(), 11u);
  expect_nothing(3s);
  acknowledge_all(11);
  expect_nothing(3s);  // the manifest is not durable yet
  EXPECT_EQ(p_.next_deadline(), at(6s)) << "it must be in time, too";
  EXPECT_EQ(p_.last_completed(), 10u);
  p_.manifest_written(11, at(3s));
  EXPECT_EQ(p_.last_completed(), 11u);
  EXPECT_FALSE(p_.in_progress());
  expect_nothing(3499ms);
  expect_trigger(3500ms, 12, Kind::periodic);
}

TEST_F(Protocol, QuickCheckpointsKeepTheInterval) {
  start();
  expect_trigger(1s, 11, Kind::periodic);
  complete(11, 1010ms);
  EXPECT_EQ(p_.next_deadline(), at(2s));
  expect_nothing(1999ms);
  expect_trigger(2s, 12, Kind::periodic);
}

TEST_F(Protocol, AHastenedOneComesAtItsTimeAndAnyOtherWillDo) {
  start();
  p_.hasten(at(300ms));
  p_.hasten(at(400ms));
  EXPECT_EQ(p_.next_deadline(), at(300ms));
  expect_nothing(299ms);
  expect_trigger(300ms, 11, Kind::periodic);
  p_.hasten(at(310ms));
  expect_nothing(320ms);  // one is under way
  complete(11, 330ms);
  expect_trigger(330ms, 12, Kind::periodic);
  complete(12, 340ms);
  p_.hasten(at(900ms));
  p_.request(Kind::savepoint);
  expect_trigger(500ms, 13, Kind::savepoint);
  complete(13, 510ms);
  expect_nothing(1499ms);
  expect_trigger(1500ms, 14, Kind::periodic);
}

TEST_F(Protocol, AcknowledgementsCountOnceForTaskAndAttempt) {
  start();
  EXPECT_EQ(p_.acknowledge(1, kAttempt, 11), Ack::ignored) << "nothing is under way";
  expect_trigger(1s, 11, Kind::periodic);
  EXPECT_EQ(p_.acknowledge(1, kAttempt, 11), Ack::waiting);
  EXPECT_EQ(p_.acknowledge(1, kAttempt, 11), Ack::ignored) << "twice";
  EXPECT_EQ(p_.acknowledge(2, kAttempt - 1, 11), Ack::ignored) << "of an old attempt";
  EXPECT_EQ(p_.acknowledge(2, kAttempt + 1, 11), Ack::ignored) << "of another attempt";
  EXPECT_EQ(p_.acknowledge(2, kAttempt, 10), Ack::ignored) << "of an old checkpoint";
  EXPECT_EQ(p_.acknowledge(2, kAttempt, 12), Ack::ignored) << "of one that does not exist";
  EXPECT_EQ(p_.acknowledge(9, kAttempt, 11), Ack::ignored) << "of nobody";
  EXPECT_EQ(p_.waiting_for(), (std::vector<TaskId>{2, 3}));
  EXPECT_EQ(p_.acknowledge(2, kAttempt, 11), Ack::waiting);
  EXPECT_EQ(p_.acknowledge(3, kAttempt, 11), Ack::complete);
  EXPECT_EQ(p_.acknowledge(3, kAttempt, 11), Ack::ignored) << "after completion";
  p_.manifest_written(11, at(2s));
  EXPECT_EQ(p_.acknowledge(3, kAttempt, 11), Ack::ignored) << "after the manifest";
}

TEST_F(Protocol, ADeclineFailsOneCheckpointAndLateAcksAreIgnored) {
  start();
  expect_trigger(1s, 11, Kind::periodic);
  EXPECT_EQ(p_.acknowledge(1, kAttempt, 11), Ack::waiting);
  EXPECT_EQ(p_.decline(2, kAttempt - 1, 11, at(1s)), Fail::ignored);
  EXPECT_EQ(p_.decline(2, kAttempt, 10, at(1s)), Fail::ignored);
  EXPECT_EQ(p_.decline(9, kAttempt, 11, at(1s)), Fail::ignored);
  EXPECT_EQ(p_.decline(2, kAttempt, 11, at(1s)), Fail::checkpoint_failed);
  EXPECT_FALSE(p_.in_progress());
  EXPECT_EQ(p_.decline(3, kAttempt, 11, at(1s)), Fail::ignored) << "it has failed already";
  EXPECT_EQ(p_.acknowledge(3, kAttempt, 11), Ack::ignored);
  expect_nothing(1999ms);
  expect_trigger(2s, 12, Kind::periodic);  // 11 is never used again
  EXPECT_EQ(p_.acknowledge(3, kAttempt, 11), Ack::ignored) << "late, while the next is under way";
  EXPECT_EQ(p_.decline(3, kAttempt, 11, at(2s)), Fail::ignored);
  EXPECT_EQ(p_.waiting_for(), (std::vector<TaskId>{1, 2, 3}));
  complete(12, 2100ms);
  EXPECT_EQ(p_.last_completed(), 12u);
}

TEST_F(Protocol, ADeclineAfterTheLastAckIsTooLate) {
  start();
  expect_trigger(1s, 11, Kind::periodic);
  acknowledge_all(11);
  EXPECT_EQ(p_.decline(1, kAttempt, 11, at(1s)), Fail::ignored);
  EXPECT_EQ(p_.expire(at(5999ms)), Fail::ignored) << "its manifest is being written";
  p_.manifest_written(11, at(2s));
  EXPECT_EQ(p_.last_completed(), 11u);
}

TEST_F(Protocol, ATimeOutFailsOneCheckpoint) {
  start();
  EXPECT_EQ(p_.expire(at(1h)), Fail::ignored);
  expect_trigger(1s, 11, Kind::periodic);
  EXPECT_EQ(p_.next_deadline(), at(6s));
  EXPECT_EQ(p_.expire(at(5999ms)), Fail::ignored);
  EXPECT_EQ(p_.expire(at(6s)), Fail::checkpoint_failed);
  EXPECT_EQ(p_.acknowledge(1, kAttempt, 11), Ack::ignored);
  expect_nothing(6499ms);
  expect_trigger(6500ms, 12, Kind::periodic);
}

TEST_F(Protocol, AFailedManifestFailsOneCheckpoint) {
  start();
  expect_trigger(1s, 11, Kind::periodic);
  acknowledge_all(11);
  EXPECT_EQ(p_.manifest_failed(11, at(1100ms)), Fail::checkpoint_failed);
  EXPECT_EQ(p_.last_completed(), 10u);
  expect_trigger(2s, 12, Kind::periodic);
}

TEST_F(Protocol, TooManyFailuresInARowFailTheJob) {
  p_ = make(/*tolerated=*/2);
  start();
  const auto fail = [&](std::chrono::milliseconds when, CheckpointId id) {
    expect_trigger(when, id, Kind::periodic);
    return p_.decline(1, kAttempt, id, at(when));
  };
  EXPECT_EQ(fail(1s, 11), Fail::checkpoint_failed);
  EXPECT_EQ(fail(2s, 12), Fail::checkpoint_failed);
  expect_trigger(3s, 13, Kind::periodic);
  complete(13, 3100ms);  // a success forgives
  EXPECT_EQ(fail(4s, 14), Fail::checkpoint_failed);
  EXPECT_EQ(fail(5s, 15), Fail::checkpoint_failed);
  EXPECT_EQ(fail(6s, 16), Fail::job_must_fail);
}

// A disk that is full stays so for a while; an interval of 10 ms must not try it a hundred times a
// second.
TEST_F(Protocol, AfterFailuresInARowTheNextWaitsLonger) {
  p_ = CheckpointProtocol({10ms, 1h}, {1}, kAttempt, 10);
  p_.task_restored(1, kAttempt);
  expect_nothing(0ms);
  CheckpointId id = 11;
  std::chrono::milliseconds now{10};
  for (const auto pause : {10ms, 20ms, 40ms, 80ms, 160ms, 320ms, 640ms, 1000ms, 1000ms}) {
    expect_trigger(now, id, Kind::periodic);
    EXPECT_EQ(p_.decline(1, kAttempt, id++, at(now)), Fail::checkpoint_failed);
    EXPECT_EQ(p_.next_deadline(), at(now + pause));
    expect_nothing(now + pause - 1ms);
    now += pause;
  }
  EXPECT_EQ(p_.failures_in_a_row(), 9u);
  p_.hasten(at(now - 500ms));  // which failed half a second ago
  expect_trigger(now, id, Kind::periodic);
  EXPECT_EQ(p_.acknowledge(1, kAttempt, id), Ack::complete);
  p_.manifest_written(id, at(now));
  EXPECT_EQ(p_.failures_in_a_row(), 0u);
  expect_trigger(now + 10ms, id + 1, Kind::periodic);
}

TEST_F(Protocol, RequestsAreServedInOrderAsSoonAsNoneIsUnderWay) {
  start();
  p_.request(Kind::savepoint);
  EXPECT_EQ(p_.next_deadline(), SteadyTime::min());
  expect_trigger(10ms, 11, Kind::savepoint);
  p_.request(Kind::savepoint);
  p_.request(Kind::stop);
  expect_nothing(20ms);
  complete(11, 30ms);
  expect_trigger(30ms, 12, Kind::savepoint);
  complete(12, 40ms);
  expect_trigger(40ms, 13, Kind::stop);
}

TEST_F(Protocol, ARequestThatWaitsIsNotAddedTo) {
  start();
  expect_trigger(1s, 11, Kind::periodic);
  for (int i = 0; i < 3; ++i) p_.request(Kind::periodic);
  p_.request(Kind::final_);
  complete(11, 1100ms);
  expect_trigger(1100ms, 12, Kind::periodic);
  p_.request(Kind::periodic);  // this one is under way, and may be too early for who asks now
  complete(12, 1200ms);
  expect_trigger(1200ms, 13, Kind::final_);
}

TEST_F(Protocol, AFailedSavepointIsNotRetried) {
  start();
  p_.request(Kind::savepoint);
  expect_trigger(10ms, 11, Kind::savepoint);
  EXPECT_EQ(p_.decline(1, kAttempt, 11, at(10ms)), Fail::checkpoint_failed);
  expect_nothing(1009ms);
  expect_trigger(1010ms, 12, Kind::periodic);
}

TEST_F(Protocol, StopWhileOneIsUnderWayWaitsAndIsTheLast) {
  start();
  expect_trigger(1s, 11, Kind::periodic);
  p_.request(Kind::stop);
  p_.request(Kind::stop);
  expect_nothing(1100ms);
  complete(11, 1200ms);
  expect_trigger(1200ms, 12, Kind::stop);
  p_.request(Kind::savepoint);  // too late: the sources have stopped
  p_.request(Kind::stop);
  complete(12, 1300ms);
  expect_nothing(1h);
  EXPECT_EQ(p_.next_deadline(), SteadyTime::max());
  EXPECT_EQ(p_.last_completed(), 12u);
}

TEST_F(Protocol, AFailedStopIsTriedAgainWhenDue) {
  start();
  p_.request(Kind::stop);
  expect_trigger(100ms, 11, Kind::stop);
  EXPECT_EQ(p_.decline(2, kAttempt, 11, at(100ms)), Fail::checkpoint_failed);
  expect_nothing(1099ms);
  EXPECT_EQ(p_.next_deadline(), at(1100ms));
  expect_trigger(1100ms, 12, Kind::stop);
  complete(12, 1200ms);
  expect_nothing(1h);
}

TEST_F(Protocol, AFailedStopIsTriedAgainSoonHoweverSeldomCheckpointsAre) {
  for (const Kind kind : {Kind::stop, Kind::final_}) {
    p_ = CheckpointProtocol({1h, 5s}, {1, 2, 3}, kAttempt, 10);
    start();
    p_.request(kind);
    expect_trigger(100ms, 11, kind);
    EXPECT_EQ(p_.decline(2, kAttempt, 11, at(200ms)), Fail::checkpoint_failed);
    expect_nothing(1199ms);
    expect_trigger(1200ms, 12, kind);
    EXPECT_EQ(p_.expire(at(7s)), Fail::checkpoint_failed);
    expect_trigger(8s, 13, kind);
  }
}

TEST_F(Protocol, AFailedStopBySavepointIsCalledOffByTheNextCheckpointAtOnce) {
  start();
  p_.request(Kind::savepoint_stop);
  expect_trigger(100ms, 11, Kind::savepoint_stop);
  EXPECT_EQ(p_.decline(2, kAttempt, 11, at(200ms)), Fail::checkpoint_failed);
  EXPECT_EQ(p_.next_deadline(), SteadyTime::min());
  expect_trigger(200ms, 12, Kind::periodic);
  complete(12, 300ms);
  expect_nothing(1199ms);
  expect_trigger(1200ms, 13, Kind::periodic);
  p_.request(Kind::savepoint_stop);
  complete(13, 1300ms);
  expect_trigger(1300ms, 14, Kind::savepoint_stop);
  complete(14, 1400ms);
  expect_nothing(1h);
}

TEST_F(Protocol, WhoeverWantsTheEndForGoodGetsItAfterAFailedStopBySavepoint) {
  for (const Kind kind : {Kind::stop, Kind::final_}) {
    p_ = make();
    start();
    p_.request(Kind::savepoint_stop);
    expect_trigger(100ms, 11, Kind::savepoint_stop);
    p_.request(kind);
    expect_nothing(200ms);
    EXPECT_EQ(p_.expire(at(5100ms)), Fail::checkpoint_failed);
    expect_trigger(5100ms, 12, kind);
    complete(12, 5200ms);
    expect_nothing(1h);
  }
}

TEST_F(Protocol, FinalIsTriedUntilItIsDone) {
  start();
  p_.request(Kind::final_);
  expect_trigger(0ms, 11, Kind::final_);
  EXPECT_EQ(p_.expire(at(5s)), Fail::checkpoint_failed);
  p_.request(Kind::stop);  // the job is ending already
  expect_trigger(5500ms, 12, Kind::final_);
  acknowledge_all(12);
  EXPECT_EQ(p_.manifest_failed(12, at(5600ms)), Fail::checkpoint_failed);
  expect_trigger(6500ms, 13, Kind::final_);
  complete(13, 6600ms);
  expect_nothing(1h);
  EXPECT_EQ(p_.last_completed(), 13u);
}

TEST_F(Protocol, AManifestThatIsOverdueFailsItsCheckpointAndCompletesItWhenItIsThere) {
  start();
  expect_trigger(1s, 11, Kind::periodic);
  acknowledge_all(11);
  EXPECT_EQ(p_.writing(), 11u);
  EXPECT_EQ(p_.next_deadline(), at(6s));
  EXPECT_EQ(p_.expire(at(5999ms)), Fail::ignored);
  EXPECT_EQ(p_.expire(at(6s)), Fail::checkpoint_failed);
  EXPECT_EQ(p_.overdue(), 11u);
  EXPECT_EQ(p_.failures_in_a_row(), 1u);
  p_.request(Kind::savepoint);
  p_.request(Kind::stop);
  expect_nothing(1h);  // it would have to wait for that write
  EXPECT_EQ(p_.expire(at(1h)), Fail::ignored);
  EXPECT_EQ(p_.next_deadline(), SteadyTime::max());
  p_.manifest_written(11, at(1h));
  EXPECT_EQ(p_.last_completed(), 11u);
  EXPECT_EQ(p_.failures_in_a_row(), 0u);
  EXPECT_FALSE(p_.overdue());
  expect_trigger(1h, 12, Kind::savepoint);
}

TEST_F(Protocol, AManifestThatFailsWhenItIsOverdueHasFailedOnce) {
  start();
  expect_trigger(1s, 11, Kind::periodic);
  acknowledge_all(11);
  EXPECT_EQ(p_.expire(at(6s)), Fail::checkpoint_failed);
  EXPECT_EQ(p_.manifest_failed(11, at(7s)), Fail::ignored);
  EXPECT_EQ(p_.failures_in_a_row(), 1u);
  expect_trigger(8500ms, 12, Kind::periodic);
  complete(12, 9s);
}

TEST_F(Protocol, AStopThatIsOverdueEndsTheJobWhenItIsThere) {
  start();
  p_.request(Kind::stop);
  expect_trigger(100ms, 11, Kind::stop);
  acknowledge_all(11);
  EXPECT_EQ(p_.expire(at(6s)), Fail::checkpoint_failed);
  EXPECT_FALSE(p_.ended());
  p_.manifest_written(11, at(7s));
  EXPECT_TRUE(p_.ended());
  expect_nothing(1h);
}

TEST_F(Protocol, AStopBySavepointThatIsOverdueIsCalledOffAtOnceAndForGood) {
  start();
  p_.request(Kind::savepoint_stop);
  expect_trigger(100ms, 11, Kind::savepoint_stop);
  acknowledge_all(11);
  EXPECT_EQ(p_.expire(at(6s)), Fail::checkpoint_failed);
  expect_trigger(6s, 12, Kind::periodic);  // by its barrier sources go on
  acknowledge_all(12);
  EXPECT_EQ(p_.writing(), 11u);
  EXPECT_EQ(p_.manifest_failed(12, at(7s)), Fail::checkpoint_failed);
  expect_nothing(1h);
  p_.manifest_written(11, at(1h));
  EXPECT_FALSE(p_.ended());
  expect_trigger(2h, 13, Kind::periodic);
}

TEST_F(Protocol, TheJobFailsWhenAManifestIsOverdueForTooLong) {
  p_ = CheckpointProtocol({1s, 5s, UINT32_MAX, 15s}, {1, 2, 3}, kAttempt, 10);
  start();
  expect_trigger(1s, 11, Kind::periodic);
  acknowledge_all(11);
  EXPECT_EQ(p_.expire(at(6s)), Fail::checkpoint_failed);
  EXPECT_EQ(p_.next_deadline(), at(16s));
  EXPECT_EQ(p_.expire(at(15999ms)), Fail::ignored);
  EXPECT_EQ(p_.expire(at(16s)), Fail::storage_hangs);
}

TEST_F(Protocol, NeverAsIntervalOrTimeOutIsNever) {
  p_ = CheckpointProtocol({std::chrono::nanoseconds::max(), std::chrono::nanoseconds::max()}, {1},
                          kAttempt, 0);
  p_.task_restored(1, kAttempt);
  expect_nothing(1h);
  EXPECT_EQ(p_.next_deadline(), SteadyTime::max());
  p_.request(Kind::savepoint);
  expect_trigger(1h, 1, Kind::savepoint);
  EXPECT_EQ(p_.next_deadline(), SteadyTime::max());
  EXPECT_EQ(p_.expire(at(1000h)), Fail::ignored);
}

// Whatever happens in whatever order: ids rise, nothing completes without every task's word, and
// one that the protocol calls complete was not declined before.
TEST(ProtocolProperty, RandomEventsKeepTheRules) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    CheckpointProtocol p({1s, 3s, UINT32_MAX}, {0, 1, 2}, kAttempt, 0);
    for (TaskId task : {0, 1, 2}) p.task_restored(task, kAttempt);
    std::map<CheckpointId, std::set<TaskId>> acked;
    std::set<CheckpointId> failed;
    CheckpointId last = 0;
    SteadyTime now{};
    for (int i = 0; i < 400; ++i) {
      now += std::chrono::milliseconds(random.below(400));
      const CheckpointId id = last > 2 ? last - random.below(3) : last;
      const auto task = static_cast<TaskId>(random.below(3));
      const AttemptId attempt = random.chance(0.9) ? kAttempt : kAttempt - 1;
      switch (random.below(8)) {
        case 0:
          if (random.chance(0.1) && p.decline(task, attempt, id, now) != Fail::ignored)
            failed.insert(id);
          break;
        case 1:
          if (p.expire(now) != Fail::ignored) failed.insert(last);
          break;
        case 2:
          if (const auto trigger = p.poll(now)) {
            EXPECT_EQ(trigger->id, last + 1);
            last = trigger->id;
          }
          break;
        case 3:
          if (random.chance(0.2)) p.request(Kind::savepoint);
          break;
        default:
          if (attempt == kAttempt) acked[id].insert(task);
          if (p.acknowledge(task, attempt, id) != Ack::complete) break;
          EXPECT_EQ(acked[id].size(), 3u);
          EXPECT_FALSE(failed.contains(id));
          EXPECT_GT(id, p.last_completed());
          p.manifest_written(id, now);
      }
    }
  }
}

}  // namespace
}  // namespace weir
