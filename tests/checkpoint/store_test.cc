// Making checkpoints exist, finding them, and saying what is wrong with them.
#include "weir/checkpoint/store.h"

#include <gtest/gtest.h>

#include "tests/checkpoint/fixture.h"
#include "weir/base/failpoint.h"

namespace weir {
namespace {

using testing::make_manifest;
using testing::must;
using testing::StoreTest;

TEST_F(StoreTest, AnEmptyStoreHasNoCheckpoint) {
  EXPECT_FALSE(must(store_->newest()));
  EXPECT_TRUE(store_->list().empty());
  const auto missing = store_->load(3);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_NE(missing.error().message.find("checkpoints list"), std::string::npos);
}

TEST_F(StoreTest, TheNamesOfNewFoldersAreMadeDurable) {
  std::vector<std::string> synced;
  storage_.set_fault([&](std::string_view operation, const std::string& path) -> Status {
    if (operation == "sync_dir") synced.push_back(path);
    return {};
  });
  must(CheckpointStore::open(storage_, "new/deep"));
  EXPECT_EQ(synced, (std::vector<std::string>{".", "new", "new/deep", "new/deep"}));
  synced.clear();
  must(CheckpointStore::open(storage_, "new/deep"));
  EXPECT_TRUE(synced.empty()) << "nothing was new";
  storage_.set_fault(nullptr);
}

TEST_F(StoreTest, WhatIsCommittedIsNewestAndVerifies) {
  for (CheckpointId id : {1, 2, 9, 123456789}) {
    const std::string name = "count-0-" + std::to_string(id) + "-a1-state.run";
    const Manifest manifest = make_manifest(id, {add_run(name)});
    must(store_->commit(manifest));
    const auto newest = must(store_->newest());
    ASSERT_TRUE(newest);
    EXPECT_EQ(encode_manifest(*newest), encode_manifest(manifest));
    must(store_->verify(*newest));
  }
  EXPECT_EQ(names_in("state/checkpoints"),
            (std::vector<std::string>{"00000001.json", "00000002.json", "00000003.json",
                                      "00000009.json", "00000010.json", "123456789.json"}))
      << "and marks of those that were left out";
  EXPECT_EQ(store_->list().size(), 4u);
  EXPECT_EQ(must(store_->load(9)).id, 9u);
}

TEST_F(StoreTest, AnIdThatIsNotAboveAllOthersIsRefused) {
  must(store_->commit(make_manifest(5, {})));
  for (CheckpointId id : {1, 4, 5}) {
    const Status status = store_->commit(make_manifest(id, {}));
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::already_exists);
  }
  EXPECT_EQ(must(store_->newest())->id, 5u);
}

TEST_F(StoreTest, AManifestThatCouldNotBeRestoredIsRefused) {
  Manifest manifest = make_manifest(1, {});
  manifest.steps[0].subtasks.pop_back();
  const Status status = store_->commit(manifest);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(status.error().message.find("count"), std::string::npos);
  EXPECT_FALSE(must(store_->newest()));
}

TEST_F(StoreTest, AnUnreadableNewestStopsAndNamesTheWayOut) {
  must(store_->commit(make_manifest(1, {})));
  must(store_->commit(make_manifest(2, {})));
  testing::overwrite(storage_, "state/checkpoints/00000002.json", "garbage");
  const auto newest = store_->newest();
  ASSERT_FALSE(newest.ok());
  EXPECT_EQ(newest.error().code, ErrorCode::corrupt);
  EXPECT_NE(newest.error().message.find("00000002.json"), std::string::npos);
  EXPECT_NE(newest.error().message.find("--from 1"), std::string::npos);
  EXPECT_EQ(must(store_->load(1)).id, 1u);
  const auto list = store_->list();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].problem, "");
  EXPECT_NE(list[1].problem, "");
}

TEST_F(StoreTest, ARenamedManifestIsRefused) {
  must(store_->commit(make_manifest(1, {})));
  must(storage_.rename("state/checkpoints/00000001.json", "state/checkpoints/00000007.json"));
  EXPECT_FALSE(store_->newest().ok());
  EXPECT_FALSE(store_->load(7).ok());
}

TEST_F(StoreTest, ForeignFilesAreNoCheckpoints) {
  must(store_->commit(make_manifest(1, {})));
  for (const char* name : {"notes.txt", "2.json", "99999999x.json", "-0000002.json",
                           "99999999999999999999999.json", "00000002.json.tmp"}) {
    testing::overwrite(storage_, std::string("state/checkpoints/") + name, "x");
  }
  EXPECT_EQ(must(store_->newest())->id, 1u);
  EXPECT_EQ(store_->list().size(), 1u);
}

TEST_F(StoreTest, VerifyFindsEveryKindOfDamage) {
  const RunInfo run = add_run("count-0-1-a1-state.run", {{"a", "1"}, {"b", "2"}});
  const Manifest manifest = make_manifest(1, {run});
  must(store_->commit(manifest));
  must(store_->verify(manifest));
  const std::string path = "state/runs/" + run.file;
  const std::string bytes = must(read_file(storage_, path));
  for (std::size_t i = 0; i < bytes.size(); i += 7) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 4);
    testing::overwrite(storage_, path, damaged);
    const Status status = store_->verify(manifest);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::corrupt);
    EXPECT_NE(status.error().message.find(run.file), std::string::npos);
  }
  must(storage_.remove(path));
  EXPECT_FALSE(store_->verify(manifest).ok());
  EXPECT_NE(store_->list().at(0).problem.find("missing"), std::string::npos);
}

TEST_F(StoreTest, ListAddsUpSizes) {
  const RunInfo a = add_run("count-0-1-a1-state.run"), b = add_run("count-1-1-a1-state.run");
  Manifest manifest = make_manifest(1, {a, b, a});  // shared files count once
  must(store_->commit(manifest));
  const auto list = store_->list();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].size_bytes, a.size_bytes + b.size_bytes);
  EXPECT_EQ(list[0].completed_at, manifest.completed_at);
  EXPECT_EQ(list[0].path, "state/checkpoints/00000001.json");
}

TEST_F(StoreTest, FailpointsFailTheCommit) {
  must(store_->commit(make_manifest(1, {})));
  must(arm_failpoints("checkpoint.before_manifest=error@1"));
  const Status before = store_->commit(make_manifest(2, {}));
  ASSERT_FALSE(before.ok());
  EXPECT_NE(before.error().code, ErrorCode::fsync_failed);
  EXPECT_EQ(must(store_->newest())->id, 1u);
  must(arm_failpoints("checkpoint.after_manifest=error@1"));
  const Status after = store_->commit(make_manifest(3, {}));
  must(arm_failpoints(""));
  ASSERT_FALSE(after.ok());
  EXPECT_EQ(after.error().code, ErrorCode::fsync_failed) << "it may be seen, so the attempt ends";
  EXPECT_TRUE(after.error().retryable);
  EXPECT_EQ(must(store_->newest())->id, 3u);
}

}  // namespace
}  // namespace weir
