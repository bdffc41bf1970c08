// Failures, lost workers, pauses and giving up. Rules: cluster/scheduler.h.
#include "tests/cluster/scheduler_fixture.h"

namespace weir::cluster {
namespace {

class SchedulerFailure : public ::testing::Test {
 protected:
  void SetUp() override { begin(); }
  void begin(const std::string& max_restarts = "") {
    play = Play();
    play.join("a");
    play.join("b");
    JobSpec spec = Play::spec(4);
    if (!max_restarts.empty()) spec.options["max-restarts"] = max_restarts;
    play.submit("j-1", spec);
    play.run();
  }
  /// Wherever it is.
  Lines fail_master() {
    const std::string worker = play.record().processes.at(0).worker;
    return play.report(worker, play.ended(0, "out of memory"));
  }
  Play play;
};

TEST_F(SchedulerFailure, ACheckpointOfTheNextAttemptMakesAFailureHistory) {
  play.report("a", play.checkpoint(1));
  fail_master();
  EXPECT_FALSE(play.record().healed);
  play.wait(100ms);
  play.run();
  EXPECT_FALSE(play.record().healed) << "that it runs does not say that it gets on";
  play.report("a", play.checkpoint(2));
  EXPECT_TRUE(play.record().healed);
  EXPECT_EQ(play.record().exceptions.size(), 1u);
  play.lose("b");  // which is not counted among the failures
  EXPECT_FALSE(play.record().healed);
  play.run();
  EXPECT_EQ(play.report("a", play.checkpoint(3)).size(), 1u) << "it is saved";
  EXPECT_TRUE(play.record().healed);
}

TEST_F(SchedulerFailure, AJobThatEndsWellHasNoProblem) {
  fail_master();
  play.wait(100ms);
  play.run();
  play.report("a", play.word(JobState::finished));
  EXPECT_TRUE(play.record().healed);
  begin();
  fail_master();
  play.cancel();
  EXPECT_FALSE(play.record().healed) << "it was likely cancelled for that";
}

TEST_F(SchedulerFailure, KillsTheOthersPausesAndStartsAgain) {
  EXPECT_THAT(play.report("b", play.ended(1, "out of memory")),
              ElementsAre("save j-1 restarting 1 []", "kill a j-1/1", "kill b j-1/1"));
  EXPECT_EQ(play.record().failures, 1u);
  const Failure& failure = play.record().exceptions.at(0);
  EXPECT_EQ(failure.message, "out of memory");
  EXPECT_EQ(failure.code, "io");
  EXPECT_EQ(failure.worker, "b");
  EXPECT_EQ(failure.attempt, 1u);
  EXPECT_EQ(failure.at, play.wall);
  EXPECT_FALSE(play.scheduler->master_of("j-1"));
  EXPECT_THAT(play.wait(99ms), IsEmpty());
  EXPECT_THAT(play.wait(1ms),
              ElementsAre("save j-1 starting 2 [a:2 b:2]", "start a j-1/2/0", "start b j-1/2/1"));
}

TEST_F(SchedulerFailure, AFailedFsyncEndsTheAttemptAndNotTheJob) {
  ProcessReport report = play.ended(1, "cannot make f durable");
  report.failure = Error{ErrorCode::fsync_failed, "cannot make f durable", false};
  play.report("b", report);
  EXPECT_EQ(play.record().state, JobState::restarting);
  EXPECT_EQ(play.record().failures, 1u) << "and it is counted";
}

TEST_F(SchedulerFailure, WhatIsOutOfReachAtTheFirstStartIsAMistakeAndLaterAway) {
  play.report("a", play.ended(0, "no broker answers", false));
  EXPECT_EQ(play.record().state, JobState::failed);
  begin();
  play.report("a", play.ended(0, "it crashed"));
  play.wait(play.idle());
  ASSERT_EQ(play.record().attempt, 2u);
  play.report("a", play.ended(0, "no broker answers", false));
  EXPECT_EQ(play.record().state, JobState::restarting);
  EXPECT_EQ(play.record().failures, 2u) << "and it is counted";
  play.wait(play.idle());
  ProcessReport report = play.ended(0, "");
  report.failure = Error{ErrorCode::invalid_argument, "there is no such step", false};
  play.report("a", report);
  EXPECT_EQ(play.record().state, JobState::failed) << "a mistake stays one";
}

TEST_F(SchedulerFailure, LongMessagesDoNotFillTheRecord) {
  std::string message = "x";
  for (int i = 0; i < 500'000; ++i) message += "\u00e4";
  for (int i = 0; i < 10; ++i) {
    play.report("a", play.missed_peer(0, message));
    play.report("b", play.ended(1, message));
    play.wait(play.idle());
  }
  ASSERT_EQ(play.record().exceptions.size(), 10u);
  EXPECT_LT(to_text(play.record()).size(), 100'000u);
  const std::string& kept = play.record().exceptions.at(0).message;
  EXPECT_THAT(kept.substr(kept.size() - 30), HasSubstr("\u00e4... (the log has it whole)"));
}

TEST_F(SchedulerFailure, ALostWorkerIsReplacedAtOnce) {
  play.join("c");
  EXPECT_THAT(play.lose("b"), ElementsAre("save j-1 starting 2 [a:2 c:2]", "kill a j-1/1",
                                          "start a j-1/2/0", "start c j-1/2/1"));
  EXPECT_EQ(play.record().failures, 0u) << "it is not the job's fault";
  EXPECT_THAT(play.record().exceptions.at(0).message,
              HasSubstr("The worker b is lost: Its connection is closed."));
  EXPECT_THAT(play.lose("b"), IsEmpty());
}

TEST_F(SchedulerFailure, WithoutAnyWorkerTheJobWaits) {
  play.lose("b");
  EXPECT_THAT(play.lose("a"), ElementsAre("save j-1 waiting 2 []"));
  EXPECT_THAT(play.wait(1h), IsEmpty());
  ProcessReport old = play.at(ProcessPhase::running, 1);
  old.id.attempt = 1;
  EXPECT_THAT(play.join("b", 2, {old}),
              ElementsAre("kill b j-1/1", "save j-1 starting 3 [b:4]", "start b j-1/3/0"));
}

TEST_F(SchedulerFailure, SeveralReportsOfOneAttemptCountOnce) {
  play.report("a", play.missed_peer(0));
  EXPECT_THAT(play.report("b", play.ended(1, "out of memory")),
              ElementsAre("save j-1 restarting 1 []"));
  EXPECT_EQ(play.record().failures, 1u);
  ASSERT_EQ(play.record().exceptions.size(), 1u);
  EXPECT_EQ(play.record().exceptions.at(0).message, "out of memory");
  EXPECT_EQ(play.record().exceptions.at(0).worker, "b");
  EXPECT_THAT(play.report("a", play.missed_peer(0)), IsEmpty());
  EXPECT_THAT(play.report("a", play.ended(0, "disk full")), IsEmpty()) << "the first of a rank";
}

TEST_F(SchedulerFailure, WhatCannotHealFailsTheJob) {
  EXPECT_THAT(play.report("b", play.ended(1, "the library is of another build", false)),
              ElementsAre("save j-1 failed 1 []", "kill a j-1/1", "kill b j-1/1"));
  EXPECT_THAT(play.wait(1h), IsEmpty());
}

TEST_F(SchedulerFailure, WhatCannotHealFailsTheJobAlsoWhenItIsToldLater) {
  play.report("a", play.missed_peer(0));
  EXPECT_THAT(play.report("b", play.ended(1, "a function threw", false)),
              ElementsAre("save j-1 failed 1 []"));
  EXPECT_EQ(play.record().exceptions.at(0).message, "a function threw");
  EXPECT_THAT(play.wait(1h), IsEmpty());
}

TEST_F(SchedulerFailure, AFailureSaysWhereItHappened) {
  ProcessReport word = play.ended(0, "a function threw", false);
  word.failed_task = FailedTask{"map, totals", 3, 1};
  play.report("a", word);
  const Failure& failure = play.record().exceptions.at(0);
  EXPECT_EQ(failure.task, "map, totals");
  EXPECT_EQ(failure.subtask, 3u);
  EXPECT_EQ(failure.process, 1u);
  EXPECT_EQ(failure.worker, "b") << "the master told it, but the task ran there";
}

TEST_F(SchedulerFailure, ButNotWhenAnotherAttemptHasBegun) {
  const ProcessReport late = play.ended(1, "a function threw", false);
  play.report("a", play.missed_peer(0));
  play.wait(100ms);
  EXPECT_THAT(play.report("b", late), IsEmpty());
  EXPECT_EQ(play.record().state, JobState::starting);
}

TEST_F(SchedulerFailure, AMasterThatWasToldToEndExplainsNothing) {
  play.report("b", play.missed_peer(1, "process 0 is gone: its host has not answered"));
  play.report("a", play.at(ProcessPhase::ended, 0));
  EXPECT_THAT(play.record().exceptions.at(0).message, HasSubstr("its host has not answered"));
}

TEST_F(SchedulerFailure, AFinishThatComesAfterItsEchoCounts) {
  play.report("b", play.missed_peer(1));
  EXPECT_THAT(play.report("a", play.word(JobState::finished)),
              ElementsAre("save j-1 finished 1 []"));
  EXPECT_THAT(play.record().exceptions, IsEmpty());
  EXPECT_THAT(play.wait(1h), IsEmpty());
}

TEST_F(SchedulerFailure, AnEchoBeforeTheLossOfItsWorkerIsThatLoss) {
  play.report("a", play.missed_peer(0));
  EXPECT_EQ(play.record().failures, 1u);
  EXPECT_THAT(play.lose("b"), ElementsAre("save j-1 starting 2 [a:4]", "start a j-1/2/0"));
  EXPECT_EQ(play.record().failures, 0u);
  ASSERT_EQ(play.record().exceptions.size(), 1u);
  EXPECT_THAT(play.record().exceptions.at(0).message, HasSubstr("worker b is lost"));
  EXPECT_EQ(play.record().exceptions.at(0).attempt, 1u);
}

TEST_F(SchedulerFailure, ALossBesideAnotherFailureDoesNotShortenThePause) {
  play.report("a", play.ended(0, "out of memory"));
  EXPECT_THAT(play.lose("b"), IsEmpty());
  EXPECT_EQ(play.record().failures, 1u);
  EXPECT_THAT(play.wait(100ms), ElementsAre("save j-1 starting 2 [a:4]", "start a j-1/2/0"));
}

TEST_F(SchedulerFailure, PausesDoubleUpToTheLongest) {
  begin("100");
  Lines pauses;
  for (int i = 0; i < 11; ++i) {
    fail_master();
    pauses.push_back(std::to_string(play.idle().count()));
    play.wait(play.idle());
  }
  EXPECT_THAT(pauses, ElementsAre("100", "200", "400", "800", "1600", "3200", "6400", "12800",
                                  "25600", "30000", "30000"));
  EXPECT_EQ(play.record().exceptions.size(), 10u);
  EXPECT_EQ(play.record().exceptions.at(0).attempt, 11u) << "the newest first";
}

TEST_F(SchedulerFailure, GivesUpAfterMaxRestarts) {
  for (const auto& [option, restarts] : std::map<std::string, std::uint32_t>{
           {"", 10}, {"0", 0}, {"3", 3}, {"many", 10}, {"-1", 10}}) {
    begin(option);
    for (std::uint32_t i = 0; i < restarts; ++i) {
      fail_master();
      ASSERT_EQ(play.record().state, JobState::restarting) << option << " " << i;
      play.wait(30s);
    }
    fail_master();
    EXPECT_EQ(play.record().state, JobState::failed) << option;
    EXPECT_THAT(play.record().exceptions.at(0).message, HasSubstr("out of memory Given up"))
        << option;
    EXPECT_THAT(play.wait(1h), IsEmpty());
  }
}

TEST_F(SchedulerFailure, OnlyACheckpointOfTheAttemptResetsTheCount) {
  begin("1");
  EXPECT_THAT(play.report("a", play.checkpoint(5)), IsEmpty()) << "not worth a write";
  play.report("a", play.ended(0, "out of memory"));
  ProcessReport late = play.checkpoint(6);
  EXPECT_THAT(play.report("a", late), ElementsAre("kill a j-1/1"));
  EXPECT_EQ(play.record().failures, 1u) << "that attempt has failed all the same";
  EXPECT_EQ(play.record().last_checkpoint, 6u);
  play.wait(100ms);
  play.run();
  EXPECT_EQ(play.record().failures, 1u) << "running alone is no progress";
  EXPECT_THAT(play.report("a", play.checkpoint(6)), IsEmpty()) << "where it began is none, either";
  EXPECT_EQ(play.record().failures, 1u);
  EXPECT_THAT(play.report("a", play.checkpoint(7)), ElementsAre("save j-1 running 2 [a:2 b:2]"));
  EXPECT_EQ(play.saved.at("j-1").failures, 0u);
  play.report("a", play.ended(0, "out of memory"));
  EXPECT_EQ(play.record().state, JobState::restarting);
}

TEST_F(SchedulerFailure, LostWorkersDoNotUseUpTheRestarts) {
  begin("0");
  for (int i = 0; i < 20; ++i) {
    play.join("c");
    play.lose("b");
    play.join("b");
    play.lose("c");
  }
  EXPECT_EQ(play.record().state, JobState::starting);
}

TEST_F(SchedulerFailure, AnAttemptThatDoesNotListenInTimeHasFailed) {
  Play slow;
  slow.join("a");
  slow.join("b");
  slow.submit();
  slow.report("a", slow.at(ProcessPhase::listening, 0));
  EXPECT_THAT(slow.wait(59s), IsEmpty());
  EXPECT_EQ(slow.idle(), 1s);
  EXPECT_THAT(slow.wait(1s),
              ElementsAre("save j-1 restarting 1 []", "kill a j-1/1", "kill b j-1/1"));
  EXPECT_THAT(slow.record().exceptions.at(0).message, HasSubstr("not listening in time"));
  EXPECT_THAT(slow.record().exceptions.at(0).message, HasSubstr("on b."));
  EXPECT_THAT(play.wait(1h), IsEmpty()) << "one that runs has all the time";
}

// ---- hosts on which a job fails

TEST_F(SchedulerFailure, TheWorkerOnWhichItFailedIsAvoidedWhenThereIsRoomElsewhere) {
  play.join("c", 4);
  play.report("b", play.ended(1, "cannot open /dev/shm"));
  EXPECT_THAT(play.wait(100ms),
              ElementsAre("save j-1 starting 2 [c:3 a:1]", "start c j-1/2/0", "start a j-1/2/1"));
}

TEST_F(SchedulerFailure, AfterThreeFailuresInARowItIsAvoidedInAnyCase) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(play.record().processes.size(), 2u) << i;
    play.report("b", play.ended(1, "cannot open /dev/shm"));
    play.wait(play.idle());
  }
  EXPECT_THAT(text_of(play.record()), "j-1 starting 4 [a:4]");
}

TEST_F(SchedulerFailure, WhoMissesAPeerIsNotToBlame) {
  play.join("c", 4);
  play.report("a", play.missed_peer(0));
  play.wait(100ms);
  EXPECT_THAT(text_of(play.record()), "j-1 starting 2 [c:2 a:1 b:1]");
}

TEST_F(SchedulerFailure, TheStateOfBeforeIsPreferredOnlyAfterALoss) {
  Play two;
  two.join("b", 1);
  two.submit("j-1", 1);
  two.run();
  two.join("a", 1);
  two.join("c", 1);
  two.report("b", two.ended(0, "out of memory"));
  two.wait(100ms);
  EXPECT_THAT(text_of(two.record()), "j-1 starting 2 [a:1]");
}

TEST_F(SchedulerFailure, AWorkerThatCannotLoadTheLibraryIsLeftOut) {
  Play mixed;
  mixed.join("a", 2, {}, "old");
  mixed.join("b", 2, {}, "old");
  mixed.join("c", 2, {}, "new");
  mixed.submit("j-1", 1);
  ProcessReport other = mixed.at(ProcessPhase::ended, 0);
  other.failure = Error{ErrorCode::incompatible, "the library is of another build", false};
  EXPECT_THAT(mixed.report("a", other), ElementsAre("save j-1 restarting 1 []", "kill a j-1/1"));
  EXPECT_EQ(mixed.record().failures, 0u) << "it is not the job's fault";
  EXPECT_THAT(mixed.wait(100ms), ElementsAre("save j-1 starting 2 [c:1]", "start c j-1/2/0"))
      << "and b is of the build that a is of";
  mixed.run();
  mixed.report("c", mixed.ended(0, "out of memory"));
  mixed.lose("c");
  mixed.wait(100ms);
  EXPECT_THAT(text_of(mixed.record()), "j-1 starting 3 [b:1]") << "a cannot, b might";
  other.id.attempt = 3;
  EXPECT_THAT(mixed.report("b", other), ElementsAre("save j-1 failed 3 []", "kill b j-1/3"))
      << "nobody else is left";
}

TEST_F(SchedulerFailure, ALibraryThatNobodyCanLoadIsTriedFiveTimesMore) {
  Play many;
  for (char c = 'a'; c <= 'z'; ++c) many.join(std::string(1, c), 1);
  many.submit("j-1", 1);
  while (!is_over(many.record().state)) {
    ProcessReport other = many.at(ProcessPhase::ended, 0);
    other.failure = Error{ErrorCode::incompatible, "a library is missing", false};
    many.report(many.record().processes.at(0).worker, other);
    many.wait(100ms);
  }
  EXPECT_EQ(many.record().state, JobState::failed);
  EXPECT_EQ(many.record().attempt, 6u);
}

TEST_F(SchedulerFailure, AllThatCannotLoadTheLibraryCountAtOnce) {
  Play two;
  two.join("a");
  two.join("b");
  two.submit();
  ProcessReport first = two.at(ProcessPhase::ended, 0), second = two.at(ProcessPhase::ended, 1);
  first.failure = second.failure = Error{ErrorCode::incompatible, "of another build", false};
  EXPECT_THAT(two.report("a", first),
              ElementsAre("save j-1 restarting 1 []", "kill a j-1/1", "kill b j-1/1"));
  EXPECT_THAT(two.report("b", second), ElementsAre("save j-1 failed 1 []"));
}

TEST_F(SchedulerFailure, WhatDoesNotFitOnceAllListenCannotHeal) {
  Play restores;
  restores.join("a");
  restores.join("b");
  restores.submit("j-1", 1);
  restores.all(ProcessPhase::listening);
  ProcessReport other = restores.at(ProcessPhase::ended, 0);
  other.failure = Error{ErrorCode::incompatible, "the state has another schema", false};
  restores.report("a", other);
  EXPECT_EQ(restores.record().state, JobState::failed);
}

// To recover the transactions of a broker may take more than a minute, to copy state ten.
TEST_F(SchedulerFailure, AnAttemptThatListensHasTenMinutesToRun) {
  Play slow;
  slow.join("a");
  slow.join("b");
  slow.submit();
  slow.wait(50s);
  slow.all(ProcessPhase::listening);
  slow.report("b", slow.at(ProcessPhase::running, 1));
  EXPECT_THAT(slow.wait(599s), IsEmpty());
  EXPECT_THAT(slow.wait(1s),
              ElementsAre("save j-1 restarting 1 []", "kill a j-1/1", "kill b j-1/1"));
  EXPECT_THAT(slow.record().exceptions.at(0).message, HasSubstr("not running in time"));
  EXPECT_THAT(slow.record().exceptions.at(0).message, HasSubstr("on a."));
}

TEST_F(SchedulerFailure, ARestartBeginsWhereTheJobWasToBeginUntilThereIsACheckpoint) {
  Play fresh;
  fresh.join("a");
  JobSpec spec = Play::spec(1);
  spec.from = "/savepoints/7";
  fresh.submit("j-1", spec);
  fresh.run();
  fresh.report("a", fresh.ended(0, "out of memory"));
  fresh.wait(100ms);
  EXPECT_EQ(fresh.record().spec.from, "/savepoints/7");
  fresh.run();
  fresh.report("a", fresh.checkpoint(1));
  EXPECT_EQ(fresh.saved.at("j-1").spec.from, "latest") << "and a new leader knows";
  fresh.report("a", fresh.ended(0, "out of memory"));
  fresh.wait(100ms);
  EXPECT_EQ(std::get<Start>(std::get<Send>(fresh.orders.at(1)).message).spec.from, "latest");
}

}  // namespace
}  // namespace weir::cluster
