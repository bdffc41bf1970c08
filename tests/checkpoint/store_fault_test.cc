// Commits under faults and power losses: the newest checkpoint is the old one or the new one,
// whole.
#include <gtest/gtest.h>

#include "tests/checkpoint/fixture.h"

namespace weir {
namespace {

using testing::make_manifest;
using testing::must;

/// One world: a store with checkpoint 1, about to get checkpoint 2 that shares a run with it.
class World {
 public:
  World() {
    open();
    shared_ = must(testing::write_run(storage_, runs(), "count-0-1-a1-state.run", {{"a", "1"}}));
    const RunInfo own =
        must(testing::write_run(storage_, runs(), "count-1-1-a1-state.run", {{"b", "1"}}));
    must(store_->commit(make_manifest(1, {shared_, own})));
  }

  void open() { store_ = must(CheckpointStore::open(storage_, "state")); }
  std::string runs() const { return store_->runs_folder(); }

  /// Writes the runs of checkpoint 2, commits it and collects garbage, as a coordinator does.
  Status take_second() {
    WEIR_ASSIGN(const RunInfo run, testing::write_run(storage_, runs(), "count-0-2-a1-state.run",
                                                      {{"a", "2"}, {"b", "2"}}));
    WEIR_TRY(store_->commit(make_manifest(2, {shared_, run})));
    committed_ = true;
    store_->collect_garbage(1, "a1", {"count-1-1-a1-state.run"});
    return {};
  }

  /// The newest checkpoint verifies; returns its id.
  CheckpointId check_newest() {
    const auto newest = store_->newest();
    EXPECT_TRUE(newest.ok()) << newest.error().message;
    if (!newest.ok() || !*newest) return 0;
    const Status verified = store_->verify(**newest);
    EXPECT_TRUE(verified.ok()) << verified.error().message;
    return (*newest)->id;
  }

  testing::QuietLog quiet_;
  MemoryStorage storage_;
  std::unique_ptr<CheckpointStore> store_;
  RunInfo shared_;
  bool committed_ = false;
};

/// How many operations `take_second` makes when nothing fails.
int count_operations() {
  World world;
  int count = 0;
  world.storage_.set_fault([&count](std::string_view, const std::string&) -> Status {
    ++count;
    return {};
  });
  must(world.take_second());
  return count;
}

TEST(StoreFaults, AnyOperationMayFailOnce) {
  const int operations = count_operations();
  ASSERT_GT(operations, 8);
  for (const ErrorCode code : {ErrorCode::io, ErrorCode::disk_full, ErrorCode::fsync_failed}) {
    for (int failing = 1; failing <= operations; ++failing) {
      SCOPED_TRACE("operation " + std::to_string(failing) + ", " + to_string(code));
      World world;
      int count = 0;
      world.storage_.set_fault([&](std::string_view, const std::string&) -> Status {
        if (++count != failing) return {};
        return Error{code, "injected", false};
      });
      const Status status = world.take_second();
      world.storage_.set_fault(nullptr);
      if (!status.ok() && status.error().code == ErrorCode::fsync_failed) {
        // The attempt ends, and another one goes on from what is there.
        EXPECT_TRUE(world.check_newest() == 1 || world.check_newest() == 2);
        world.open();
        must(world.store_->claim({"x", "run", 0, {}}));
        must(world.store_->commit(make_manifest(9, {})));
        EXPECT_EQ(world.check_newest(), 9u);
        continue;
      }
      EXPECT_EQ(world.check_newest(), status.ok() ? 2u : 1u);
      // The job goes on: the next checkpoint works, whatever failed, and its id is free.
      if (!status.ok()) must(world.take_second());
      EXPECT_EQ(world.check_newest(), 2u);
    }
  }
}

// The job goes on after a commit that failed, and drops its runs. The manifest must not come back.
TEST(StoreFaults, ACommitThatFailedStaysFailedAfterAPowerLoss) {
  const int operations = count_operations();
  for (int failing = 1; failing <= operations; ++failing) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
      SCOPED_TRACE("operation " + std::to_string(failing) + ", seed " + std::to_string(seed));
      World world;
      int count = 0;
      world.storage_.set_fault([&](std::string_view, const std::string&) -> Status {
        if (++count != failing) return {};
        return Error{ErrorCode::io, "injected", false};
      });
      const Status status = world.take_second();
      world.storage_.set_fault(nullptr);
      // After fsync_failed the attempt ends, and deletes nothing.
      if (status.ok() || status.error().code == ErrorCode::fsync_failed) continue;
      world.store_->collect_garbage(1, "a1", {"count-0-2-a1-state.run"});
      world.storage_.crash(seed);
      world.open();
      EXPECT_EQ(world.check_newest(), 1u);
    }
  }
}

TEST(StoreFaults, TheDiskMayFailForGood) {
  const int operations = count_operations();
  for (int failing = 1; failing <= operations; ++failing) {
    SCOPED_TRACE("from operation " + std::to_string(failing));
    World world;
    int count = 0;
    world.storage_.set_fault([&](std::string_view, const std::string&) -> Status {
      if (++count < failing) return {};
      return Error{ErrorCode::io, "injected", false};
    });
    const Status status = world.take_second();
    world.storage_.set_fault(nullptr);
    const CheckpointId newest = world.check_newest();
    if (status.ok()) {
      EXPECT_EQ(newest, 2u);
    }
    // When the new manifest may be there after all, the process is told to end.
    if (!status.ok() && newest == 2) {
      EXPECT_EQ(status.error().code, ErrorCode::fsync_failed);
    }
  }
}

TEST(StoreFaults, AFullDiskDeclinesAndHeals) {
  for (std::uint64_t room = 0; room < 8000; room += 97) {
    SCOPED_TRACE("room for " + std::to_string(room) + " bytes");
    World world;
    std::uint64_t used = 0;
    for (const char* folder : {"state/runs", "state/checkpoints"}) {
      for (const StorageEntry& e : must(world.storage_.list(folder))) used += e.size_bytes;
    }
    world.storage_.set_capacity(used + room);
    const Status status = world.take_second();
    if (!status.ok()) {
      EXPECT_EQ(status.error().code, ErrorCode::disk_full);
    }
    EXPECT_EQ(world.check_newest(), status.ok() ? 2u : 1u);
    world.storage_.set_capacity(UINT64_MAX);
    if (!status.ok()) must(world.take_second());
    EXPECT_EQ(world.check_newest(), 2u);
  }
}

TEST(StoreCrash, PowerLossAtAnyOperationLeavesTheOldOrTheNewCheckpoint) {
  const int operations = count_operations();
  for (int dying = 1; dying <= operations + 1; ++dying) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      SCOPED_TRACE("before operation " + std::to_string(dying) + ", seed " + std::to_string(seed));
      World world;
      int count = 0;
      world.storage_.set_fault([&](std::string_view, const std::string&) -> Status {
        if (++count < dying) return {};
        return Error{ErrorCode::io, "the power is gone", false};
      });
      static_cast<void>(world.take_second().ok());
      world.storage_.set_fault(nullptr);
      world.storage_.crash(seed);
      world.open();
      const CheckpointId newest = world.check_newest();
      if (world.committed_) {
        EXPECT_EQ(newest, 2u) << "a commit that was reported stays";
      } else {
        EXPECT_TRUE(newest == 1 || newest == 2) << newest;
      }
      for (const CheckpointSummary& summary : world.store_->list()) {
        EXPECT_EQ(summary.problem, "") << "a manifest came back without its runs";
      }
      // The restarted job, another attempt, takes the next one.
      const RunInfo run = must(
          testing::write_run(world.storage_, world.runs(), "count-0-3-a2-state.run", {{"c", "3"}}));
      must(world.store_->commit(make_manifest(3, {run})));
      world.store_->collect_garbage(1, "a2", {});
      EXPECT_EQ(world.check_newest(), 3u);
      EXPECT_EQ(must(world.storage_.list("state/runs")).size(), 1u) << "the rest is swept";
    }
  }
}

// A process that was killed may have left a manifest of which only the cache knows the name. What
// is restored from it is committed, and then the power fails.
TEST(StoreCrash, WhatWasRestoredIsStillThereAfterAPowerLoss) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world;
    must(world.take_second());
    const std::string manifest = "state/checkpoints/00000002.json", aside = "state/aside";
    must(world.storage_.rename(manifest, aside));
    must(world.storage_.sync_dir("state/checkpoints"));
    must(world.storage_.rename(aside, manifest));
    const auto restored = must(resolve_restore(*world.store_, "latest"));
    ASSERT_TRUE(restored);
    EXPECT_EQ(restored->manifest.id, 2u);
    world.storage_.crash(seed);
    world.open();
    EXPECT_EQ(world.check_newest(), 2u);
  }
}

}  // namespace
}  // namespace weir
