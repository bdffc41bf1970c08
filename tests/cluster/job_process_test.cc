// Attempts of a job with several real processes: one answer however they are cut, across kills,
// stops and changes of parallelism.
#include "weir/cluster/job_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "tests/cluster/attempt.h"
#include "tests/cluster/attempt_job.h"
#include "weir/base/clock.h"

namespace weir::cluster {
namespace {

using namespace std::chrono_literals;

class JobProcessTest : public ::testing::Test {
 protected:
  JobProcessTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~JobProcessTest() override { std::filesystem::remove_all(folder_); }

  const std::string folder_ =
      std::filesystem::temp_directory_path() / ("weir-attempt-" + std::to_string(::getpid()));
};

TEST_F(JobProcessTest, OneAnswerHoweverTheTasksAreSpread) {
  const auto counts = write_input(folder_ + "/in", 5, 4000);
  const std::vector<std::vector<std::uint32_t>> spreads = {{3}, {2, 1}, {1, 1, 1}, {1, 1, 1, 1}};
  for (const auto& slots : spreads) {
    std::filesystem::remove_all(folder_ + "/out");
    std::filesystem::remove_all(folder_ + "/state");
    Attempt attempt(counting_job(folder_, 3), 1, slots);
    const AttemptEnd end = attempt.wait();
    ASSERT_EQ(end.outcome, JobState::finished)
        << slots.size()
        << " processes: " << (end.failures.empty() ? "gone" : end.failures[0].message);
    EXPECT_GT(end.checkpoint, 0u);
    EXPECT_EQ(check_output(folder_ + "/out", counts), "") << slots.size() << " processes";
  }
}

TEST_F(JobProcessTest, OneAnswerAcrossKills) {
  const auto counts = write_input(folder_ + "/in", 8, 60'000);
  const std::uint64_t seed = entropy_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  JobState outcome = JobState::running;
  int kills = 0;
  for (std::uint64_t number = 1; outcome != JobState::finished; ++number) {
    ASSERT_LT(number, 40u) << "the job does not get on";
    const auto processes = 1 + random.below(3);
    const auto parallelism = static_cast<std::uint32_t>(processes + random.below(2));
    Attempt attempt(counting_job(folder_, parallelism), number,
                    std::vector<std::uint32_t>(processes, 1));
    if (attempt.wait_until_running() && kills < 6) {
      std::this_thread::sleep_for(std::chrono::milliseconds(random.below(200)));
      attempt.kill(static_cast<std::uint32_t>(random.below(processes)));
      ++kills;
    }
    const AttemptEnd end = attempt.wait();
    outcome = end.outcome;
    for (const Error& why : end.failures) EXPECT_TRUE(why.retryable) << why.message;
  }
  EXPECT_EQ(check_output(folder_ + "/out", counts), "");
}

TEST_F(JobProcessTest, StopsWithALastCheckpointAndGoesOnAtAnotherParallelism) {
  const auto counts = write_input(folder_ + "/in", 8, 60'000);
  std::uint32_t parallelism = 2;
  JobState outcome = JobState::running;
  for (std::uint64_t number = 1; outcome != JobState::finished; ++number) {
    ASSERT_LT(number, 40u);
    Attempt attempt(counting_job(folder_, parallelism), number, {1, parallelism - 1});
    if (attempt.wait_until_running() && number <= 3) {
      EXPECT_TRUE(attempt.ask("stop").ok());
    }
    const AttemptEnd end = attempt.wait();
    for (const Error& why : end.failures) ADD_FAILURE() << why.message;
    outcome = end.outcome;
    parallelism = 2 + number % 3;
  }
  EXPECT_EQ(check_output(folder_ + "/out", counts), "");
}

TEST_F(JobProcessTest, GoesOnFromItsOwnCheckpointsWhereverItBegan) {
  const auto counts = write_input(folder_ + "/in", 8, 60'000);
  JobSpec spec = counting_job(folder_, 2);
  spec.from = "none";  // which a folder with checkpoints refuses
  JobState outcome = JobState::running;
  for (std::uint64_t number = 1; outcome != JobState::finished; ++number) {
    ASSERT_LT(number, 40u);
    Attempt attempt(spec, number, {1, 1});
    if (attempt.wait_until_running() && number <= 3) {
      attempt.wait_for_checkpoint();
      attempt.kill(number % 2);
    }
    const AttemptEnd end = attempt.wait();
    for (const Error& why : end.failures) EXPECT_TRUE(why.retryable) << why.message;
    outcome = end.outcome;
  }
  EXPECT_EQ(check_output(folder_ + "/out", counts), "");
}

TEST_F(JobProcessTest, AnotherJobIsKeptOutOfTheFolderByWhateverPath) {
  const auto counts = write_input(folder_ + "/in", 8, 60'000);
  const JobSpec spec = counting_job(folder_, 2);
  std::filesystem::create_directories(spec.state_dir);
  std::filesystem::create_symlink(spec.state_dir, folder_ + "/link");
  JobSpec other = spec;
  other.name = "j-2";
  other.state_dir = folder_ + "/link";
  other.settings["output"] = folder_ + "/out2";
  {
    Attempt first(spec, 1, {1, 1});
    ASSERT_TRUE(first.wait_until_running());
    first.kill(0);  // a silence is not an end
  }
  Attempt second(other, 1, {1, 1});
  const AttemptEnd refused = second.wait();
  ASSERT_FALSE(refused.failures.empty());
  EXPECT_FALSE(refused.failures[0].retryable);
  EXPECT_THAT(refused.failures[0].message,
              ::testing::HasSubstr("is held by job " + spec.name + " "));
  Attempt next(spec, 2, {1, 1});
  EXPECT_EQ(next.wait().outcome, JobState::finished);
  EXPECT_EQ(check_output(folder_ + "/out", counts), "");
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/out2"));
}

TEST_F(JobProcessTest, CountsOfAllProcessesAreSeenAtTheMaster) {
  const auto counts = write_input(folder_ + "/in", 6, 60'000);
  std::uint64_t all = 0;
  for (const auto& [key, count] : counts) all += count;
  Attempt attempt(counting_job(folder_, 3), 1, {1, 1, 1});
  ASSERT_TRUE(attempt.wait_until_running());
  std::uint64_t most = 0;
  for (auto seen = attempt.ask("status"); seen.ok(); seen = attempt.ask("status")) {
    const std::uint64_t records = std::stoull(*seen);
    if (records == 0) continue;  // before the job, or behind it
    EXPECT_GE(records, most) << "counts do not go back";
    most = std::max(most, records);
  }
  EXPECT_EQ(attempt.wait().outcome, JobState::finished);
  // More than the master's own third of the input.
  EXPECT_GT(most, all / 3);
  EXPECT_LE(most, all);
}

TEST_F(JobProcessTest, AnAttemptThatCannotBeBuiltSaysWhy) {
  JobSpec spec = counting_job(folder_, 2);
  spec.settings.erase("output");
  Attempt attempt(spec, 1, {1, 1});
  const AttemptEnd end = attempt.wait();
  ASSERT_FALSE(end.failures.empty());
  EXPECT_FALSE(end.failures[0].retryable);
  EXPECT_THAT(end.failures[0].message, ::testing::HasSubstr("output"));
}

}  // namespace
}  // namespace weir::cluster
