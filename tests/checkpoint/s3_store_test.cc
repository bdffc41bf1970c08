// The store on a real S3 server, through a network that loses requests and answers: attempts that
// overlap keep apart as they do on files.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "tests/base/s3_proxy.h"
#include "tests/base/s3_server.h"
#include "tests/checkpoint/fixture.h"

namespace weir {
namespace {

using testing::Fault;
using testing::make_manifest;
using testing::must;
using testing::Rows;
using testing::S3Proxy;
using testing::S3Server;

class S3Store : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!S3Server::get().missing().empty()) GTEST_SKIP() << S3Server::get().missing();
    storage_ = make_s3_storage(S3Server::get().options());
    root_ = S3Server::get().fresh_folder();
  }

  std::unique_ptr<Storage> storage_;
  std::string root_;
};

TEST_F(S3Store, IsHeldByOneJobUntilThatIsOver) {
  const auto store = must(CheckpointStore::open(*storage_, root_));
  must(store->claim({"x", "run", 0, from_millis(5), "j-1"}));
  const auto other = must(CheckpointStore::open(*storage_, root_ + "//./"));
  const auto refused = other->claim({"y", "run", 0, from_millis(5), "j-2"});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("held by job j-1 "), std::string::npos);
  must(store->release(from_millis(6)));
  must(other->claim({"y", "run", 0, from_millis(7), "j-2"}));
}

TEST_F(S3Store, KeepsCheckpointsAndCollectsGarbage) {
  const auto store = must(CheckpointStore::open(*storage_, root_));
  EXPECT_EQ(must(store->identity(1)).path, root_);
  EXPECT_EQ(must(store->identity(2)).id, must(store->identity(3)).id);
  const Claim claim = must(store->claim({"x", "run", 0, from_millis(5)}));
  for (CheckpointId id = 1; id <= 4; ++id) {
    const std::string file = "step-0-" + std::to_string(id) + "-" + claim.attempt + "-0-state.run";
    const Rows rows{{"key", std::to_string(id)}};
    Manifest manifest =
        make_manifest(id, {must(testing::write_run(*storage_, store->runs_folder(), file, rows))});
    manifest.attempt = claim.attempt;
    must(store->commit(manifest));
    must(store->verify(manifest));
  }
  const Claim next = must(store->claim({"y", "run", 0, from_millis(6)}));
  EXPECT_EQ(next.newest, 4u);
  store->collect_garbage(2, next.attempt, {});
  EXPECT_EQ(store->list().size(), 2u);
  EXPECT_EQ(must(storage_->list(store->runs_folder())).size(), 2u);
  const Manifest newest = *must(store->newest());
  const std::string target = S3Server::get().fresh_folder();
  must(store->export_savepoint(newest, target));
  EXPECT_EQ(store->export_savepoint(newest, target).error().code, ErrorCode::already_exists);
  const auto saved = must(CheckpointStore::open(*storage_, target));
  must(saved->verify(*must(saved->newest())));
}

/// A newer attempt has begun, or the answers that were lost leave it open whether one has.
bool ends_the_attempt(const Error& error) {
  return error.code == ErrorCode::fenced || error.code == ErrorCode::fsync_failed;
}

/// One attempt after the other, each until it must end or has made `most` checkpoints. Whatever it
/// was told to exist must exist, in this order.
void attempt(const S3Proxy& proxy, const std::string& root, const std::string& tag, int most,
             std::mutex& mutex, std::map<CheckpointId, std::string>& told) {
  S3Options options = S3Server::get().options();
  options.endpoint = proxy.url();
  const auto storage = make_s3_storage(options);
  const auto store = must(CheckpointStore::open(*storage, root));
  const auto claim = store->claim({tag, "run", 0, from_millis(5)});
  if (!claim.ok()) {
    EXPECT_TRUE(ends_the_attempt(claim.error())) << claim.error().message;
    return;
  }
  for (int i = 1; i <= most; ++i) {
    Manifest manifest = make_manifest(claim->id + static_cast<CheckpointId>(i), {});
    manifest.attempt = claim->attempt;
    const Status done = store->commit(manifest);
    if (!done.ok()) {
      EXPECT_TRUE(ends_the_attempt(done.error())) << done.error().message;
      return;
    }
    const std::lock_guard lock(mutex);
    EXPECT_TRUE(told.emplace(manifest.id, claim->attempt).second)
        << "two attempts were told that checkpoint " << manifest.id << " is theirs";
  }
}

TEST_F(S3Store, OfAttemptsThatOverlapNoTwoMakeOneCheckpoint) {
  Random random(11);
  std::mutex mutex;
  S3Proxy proxy(S3Server::get().address(), [&](const std::string& line, int) {
    const std::lock_guard lock(mutex);
    if (random.next() % 5 != 0 || line.find(".probe") != line.npos) return Fault::none;
    const Fault faults[] = {Fault::cut_before, Fault::cut_after, Fault::busy, Fault::error_after};
    return faults[random.next() % 4];
  });
  std::mutex told_mutex;
  std::map<CheckpointId, std::string> told;
  for (int round = 0; round < 6; ++round) {
    std::vector<std::thread> attempts;
    for (int i = 0; i < 3; ++i) {
      attempts.emplace_back([&, round, i] {
        attempt(proxy, root_, "t" + std::to_string(round) + std::to_string(i), 4, told_mutex, told);
      });
    }
    for (std::thread& thread : attempts) thread.join();
    // Nothing that was told to exist is missing, and what exists was made by whom it says.
    const auto store = must(CheckpointStore::open(*storage_, root_));
    for (const auto& [id, name] : told) {
      const auto manifest = store->load(id);
      ASSERT_TRUE(manifest.ok()) << manifest.error().message;
      EXPECT_EQ(manifest->attempt, name);
    }
  }
  EXPECT_GE(told.size(), 6u * 4u) << "in each round one goes to its end";
}

}  // namespace
}  // namespace weir
