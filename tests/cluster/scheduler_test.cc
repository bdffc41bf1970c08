// An attempt that goes well, and what a job's end leads to. Rules: cluster/scheduler.h.
#include "tests/cluster/scheduler_fixture.h"

namespace weir::cluster {
namespace {

TEST(Scheduler, SavesAnAttemptBeforeItStarts) {
  Play play;
  EXPECT_THAT(play.join("a"), IsEmpty());
  EXPECT_THAT(play.join("b"), IsEmpty());
  EXPECT_THAT(play.submit(),
              ElementsAre("save j-1 starting 1 [a:2 b:2]", "start a j-1/1/0", "start b j-1/1/1"));
  const auto& start = std::get<Start>(std::get<Send>(play.orders.at(2)).message);
  EXPECT_EQ(start.library_path, "/libraries/ab12.so");
  EXPECT_EQ(start.spec.parallelism, 4u);
  EXPECT_EQ(start.processes.size(), 2u);
  EXPECT_EQ(play.saved.at("j-1").submitted_at, play.wall);
}

TEST(Scheduler, PeersGoOutWhenAllListenAndTheJobRunsWhenAllRun) {
  Play play;
  play.join("a");
  play.join("b");
  play.submit();
  EXPECT_THAT(play.report("a", play.at(ProcessPhase::starting, 0)), IsEmpty());
  EXPECT_THAT(play.report("a", play.at(ProcessPhase::listening, 0)), IsEmpty());
  EXPECT_THAT(play.report("b", play.at(ProcessPhase::starting, 1)), IsEmpty());
  EXPECT_THAT(play.report("b", play.at(ProcessPhase::listening, 1)),
              ElementsAre("peers a j-1/1", "peers b j-1/1"));
  const auto& peers = std::get<Peers>(std::get<Send>(play.orders.at(1)).message);
  EXPECT_THAT(peers.addresses, ElementsAre(Address{"host", 4000}, Address{"host", 4001}));
  EXPECT_THAT(play.report("b", play.at(ProcessPhase::listening, 1)), IsEmpty()) << "once is enough";
  EXPECT_THAT(play.report("a", play.at(ProcessPhase::running, 0)), IsEmpty());
  EXPECT_FALSE(play.scheduler->master_of("j-2"));
  EXPECT_THAT(play.report("b", play.at(ProcessPhase::running, 1)),
              ElementsAre("save j-1 running 1 [a:2 b:2]"));
  EXPECT_EQ(play.scheduler->next_deadline(), SteadyTime::max());
  const auto master = play.scheduler->master_of("j-1");
  ASSERT_TRUE(master);
  EXPECT_EQ(master->first, "a");
  EXPECT_EQ(name_of(master->second), "j-1/1/0");
}

TEST(Scheduler, AnAddressIsNeededBeforePeers) {
  Play play;
  play.join("a");
  play.submit();
  ProcessReport mute = play.at(ProcessPhase::listening, 0);
  mute.address = {};
  EXPECT_THAT(play.report("a", mute), IsEmpty());
  EXPECT_FALSE(play.scheduler->master_of("j-1"));
  EXPECT_THAT(play.report("a", play.at(ProcessPhase::listening, 0)), ElementsAre("peers a j-1/1"));
}

TEST(Scheduler, APhaseDoesNotGoBack) {
  Play play;
  play.join("a");
  play.submit();
  play.run();
  EXPECT_THAT(play.report("a", play.at(ProcessPhase::starting, 0)), IsEmpty());
  EXPECT_THAT(play.report("a", play.at(ProcessPhase::listening, 0)), IsEmpty());
  EXPECT_EQ(play.record().state, JobState::running);
}

TEST(Scheduler, AJobWaitsForAWorker) {
  Play play;
  EXPECT_THAT(play.submit(), ElementsAre("save j-1 waiting 0 []"));
  EXPECT_THAT(play.wait(1h), IsEmpty());
  EXPECT_THAT(play.submit("j-2", 1), ElementsAre("save j-2 waiting 0 []"));
  EXPECT_THAT(play.join("a", 1), ElementsAre("save j-1 starting 1 [a:4]", "start a j-1/1/0",
                                             "save j-2 starting 1 [a:1]", "start a j-2/1/0"))
      << "slots are soft";
  EXPECT_THAT(play.join("b"), IsEmpty()) << "what runs is not moved";
}

TEST(Scheduler, TheMastersWordEndsTheJob) {
  const std::pair<JobState, std::string> words[] = {{JobState::finished, "finished"},
                                                    {JobState::stopped, "stopped"},
                                                    {JobState::cancelled, "cancelled"}};
  for (const auto& [outcome, name] : words) {
    Play play;
    play.join("a");
    play.join("b");
    play.submit();
    play.run();
    EXPECT_THAT(play.report("a", play.word(outcome)),
                ElementsAre("save j-1 " + name + " 1 []", "kill a j-1/1", "kill b j-1/1"));
    EXPECT_THAT(play.lose("b"), IsEmpty());
    EXPECT_THAT(play.wait(1h), IsEmpty());
    EXPECT_EQ(play.scheduler->workers()[0].used, 0u);
    EXPECT_EQ(play.scheduler->next_deadline(), SteadyTime::max());
  }
}

TEST(Scheduler, TheMastersFailureIsJudgedByItsCause) {
  Play play;
  play.join("a");
  play.submit();
  play.run();
  ProcessReport failed = play.word(JobState::failed);
  failed.failure = Error{ErrorCode::io, "The disk is slow.", true};
  EXPECT_THAT(play.report("a", failed), ElementsAre("save j-1 restarting 1 []", "kill a j-1/1"));
  play.wait(100ms);
  play.run();
  failed = play.word(JobState::failed);
  EXPECT_THAT(play.report("a", failed), ElementsAre("save j-1 failed 2 []", "kill a j-1/2"));
  EXPECT_THAT(play.record().exceptions.at(0).message, HasSubstr("not why"));
}

TEST(Scheduler, AProcessThatEndsQuietlyWaitsForTheMastersWord) {
  Play play;
  play.join("a");
  play.join("b");
  play.submit();
  play.run();
  EXPECT_THAT(play.report("b", play.at(ProcessPhase::ended, 1)), IsEmpty());
  EXPECT_THAT(play.wait(4s), IsEmpty());
  EXPECT_THAT(play.report("a", play.word(JobState::finished)),
              ElementsAre("save j-1 finished 1 []", "kill a j-1/1", "kill b j-1/1"));
}

TEST(Scheduler, ButNotForEver) {
  Play play;
  play.join("a");
  play.join("b");
  play.submit();
  play.run();
  play.report("b", play.at(ProcessPhase::ended, 1));
  EXPECT_EQ(play.idle(), 5s);
  EXPECT_THAT(play.wait(5s),
              ElementsAre("save j-1 restarting 1 []", "kill a j-1/1", "kill b j-1/1"));
}

TEST(Scheduler, StrangersAndOldAttemptsAreKilled) {
  Play play;
  play.join("a");
  play.join("b");
  play.join("c");
  play.submit();
  play.run();
  ProcessReport report = play.at(ProcessPhase::running, 0);
  report.id.job = "j-9";
  EXPECT_THAT(play.report("b", report), ElementsAre("kill b j-9/1")) << "unknown";
  play.report("b", play.ended(1, "out of memory"));
  play.wait(100ms);
  ASSERT_EQ(play.record().attempt, 2u);
  report.id = {"j-1", 1, 0};
  EXPECT_THAT(play.report("a", report), ElementsAre("kill a j-1/1")) << "of an older attempt";
  report.phase = ProcessPhase::ended;
  EXPECT_THAT(play.report("a", report), IsEmpty()) << "it is gone already";
  play.cancel();
  report.id.attempt = 2;
  report.phase = ProcessPhase::running;
  EXPECT_THAT(play.join("c", 2, {report}), ElementsAre("kill c j-1/2")) << "the job is over";
}

TEST(Scheduler, AProcessOfTheAttemptOnAWorkerThatHasNoneIsKilled) {
  Play play;
  play.join("a");
  play.submit("j-1", 2);
  play.join("b");
  EXPECT_THAT(play.report("b", play.at(ProcessPhase::running, 0)), ElementsAre("kill b j-1/1"));
  EXPECT_THAT(play.report("a", play.at(ProcessPhase::running, 7)), IsEmpty());
  EXPECT_EQ(play.record().state, JobState::starting);
}

TEST(Scheduler, AnAttemptNumberThatTheRecordsForgotIsNotUsedAgain) {
  Play play;
  play.join("a");
  play.submit();
  ProcessReport report = play.at(ProcessPhase::running, 0);
  report.id.attempt = 7;
  EXPECT_THAT(play.report("a", report), ElementsAre("kill a j-1/7"));
  play.run();
  play.report("a", play.ended(0, "out of memory"));
  EXPECT_THAT(play.wait(100ms), ElementsAre("save j-1 starting 8 [a:4]", "start a j-1/8/0"));
}

TEST(Scheduler, WhatAnUnknownWorkerSaysWaitsUntilItRegisters) {
  Play play;
  play.join("a");
  play.submit("j-1", 2);
  EXPECT_THAT(play.report("z", play.at(ProcessPhase::running, 0)), IsEmpty());
  EXPECT_THAT(play.lose("z"), IsEmpty());
}

TEST(Scheduler, FindsJobsByIdItsBeginningAndName) {
  Play play;
  auto named = [](std::string name) {
    JobSpec spec = Play::spec(1);
    spec.name = std::move(name);
    return spec;
  };
  play.submit("j-aa01", named("carts"));
  play.submit("j-aa02", named("orders"));
  play.submit("j-bb03", named("orders"));
  play.submit("j-cc04", named("old"));
  play.submit("j-dd05", named("j-aa"));
  play.cancel("j-cc04");
  const auto find = [&](const std::string& text) {
    const auto found = play.scheduler->find(text);
    return found.ok() ? *found : to_string(found.error().code) + (": " + found.error().message);
  };
  EXPECT_EQ(find("j-aa02"), "j-aa02");
  EXPECT_EQ(find("j-b"), "j-bb03");
  EXPECT_EQ(find("carts"), "j-aa01");
  EXPECT_EQ(find("j-aa"), "j-dd05") << "a name goes before the beginning of an id";
  EXPECT_EQ(find("j-cc04"), "j-cc04") << "over, but there";
  EXPECT_EQ(find("old"), "j-cc04") << "there is no other of that name";
  play.wall += 1s;
  play.submit("j-ee06", named("old"));
  EXPECT_EQ(find("old"), "j-ee06") << "one that is not over goes before one that is";
  play.submit("j-ff07", named("old"));
  play.cancel("j-ff07");
  play.wall += 1s;
  play.cancel("j-ee06");
  EXPECT_EQ(find("old"), "j-ee06") << "it ended last";
  EXPECT_EQ(find("j-c"), "j-cc04");
  EXPECT_THAT(find("j-a"), HasSubstr("j-aa01, j-aa02"));
  EXPECT_THAT(find("orders"), ::testing::StartsWith("invalid_argument"));
  EXPECT_THAT(find("orders"), HasSubstr("j-aa02, j-bb03"));
  EXPECT_THAT(find(""), ::testing::StartsWith("not_found"));
  EXPECT_THAT(find("x"), ::testing::StartsWith("not_found"));
}

TEST(Scheduler, SaysWhatAJobWaitsFor) {
  Play play;
  const auto waits = [&] { return play.scheduler->waits_for("j-1", play.now); };
  EXPECT_EQ(waits(), "") << "there is none";
  play.submit();
  EXPECT_EQ(waits(), "a worker; none is connected");
  play.join("a");
  EXPECT_EQ(waits(), "its processes to start, on a");
  play.all(ProcessPhase::listening);
  EXPECT_EQ(waits(), "its processes to restore their state, on a");
  play.all(ProcessPhase::running);
  EXPECT_EQ(waits(), "");
  play.stop();
  EXPECT_EQ(waits(), "its last checkpoint");
  play.report("a", play.ended(0, "out of memory"));
  EXPECT_EQ(waits(), "the end of the pause after the last failure, 1 s");
  play.lose("a");
  play.wait(100ms);
  EXPECT_EQ(waits(), "a worker; none is connected") << "also one that stops";
  play.cancel();
  EXPECT_EQ(waits(), "");
}

TEST(Scheduler, ANewLeaderSaysForWhomItWaits) {
  Play play;
  EXPECT_EQ(play.scheduler->awaits(play.now), "") << "there are no jobs";
  play.join("a");
  play.join("b");
  play.submit();
  play.run();
  play.change_leader();
  const std::string both =
      "the workers of before to say what they run, for up to 6 s, since this coordinator has just "
      "begun to lead: a, b";
  EXPECT_EQ(play.scheduler->awaits(play.now), both);
  EXPECT_EQ(play.scheduler->waits_for("j-1", play.now), both);
  play.submit("j-2", 1);
  play.join("c");
  EXPECT_EQ(play.scheduler->waits_for("j-2", play.now), both) << "although there is a worker";
  play.wait(6s);
  EXPECT_EQ(play.scheduler->awaits(play.now), "");
  EXPECT_EQ(play.scheduler->waits_for("j-2", play.now), "its processes to start, on c");
}

}  // namespace
}  // namespace weir::cluster
