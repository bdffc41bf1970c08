// Runs against std::map, and damaged runs.
#include "weir/checkpoint/run.h"

#include <gtest/gtest.h>

#include "tests/checkpoint/fixture.h"
#include "weir/base/failpoint.h"

namespace weir {
namespace {

using testing::must;
using testing::Rows;

class RunTest : public ::testing::Test {
 protected:
  RunTest() { must(storage_.make_dirs("runs")); }
  RunInfo write(const std::string& file, const Rows& rows) {
    return must(testing::write_run(storage_, "runs", file, rows));
  }
  MemoryStorage storage_;
};

TEST_F(RunTest, ReadsBackWhatWasWritten) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const Rows rows = testing::random_rows(random, random.below(3000), 5000);
    const RunInfo info = write("r.run", rows);
    EXPECT_EQ(info.rows, rows.size());
    EXPECT_EQ(info.file, "r.run");
    const std::string bytes = must(read_file(storage_, "runs/r.run"));
    EXPECT_EQ(info.size_bytes, bytes.size());
    EXPECT_EQ(info.hash, content_hash(bytes));
    const auto cursor = must(open_run(storage_, "runs", info));
    EXPECT_FALSE(cursor->valid()) << "before the first row until seek";
    EXPECT_EQ(testing::read_rows(*cursor), rows);
  }
}

TEST_F(RunTest, SeeksToTheFirstRowNotBelow) {
  Random random(3);
  const Rows rows = testing::random_rows(random, 5000, 20'000);
  const auto cursor = must(open_run(storage_, "runs", write("r.run", rows)));
  for (int i = 0; i < 1000; ++i) {
    const std::string key = "k" + std::to_string(random.below(25'000));
    const auto expected = rows.lower_bound(key);
    must(cursor->seek(key));
    ASSERT_EQ(cursor->valid(), expected != rows.end());
    if (cursor->valid()) {
      EXPECT_EQ(cursor->key(), expected->first);
    }
  }
}

TEST_F(RunTest, HoldsEmptyKeysEmptyValuesAndLargeOnes) {
  const Rows rows = {{"", ""},
                     {std::string(1, '\0'), std::nullopt},
                     {"big", std::string(1 << 20, 'x')},
                     {std::string(100'000, '\xff'), "long key"}};
  const auto cursor = must(open_run(storage_, "runs", write("r.run", rows)));
  EXPECT_EQ(testing::read_rows(*cursor), rows);
}

TEST_F(RunTest, MayBeEmpty) {
  const RunInfo info = write("r.run", {});
  EXPECT_EQ(info.rows, 0u);
  const auto cursor = must(open_run(storage_, "runs", info));
  EXPECT_TRUE(testing::read_rows(*cursor).empty());
  testing::overwrite(storage_, "runs/r.run", "x");
  EXPECT_FALSE(open_run(storage_, "runs", info).ok());
}

TEST_F(RunTest, UnorderedKeysAreABug) {
  const auto writer = must(RunWriter::create(storage_, "runs", "r.run"));
  must(writer->put("b", ""));
  EXPECT_DEATH(static_cast<void>(writer->put("a", "").ok()), "strictly increasing");
  EXPECT_DEATH(static_cast<void>(writer->put("b", "").ok()), "strictly increasing");
}

TEST_F(RunTest, IsRefusedWhenCutAtAnyLength) {
  Random random(4);
  const RunInfo info = write("r.run", testing::random_rows(random, 60, 1000));
  const std::string bytes = must(read_file(storage_, "runs/r.run"));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    testing::overwrite(storage_, "runs/r.run", bytes.substr(0, size));
    const auto opened = open_run(storage_, "runs", info);
    ASSERT_FALSE(opened.ok()) << size;
    EXPECT_EQ(opened.error().code, ErrorCode::corrupt);
    EXPECT_NE(opened.error().message.find("runs/r.run"), std::string::npos);
  }
}

TEST_F(RunTest, IsRefusedWhenAnyByteIsFlipped) {
  Random random(5);
  const RunInfo info = write("r.run", testing::random_rows(random, 60, 1000));
  const std::string bytes = must(read_file(storage_, "runs/r.run"));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << random.below(8)));
    testing::overwrite(storage_, "runs/r.run", damaged);
    const auto opened = open_run(storage_, "runs", info);
    ASSERT_FALSE(opened.ok()) << i;
    EXPECT_EQ(opened.error().code, ErrorCode::corrupt);
  }
}

TEST_F(RunTest, LargeOnesAreRefusedWhenDamagedAnywhere) {
  Random random(6);
  const RunInfo info = write("r.run", testing::random_rows(random, 40'000, 1'000'000));
  const std::string bytes = must(read_file(storage_, "runs/r.run"));
  ASSERT_GT(bytes.size(), 600'000u) << "several pieces and blocks";
  for (int i = 0; i < 60; ++i) {
    std::string damaged = bytes;
    const std::size_t place = random.below(bytes.size());
    if (random.chance(0.5)) {
      damaged.resize(place);
    } else {
      damaged[place] = static_cast<char>(damaged[place] ^ (1 << random.below(8)));
    }
    testing::overwrite(storage_, "runs/r.run", damaged);
    EXPECT_FALSE(open_run(storage_, "runs", info).ok());
  }
}

TEST_F(RunTest, AMissingFileOrAWrongCountIsRefused) {
  RunInfo info = write("r.run", {{"a", "b"}});
  info.rows = 2;
  const auto miscounted = open_run(storage_, "runs", info);
  ASSERT_FALSE(miscounted.ok());
  EXPECT_EQ(miscounted.error().code, ErrorCode::corrupt);
  must(storage_.remove("runs/r.run"));
  const auto missing = open_run(storage_, "runs", info);
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message.find("missing"), std::string::npos);
}

TEST_F(RunTest, FailuresKeepTheirCodeAndLeaveNoFile) {
  Random random(7);
  const Rows rows = testing::random_rows(random, 20'000, 1'000'000);
  for (const ErrorCode code : {ErrorCode::disk_full, ErrorCode::io, ErrorCode::fsync_failed}) {
    const std::string operation = code == ErrorCode::fsync_failed ? "sync" : "append";
    storage_.set_fault([&](std::string_view name, const std::string&) -> Status {
      if (name != operation) return {};
      return Error{code, "injected", false};
    });
    const auto info = testing::write_run(storage_, "runs", "r.run", rows);
    storage_.set_fault(nullptr);
    ASSERT_FALSE(info.ok());
    EXPECT_EQ(info.error().code, code);
    EXPECT_FALSE(must(storage_.exists("runs/r.run")));
  }
}

TEST_F(RunTest, AFullDiskIsSaid) {
  storage_.set_capacity(50'000);
  Random random(8);
  const auto info = testing::write_run(storage_, "runs", "r.run",
                                       testing::random_rows(random, 20'000, 1'000'000));
  ASSERT_FALSE(info.ok());
  EXPECT_EQ(info.error().code, ErrorCode::disk_full);
}

TEST_F(RunTest, ReadErrorsKeepTheirCode) {
  const RunInfo info = write("r.run", {{"a", "b"}});
  storage_.set_fault([](std::string_view name, const std::string&) -> Status {
    if (name != "open") return {};
    return Error{ErrorCode::io, "injected", true};
  });
  const auto opened = open_run(storage_, "runs", info);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::io);
  EXPECT_TRUE(opened.error().retryable);
}

TEST_F(RunTest, IsDurableOnceFinishedAndItsFolderSynced) {
  const Rows rows = {{"a", "b"}, {"c", std::nullopt}};
  const RunInfo info = write("r.run", rows);
  must(storage_.sync_dir("runs"));
  storage_.crash(1);
  EXPECT_EQ(testing::read_rows(*must(open_run(storage_, "runs", info))), rows);
}

TEST_F(RunTest, FailpointsAroundTheSyncFailTheRun) {
  for (const char* name : {"run.before_sync", "run.after_sync"}) {
    must(arm_failpoints(std::string(name) + "=error@1"));
    EXPECT_FALSE(testing::write_run(storage_, "runs", "r.run", {{"a", "b"}}).ok()) << name;
    must(arm_failpoints(""));
    EXPECT_FALSE(must(storage_.exists("runs/r.run"))) << name;
  }
}

}  // namespace
}  // namespace weir
