// What becomes of processes under a worker: real ones (fake_process.cc), against a coordinator's
// end over real connections.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "tests/cluster/worker_fixture.h"

namespace weir::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// ---- starting -----------------------------------------------------------------------------------

TEST_F(WorkerTest, StartsAProcessAndTellsItItsAssignment) {
  start_worker();
  const Start start = order("listening 127.0.0.1 7100\nrunning\nserve");
  coordinator_->send(start);
  ASSERT_TRUE(coordinator_->report(kId, ProcessPhase::starting));
  const auto listening = coordinator_->report(kId, ProcessPhase::listening);
  ASSERT_TRUE(listening);
  EXPECT_EQ(listening->address, (Address{"127.0.0.1", 7100}));
  ASSERT_TRUE(coordinator_->report(kId, ProcessPhase::running));
  coordinator_->send(Peers{"j-1", 3, {{"old", 1}}});
  coordinator_->send(Peers{"j-1", 4, {{"a", 1}, {"b", 2}}});
  const auto known = ask("what now");
  EXPECT_EQ(known.at("request"), "what now");
  EXPECT_EQ(known.at("id"), "j-1/4/0");
  EXPECT_EQ(known.at("job"), "orders");
  EXPECT_EQ(known.at("input"), "/in");
  EXPECT_EQ(known.at("processes"), "2");
  EXPECT_EQ(known.at("library"), folder_ / "work/libraries" / (start.spec.library_hash + ".so"));
  EXPECT_EQ(known.at("host"), "127.0.0.1");
  EXPECT_EQ(known.at("token"), "secret");
  EXPECT_EQ(known.at("peers"), "a:1;b:2;");
  EXPECT_EQ(known.at("descriptors"), "3");
  EXPECT_EQ(known.at("group"), "own");
}

TEST_F(WorkerTest, StartsAProcessOnceHoweverOftenItIsTold) {
  start_worker();
  const Start start = order("running\nserve");
  coordinator_->send(start);
  coordinator_->send(start);
  ASSERT_TRUE(coordinator_->report(kId, ProcessPhase::running));
  const auto pid = ask().at("pid");
  coordinator_->send(start);
  EXPECT_EQ(ask().at("pid"), pid);
  const std::string log = log_of(kId);
  EXPECT_EQ(log.find("door"), log.rfind("door")) << log;
}

TEST_F(WorkerTest, OneThatHasEndedIsNotStartedAgain) {
  start_worker();
  const Start start = order("exit 3");
  coordinator_->send(start);
  ASSERT_TRUE(coordinator_->report(kId, ProcessPhase::ended));
  coordinator_->send(start);
  start_process("running\nserve", {"j-2", 1, 0});
  ASSERT_TRUE(coordinator_->report({"j-2", 1, 0}, ProcessPhase::running));
  const std::string log = log_of(kId);
  EXPECT_EQ(log.find("door"), log.rfind("door")) << log;
}

TEST_F(WorkerTest, WhatCannotBeStartedSaysWhy) {
  start_worker();
  Start missing = order("serve", {"j-1", 1, 0});
  missing.library_path = folder_ / "nowhere.so";
  Start altered = order("serve", {"j-1", 2, 0});
  altered.library_path = order("running").library_path;
  Start wild = order("serve", {"../../j-1", 3, 0});
  Start hashless = order("serve", {"j-1", 4, 0});
  hashless.spec.library_hash = "../../../etc";
  const std::vector<std::pair<Start, std::string>> cases = {{missing, "nowhere.so"},
                                                            {altered, "not what was submitted"},
                                                            {wild, "malformed"},
                                                            {hashless, "malformed"}};
  for (const auto& [start, why] : cases) {
    coordinator_->send(start);
    const auto report = coordinator_->report(start.id, ProcessPhase::ended);
    ASSERT_TRUE(report && report->failure) << why;
    EXPECT_THAT(report->failure->message, HasSubstr(why));
  }
  EXPECT_FALSE(fs::exists(folder_ / "j-1"));
}

TEST_F(WorkerTest, AProgramThatIsMissingIsAFailure) {
  WorkerOptions given = options();
  given.program = folder_ / "no-weir";
  start_worker(std::move(given));
  EXPECT_THAT(failure_of("serve"), HasSubstr("no-weir: No such file"));
}

// ---- ending -------------------------------------------------------------------------------------

TEST_F(WorkerTest, EndsWhatItIsToldToAndForgetsIt) {
  start_worker();
  start_process("running\nserve");
  const ProcessId other{"j-1", 5, 0};
  start_process("running\nserve", other);
  ASSERT_TRUE(coordinator_->report(other, ProcessPhase::running));
  ASSERT_TRUE(eventually([&] { return !log_of(kId).empty(); }));
  coordinator_->send(Kill{"j-1", 4});
  const auto ended = coordinator_->report(kId, ProcessPhase::ended);
  ASSERT_TRUE(ended);
  EXPECT_FALSE(ended->failure);
  const auto answer = coordinator_->ask(kId, "tell");
  ASSERT_TRUE(answer && answer->failure);
  EXPECT_THAT(answer->failure->message, HasSubstr("does not run"));
  const auto still = coordinator_->ask(other, "tell");
  EXPECT_TRUE(still && !still->failure);
}

TEST_F(WorkerTest, ACrashIsReportedWithItsSignalAndTheEndOfTheLog) {
  start_worker();
  const std::string why = failure_of("print first words\nprint last words\ncrash");
  EXPECT_THAT(why, HasSubstr("j-1/4/0"));
  EXPECT_THAT(why, HasSubstr("SIGSEGV"));
  EXPECT_THAT(why, HasSubstr("last words"));
  EXPECT_THAT(log_of(kId), HasSubstr("first words\nlast words\n"));
  EXPECT_EQ(log_of(kId, 12), "last words\n");
}

TEST_F(WorkerTest, OnlyTheEndOfALongLogIsInTheFailure) {
  start_worker();
  std::string script;
  for (int i = 0; i < 1000; ++i) script += "print line " + std::to_string(i) + "\n";
  const std::string why = failure_of(script + "exit 3");
  EXPECT_THAT(why, HasSubstr("exit status 3"));
  EXPECT_THAT(why, HasSubstr("line 999"));
  EXPECT_THAT(why, Not(HasSubstr("line 700")));
  EXPECT_LT(why.size(), 2500u);
}

TEST_F(WorkerTest, WhoEndsWithoutAWordHasFailed) {
  start_worker();
  EXPECT_THAT(failure_of("running\nexit 0"), HasSubstr("without a word"));
}

TEST_F(WorkerTest, WhatAProcessSaysOfItsEndCounts) {
  start_worker();
  EXPECT_EQ(failure_of("failed no room\nexit 1"), "no room");
  const ProcessId other{"j-2", 1, 0};
  start_process("finished", other);
  const auto finished = coordinator_->report(other, ProcessPhase::ended);
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->outcome, JobState::finished);
  EXPECT_FALSE(finished->failure);
}

TEST_F(WorkerTest, AFrozenProcessIsEnded) {
  WorkerOptions given = options();
  given.frozen = 500ms;
  start_worker(std::move(given));
  EXPECT_THAT(failure_of("print here\nfreeze"), HasSubstr("frozen"));
}

TEST_F(WorkerTest, OneThatHangsUpOrSaysNonsenseIsEnded) {
  start_worker();
  EXPECT_THAT(failure_of("hangup", {"j-1", 1, 0}), HasSubstr("closed its connection"));
  EXPECT_THAT(failure_of("garbage\nserve", {"j-2", 1, 0}), HasSubstr("does not read back"));
}

TEST_F(WorkerTest, WhoIsAskedAndEndsLeavesNobodyWaiting) {
  start_worker();
  start_process("running\nserve");
  ASSERT_TRUE(coordinator_->report(kId, ProcessPhase::running));
  coordinator_->send(Ask{1000, kId, "silence"});
  coordinator_->send(Kill{"j-1", 4});
  const auto answer =
      coordinator_->next<Answer>([](const Answer& answer) { return answer.request == 1000; });
  ASSERT_TRUE(answer && answer->failure);
  EXPECT_THAT(answer->failure->message, HasSubstr("ended before it answered"));
}

TEST_F(WorkerTest, KeepsTheLogsOfTheNewestFiveAttempts) {
  start_worker();
  for (std::uint64_t attempt = 1; attempt <= 12; ++attempt) {
    failure_of("exit 1", {"j-1", attempt, 0});
  }
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(folder_ / "work/logs/j-1")) {
    left.push_back(entry.path().filename());
  }
  std::sort(left.begin(), left.end());
  EXPECT_THAT(left, ElementsAre("10-0.log", "11-0.log", "12-0.log", "8-0.log", "9-0.log"));
  EXPECT_THAT(log_of({"j-1", 1, 0}), StartsWith("failure: There is no log"));
  EXPECT_THAT(log_of({"../work/logs/j-1", 9, 0}), StartsWith("failure"));
}

TEST_F(WorkerTest, ItsProcessesEndWithIt) {
  start_worker();
  start_process("running\nserve");
  ASSERT_TRUE(coordinator_->report(kId, ProcessPhase::running));
  const std::string pid = ask().at("pid");
  end_worker();
  EXPECT_TRUE(is_dead(pid));
}

TEST_F(WorkerTest, WhatAProcessLeavesBehindEndsWithIt) {
  const pid_t worker = spawn_worker();
  ASSERT_TRUE(coordinator_->next<Register>());
  const auto daemon = [&](const std::string& name) {
    std::string pid;
    EXPECT_TRUE(eventually([&] { return std::ifstream(folder_ / name) >> pid; }));
    return pid;
  };
  // One that goes on beside it keeps its own.
  start_process("daemon " + std::string(folder_ / "other") + "\nrunning\nserve", {"j-2", 1, 0});
  const std::string other = daemon("other");
  start_process("daemon " + std::string(folder_ / "one") + "\nrunning\nserve");
  ASSERT_TRUE(coordinator_->report(kId, ProcessPhase::running));
  const std::string one = daemon("one");
  EXPECT_FALSE(is_dead(one));
  ::kill(static_cast<pid_t>(std::stol(ask().at("pid"))), SIGKILL);
  const auto ended = coordinator_->report(kId, ProcessPhase::ended);
  ASSERT_TRUE(ended && ended->failure);
  EXPECT_EQ(ended->failure->code, ErrorCode::killed) << "not by its own code";
  EXPECT_TRUE(ended->failure->retryable);
  EXPECT_THAT(ended->failure->message, HasSubstr("signal 9 (SIGKILL): likely by the kernel"));
  EXPECT_TRUE(eventually([&] { return is_dead(one); }));
  EXPECT_FALSE(is_dead(other));
  coordinator_->send(Kill{"j-2", 1});
  EXPECT_TRUE(eventually([&] { return is_dead(other); }));
  // One that ends by itself leaves nothing, though what has started it goes on.
  start_process("daemon " + std::string(folder_ / "short") + "\nrunning\nserve", {"j-3", 1, 0});
  const std::string brief = daemon("short");
  ::kill(static_cast<pid_t>(std::stol(brief)), SIGKILL);
  EXPECT_TRUE(eventually([&] { return !fs::exists("/proc/" + brief); }));
  ::kill(worker, SIGKILL);
  ::waitpid(worker, nullptr, 0);
}

TEST_F(WorkerTest, ItsProcessesEndWithItAlsoWhenItIsKilled) {
  const pid_t worker = spawn_worker();
  ASSERT_TRUE(coordinator_->next<Register>());
  start_process("running\nserve");
  ASSERT_TRUE(coordinator_->report(kId, ProcessPhase::running));
  const std::string pid = ask().at("pid");
  EXPECT_FALSE(is_dead(pid));
  ::kill(worker, SIGKILL);
  ::waitpid(worker, nullptr, 0);
  EXPECT_TRUE(eventually([&] { return is_dead(pid); }));
}

}  // namespace
}  // namespace weir::cluster
