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

TEST_F(JobProcessTest, CountsOfAllProcessesAreSeenAtTheMaster) {
  write_input(folder_ + "/in", 6, 1000);
  JobSpec spec = counting_job(folder_, 3);
  Attempt attempt(spec, 1, {1, 1, 1});
  attempt.wait_until_running();
  const auto records = attempt.ask("status");
  const AttemptEnd end = attempt.wait();
  EXPECT_EQ(end.outcome, JobState::finished);
  if (records.ok()) {
    EXPECT_LE(std::stoull(*records), 6000u);
  }
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
