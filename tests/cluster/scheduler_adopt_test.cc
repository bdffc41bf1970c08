// A new leader, and workers that connect anew. Rules: cluster/scheduler.h.
#include "tests/cluster/scheduler_fixture.h"

namespace weir::cluster {
namespace {

using enum ProcessPhase;

class SchedulerAdopt : public ::testing::Test {
 protected:
  void SetUp() override {
    play.join("a");
    play.join("b");
    play.submit();
  }
  Play play;
};

TEST_F(SchedulerAdopt, WhatRunsGoesOnUntouched) {
  play.run();
  const auto master = play.at(running, 0), other = play.at(running, 1);
  play.change_leader();
  EXPECT_EQ(play.idle(), 6s);
  EXPECT_THAT(play.wait(5999ms), IsEmpty());
  EXPECT_THAT(play.join("a", 2, {master}), IsEmpty());
  EXPECT_THAT(play.join("b", 2, {other}), IsEmpty());
  EXPECT_EQ(play.scheduler->next_deadline(), SteadyTime::max());
  EXPECT_THAT(play.wait(1h), IsEmpty());
  EXPECT_EQ(play.record().state, JobState::running);
  EXPECT_EQ(play.scheduler->workers()[0].used, 2u);
  EXPECT_TRUE(play.scheduler->master_of("j-1"));
}

TEST_F(SchedulerAdopt, WorkersReportInRegisterOrLater) {
  play.run();
  const auto master = play.at(running, 0), other = play.at(running, 1);
  play.change_leader();
  play.join("a", 2, {master});
  EXPECT_FALSE(play.scheduler->master_of("j-2"));
  play.join("b", 2, {other});
  EXPECT_THAT(play.report("b", other), IsEmpty());
  EXPECT_EQ(play.record().attempt, 1u);
}

TEST_F(SchedulerAdopt, AStartThatIsUnderWayContinues) {
  const auto first = play.at(starting, 0), second = play.at(listening, 1);
  play.change_leader();
  play.join("a", 2, {first});
  EXPECT_THAT(play.join("b", 2, {second}), IsEmpty());
  EXPECT_THAT(play.wait(10s), IsEmpty()) << "it still has the time to start in";
  EXPECT_THAT(play.report("a", play.at(listening, 0)),
              ElementsAre("peers a j-1/1", "peers b j-1/1"));
  play.report("a", play.at(running, 0));
  EXPECT_THAT(play.report("b", play.at(running, 1)), ElementsAre("save j-1 running 1 [a:2 b:2]"));
}

TEST_F(SchedulerAdopt, OnlyWhoStillListensGetsPeers) {
  const auto first = play.at(running, 0), second = play.at(listening, 1);
  play.change_leader();
  play.join("b", 2, {second});
  EXPECT_THAT(play.join("a", 2, {first}), ElementsAre("peers b j-1/1"));
}

TEST_F(SchedulerAdopt, ARunThatTheLastLeaderDidNotSaveIsSaved) {
  const auto first = play.at(running, 0), second = play.at(running, 1);
  play.change_leader();
  play.join("a", 2, {first});
  EXPECT_THAT(play.join("b", 2, {second}), ElementsAre("save j-1 running 1 [a:2 b:2]"));
}

TEST_F(SchedulerAdopt, AWorkerThatDoesNotComeBackIsLost) {
  play.run();
  const auto master = play.at(running, 0);
  play.change_leader();
  play.join("a", 2, {master});
  play.join("c");
  EXPECT_THAT(play.wait(5999ms), IsEmpty());
  EXPECT_THAT(play.wait(1ms), ElementsAre("save j-1 starting 2 [a:2 c:2]", "kill a j-1/1",
                                          "start a j-1/2/0", "start c j-1/2/1"));
  EXPECT_EQ(play.record().failures, 0u);
  EXPECT_THAT(play.record().exceptions.at(0).message, HasSubstr("did not come back in time: b"));
  const ProcessReport late = [] {
    ProcessReport report;
    report.id = {"j-1", 1, 1};
    report.phase = running;
    return report;
  }();
  EXPECT_THAT(play.join("b", 2, {late}), ElementsAre("kill b j-1/1"));
}

TEST_F(SchedulerAdopt, AWorkerThatComesWithoutItsProcessHasLostIt) {
  play.run();
  const auto other = play.at(running, 1);
  play.change_leader();
  EXPECT_THAT(play.join("a"), ElementsAre("save j-1 restarting 1 []", "kill a j-1/1"))
      << "nothing starts before all workers had the time to come";
  EXPECT_THAT(play.record().exceptions.at(0).message, HasSubstr("without process 0"));
  EXPECT_THAT(play.join("b", 2, {other}),
              ElementsAre("kill b j-1/1", "save j-1 starting 2 [a:2 b:2]", "start a j-1/2/0",
                          "start b j-1/2/1"))
      << "all that are named are there";
}

TEST_F(SchedulerAdopt, AnEndThatTheLastLeaderDidNotHearIsHeard) {
  play.run();
  const auto word = play.word(JobState::finished);
  const auto other = play.at(running, 1);
  play.change_leader();
  EXPECT_THAT(play.join("a", 2, {word}), ElementsAre("save j-1 finished 1 []", "kill a j-1/1"));
  EXPECT_THAT(play.join("b", 2, {other}), ElementsAre("kill b j-1/1"));
}

TEST_F(SchedulerAdopt, AQuietEndWaitsForTheMasterHereToo) {
  play.run();
  const auto master = play.at(running, 0), other = play.at(ended, 1);
  play.change_leader();
  play.join("b", 2, {other});
  EXPECT_THAT(play.join("a", 2, {master}), IsEmpty());
  EXPECT_THAT(play.wait(4s), IsEmpty());
  EXPECT_THAT(play.wait(1s),
              ElementsAre("save j-1 restarting 1 []", "kill a j-1/1", "kill b j-1/1"));
}

TEST_F(SchedulerAdopt, WaitingAndRestartingJobsGoOnOnceWorkersHadTheTimeToCome) {
  play.run();
  play.report("a", play.ended(0, "out of memory"));
  play.lose("a");
  play.lose("b");
  play.submit("j-2", 2);
  play.change_leader();
  EXPECT_THAT(play.join("a"), IsEmpty());
  EXPECT_THAT(play.wait(1s), IsEmpty());
  EXPECT_THAT(play.join("b"), IsEmpty());
  EXPECT_THAT(play.submit("j-3", 2), ElementsAre("save j-3 waiting 0 []"));
  EXPECT_THAT(play.wait(4s), IsEmpty());
  EXPECT_THAT(play.wait(1s),
              ElementsAre("save j-1 starting 2 [a:2 b:2]", "start a j-1/2/0", "start b j-1/2/1",
                          "save j-2 starting 1 [a:1 b:1]", "start a j-2/1/0", "start b j-2/1/1",
                          "save j-3 starting 1 [a:1 b:1]", "start a j-3/1/0", "start b j-3/1/1"));
}

TEST(SchedulerFresh, WithoutJobsALeaderWaitsForNothing) {
  Play play;
  EXPECT_EQ(play.scheduler->next_deadline(), SteadyTime::max());
  play.submit();
  play.cancel();
  play.change_leader();
  play.join("a");
  EXPECT_THAT(play.submit("j-2", 1), ElementsAre("save j-2 starting 1 [a:1]", "start a j-2/1/0"));
}

TEST_F(SchedulerAdopt, AJobThatStopsIsAskedByTheNewLeaderToo) {
  play.run();
  play.stop();
  const auto first = play.at(running, 0), second = play.at(running, 1);
  play.change_leader();
  play.join("a", 2, {first});
  EXPECT_THAT(play.join("b", 2, {second}), ElementsAre("ask a j-1/1/0 {\"request\":\"stop\"}"));
  EXPECT_THAT(play.report("a", play.word(JobState::stopped)),
              ElementsAre("save j-1 stopped 1 []", "kill a j-1/1", "kill b j-1/1"));
}

TEST_F(SchedulerAdopt, APauseOfAJobThatStopsSurvivesTheLeader) {
  play.run();
  play.stop();
  play.report("a", play.ended(0, "out of memory"));
  ASSERT_EQ(play.saved.at("j-1").state, JobState::stopping);
  play.change_leader();
  play.join("a");
  EXPECT_THAT(play.wait(6s), ElementsAre("save j-1 stopping 2 [a:4]", "start a j-1/2/0"));
}

// ---- a worker that connects anew to the same leader, before its old connection was missed

TEST_F(SchedulerAdopt, AWorkerThatConnectsAnewGoesOn) {
  play.run();
  EXPECT_THAT(play.join("b", 2, {play.at(running, 1)}), IsEmpty());
  EXPECT_EQ(play.record().state, JobState::running);
  EXPECT_EQ(play.record().attempt, 1u);
}

TEST_F(SchedulerAdopt, AWorkerThatConnectsAnewGetsAgainWhatMayBeLost) {
  play.all(listening);
  EXPECT_THAT(play.join("b", 2, {play.at(listening, 1)}), ElementsAre("peers b j-1/1"));
  play.all(running);
  play.stop();
  EXPECT_THAT(play.join("b", 2, {play.at(running, 1)}), IsEmpty());
  EXPECT_THAT(play.join("a", 2, {play.at(running, 0)}),
              ElementsAre("ask a j-1/1/0 {\"request\":\"stop\"}"));
}

TEST_F(SchedulerAdopt, AStartThatWasLostWithTheConnectionIsAnotherAttempt) {
  EXPECT_THAT(play.join("b"), ElementsAre("save j-1 starting 2 [a:2 b:2]", "kill a j-1/1",
                                          "kill b j-1/1", "start a j-1/2/0", "start b j-1/2/1"))
      << "whether it started there before cannot be known";
}

TEST_F(SchedulerAdopt, WhatRunsOfAJobWhoseRecordCannotBeReadIsLeftAlone) {
  play.run();
  play.submit("j-2", 1);
  const auto master = play.at(running, 0), other = play.at(running, 1);
  play.change_leader({"j-1"});
  EXPECT_THAT(play.join("a", 2, {master, play.at(running, 0, "j-2")}),
              ElementsAre("save j-2 running 1 [a:1]"))
      << "no Kill, and others go on";
  EXPECT_THAT(play.join("b", 2, {other}), IsEmpty());
  ProcessReport end = other;
  end.phase = ended;
  EXPECT_THAT(play.report("b", end), IsEmpty());
  EXPECT_THAT(play.lose("b"), IsEmpty());
  EXPECT_THAT(play.wait(1h), IsEmpty());
  EXPECT_FALSE(play.scheduler->jobs().contains("j-1"));
  EXPECT_EQ(play.scheduler->unreadable().at("j-1").why, "It is of a newer version.");
}

TEST_F(SchedulerAdopt, NothingIsDoneAboutAJobWhoseRecordCannotBeRead) {
  play.run();
  play.change_leader({"j-1"});
  EXPECT_THAT(play.cancel(), ElementsAre("error incompatible"));
  EXPECT_THAT(play.stop(), ElementsAre("error incompatible"));
  EXPECT_THAT(play.change(3), ElementsAre("error incompatible"));
  EXPECT_THAT(play.submit("j-1"), ElementsAre("error invalid_argument"));
  JobSpec spec = Play::spec(1);
  spec.name = "others";
  spec.state_dir = "/jobs/j-1/";
  EXPECT_THAT(play.submit("j-3", spec), ElementsAre("error invalid_argument")) << "its own folder";
  for (const char* text : {"j-1", "j-", "carts"}) {
    const auto found = play.scheduler->find(text);
    ASSERT_FALSE(found.ok());
    EXPECT_EQ(found.error().code, ErrorCode::incompatible);
    EXPECT_THAT(found.error().message, HasSubstr("It is of a newer version."));
  }
  spec.state_dir = "/jobs/j-3";
  EXPECT_THAT(play.submit("j-3", spec), ElementsAre("save j-3 waiting 0 []"));
  EXPECT_EQ(play.scheduler->find("others").value(), "j-3");
}

TEST_F(SchedulerAdopt, ALeaderThatCanReadTheRecordGoesOnWithTheJob) {
  play.run();
  const auto master = play.at(running, 0), other = play.at(running, 1);
  play.change_leader({"j-1"});
  play.join("a", 2, {master});
  play.join("b", 2, {other});
  play.change_leader();
  EXPECT_THAT(play.join("a", 2, {master}), IsEmpty());
  EXPECT_THAT(play.join("b", 2, {other}), IsEmpty());
  EXPECT_EQ(play.record().state, JobState::running);
  EXPECT_EQ(play.record().attempt, 1u);
  EXPECT_THAT(play.cancel(),
              ElementsAre("save j-1 cancelled 1 []", "kill a j-1/1", "kill b j-1/1"));
}

}  // namespace
}  // namespace weir::cluster
