// Attempts that overlap: however their steps interleave, at most one of them can go on, and none
// makes a checkpoint exist that the next one does not go on from.
#include <gtest/gtest.h>

#include <functional>

#include "tests/checkpoint/fixture.h"
#include "tests/checkpoint/turns.h"
#include "weir/base/failpoint.h"
#include "weir/checkpoint/attempt.h"
#include "weir/checkpoint/mark.h"

namespace weir {
namespace {

using testing::make_manifest;
using testing::must;
using testing::StoreTest;
using Names = std::vector<std::string>;

Claim claim(CheckpointStore& store, const std::string& tag, CheckpointId above = 0) {
  return must(store.claim({tag, "run-" + tag, above, from_millis(5)}));
}

/// A checkpoint by the attempt of `claim`.
Manifest by(const Claim& claim, CheckpointId id, const std::vector<RunInfo>& state = {}) {
  Manifest manifest = make_manifest(id, state);
  manifest.attempt = claim.attempt;
  return manifest;
}

ErrorCode code_of(const Status& status) {
  EXPECT_FALSE(status.ok());
  return status.ok() ? ErrorCode::cancelled : status.error().code;
}

TEST(Attempt, NamesHoldTheirNumber) {
  EXPECT_EQ(attempt_name(7, "3f2c"), "a7_3f2c");
  for (const char* file :
       {"a7_3f2c", "count-0-12-a7_3f2c-3-state.run", "a2_x-0-12-a7_3f2c-3-state.run",
        "letters-12-a7_3f2c-merged.run", "a7_3f2c-0-1.jsonl", "a2_x-0-1.jsonl.a7_3f2c.part",
        "count-0-12-a2_x-3-state.run-a7_3f2c-import.tmp"}) {
    EXPECT_EQ(attempt_number(file), std::optional<CheckpointId>(7)) << file;
  }
  for (const char* file : {"", "count-0-12-9f31c2a7b0d4-3-state.run", "a7-3f2c", "a_x", "a7_",
                           "a7_x y-1", "ax_7", "b7_x", "a99999999999999999999_x"}) {
    EXPECT_EQ(attempt_number(file), std::nullopt) << file;
  }
}

TEST(Mark, IsReadBackOnlyWhole) {
  const Mark mark{1, MarkKind::claim, 7, 9, "a9_x", "run", from_millis(5)};
  const std::string bytes = encode_mark(mark);
  const auto read = decode_mark(bytes, 7);
  ASSERT_TRUE(read);
  EXPECT_EQ(encode_mark(*read), bytes);
  EXPECT_FALSE(decode_mark(bytes, 8)) << "it was renamed";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(decode_mark(damaged, 7)) << i;
    EXPECT_FALSE(decode_mark(bytes.substr(0, i), 7)) << i;
  }
  EXPECT_FALSE(decode_mark(encode_manifest(make_manifest(7, {})), 7));
}

TEST(Mark, WithoutAnOwnerIsAsBeforeThereWereAny) {
  Mark mark{1, MarkKind::claim, 7, 9, "a9_x", "run", from_millis(5)};
  EXPECT_EQ(encode_mark(mark).find("owner"), std::string::npos);
  mark.owner = "j-1";
  const auto read = decode_mark(encode_mark(mark), 7);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->owner, "j-1");
}

ClaimRequest by_job(const std::string& job, const std::set<std::string>& over = {}) {
  return {"x" + job.substr(job.find('-') + 1), "run", 0, from_millis(5), job, over};
}

TEST_F(StoreTest, AFolderIsHeldByOneJobUntilThatIsOver) {
  const Claim first = must(store_->claim(by_job("j-1")));
  must(store_->commit(by(first, 2)));
  const auto other = must(CheckpointStore::open(storage_, "state"));
  for (const ClaimRequest& request : {by_job("j-2"), by_job("j-2", {"j-3"}), by_job("")}) {
    const auto refused = other->claim(request);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::already_exists);
    EXPECT_FALSE(refused.error().retryable);
    EXPECT_NE(refused.error().message.find("held by job j-1 "), std::string::npos);
    EXPECT_NE(refused.error().message.find("--take-over j-1"), std::string::npos);
  }
  must(store_->commit(by(first, 4)));  // nobody has harmed it
  EXPECT_EQ(must(other->claim(by_job("j-1"))).newest, 4u) << "its own next attempt";
  EXPECT_EQ(must(store_->claim(by_job("j-2", {"j-0", "j-1"}))).newest, 4u) << "known to be over";
  EXPECT_FALSE(other->claim(by_job("j-1")).ok()) << "there is no way back";
  must(store_->claim(by_job("", {"j-2"})));  // a run outside of clusters, by the user's word
  must(other->claim(by_job("j-3")));
}

TEST_F(StoreTest, AJobThatEndsReleasesTheFolder) {
  const Claim first = must(store_->claim(by_job("j-1")));
  must(store_->commit(by(first, 2)));
  must(store_->release(from_millis(6)));
  EXPECT_EQ(must(store_->newest())->id, 2u);
  EXPECT_EQ(store_->list().size(), 1u);
  const auto other = must(CheckpointStore::open(storage_, "state"));
  const Claim next = must(other->claim(by_job("j-2")));
  EXPECT_EQ(next.newest, 2u);
  must(other->commit(by(next, next.id + 1)));
  other->collect_garbage(1, next.attempt, {});
  EXPECT_EQ(code_of(store_->release(from_millis(7))), ErrorCode::fenced);
  EXPECT_FALSE(store_->claim(by_job("j-1")).ok()) << "it is the other's now";
}

// Whatever the one does in the middle of the claim of the other.
TEST_F(StoreTest, OfTwoJobsThatClaimAtOnceOneHoldsTheFolder) {
  int refused_late = 0;  // the second came in between
  for (int place = 1; place < 20; ++place) {
    SCOPED_TRACE(place);
    must(storage_.remove_all("state"));
    reopen();
    const auto other = must(CheckpointStore::open(storage_, "state"));
    int count = 0;
    bool second = false;
    storage_.set_fault([&](std::string_view, const std::string&) -> Status {
      if (++count == place) second = other->claim(by_job("j-2")).ok();
      return {};
    });
    const bool first = store_->claim(by_job("j-1")).ok();
    storage_.set_fault(nullptr);
    EXPECT_NE(first, second);
    refused_late += second ? 1 : 0;
  }
  EXPECT_GT(refused_late, 2);
}

TEST_F(StoreTest, AClaimTakesTheIdBehindTheNewest) {
  const Claim first = claim(*store_, "x");
  EXPECT_EQ(first.id, 0u) << "the first checkpoint is 1";
  EXPECT_EQ(first.attempt, "a0_x");
  EXPECT_EQ(first.newest, 0u);
  EXPECT_EQ(first.run_id, "run-x");
  EXPECT_EQ(claim(*store_, "y").run_id, "run-x") << "nothing has come of the first: one run";
  must(store_->commit(by(first, 3)));
  const Claim next = claim(*store_, "z");
  EXPECT_EQ(next.id, 4u);
  EXPECT_EQ(next.newest, 3u);
  must(store_->commit(by(next, 5)));
  EXPECT_EQ(must(store_->newest())->id, 5u);
}

TEST_F(StoreTest, ClaimsAreNoCheckpoints) {
  must(store_->commit(make_manifest(1, {})));
  const Claim next = claim(*store_, "x");
  must(store_->commit(by(next, 6)));  // 3 to 5 have failed
  claim(*store_, "y");
  EXPECT_EQ(names_in("state/checkpoints"), (Names{"00000001.json", "00000002.json", "00000003.json",
                                                  "00000006.json", "00000007.json"}));
  EXPECT_EQ(store_->list().size(), 2u);
  EXPECT_EQ(must(store_->newest())->id, 6u);
  EXPECT_EQ(must(resolve_restore(*store_, "latest"))->manifest.id, 6u);
  for (const char* from : {"2", "3", "7", "state/checkpoints/00000007.json"}) {
    const auto point = resolve_restore(*store_, from);
    ASSERT_FALSE(point.ok()) << from;
    EXPECT_EQ(point.error().code, ErrorCode::not_found) << from;
    EXPECT_NE(point.error().message.find("no checkpoint"), std::string::npos) << from;
  }
  store_->collect_garbage(2, "a7_y", {});
  EXPECT_EQ(store_->list().size(), 2u) << "marks do not count";
}

TEST_F(StoreTest, AClaimGoesAboveWhatIsRestoredFromElsewhere) {
  const Claim first = claim(*store_, "x", 40);
  EXPECT_EQ(first.id, 40u);
  EXPECT_EQ(first.attempt, "a40_x");
  EXPECT_EQ(claim(*store_, "y").id, 41u);
  const auto other = must(CheckpointStore::open(storage_, "state"));
  const Claim next = claim(*other, "z");
  must(other->commit(by(next, 43)));
  EXPECT_EQ(code_of(store_->commit(by(first, 44))), ErrorCode::fenced);
}

TEST_F(StoreTest, WhoWasOvertakenMakesNoCheckpoint) {
  const auto other = must(CheckpointStore::open(storage_, "state"));
  const Claim old = claim(*store_, "x");
  must(store_->commit(by(old, 2)));
  must(store_->check_claim());
  const Claim next = claim(*other, "y");
  EXPECT_EQ(next.newest, 2u);
  for (CheckpointId id = 3; id < 6; ++id) {
    EXPECT_EQ(code_of(store_->commit(by(old, id))), ErrorCode::fenced);
  }
  EXPECT_EQ(code_of(store_->check_claim()), ErrorCode::fenced);
  EXPECT_EQ(must(store_->newest())->id, 2u);
  must(other->commit(by(next, 4)));
  EXPECT_EQ(code_of(store_->commit(by(old, 9))), ErrorCode::fenced);
  EXPECT_EQ(must(store_->newest())->id, 4u);
}

TEST_F(StoreTest, OnlyTheNewestClaimsAreKept) {
  const auto sleeper = must(CheckpointStore::open(storage_, "state"));
  const Claim old = claim(*sleeper, "old");
  for (int i = 0; i < 200; ++i) claim(*store_, "x" + std::to_string(i));
  EXPECT_EQ(names_in("state/checkpoints").size(), 64u);
  EXPECT_EQ(code_of(sleeper->commit(by(old, 2))), ErrorCode::fenced);
  EXPECT_TRUE(sleeper->list().empty());
}

// Its own claim and the one behind it are gone when it wakes up within its commit.
TEST_F(StoreTest, WhoSleptThroughManyAttemptsIsFenced) {
  const auto sleeper = must(CheckpointStore::open(storage_, "state"));
  const Claim old = claim(*sleeper, "old");
  Claim last;
  bool asleep = false;
  storage_.set_fault([&](std::string_view operation, const std::string& path) -> Status {
    if (asleep || operation != "rename_new" || path.find("a0_old") == path.npos) return {};
    asleep = true;
    for (int i = 0; i < 70; ++i) last = claim(*store_, "x" + std::to_string(i));
    must(store_->commit(by(last, last.id + 1)));
    return {};
  });
  EXPECT_EQ(code_of(sleeper->commit(by(old, 2))), ErrorCode::fenced);
  storage_.set_fault(nullptr);
  EXPECT_TRUE(asleep);
  EXPECT_EQ(must(store_->newest())->id, last.id + 1);
}

TEST_F(StoreTest, CollectingSparesWhatNewerAttemptsWrite) {
  const auto other = must(CheckpointStore::open(storage_, "state"));
  const Claim old = claim(*store_, "x");
  const std::string kept = "count-0-2-a0_x-0-state.run";
  must(store_->commit(by(old, 2, {add_run(kept)})));
  const std::string under_way = "count-0-3-a0_x-1-state.run",
                    orphan = "count-0-3-0123ab-1-items.run";
  add_run(under_way);
  add_run(orphan);
  store_->collect_garbage(1, old.attempt, {});
  EXPECT_EQ(names_in("state/runs"), (Names{kept, under_way}));

  const Claim next = claim(*other, "y");
  EXPECT_EQ(next.id, 3u);
  const std::string newer = "count-0-4-a3_y-0-state.run";
  add_run(newer);
  store_->collect_garbage(1, old.attempt, {under_way, newer});
  EXPECT_EQ(names_in("state/runs"), (Names{kept, under_way, newer})) << "it was overtaken";
  other->collect_garbage(1, next.attempt, {});
  EXPECT_EQ(names_in("state/runs"), (Names{kept, newer}));
}

// It has found out what to delete, and sleeps; meanwhile another attempt begins and goes on.
TEST_F(StoreTest, CollectingThatWasOvertakenHarmsNobody) {
  for (int sleeps_at = 1; sleeps_at < 20; ++sleeps_at) {
    SCOPED_TRACE("operation " + std::to_string(sleeps_at));
    must(storage_.remove_all("state"));
    reopen();
    const auto other = must(CheckpointStore::open(storage_, "state"));
    const Claim old = claim(*store_, "x");
    const RunInfo shared = add_run("count-0-2-a0_x-0-state.run");
    for (CheckpointId id = 2; id <= 4; ++id) {
      const RunInfo own = add_run("count-0-" + std::to_string(id) + "-a0_x-1-state.run");
      must(store_->commit(by(old, id, {shared, own})));
    }
    const RunInfo merged = add_run("count-0-4-a0_x-2-merged.run");
    int count = 0;
    storage_.set_fault([&](std::string_view, const std::string&) -> Status {
      if (++count != sleeps_at) return {};
      const Claim next = claim(*other, "y");
      const RunInfo own = add_run("count-0-6-a5_y-0-state.run");
      must(other->commit(by(next, 6, {shared, own})));
      other->collect_garbage(1, next.attempt, {});
      add_run("count-0-7-a5_y-1-state.run");  // of a checkpoint under way
      return {};
    });
    store_->collect_garbage(1, old.attempt, {merged.file});
    storage_.set_fault(nullptr);
    const auto newest = must(other->newest());
    EXPECT_EQ(newest->id, count >= sleeps_at ? 6u : 4u);
    must(other->verify(*newest));
    if (count >= sleeps_at) {
      EXPECT_TRUE(must(storage_.exists("state/runs/count-0-7-a5_y-1-state.run")));
    }
  }
}

TEST_F(StoreTest, CollectingTakesMarksAndTemporaryFilesThatAreOver) {
  const Claim old = claim(*store_, "x");
  must(store_->commit(by(old, 4)));
  testing::overwrite(storage_, "state/checkpoints/00000003.json.a0_x.tmp", "cut off");
  testing::overwrite(storage_, "state/checkpoints/00000009.json.other.tmp", "begins");
  testing::overwrite(storage_, "state/checkpoints/notes.tmp", "not ours");
  const Claim next = claim(*store_, "y");
  must(store_->commit(by(next, 6)));
  store_->collect_garbage(1, next.attempt, {});
  EXPECT_EQ(names_in("state/checkpoints"), (Names{"00000000.json", "00000005.json", "00000006.json",
                                                  "00000009.json.other.tmp", "notes.tmp"}));
}

TEST_F(StoreTest, TheRestorePointIsThatOfTheClaim) {
  const auto other = must(CheckpointStore::open(storage_, "state"));
  const Claim old = claim(*store_, "x");
  auto point = must(resolve_restore(*other, "latest"));
  EXPECT_FALSE(point);
  must(store_->commit(by(old, 2)));
  const Claim next = must(claim_restore(*other, "latest", {"y", "run-2", 0, {}}, point));
  ASSERT_TRUE(point);
  EXPECT_EQ(point->manifest.id, 2u);
  EXPECT_EQ(next.newest, 2u);
}

TEST_F(StoreTest, OneIdentityForAttemptsThatBeginAtOnce) {
  const auto other = must(CheckpointStore::open(storage_, "state"));
  StateIdentity theirs;
  bool done = false;
  storage_.set_fault([&](std::string_view operation, const std::string&) -> Status {
    if (done || operation != "rename_new") return {};
    done = true;
    theirs = must(other->identity(2));
    return {};
  });
  const StateIdentity ours = must(store_->identity(1));
  storage_.set_fault(nullptr);
  EXPECT_TRUE(done);
  EXPECT_EQ(ours.id, theirs.id);
}

// ---- every interleaving ------------------------------------------------------------------------

/// Which checkpoint: several attempts may try one id.
std::string key_of(const std::optional<Manifest>& manifest) {
  return manifest ? std::to_string(manifest->id) + " by " + manifest->attempt : "";
}

/// What must hold however attempts interleave: a checkpoint that was reported as made is in the
/// line from which the newest goes on.
class Lines {
 public:
  /// An attempt that goes on from `from` tries to make `made`.
  void tries(const std::string& made, const std::string& from) { from_[made] = from; }
  void reported(const std::string& made) { reported_.insert(made); }
  void check(CheckpointStore& store) {
    const auto newest = must(store.newest());
    if (newest) must(store.verify(*newest));
    std::set<std::string> line;
    for (std::string key = key_of(newest); !key.empty(); key = from_.at(key)) line.insert(key);
    for (const std::string& key : reported_) {
      EXPECT_TRUE(line.contains(key)) << key << " was reported, " << key_of(newest) << " is newest";
    }
  }
  std::size_t count() const { return reported_.size(); }

 private:
  std::map<std::string, std::string> from_;
  std::set<std::string> reported_;
};

/// One attempt from its claim on: some checkpoints, some of which fail, and garbage collection.
void live(Storage& storage, const std::string& tag, Random& random, Lines& lines, int checkpoints) {
  const auto store = must(CheckpointStore::open(storage, "state"));
  std::optional<RestorePoint> point;
  const auto claimed = claim_restore(*store, "latest", {tag, "run", 0, {}}, point);
  if (!claimed.ok()) {
    EXPECT_EQ(claimed.error().code, ErrorCode::fenced) << claimed.error().message;
    return;
  }
  std::optional<Manifest> from;
  if (point) from = point->manifest;
  CheckpointId next = claimed->id;
  for (int n = 0; n < checkpoints; ++n) {
    next += 1 + random.below(3);
    const RunInfo run = must(testing::write_run(
        storage, store->runs_folder(),
        "count-0-" + std::to_string(next) + "-" + claimed->attempt + "-0-state.run", {{"a", "1"}}));
    const Manifest manifest = by(*claimed, next, {run});
    lines.tries(key_of(manifest), key_of(from));
    const Status done = store->commit(manifest);
    if (!done.ok()) {
      EXPECT_EQ(done.error().code, ErrorCode::fenced) << done.error().message;
      return;
    }
    lines.reported(key_of(manifest));
    from = manifest;
    store->collect_garbage(1 + random.below(2), claimed->attempt, {});
  }
}

/// Attempt after attempt begins while the one before is in the middle of some operation, and may or
/// may not come to its end before that goes on.
void nest(MemoryStorage& storage, Random& random, Lines& lines, int depth) {
  const auto outer = std::make_shared<int>(static_cast<int>(1 + random.below(60)));
  if (depth < 4) {
    storage.set_fault([&, outer, depth](std::string_view, const std::string&) -> Status {
      if (--*outer == 0) nest(storage, random, lines, depth + 1);
      return {};
    });
  }
  live(storage, "t" + std::to_string(depth), random, lines, static_cast<int>(random.below(4)));
}

TEST(Overtaking, FrozenAnywhereNoAttemptMakesASecondLine) {
  const testing::QuietLog quiet;
  std::size_t reported = 0;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    MemoryStorage storage;
    Lines lines;
    nest(storage, random, lines, 0);
    storage.set_fault(nullptr);
    const auto store = must(CheckpointStore::open(storage, "state"));
    lines.check(*store);
    if (::testing::Test::HasFailure()) break;
    reported += lines.count();
  }
  EXPECT_GT(reported, 3000u) << "too little happens";
}

TEST(Overtaking, TurnByTurnNoAttemptMakesASecondLine) {
  const testing::QuietLog quiet;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    testing::Turns turns(random, random.chance(0.5) ? 0.3 : 0.05);
    MemoryStorage storage;
    Lines lines;
    storage.set_fault([&](std::string_view, const std::string&) -> Status {
      turns.maybe_end();
      return {};
    });
    std::vector<std::function<void()>> attempts;
    for (std::uint64_t i = 0; i < 2 + seed % 3; ++i) {
      attempts.emplace_back([&, i] { live(storage, "t" + std::to_string(i), random, lines, 3); });
    }
    turns.run(std::move(attempts));
    storage.set_fault(nullptr);
    lines.check(*must(CheckpointStore::open(storage, "state")));
    if (::testing::Test::HasFailure()) break;
  }
}

// All places at which a first attempt can be frozen while a second one lives, and a third one
// begins in the middle of that.
TEST(Overtaking, EveryPlaceOfTwoAttemptsInAThird) {
  const testing::QuietLog quiet;
  for (int first = 1; first <= 70; ++first) {
    for (int second = 1; second <= 70; ++second) {
      SCOPED_TRACE(std::to_string(first) + ", " + std::to_string(second));
      Random random(static_cast<std::uint64_t>(first * 100 + second));
      MemoryStorage storage;
      Lines lines;
      int count = 0, inner = 0;
      storage.set_fault([&](std::string_view, const std::string&) -> Status {
        if (inner == 0 && ++count == first) {
          inner = 1;
          live(storage, "b", random, lines, 2);
        } else if (inner > 0 && ++inner == second) {
          live(storage, "c", random, lines, 2);
        }
        return {};
      });
      live(storage, "a", random, lines, 3);
      storage.set_fault(nullptr);
      const auto store = must(CheckpointStore::open(storage, "state"));
      lines.check(*store);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace weir
