// Savepoints stand alone, and --from finds them.
#include <gtest/gtest.h>

#include "tests/checkpoint/fixture.h"
#include "weir/base/failpoint.h"

namespace weir {
namespace {

using testing::make_manifest;
using testing::must;
using testing::StoreTest;

class SavepointTest : public StoreTest {
 protected:
  SavepointTest() {
    run_ = add_run("count-0-1-a1-state.run", {{"a", "1"}, {"b", std::nullopt}});
    add_run("count-0-9-a1-state.run");  // not part of it
    manifest_ = make_manifest(1, {run_});
    must(store_->commit(manifest_));
  }
  std::optional<RestorePoint> resolve(const std::string& from) {
    return must(resolve_restore(*store_, from));
  }
  void expect_point(const std::string& from, CheckpointId id, const std::string& runs_folder) {
    const auto point = resolve(from);
    ASSERT_TRUE(point) << from;
    EXPECT_EQ(point->manifest.id, id) << from;
    EXPECT_EQ(point->runs_folder, runs_folder) << from;
  }

  RunInfo run_;
  Manifest manifest_;
};

TEST_F(SavepointTest, IsSelfContained) {
  must(store_->export_savepoint(manifest_, "deep/er/save"));
  EXPECT_EQ(names_in("deep/er/save/runs"), (std::vector<std::string>{run_.file}));
  must(storage_.remove_all("state"));
  must(storage_.rename("deep/er/save/runs/" + run_.file, "moved"));  // and put it back:
  must(storage_.rename("moved", "deep/er/save/runs/" + run_.file));

  const auto copy = must(CheckpointStore::open(storage_, "deep/er/save"));
  const auto newest = must(copy->newest());
  ASSERT_TRUE(newest);
  EXPECT_TRUE(newest->savepoint);
  EXPECT_EQ(newest->steps[0].subtasks[0].state, manifest_.steps[0].subtasks[0].state);
  must(copy->verify(*newest));
  EXPECT_EQ(testing::read_rows(*must(open_run(storage_, copy->runs_folder(), run_))),
            (testing::Rows{{"a", "1"}, {"b", std::nullopt}}));
}

TEST_F(SavepointTest, SharesNoBytesWithTheOriginal) {
  must(store_->export_savepoint(manifest_, "save"));
  testing::overwrite(storage_, "state/runs/" + run_.file, "damaged");
  const auto copy = must(CheckpointStore::open(storage_, "save"));
  must(copy->verify(*must(copy->newest())));
}

TEST_F(SavepointTest, IsDurableOnceReported) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const std::string target = "saves/s" + std::to_string(seed);
    must(store_->export_savepoint(manifest_, target));
    storage_.crash(seed);
    const auto copy = must(CheckpointStore::open(storage_, target));
    const auto newest = must(copy->newest());
    ASSERT_TRUE(newest) << "seed " << seed;
    must(copy->verify(*newest));
  }
}

TEST_F(SavepointTest, NeedsAnEmptyTarget) {
  must(storage_.make_dirs("save"));
  must(store_->export_savepoint(manifest_, "save"));
  const Status again = store_->export_savepoint(manifest_, "save");
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, ErrorCode::already_exists);
  EXPECT_NE(again.error().message.find("save"), std::string::npos);
}

TEST_F(SavepointTest, ADamagedSourceIsNotCopied) {
  std::string bytes = must(read_file(storage_, "state/runs/" + run_.file));
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  testing::overwrite(storage_, "state/runs/" + run_.file, bytes);
  const Status status = store_->export_savepoint(manifest_, "save");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::corrupt);
  EXPECT_NE(status.error().message.find(run_.file), std::string::npos);
  EXPECT_TRUE(must(storage_.list("save")).empty());
}

TEST_F(SavepointTest, AFailureLeavesNoSavepointAndMayBeRepeated) {
  must(arm_failpoints("savepoint.before_manifest=error@1"));
  EXPECT_FALSE(store_->export_savepoint(manifest_, "save").ok());
  must(arm_failpoints(""));
  EXPECT_FALSE(resolve_restore(*store_, "save").ok());
  must(store_->export_savepoint(manifest_, "save"));
  EXPECT_TRUE(resolve("save"));
}

TEST_F(SavepointTest, EveryFormOfFromIsUnderstood) {
  must(store_->commit(make_manifest(2, {run_})));
  must(store_->export_savepoint(manifest_, "save"));
  EXPECT_FALSE(resolve("none"));
  expect_point("latest", 2, "state/runs");
  expect_point("1", 1, "state/runs");
  expect_point("2", 2, "state/runs");
  expect_point("save", 1, "save/runs");
  expect_point("save/checkpoints/00000001.json", 1, "save/runs");
  expect_point("state/checkpoints/00000001.json", 1, "state/runs");
  expect_point("state", 2, "state/runs");
}

TEST_F(SavepointTest, WhatIsNotThereIsSaid) {
  must(storage_.make_dirs("empty"));
  for (const char* from : {"7", "nowhere", "empty", "nowhere/00000001.json", ""}) {
    const auto point = resolve_restore(*store_, from);
    ASSERT_FALSE(point.ok()) << from;
    EXPECT_EQ(point.error().code, ErrorCode::not_found) << from;
  }
  EXPECT_TRUE(must(storage_.list("empty")).empty()) << "looking creates nothing";
}

TEST_F(SavepointTest, LatestOfAnEmptyStoreIsNothing) {
  const auto fresh = must(CheckpointStore::open(storage_, "fresh"));
  EXPECT_FALSE(must(resolve_restore(*fresh, "latest")));
}

TEST_F(SavepointTest, LatestStopsAtAnUnreadableNewest) {
  must(store_->commit(make_manifest(2, {})));
  testing::overwrite(storage_, "state/checkpoints/00000002.json", "");
  const auto point = resolve_restore(*store_, "latest");
  ASSERT_FALSE(point.ok());
  EXPECT_NE(point.error().message.find("--from 1"), std::string::npos);
  expect_point("1", 1, "state/runs");
}

}  // namespace
}  // namespace weir
