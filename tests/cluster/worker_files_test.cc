// What a worker keeps on its host, and for how long.
#include "weir/cluster/worker_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "tests/cluster/temporary_folder.h"
#include "weir/base/hash.h"
#include "weir/cluster/process_log.h"

namespace weir::cluster {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

class WorkerLogs : public testing::Test {
 protected:
  void open(const std::string& job, const std::set<std::string>& running = {},
            std::uint64_t attempt = 1) {
    const auto fd = logs_.open({job, attempt, 0}, running);
    ASSERT_TRUE(fd.ok()) << fd.error().message;
    ::close(*fd);
  }
  bool has(const std::string& job) { return fs::exists(fs::path(folder_.path()) / "logs" / job); }
  /// As if nobody had written to it for so long.
  void age(const std::string& job, int hours) {
    for (const auto& log : fs::directory_iterator(fs::path(folder_.path()) / "logs" / job)) {
      fs::last_write_time(log, fs::file_time_type::clock::now() - std::chrono::hours(hours));
    }
  }
  TemporaryFolder folder_;
  ProcessLogs logs_{folder_.path() + "/logs"};
};

TEST_F(WorkerLogs, ThoseOfTheNewestFiftyJobsAreKeptAndOfAllThatRun) {
  for (int i = 0; i < 50; ++i) {
    const std::string job = "j-" + std::to_string(i);
    open(job);
    age(job, 100 - i);
  }
  EXPECT_TRUE(has("j-0"));
  open("j-50", {"j-0", "j-50"});
  open("j-51", {"j-0", "j-51"});
  EXPECT_TRUE(has("j-1")) << "there are fifty that do not run";
  open("j-52", {"j-0", "j-52"});
  EXPECT_TRUE(has("j-0")) << "it runs";
  EXPECT_FALSE(has("j-1"));
  EXPECT_TRUE(has("j-2"));
  open("j-53", {"j-53"});
  EXPECT_FALSE(has("j-0")) << "it is over";
  EXPECT_FALSE(has("j-2"));
  EXPECT_TRUE(has("j-3"));
}

TEST_F(WorkerLogs, OfOldAttemptsGoWithTheirOlderFiles) {
  for (std::uint64_t attempt = 1; attempt <= 6; ++attempt) {
    open("j-1", {"j-1"}, attempt);
    write(older_log(logs_.path_of({"j-1", attempt, 0})), "before\n");
  }
  EXPECT_FALSE(fs::exists(logs_.path_of({"j-1", 1, 0})));
  EXPECT_FALSE(fs::exists(older_log(logs_.path_of({"j-1", 1, 0}))));
  EXPECT_TRUE(fs::exists(older_log(logs_.path_of({"j-1", 2, 0}))));
}

TEST_F(WorkerLogs, AreReadAcrossTheBeginningOfANewFile) {
  const ProcessId id{"j-1", 1, 0};
  EXPECT_EQ(logs_.tail(id, 10).error().code, ErrorCode::not_found);
  open("j-1");
  write(logs_.path_of(id), "three\nfour\n");
  EXPECT_EQ(logs_.tail(id, 100).value(), "three\nfour\n");
  EXPECT_EQ(logs_.tail(id, 5).value(), "four\n");
  EXPECT_EQ(logs_.tail(id, 7).value(), "four\n") << "whole lines";
  write(older_log(logs_.path_of(id)), "one\ntwo\n");
  EXPECT_EQ(logs_.tail(id, 5).value(), "four\n");
  EXPECT_EQ(logs_.tail(id, 11).value(), "three\nfour\n");
  EXPECT_EQ(logs_.tail(id, 16).value(), "two\nthree\nfour\n");
  EXPECT_EQ(logs_.tail(id, 100).value(), "one\ntwo\nthree\nfour\n");
}

TEST(WorkerLibraries, LieInAFolderOfTheWorkerAlone) {
  const TemporaryFolder folder;
  const std::string from = folder.path() + "/library.so", kept = folder.path() + "/work/libraries";
  write(from, "code");
  const std::string hash = content_hash("code").hex();
  LibraryCache cache(kept);
  const auto fetch = [&] {
    std::promise<Result<std::string>> fetched;
    cache.fetch(hash, from, [&](Result<std::string> path) { fetched.set_value(std::move(path)); });
    return fetched.get_future().get();
  };
  const auto path = fetch();
  ASSERT_TRUE(path.ok()) << path.error().message;
  struct stat info;
  ASSERT_EQ(::stat(kept.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  write(*path, "other code");
  ASSERT_TRUE(fetch().ok());
  std::string text;
  std::getline(std::ifstream(*path), text);
  EXPECT_EQ(text, "code") << "what was changed is copied anew";
  fs::permissions(kept, fs::perms(0777));
  const auto refused = fetch();
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr(kept));
}

}  // namespace
}  // namespace weir::cluster
