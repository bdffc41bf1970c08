// A job that runs in this process while parts of it fail: what a user asked for happens once, and
// the job ends with the reason.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "weir/base/failpoint.h"
#include "weir/checkpoint/store.h"
#include "weir/runtime/letter_store.h"
#include "weir/runtime/placement.h"
#include "weir/weir.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Order {
  std::string user;
  std::int64_t n = 0;
};
WEIR_DESCRIBE(Order, user, n);

class JobRunnerTest : public ::testing::Test {
 protected:
  JobRunnerTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ + "/in");
    options_.config = {{"input", folder_ + "/in"}, {"output", folder_ + "/out"}};
    options_.state_dir = folder_ + "/state";
    options_.checkpoint_interval = Duration(100'000);
  }
  ~JobRunnerTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& lines) { std::ofstream(folder_ + "/in/a") << lines; }
  void begin(JobFunction job) {
    runner_.reset();
    auto made = JobRunner::create(job, options_);
    ASSERT_TRUE(made.ok()) << made.error().message;
    runner_ = std::move(*made);
    result_ = std::async(std::launch::async, [this] { return runner_->run(); });
    while (runner_->status().steps.empty() && result_.wait_for(1ms) != std::future_status::ready) {
    }
  }
  /// What a request is answered.
  template <class Ask>
  static Result<Manifest> answer(Ask&& ask) {
    auto promise = std::make_shared<std::promise<Result<Manifest>>>();
    auto future = promise->get_future();
    ask([promise](Result<Manifest> manifest) { promise->set_value(std::move(manifest)); });
    return future.get();
  }
  void until_counted(const char* step, const char* counter, std::uint64_t n) {
    for (int i = 0; i < 30'000; ++i) {
      for (const JobStatus::Step& s : runner_->status().steps) {
        const auto found = s.counters.find(counter);
        if (s.name == step && found != s.counters.end() && found->second >= n) return;
      }
      std::this_thread::sleep_for(1ms);
    }
    FAIL() << step << " never had " << n << " " << counter;
  }
  std::vector<DeadLetter> letters() const {
    const auto storage = make_posix_storage();
    auto store = CheckpointStore::open(*storage, options_.state_dir);
    const auto manifest = (*store)->newest();
    std::vector<DeadLetter> found;
    EXPECT_TRUE(for_each_letter(*storage, (*store)->runs_folder(), **manifest, {},
                                [&](DeadLetter&& letter) {
                                  found.push_back(std::move(letter));
                                  return true;
                                })
                    .ok());
    return found;
  }
  std::vector<std::string> output() const {
    std::vector<std::string> lines;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/out")) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);) lines.push_back(line);
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  /// The end of a job that must end by itself; nothing when it does not.
  std::optional<Result<RunResult>> end() {
    if (result_.wait_for(60s) != std::future_status::ready) return std::nullopt;
    return result_.get();
  }

  const std::string folder_ = ::testing::TempDir() + "job_runner_" +
                              ::testing::UnitTest::GetInstance()->current_test_info()->name();
  RunOptions options_;
  std::unique_ptr<JobRunner> runner_;
  std::future<Result<RunResult>> result_;
};

std::atomic<bool> mended;

void counting_job(Job& job) {
  job.source("in", file::json<Order>({.path = job.config("input"), .follow = true}))
      .key_by(&Order::user)
      .process<std::int64_t, std::string>("count",
                                          [](std::int64_t& count, const Order& order, auto& ctx) {
                                            if (order.n < 0 && !mended)
                                              throw std::runtime_error("a negative order");
                                            ctx.emit(order.user + " " + std::to_string(++count));
                                          })
      .sink("out", file::text_sink({.path = job.config("output"), .roll_interval = Duration(0)}));
}

TEST_F(JobRunnerTest, ALetterAskedForAgainAfterItsCheckpointFailedIsReplayedOnce) {
  mended = false;
  write("{\"user\":\"a\",\"n\":-1}\n");
  begin(counting_job);
  until_counted("count", "dead_letters", 1);
  ASSERT_TRUE(answer([&](auto done) { runner_->savepoint(folder_ + "/sp", false, done); }).ok());
  mended = true;
  ASSERT_EQ(letters().size(), 1u);
  ASSERT_TRUE(arm_failpoints("checkpoint.before_manifest=error@1").ok());
  const auto first = answer([&](auto done) { runner_->replay(letters(), done); });
  ASSERT_TRUE(arm_failpoints("").ok());
  ASSERT_FALSE(first.ok());
  EXPECT_THAT(first.error().message, HasSubstr("ask again"));
  ASSERT_EQ(letters().size(), 1u);
  const auto second = answer([&](auto done) { runner_->replay(letters(), done); });
  EXPECT_TRUE(second.ok()) << second.error().message;
  EXPECT_TRUE(letters().empty());
  runner_->stop();
  ASSERT_TRUE(end().has_value());
  EXPECT_THAT(output(), ElementsAre("a 1"));
}

// A write that hangs cannot be taken back, but nobody need wait for it for ever.
void hang_at(const std::string& place) { ASSERT_TRUE(arm_failpoints(place + "=sleep:8000").ok()); }

class HangingStorage : public JobRunnerTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(HangingStorage, EndsTheJobWithAWord) {
  mended = true;
  options_.checkpoint_interval = Duration(50);
  options_.checkpoint_timeout = Duration(200);
  write("{\"user\":\"a\",\"n\":1}\n");
  hang_at(GetParam());
  begin(counting_job);
  const auto ended = end();
  ASSERT_TRUE(arm_failpoints("").ok());
  ASSERT_TRUE(ended.has_value());
  ASSERT_FALSE(ended->ok());
  EXPECT_FALSE(ended->error().retryable);
  EXPECT_THAT(ended->error().message, HasSubstr("The storage hangs"));
  EXPECT_THAT(ended->error().message, HasSubstr("Start it again once the storage answers"));
  EXPECT_TRUE(runner_->hangs());
  runner_.reset();  // waits
  options_.checkpoint_timeout = Duration(60'000);
  begin(counting_job);
  until_counted("count", "records_in", 1);
  runner_->stop();
  const auto stopped = end();
  ASSERT_TRUE(stopped.has_value() && stopped->ok());
  EXPECT_THAT(output(), ElementsAre("a 1"));
}
INSTANTIATE_TEST_SUITE_P(Places, HangingStorage,
                         ::testing::Values("coordinator.before_manifest",
                                           "task.before_snapshot_write"));

TEST_F(JobRunnerTest, MoreFailedCheckpointsThanAreToleratedEndTheAttempt) {
  mended = true;
  options_.checkpoint_interval = Duration(10);
  options_.tolerated_checkpoint_failures = 2;
  options_.max_restarts = 0;
  write("{\"user\":\"a\",\"n\":1}\n");
  ASSERT_TRUE(arm_failpoints("checkpoint.before_manifest=error@*").ok());
  begin(counting_job);
  const auto ended = end();
  ASSERT_TRUE(arm_failpoints("").ok());
  ASSERT_TRUE(ended.has_value());
  ASSERT_FALSE(ended->ok());
  EXPECT_THAT(ended->error().message, HasSubstr("Too many checkpoints failed in a row"));
}

TEST_F(JobRunnerTest, AnIntervalBeyondTheClockMeansNoCheckpoints) {
  mended = true;
  options_.checkpoint_interval = Duration::max();
  write("{\"user\":\"a\",\"n\":1}\n");
  begin(counting_job);
  until_counted("count", "records_in", 1);
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(runner_->status().last_checkpoint, 0u);
  runner_->stop();
  ASSERT_TRUE(end().has_value());
  EXPECT_THAT(output(), ElementsAre("a 1"));
}

TEST_F(JobRunnerTest, ASavepointThatHasNoPlaceDoesNotStopTheJob) {
  mended = true;
  write("{\"user\":\"a\",\"n\":1}\n");
  begin(counting_job);
  const auto refused = answer([&](auto done) { runner_->savepoint(folder_ + "/in", true, done); });
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("not empty"));
  const auto taken = answer([&](auto done) { runner_->savepoint(folder_ + "/sp", true, done); });
  EXPECT_TRUE(taken.ok());
  EXPECT_TRUE(end().has_value());
}

/// Stages something at each checkpoint; its commits and its opening can fail.
struct Troubled final : Sink<std::string> {
  struct Writer final : SinkWriter<std::string> {
    Status write(Batch<std::string>&) override { return {}; }
    Result<Staged> stage(std::uint64_t, bool) override { return Staged{{"x"}, {}}; }
  };
  Troubled(std::string commits, std::string opens)
      : commits_(std::move(commits)), opens_(std::move(opens)) {}
  static Status status(const std::string& failure) {
    if (failure.empty()) return {};
    return Error{ErrorCode::io, failure, failure.ends_with("for now")};
  }
  Status prepare(const SinkContext&, const std::vector<std::string>&) const override { return {}; }
  Result<std::unique_ptr<SinkWriter<std::string>>> open(
      const SinkContext&, const std::vector<std::string>&) const override {
    if (!opens_.empty()) return status(opens_).error();
    return std::unique_ptr<SinkWriter<std::string>>(std::make_unique<Writer>());
  }
  Status commit(const SinkContext&, const std::vector<Committable>&) const override {
    std::this_thread::sleep_for(50ms);
    return status(commits_);
  }
  std::string describe() const override { return "troubled"; }
  std::string commits_, opens_;  // why they fail, or nothing
};

std::string commits_end, second_opens;

void two_sinks_job(Job& job) {
  auto lines = job.source("in", file::lines({.path = job.config("input")}));
  lines.sink("first", std::make_shared<Troubled>(commits_end, ""));
  lines.sink("second", std::make_shared<Troubled>(commits_end, second_opens));
  static_cast<void>(job.config("output"));
}

TEST_F(JobRunnerTest, EndsWhenTwoCommitsOfATaskFailForGood) {
  commits_end = "the destination is gone";
  second_opens.clear();
  write("x\n");
  begin(two_sinks_job);
  const auto ended = end();
  ASSERT_TRUE(ended.has_value()) << "run() does not return";
  ASSERT_FALSE(ended->ok());
  EXPECT_THAT(ended->error().message, HasSubstr("the destination is gone"));
  const auto failures = runner_->failures();
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].why.message, ended->error().message);
  EXPECT_EQ(failures[0].task, "in, first, second");
  EXPECT_EQ(failures[0].subtask, 0u);
  EXPECT_EQ(failures[0].process, 0u);
}

TEST_F(JobRunnerTest, CommitsArePartOfACheckpointsAccount) {
  commits_end.clear();
  second_opens.clear();
  write("x\n");
  begin(two_sinks_job);
  const auto ended = end();
  ASSERT_TRUE(ended.has_value());
  ASSERT_TRUE(ended->ok());
  const CheckpointTotals& totals = ended->value().status.checkpoints;
  EXPECT_EQ(totals.completed, 1u);
  EXPECT_EQ(totals.failed, 0u);
  EXPECT_GE(totals.phases.commit, 50ms);
  EXPECT_GT(totals.duration, 0ms);
  EXPECT_GT(totals.newest_bytes, 0u);
}

TEST_F(JobRunnerTest, AnAttemptThatCannotBeRestoredLeavesNothingBehind) {
  commits_end.clear();
  second_opens.clear();
  write("x\n");
  begin(two_sinks_job);
  ASSERT_TRUE(end().value().ok());
  second_opens = "the second cannot be opened";
  begin(two_sinks_job);
  const auto ended = result_.get();
  ASSERT_FALSE(ended.ok());
  EXPECT_THAT(ended.error().message, HasSubstr("the second cannot be opened"));
  std::this_thread::sleep_for(100ms);  // a commit of the first would come back by now
}

// The process of a job in a cluster dies after its last checkpoint, before others may have the
// folder.
TEST_F(JobRunnerTest, AJobThatHadFinishedGivesItsFolderBackWhenItIsStartedAgain) {
  commits_end.clear();
  second_opens.clear();
  write("x\n");
  AttemptPart part;
  part.job = "j-one";
  const auto run = [&] {
    auto runner = JobRunner::create(two_sinks_job, options_, &part);
    ASSERT_TRUE(runner.ok()) << runner.error().message;
    const auto result = (*runner)->run();
    ASSERT_TRUE(result.ok()) << result.error().message;
    part.attempt++;
  };
  run();
  const auto storage = make_posix_storage();
  const auto store = CheckpointStore::open(*storage, options_.state_dir);
  const auto claims = [&](const std::string& job) {
    return (*store)->claim({"tag", "run", 0, EventTime(), job});
  };
  ASSERT_TRUE(claims("j-one").ok());
  const auto held = claims("j-two");
  ASSERT_FALSE(held.ok());
  EXPECT_THAT(held.error().message, HasSubstr("is held by job j-one"));
  run();
  EXPECT_TRUE(claims("j-two").ok());
  run();  // what another job holds is left to it
  EXPECT_FALSE(claims("j-one").ok());
}

TEST_F(JobRunnerTest, ACancelEndsThePauseBeforeARestart) {
  commits_end.clear();
  second_opens = "the second cannot be opened for now";
  write("x\n");
  auto made = JobRunner::create(two_sinks_job, options_);
  ASSERT_TRUE(made.ok());
  runner_ = std::move(*made);
  result_ = std::async(std::launch::async, [this] { return runner_->run(); });
  while (runner_->status().restarts < 5) std::this_thread::sleep_for(1ms);
  runner_->cancel();  // of 3.2 s
  const auto failures = runner_->failures();
  ASSERT_GE(failures.size(), 5u);
  EXPECT_GT(failures[0].attempt, failures[1].attempt) << "the newest first";
  EXPECT_THAT(failures[0].why.message, HasSubstr("the second cannot be opened for now"));
  EXPECT_FALSE(failures[0].subtask) << "no task had begun";
  ASSERT_EQ(result_.wait_for(1s), std::future_status::ready);
  const auto ended = result_.get();
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended->outcome, RunResult::Outcome::cancelled);
}

std::atomic<int> opened;

/// Fails as it is opened first, and does not know that it is only away when it is opened again.
struct Away final : Sink<std::string> {
  Status prepare(const SinkContext&, const std::vector<std::string>&) const override { return {}; }
  Result<std::unique_ptr<SinkWriter<std::string>>> open(
      const SinkContext&, const std::vector<std::string>&) const override {
    const int time = opened++;
    if (time < 2) return Error{ErrorCode::io, "out of reach", time == 0};
    return std::unique_ptr<SinkWriter<std::string>>(std::make_unique<Troubled::Writer>());
  }
  Status commit(const SinkContext&, const std::vector<Committable>&) const override { return {}; }
  std::string describe() const override { return "away"; }
};

TEST_F(JobRunnerTest, WhatIsOutOfReachAfterTheFirstAttemptIsTriedAgain) {
  write("x\n");
  opened = 0;
  begin([](Job& job) {
    job.source("in", file::lines({.path = job.config("input")}))
        .sink("away", std::make_shared<Away>());
    static_cast<void>(job.config("output"));
  });
  const auto ended = result_.get();
  EXPECT_TRUE(ended.ok()) << ended.error().message;
  EXPECT_EQ(opened, 3);
}

void refusing_job(Job& job) {
  job.source("in", file::lines({.path = job.config("input")}))
      .map("refuse", [](const std::string& line) -> std::string { throw std::runtime_error(line); })
      .sink("out", file::text_sink({.path = job.config("output")}));
}

TEST_F(JobRunnerTest, AMainFunctionSaysItsDeadLetters) {
  write("x\ny\n");
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(run_main(refusing_job, options_), 0);
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("finished: 2 records read, 2 dead letters"));
  EXPECT_THAT(said, HasSubstr("weir dlq list --state " + options_.state_dir));
}

template <class Thrown>
void throwing_timer_job(Job& job) {
  job.source("in", file::json<Order>({.path = job.config("input"), .follow = true}))
      .key_by(&Order::user)
      .process<std::int64_t>(
          "count",
          [](std::int64_t&, const Order&, auto& ctx) {
            ctx.set_processing_timer(ctx.processing_time() + Duration(20));
          },
          [](std::int64_t&, const Timer&, auto&) { throw Thrown("thrown by a timer"); });
  static_cast<void>(job.config("output"));
}

TEST_F(JobRunnerTest, AThrowingTimerFailsTheJobWithItsText) {
  write("{\"user\":\"a\",\"n\":1}\n");
  begin(throwing_timer_job<std::runtime_error>);
  const auto ended = end();
  ASSERT_TRUE(ended.has_value());
  ASSERT_FALSE(ended->ok());
  EXPECT_THAT(ended->error().message, HasSubstr("thrown by a timer"));
  begin(throwing_timer_job<std::string>);  // no std::exception at all
  const auto again = end();
  ASSERT_TRUE(again.has_value());
  EXPECT_FALSE(again->ok());
}

}  // namespace
}  // namespace weir
