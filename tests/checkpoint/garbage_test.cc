// Garbage collection keeps exactly what is needed.
#include <gtest/gtest.h>

#include "tests/checkpoint/fixture.h"
#include "weir/base/failpoint.h"

namespace weir {
namespace {

using testing::make_manifest;
using testing::must;
using testing::StoreTest;
using Names = std::vector<std::string>;

TEST_F(StoreTest, CollectingKeepsWhatRetainedManifestsName) {
  const RunInfo base = add_run("count-0-1-a1-state.run");
  const RunInfo second = add_run("count-0-2-a1-state.run");
  const RunInfo third = add_run("count-0-3-a1-state.run");
  must(store_->commit(make_manifest(1, {base})));
  must(store_->commit(make_manifest(2, {base, second})));
  must(store_->commit(make_manifest(3, {third})));

  store_->collect_garbage(2, "a2", {});
  EXPECT_EQ(names_in("state/checkpoints"), (Names{"00000002.json", "00000003.json"}));
  EXPECT_EQ(names_in("state/runs"), (Names{base.file, second.file, third.file}));

  store_->collect_garbage(1, "a2", {});
  EXPECT_EQ(names_in("state/runs"), (Names{third.file}));
  must(store_->verify(*must(store_->newest())));
}

TEST_F(StoreTest, CollectingSparesFilesUnderWayAndTakesDroppedOnes) {
  must(store_->commit(make_manifest(1, {add_run("count-0-1-a1-state.run")})));
  add_run("count-0-2-a1-state.run");     // of a checkpoint under way
  add_run("count-0-2-a1-items.run");     // declined
  add_run("my-step-0-2-a0-state.run");   // of an attempt that died
  add_run("my-step-0-2-xa1-state.run");  // of one whose name ends alike
  testing::overwrite(storage_, "state/runs/notes.txt", "not ours");
  store_->collect_garbage(1, "a1", {"count-0-2-a1-items.run", "count-0-1-a1-state.run"});
  EXPECT_EQ(names_in("state/runs"),
            (Names{"count-0-1-a1-state.run", "count-0-2-a1-state.run", "notes.txt"}))
      << "a file that a manifest names stays even when it was dropped";
}

TEST_F(StoreTest, CollectingNeverTakesTheLastCheckpoint) {
  must(store_->commit(make_manifest(1, {})));
  store_->collect_garbage(0, "a1", {});
  EXPECT_EQ(must(store_->newest())->id, 1u);
}

TEST_F(StoreTest, CollectingStopsAtAManifestThatCannotBeRead) {
  must(store_->commit(make_manifest(1, {add_run("count-0-1-a1-state.run")})));
  must(store_->commit(make_manifest(2, {})));
  testing::overwrite(storage_, "state/checkpoints/00000001.json", "garbage");
  store_->collect_garbage(2, "a2", {});
  EXPECT_EQ(names_in("state/runs").size(), 1u) << "it may need any file";
  store_->collect_garbage(1, "a2", {});
  EXPECT_TRUE(names_in("state/runs").empty());
}

TEST_F(StoreTest, CollectingSparesWhatIsBeingWrittenNow) {
  must(store_->commit(make_manifest(1, {add_run("count-0-1-a1-0-state.run")})));
  // As the tasks and the coordinator name their files; the next manifest will name these.
  add_run("count-0-2-a1-17-state.run");
  add_run("letters-2-a1-merged.run");
  store_->collect_garbage(1, "a1", {});
  EXPECT_EQ(names_in("state/runs"), (Names{"count-0-1-a1-0-state.run", "count-0-2-a1-17-state.run",
                                           "letters-2-a1-merged.run"}));
}

TEST_F(StoreTest, CollectingMayFailHalfWay) {
  for (int i = 0; i < 4; ++i) add_run("count-0-" + std::to_string(i) + "-a0-state.run");
  must(store_->commit(make_manifest(1, {})));
  must(arm_failpoints("checkpoint.mid_gc=error@3"));
  store_->collect_garbage(1, "a1", {});
  must(arm_failpoints(""));
  EXPECT_EQ(names_in("state/runs").size(), 2u);
  store_->collect_garbage(1, "a1", {});
  EXPECT_TRUE(names_in("state/runs").empty());
}

TEST_F(StoreTest, CollectingRandomHistoriesNeverBreaksARetainedCheckpoint) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    must(storage_.remove_all("state"));
    reopen();
    Random random(seed);
    std::vector<RunInfo> state;
    for (CheckpointId id = 1; id <= 20; ++id) {
      state.push_back(add_run("count-0-" + std::to_string(id) + "-a1-state.run"));
      std::set<std::string> dropped;
      while (!state.empty() && random.chance(0.4)) {  // merged away
        dropped.insert(state.front().file);
        state.erase(state.begin());
      }
      if (random.chance(0.3)) continue;  // declined: its run goes into the next one
      must(store_->commit(make_manifest(id, state)));
      store_->collect_garbage(1 + random.below(3), random.chance(0.5) ? "a1" : "a2", dropped);
      for (const CheckpointSummary& summary : store_->list()) {
        must(store_->verify(must(store_->load(summary.id))));
      }
    }
  }
}

}  // namespace
}  // namespace weir
