// What users ask for. Rules: cluster/scheduler.h.
#include "tests/cluster/scheduler_fixture.h"

namespace weir::cluster {
namespace {

using enum ProcessPhase;

constexpr const char* kAsked = "ask a j-1/1/0 {\"request\":\"stop\"}";
constexpr const char* kAskedAgain = "ask a j-1/2/0 {\"request\":\"stop\"}";

class SchedulerRequests : public ::testing::Test {
 protected:
  void SetUp() override {
    play.join("a");
    play.join("b");
    play.submit();
  }
  Lines fail() { return play.report("b", play.ended(1, "out of memory")); }
  Play play;
};

TEST_F(SchedulerRequests, WhatCannotBeChangesNothing) {
  EXPECT_THAT(play.submit(), ElementsAre("error invalid_argument")) << "the id is taken";
  EXPECT_THAT(play.submit("j-2", 0), ElementsAre("error invalid_argument"));
  EXPECT_THAT(play.submit("", 1), ElementsAre("error invalid_argument"));
  EXPECT_THAT(play.change(0), ElementsAre("error invalid_argument"));
  EXPECT_THAT(play.stop("j-2"), ElementsAre("error not_found"));
  EXPECT_THAT(play.cancel("j-2"), ElementsAre("error not_found"));
  EXPECT_THAT(play.change(1, "j-2"), ElementsAre("error not_found"));
  EXPECT_EQ(play.scheduler->jobs().size(), 1u);
  EXPECT_EQ(play.record().state, JobState::starting);
  play.cancel();
  EXPECT_THAT(play.cancel(), ElementsAre("error invalid_argument"));
  EXPECT_THAT(play.stop(), ElementsAre("error invalid_argument"));
  EXPECT_EQ(play.record().state, JobState::cancelled);
}

TEST_F(SchedulerRequests, WhatIsAskedOfAJobThatIsOverIsAnsweredWithWhatToDo) {
  play.run();
  play.report("a", play.checkpoint(3));
  play.stop();
  play.report("a", play.word(JobState::stopped));
  for (const auto& refused : {play.scheduler->stop("j-1", play.now, play.wall),
                              play.scheduler->cancel("j-1", play.now, play.wall),
                              play.scheduler->stop_by_savepoint("j-1", play.now, play.wall)}) {
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message, HasSubstr("'carts' is over: stopped since 2023-11-14T"));
    EXPECT_THAT(refused.error().message, HasSubstr("with checkpoint 3. `weir update j-1 "));
  }
}

// A record that the registry refuses is never saved.
TEST_F(SchedulerRequests, WhatIsTooLargeForTheRegistryIsRefused) {
  JobSpec spec = Play::spec(1);
  spec.settings["text"] = std::string(kMaxSpecBytes, 'x');
  EXPECT_THAT(play.submit("j-2", spec), ElementsAre("error invalid_argument"));
  const auto refused = play.scheduler->change("j-1", spec, play.now, play.wall);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(refused.error().message, HasSubstr("262144"));
  EXPECT_EQ(play.record().state, JobState::starting);
  EXPECT_THAT(play.record().next, IsEmpty());
  spec.settings["text"].resize(kMaxSpecBytes - 1000);
  play.submit("j-2", spec);
  play.run("j-2");
  EXPECT_EQ(play.record("j-2").state, JobState::running);
}

TEST_F(SchedulerRequests, NamesThatNoSystemTakesAreRefused) {
  JobSpec spec = Play::spec(1);
  spec.settings["a\nb"] = "";
  EXPECT_THAT(play.submit("j-2", spec), ElementsAre("error invalid_argument"));
  const auto refused = play.scheduler->change("j-1", spec, play.now, play.wall);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("'settings (a name)'"));
  EXPECT_EQ(play.record().state, JobState::starting);
}

TEST_F(SchedulerRequests, AStateFolderBelongsToOneJobThatIsNotOver) {
  JobSpec spec = Play::spec(1);
  spec.state_dir = "/state/carts";
  play.submit("j-2", spec);
  for (const char* same : {"/state/carts", "/state//carts/", "/state/./x/../carts"}) {
    spec.state_dir = same;
    JobRecord other;
    other.id = "j-3";
    other.spec = spec;
    const auto refused = play.scheduler->submit(other, play.now, play.wall);
    ASSERT_FALSE(refused.ok()) << same;
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(refused.error().message, HasSubstr("belongs to job j-2 'carts'"));
  }
  EXPECT_EQ(play.scheduler->jobs().size(), 2u);
  play.cancel("j-2");
  EXPECT_THAT(play.submit("j-3", spec), ElementsAre("save j-3 starting 1 [a:1]", "start a j-3/1/0"))
      << "the first is over";
  EXPECT_FALSE(play.scheduler->change("j-2", spec, play.now, play.wall).ok());
  EXPECT_EQ(play.record("j-2").state, JobState::cancelled);
  EXPECT_TRUE(play.scheduler->change("j-3", spec, play.now, play.wall).ok()) << "its own";
  spec.state_dir = "/state/carts2";
  EXPECT_TRUE(play.scheduler->change("j-2", spec, play.now, play.wall).ok());
}

TEST_F(SchedulerRequests, AStateFolderIsOneWhateverLeadsToIt) {
  JobSpec spec = Play::spec(1);
  spec.state_dir = "/state/carts";
  spec.state_at = "/disk/carts";
  play.submit("j-2", spec);
  spec.state_dir = "/link";
  EXPECT_THAT(play.submit("j-3", spec), ElementsAre("error invalid_argument"));
  spec.state_at = "/disk/other";
  play.submit("j-3", spec);
  EXPECT_EQ(play.record("j-3").state, JobState::starting);
}

// Whose folder a job finds is decided by its master, which is told who has ended.
TEST_F(SchedulerRequests, TheMasterOfAnAttemptIsToldWhichJobsAreOver) {
  play.submit("j-2");
  play.cancel("j-2");
  play.submit("j-3");
  std::vector<std::vector<std::string>> over;
  for (const Order& order : play.orders) {
    const auto* send = std::get_if<Send>(&order);
    const auto* start = send == nullptr ? nullptr : std::get_if<Start>(&send->message);
    if (start != nullptr) over.push_back(start->over);
  }
  EXPECT_THAT(over, ElementsAre(Lines{"j-2"}, Lines{}));
}

TEST_F(SchedulerRequests, CancelKills) {
  EXPECT_THAT(play.cancel(),
              ElementsAre("save j-1 cancelled 1 []", "kill a j-1/1", "kill b j-1/1"));
  EXPECT_THAT(play.wait(1h), IsEmpty());
  EXPECT_THAT(play.report("a", play.word(JobState::finished)), IsEmpty()) << "too late";
  EXPECT_EQ(play.record().state, JobState::cancelled);
}

TEST_F(SchedulerRequests, CancelTakesEffectAtOnceBetweenAttempts) {
  fail();
  EXPECT_THAT(play.cancel(), ElementsAre("save j-1 cancelled 1 []"));
  EXPECT_THAT(play.wait(1h), IsEmpty());
}

TEST_F(SchedulerRequests, StopAsksForALastCheckpoint) {
  play.run();
  EXPECT_THAT(play.stop(), ElementsAre("save j-1 stopping 1 [a:2 b:2]", kAsked));
  EXPECT_EQ(std::get<Ask>(std::get<Send>(play.orders.at(1)).message).request, 0u);
  EXPECT_THAT(play.stop(), ElementsAre("save j-1 stopping 1 [a:2 b:2]")) << "it has been asked";
  EXPECT_THAT(play.wait(1h), IsEmpty()) << "a last checkpoint may take its time";
  EXPECT_THAT(play.report("a", play.word(JobState::stopped)),
              ElementsAre("save j-1 stopped 1 []", "kill a j-1/1", "kill b j-1/1"));
}

TEST_F(SchedulerRequests, AJobThatStartsIsAskedOnceItRuns) {
  EXPECT_THAT(play.stop(), ElementsAre("save j-1 stopping 1 [a:2 b:2]"));
  EXPECT_THAT(play.all(listening), ElementsAre("peers a j-1/1", "peers b j-1/1"));
  EXPECT_THAT(play.all(running), ElementsAre(kAsked)) << "and is not running before the world";
  EXPECT_EQ(play.record().state, JobState::stopping);
}

TEST_F(SchedulerRequests, AnAttemptThatFailsWhileItStopsIsAskedAgain) {
  play.run();
  play.stop();
  EXPECT_THAT(fail(), ElementsAre("save j-1 stopping 1 []", "kill a j-1/1", "kill b j-1/1"));
  EXPECT_THAT(play.stop(), ElementsAre("save j-1 stopping 1 []")) << "there is more to save";
  EXPECT_THAT(play.wait(100ms),
              ElementsAre("save j-1 stopping 2 [a:2 b:2]", "start a j-1/2/0", "start b j-1/2/1"));
  play.all(listening);
  EXPECT_THAT(play.all(running), ElementsAre(kAskedAgain));
}

TEST_F(SchedulerRequests, AJobThatStopsAndHasNoWorkerGoesOnStopping) {
  play.run();
  play.stop();
  play.lose("b");
  EXPECT_THAT(play.lose("a"), ElementsAre("save j-1 stopping 2 []"));
  EXPECT_THAT(play.join("c"), ElementsAre("save j-1 stopping 3 [c:4]", "start c j-1/3/0"));
}

TEST_F(SchedulerRequests, AJobThatStopsCanFinishOrFail) {
  play.run();
  play.stop();
  EXPECT_THAT(play.report("a", play.word(JobState::finished)),
              ElementsAre("save j-1 finished 1 []", "kill a j-1/1", "kill b j-1/1"));
  EXPECT_EQ(play.record().notice, "");
  play.submit("j-2", 2);
  play.run("j-2");
  play.stop("j-2");
  ProcessReport bad = play.at(ended, 0, "j-2");
  bad.failure = Error{ErrorCode::user_code, "a function threw", false};
  EXPECT_THAT(play.report("a", bad),
              ElementsAre("save j-2 failed 1 []", "kill a j-2/1", "kill b j-2/1"));
}

TEST_F(SchedulerRequests, AJobThatFinishesBeforeItsChangeSaysSo) {
  play.run();
  play.change(2);
  play.report("a", play.word(JobState::finished));
  EXPECT_EQ(play.record().state, JobState::finished);
  EXPECT_THAT(play.record().notice, HasSubstr("before the change"));
  play.change(2);
  EXPECT_EQ(play.record().notice, "") << "it has been started anew, with the change";
}

// The change may well be what was to mend it.
TEST_F(SchedulerRequests, AJobThatFailsForGoodBeforeItsChangeGoesOnWithIt) {
  play.run();
  play.report("a", play.checkpoint(3));
  play.change(2);
  EXPECT_THAT(play.report("b", play.ended(1, "a function threw", false)),
              ElementsAre("save j-1 starting 2 [a:1 b:1]", "kill a j-1/1", "kill b j-1/1",
                          "start a j-1/2/0", "start b j-1/2/1"));
  EXPECT_EQ(play.record().spec.parallelism, 2u);
  EXPECT_EQ(play.record().spec.from, "latest");
  EXPECT_EQ(play.record().failures, 0u);
  EXPECT_THAT(play.record().exceptions.at(0).message, HasSubstr("The change that was asked for"));
  EXPECT_THAT(play.record().next, IsEmpty());
  ProcessReport again = play.ended(0, "a function threw again", false);
  again.failure->code = ErrorCode::user_code;
  play.report("a", again);
  EXPECT_EQ(play.record().state, JobState::failed) << "there is nothing more to go on with";
}

TEST_F(SchedulerRequests, AJobThatIsGivenUpBeforeItsChangeGoesOnWithIt) {
  JobSpec spec = Play::spec(1);
  spec.options["max-restarts"] = "1";
  play.submit("j-2", spec);
  play.run("j-2");
  play.change(3, "j-2");
  const auto fail_once = [&] {
    ProcessReport bad = play.at(ended, 0, "j-2");
    bad.failure = Error{ErrorCode::user_code, "out of memory", true};
    return play.report(play.record("j-2").processes.at(0).worker, bad);
  };
  fail_once();
  EXPECT_EQ(play.record("j-2").state, JobState::stopping) << "it is to be tried again";
  play.wait(100ms);
  fail_once();
  EXPECT_EQ(play.record("j-2").state, JobState::starting);
  EXPECT_EQ(play.record("j-2").spec.parallelism, 3u);
}

// The first report was one that may heal.
TEST_F(SchedulerRequests, AJobOfWhichALaterWordSaysThatItFailedGoesOnWithItsChange) {
  play.run();
  play.change(2);
  const ProcessReport late = play.ended(0, "a function threw", false);
  play.report("b", play.missed_peer(1));
  EXPECT_EQ(play.record().state, JobState::stopping);
  EXPECT_THAT(play.report("a", late),
              ElementsAre("save j-1 starting 2 [a:1 b:1]", "start a j-1/2/0", "start b j-1/2/1"));
  EXPECT_EQ(play.record().spec.parallelism, 2u);
}

TEST_F(SchedulerRequests, ASavepointThatEndsTheJobDoesNotReplaceAChange) {
  play.run();
  play.change(2);
  const auto refused = play.scheduler->stop_by_savepoint("j-1", play.now, play.wall);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  play.report("a", play.word(JobState::stopped));
  EXPECT_EQ(play.record().spec.parallelism, 2u);
  EXPECT_EQ(play.record().state, JobState::starting);
}

TEST_F(SchedulerRequests, StopTakesEffectAtOnceBeforeTheFirstAttempt) {
  Play empty;
  empty.submit();
  EXPECT_THAT(empty.stop(), ElementsAre("save j-1 stopped 0 []"));
  EXPECT_THAT(empty.join("a"), IsEmpty());
}

// The newest checkpoint may be complete without its output being published.
TEST_F(SchedulerRequests, StopBetweenAttemptsLetsOneMorePublishWhatIsComplete) {
  play.run();
  fail();
  EXPECT_THAT(play.stop(), ElementsAre("save j-1 stopping 1 []"));
  EXPECT_THAT(play.wait(100ms),
              ElementsAre("save j-1 stopping 2 [a:2 b:2]", "start a j-1/2/0", "start b j-1/2/1"));
  play.all(listening);
  EXPECT_THAT(play.all(running), ElementsAre(kAskedAgain));
  play.report("a", play.word(JobState::stopped));
  EXPECT_EQ(play.record().state, JobState::stopped);
}

TEST_F(SchedulerRequests, StopOfAJobThatLostAllItsWorkersWaitsForOne) {
  play.run();
  play.lose("b");
  EXPECT_THAT(play.lose("a"), ElementsAre("save j-1 waiting 2 []"));
  EXPECT_THAT(play.stop(), ElementsAre("save j-1 stopping 2 []"));
  EXPECT_THAT(play.join("c"), ElementsAre("save j-1 stopping 3 [c:4]", "start c j-1/3/0"));
}

TEST_F(SchedulerRequests, AStopBetweenAttemptsSurvivesTheLeader) {
  fail();
  play.stop();
  play.change_leader();
  play.join("a");
  EXPECT_THAT(play.wait(10s), ElementsAre("save j-1 stopping 2 [a:4]", "start a j-1/2/0"));
}

TEST_F(SchedulerRequests, ChangeGoesOnWithTheNewSpecAfterALastCheckpoint) {
  play.run();
  EXPECT_THAT(play.change(2), ElementsAre("save j-1 stopping 1 [a:2 b:2] -> waiting", kAsked));
  EXPECT_EQ(play.record().spec.parallelism, 4u);
  EXPECT_THAT(play.report("a", play.word(JobState::stopped)),
              ElementsAre("save j-1 starting 2 [a:1 b:1]", "kill a j-1/1", "kill b j-1/1",
                          "start a j-1/2/0", "start b j-1/2/1"));
  EXPECT_EQ(play.record().spec.from, "latest");
  EXPECT_EQ(play.record().then, JobState::stopped) << "the next stop is one";
  play.run();
  play.stop();
  play.report("a", play.word(JobState::stopped));
  EXPECT_EQ(play.record().state, JobState::stopped);
}

// Found by the simulation: a stop that nobody had asked for.
TEST_F(SchedulerRequests, TheWordThatAChangeWaitedForCountsOnce) {
  play.run();
  play.change(2);
  const ProcessReport word = play.word(JobState::stopped);
  play.change_leader();
  EXPECT_THAT(play.join("a", 2, {word}), ElementsAre("save j-1 waiting 1 []", "kill a j-1/1"));
  play.change_leader();
  EXPECT_THAT(play.join("a", 2, {word}), IsEmpty());
  EXPECT_THAT(play.wait(6s), ElementsAre("save j-1 starting 2 [a:2]", "start a j-1/2/0"));
}

TEST_F(SchedulerRequests, ChangeTakesUpTheCheckpointThatWasAskedForWhereverItBegan) {
  Play savepoint;
  savepoint.join("a");
  JobSpec spec = Play::spec(1);
  spec.from = "/savepoints/7";
  savepoint.submit("j-1", spec);
  savepoint.run();
  savepoint.change(2);
  savepoint.report("a", savepoint.word(JobState::stopped));
  EXPECT_EQ(savepoint.record().spec.from, "latest");
}

TEST_F(SchedulerRequests, TheLastOfStopAndChangeCounts) {
  play.run();
  play.change(2);
  EXPECT_THAT(play.change(3), ElementsAre("save j-1 stopping 1 [a:2 b:2] -> waiting"));
  EXPECT_EQ(play.record().next.at(0).parallelism, 3u);
  EXPECT_THAT(play.stop(), ElementsAre("save j-1 stopping 1 [a:2 b:2]"));
  play.report("a", play.word(JobState::stopped));
  EXPECT_EQ(play.record().state, JobState::stopped);
  EXPECT_EQ(play.record().spec.parallelism, 4u);
}

TEST_F(SchedulerRequests, ASavepointThatEndsTheJobIsAStop) {
  const auto ask = [&] {
    Lines lines;
    for (const Order& each :
         play.scheduler->stop_by_savepoint("j-1", play.now, play.wall).value()) {
      lines.push_back(text_of(each));
    }
    return lines;
  };
  EXPECT_FALSE(play.scheduler->stop_by_savepoint("j-1", play.now, play.wall).ok()) << "it starts";
  play.run();
  EXPECT_THAT(ask(), ElementsAre("save j-1 stopping 1 [a:2 b:2]"));
  const auto refused = play.scheduler->savepoint_refused("j-1", play.now, play.wall);
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(text_of(refused[0]), "save j-1 running 1 [a:2 b:2]");
  ask();
  fail();
  EXPECT_THAT(play.wait(100ms),
              ElementsAre("save j-1 stopping 2 [a:2 b:2]", "start a j-1/2/0", "start b j-1/2/1"))
      << "it does not go on by itself";
  play.all(listening);
  EXPECT_THAT(play.all(running), ElementsAre(kAskedAgain));
  EXPECT_THAT(play.report("a", play.word(JobState::stopped)),
              ElementsAre("save j-1 stopped 2 []", "kill a j-1/2", "kill b j-1/2"));
}

TEST_F(SchedulerRequests, AJobGoesOnWhenTheSavepointFailsWithTheAttempt) {
  play.run();
  ASSERT_TRUE(play.scheduler->stop_by_savepoint("j-1", play.now, play.wall).ok());
  fail();  // what its master answers may come later
  const auto refused = play.scheduler->savepoint_refused("j-1", play.now, play.wall);
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(text_of(refused[0]), "save j-1 restarting 1 []");
  EXPECT_THAT(play.wait(100ms),
              ElementsAre("save j-1 starting 2 [a:2 b:2]", "start a j-1/2/0", "start b j-1/2/1"));
  EXPECT_TRUE(play.scheduler->savepoint_refused("j-1", play.now, play.wall).empty());
}

TEST_F(SchedulerRequests, AStopBesideASavepointThatIsRefusedCounts) {
  play.run();
  ASSERT_TRUE(play.scheduler->stop_by_savepoint("j-1", play.now, play.wall).ok());
  EXPECT_THAT(play.stop(), ElementsAre("save j-1 stopping 1 [a:2 b:2]"));
  const auto refused = play.scheduler->savepoint_refused("j-1", play.now, play.wall);
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(text_of(refused[0]), kAsked);
}

TEST_F(SchedulerRequests, OnlyJobsThatAreOverAreForgotten) {
  play.scheduler->forget("j-1");
  EXPECT_EQ(play.scheduler->jobs().size(), 1u);
  play.cancel();
  play.scheduler->forget("j-1");
  EXPECT_TRUE(play.scheduler->jobs().empty());
  EXPECT_THAT(play.wait(1h), IsEmpty());
  EXPECT_THAT(play.submit(),
              ElementsAre("save j-1 starting 1 [a:2 b:2]", "start a j-1/1/0", "start b j-1/1/1"));
}

TEST_F(SchedulerRequests, AnUnaskedStopIsAStop) {
  play.run();
  EXPECT_THAT(play.report("a", play.word(JobState::stopped)),
              ElementsAre("save j-1 stopped 1 []", "kill a j-1/1", "kill b j-1/1"));
}

TEST_F(SchedulerRequests, ChangeTakesEffectAtOnceBetweenAttempts) {
  fail();
  fail();
  EXPECT_THAT(play.change(1), ElementsAre("save j-1 starting 2 [a:1]", "start a j-1/2/0"));
  EXPECT_EQ(play.record().failures, 0u) << "what failed was another job, as it were";
  EXPECT_THAT(play.wait(10s), IsEmpty()) << "the pause is over";
}

TEST_F(SchedulerRequests, ChangeBetweenTheAttemptsOfAJobThatStopsTakesEffectAtOnce) {
  play.run();
  play.change(2);
  fail();
  EXPECT_THAT(play.change(3),
              ElementsAre("save j-1 starting 2 [a:2 b:1]", "start a j-1/2/0", "start b j-1/2/1"));
  EXPECT_THAT(play.record().next, IsEmpty());
}

TEST_F(SchedulerRequests, AJobThatIsOverStartsAnewByAChange) {
  play.run();
  play.report("a", play.checkpoint(4));
  play.report("b", play.ended(1, "a function threw", false));
  ASSERT_EQ(play.record().state, JobState::failed);
  EXPECT_THAT(play.change(2),
              ElementsAre("save j-1 starting 2 [a:1 b:1]", "start a j-1/2/0", "start b j-1/2/1"));
  EXPECT_EQ(play.record().spec.from, "latest");
  EXPECT_EQ(play.record().exceptions.size(), 1u) << "what happened is still to be seen";
}

TEST_F(SchedulerRequests, AJobThatNeverGotToACheckpointStartsAnewFromItsSavepoint) {
  Play savepoint;
  savepoint.join("a");
  JobSpec spec = Play::spec(1);
  spec.from = "/savepoints/7";
  savepoint.submit("j-1", spec);
  savepoint.report("a", savepoint.ended(0, "the library lacks a step", false));
  savepoint.change(1);
  EXPECT_EQ(savepoint.record().spec.from, "/savepoints/7");
}

}  // namespace
}  // namespace weir::cluster
