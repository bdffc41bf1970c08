// A state folder that is damaged or taken away: the job says so, at once, and loses no letter in
// silence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "weir/checkpoint/store.h"
#include "weir/weir.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct Order {
  std::string user;
  std::int64_t n = 0;
};
WEIR_DESCRIBE(Order, user, n);

class LostState : public ::testing::Test {
 protected:
  LostState() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ + "/in");
    options_.config = {{"input", folder_ + "/in"}, {"output", folder_ + "/out"}};
    options_.state_dir = folder_ + "/state";
    options_.checkpoint_interval = 20ms;
    std::ofstream(folder_ + "/in/a") << "{\"user\":\"a\",\"n\":1}\nnot an order\n";
  }
  ~LostState() override { std::filesystem::remove_all(folder_); }

  const std::string folder_ = ::testing::TempDir() + "lost_state_" +
                              ::testing::UnitTest::GetInstance()->current_test_info()->name();
  RunOptions options_;
};

void counting_job(Job& job) {
  job.source("in", file::json<Order>({.path = job.config("input"), .follow = true}))
      .key_by(&Order::user)
      .process<std::int64_t, std::string>("count",
                                          [](std::int64_t& count, const Order& order, auto& ctx) {
                                            ctx.emit(order.user + " " + std::to_string(++count));
                                          })
      .sink("out", file::text_sink({.path = job.config("output")}));
}

TEST_F(LostState, DamagedDeadLettersAreRefusedWhenTheJobIsRestored) {
  {
    auto runner = JobRunner::create(counting_job, options_);
    ASSERT_TRUE(runner.ok()) << runner.error().message;
    auto result = std::async(std::launch::async, [&] { return (*runner)->run(); });
    for (bool there = false; !there;) {
      std::this_thread::sleep_for(1ms);
      for (const JobStatus::Step& step : (*runner)->status().steps) {
        const auto letters = step.counters.find("dead_letters");
        there |= letters != step.counters.end() && letters->second == 1;
      }
    }
    (*runner)->stop();
    ASSERT_TRUE(result.get().ok());
  }
  const auto storage = make_posix_storage();
  std::string file;
  {
    const auto store = CheckpointStore::open(*storage, options_.state_dir);
    const auto manifest = (*store)->newest();
    ASSERT_EQ((*manifest)->dead_letters.size(), 1u);
    file = (*store)->runs_folder() + "/" + (*manifest)->dead_letters[0].file;
  }
  ASSERT_TRUE(std::filesystem::exists(file));
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  const auto result = run(counting_job, options_);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message, HasSubstr("Dead letters cannot be restored"));
}

TEST_F(LostState, AFolderTakenAwayEndsTheJobInsteadOfTryingForEver) {
  auto runner = JobRunner::create(counting_job, options_);
  ASSERT_TRUE(runner.ok()) << runner.error().message;
  auto result = std::async(std::launch::async, [&] { return (*runner)->run(); });
  for (int i = 0; i < 30'000 && (*runner)->status().last_checkpoint == 0; ++i)
    std::this_thread::sleep_for(1ms);
  std::filesystem::rename(options_.state_dir, folder_ + "/elsewhere");
  const bool ended = result.wait_for(60s) == std::future_status::ready;
  if (!ended) (*runner)->cancel();
  EXPECT_TRUE(ended);
  const auto end = result.get();
  ASSERT_FALSE(end.ok());
  EXPECT_THAT(end.error().message, HasSubstr(options_.state_dir));
}

/// So many that the state is brought in while the job runs, and its blocks are checked as they are
/// met.
TEST_F(LostState, ADamagedBlockOfALargeStateEndsTheJobAndIsNamed) {
  constexpr std::uint64_t kUsers = 250'000;
  {
    std::ofstream in(folder_ + "/in/b");
    for (std::uint64_t i = 0; i < kUsers; ++i) in << "{\"user\":\"u" << i << "\",\"n\":1}\n";
  }
  {
    auto runner = JobRunner::create(counting_job, options_);
    ASSERT_TRUE(runner.ok()) << runner.error().message;
    auto result = std::async(std::launch::async, [&] { return (*runner)->run(); });
    while (totals_of((*runner)->status()).records < kUsers + 1) std::this_thread::sleep_for(5ms);
    (*runner)->stop();
    ASSERT_TRUE(result.get().ok());
  }
  std::filesystem::path largest;
  {
    const auto storage = make_posix_storage();
    const auto store = CheckpointStore::open(*storage, options_.state_dir);
    const auto manifest = (*store)->newest();
    std::uint64_t rows = 0;
    for (const auto& step : (*manifest)->steps) {
      for (const auto& subtask : step.subtasks) {
        for (const RunInfo& run : subtask.state) {
          if (run.rows <= rows) continue;
          rows = run.rows;
          largest = (*store)->runs_folder() + "/" + run.file;
        }
      }
    }
  }
  ASSERT_FALSE(largest.empty());
  {
    std::fstream file(largest, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(largest) / 3));
    file.put('\x55').put('\xaa').put('\x55');
  }
  options_.max_restarts = 2;
  auto runner = JobRunner::create(counting_job, options_);
  ASSERT_TRUE(runner.ok()) << runner.error().message;
  auto result = std::async(std::launch::async, [&] { return (*runner)->run(); });
  const bool ended = result.wait_for(120s) == std::future_status::ready;
  if (!ended) (*runner)->cancel();
  EXPECT_TRUE(ended) << "it goes on with damaged state";
  const auto end = result.get();
  ASSERT_FALSE(end.ok());
  EXPECT_THAT(end.error().message, HasSubstr(largest.filename().string()));
}

}  // namespace
}  // namespace weir
