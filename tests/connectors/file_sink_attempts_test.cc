// Attempts of one job that overlap, over one file sink: an old one that does not know that a new
// one has begun still stages, commits and even prepares. Whatever it is in the middle of, each
// record comes out once, a reader sees whole files only, and the new one is not disturbed.
#include <gtest/gtest.h>

#include "tests/checkpoint/turns.h"
#include "tests/connectors/support.h"
#include "weir/base/log.h"
#include "weir/checkpoint/store.h"
#include "weir/weir.h"

namespace weir::file {
namespace {

using namespace testing_support;
using Strings = std::vector<std::string>;

constexpr const char* kFolder = "/out/alerts";
constexpr std::size_t kLines = 24;

std::string line(std::size_t n) { return "line " + std::to_string(n); }

/// What an attempt has put into a checkpoint.
struct Saved {
  Strings committables, carried;
  std::size_t lines = 0;  ///< written up to it
};

/// What all attempts share: the disk, and what lies in the checkpoints.
struct Stage {
  explicit Stage(std::uint64_t seed)
      : random(seed), turns(random, random.chance(0.5) ? 0.3 : 0.04) {
    options.path = kFolder;
    options.roll_bytes = random.chance(0.3) ? 20 : 1 << 20;
    options.roll_interval = Duration(random.chance(0.4) ? 0 : 1'000'000);
  }

  World world;
  Random random;
  testing::Turns turns;
  SinkOptions options;
  std::map<std::string, Saved> saved;  // by id and attempt
};

std::string key_of(const Manifest& manifest) {
  return std::to_string(manifest.id) + manifest.attempt;
}

/// One attempt: the engine's half of the protocol, with a real store.
class Attempt {
 public:
  explicit Attempt(Stage& stage)
      : stage_(stage),
        store_(CheckpointStore::open(stage.world.storage, "/state").value()),
        sink_(text_sink(stage.options)) {}

  /// From its claim to the end of the job, or `most` checkpoints.
  Status live(const std::string& tag, int most) {
    WEIR_TRY(begin(tag));
    for (int n = 0; n < most && !finished_; ++n) {
      const std::size_t end = std::min<std::size_t>(kLines, saved_.lines + stage_.random.below(5));
      for (; saved_.lines < end; ++saved_.lines) {
        Batch<std::string> batch;
        batch.push(line(saved_.lines), std::int64_t{0});
        WEIR_TRY(writer_->write(batch));
      }
      WEIR_TRY(checkpoint());
    }
    return {};
  }
  bool is_overtaken() { return !store_->check_claim().ok(); }

 private:
  Status begin(const std::string& tag) {
    std::optional<RestorePoint> point;
    WEIR_ASSIGN(const Claim claim, claim_restore(*store_, "latest", {tag, tag, 0, {}}, point));
    if (point) saved_ = stage_.saved.at(key_of(point->manifest));
    id_ = claim.id;
    context_.env = &stage_.world.env;
    context_.job = "job";
    context_.run_id = point ? point->manifest.run_id : claim.run_id;
    context_.attempt = claim.attempt;
    context_.step = "alerts";
    context_.first_checkpoint = id_ + 1;
    context_.restored = point.has_value();
    context_.restored_checkpoint = point ? point->manifest.id : 0;
    context_.owner = {"ours", "/state", false};
    context_.locks = &locks_;
    Strings live = saved_.committables;
    live.insert(live.end(), saved_.carried.begin(), saved_.carried.end());
    WEIR_TRY(sink_->prepare(context_, live));
    WEIR_TRY(sink_->commit(context_, saved_.committables));
    saved_.committables.clear();
    finished_ = saved_.lines == kLines;
    WEIR_ASSIGN(writer_, sink_->open(context_, saved_.carried));
    return {};
  }

  Status checkpoint() {
    id_ += 1 + stage_.random.below(2);
    WEIR_ASSIGN(const Staged staged, writer_->stage(id_, saved_.lines == kLines));
    if (stage_.random.chance(0.1)) {  // declined
      saved_.committables.insert(saved_.committables.end(), staged.committables.begin(),
                                 staged.committables.end());
      return {};
    }
    for (const auto& work : staged.durable) WEIR_TRY(work());
    saved_.committables.insert(saved_.committables.end(), staged.committables.begin(),
                               staged.committables.end());
    saved_.carried = writer_->carried_over();
    Manifest manifest;
    manifest.job = "job";
    manifest.run_id = context_.run_id;
    manifest.attempt = context_.attempt;
    manifest.id = id_;
    stage_.saved[key_of(manifest)] = saved_;
    WEIR_TRY(store_->commit(manifest));
    finished_ = saved_.lines == kLines;
    if (stage_.random.chance(0.3)) return {};  // its commit comes with the next
    WEIR_TRY(sink_->commit(context_, saved_.committables));
    saved_.committables.clear();
    return {};
  }

  Stage& stage_;
  std::unique_ptr<CheckpointStore> store_;
  std::shared_ptr<Sink<std::string>> sink_;
  HeldLocks locks_ = HeldLocks::none();
  SinkContext context_;
  std::unique_ptr<SinkWriter<std::string>> writer_;
  std::uint64_t id_ = 0;
  Saved saved_;
  bool finished_ = false;
};

/// How often each committed line is there.
std::map<std::string, int> committed(Storage& storage) {
  std::map<std::string, int> lines;
  const auto entries = storage.list(kFolder);
  if (!entries.ok()) return lines;
  for (const StorageEntry& entry : *entries) {
    if (!entry.name.starts_with("part-")) continue;
    const std::string text = read_file(storage, std::string(kFolder) + "/" + entry.name).value();
    EXPECT_TRUE(text.ends_with('\n')) << entry.name << " is not whole";
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
      ++lines[text.substr(at, text.find('\n', at) - at)];
    }
  }
  return lines;
}

void run_seed(std::uint64_t seed) {
  Stage stage(seed);
  bool looking = false;
  stage.world.storage.set_fault([&](std::string_view, const std::string&) -> Status {
    if (looking) return {};
    if (stage.random.chance(0.05)) {
      looking = true;
      for (const auto& [text, count] : committed(stage.world.storage)) EXPECT_EQ(count, 1) << text;
      looking = false;
    }
    stage.turns.maybe_end();
    return {};
  });
  std::vector<std::function<void()>> bodies;
  for (std::uint64_t i = 0; i < 2 + seed % 3; ++i) {
    bodies.emplace_back([&stage, i] {
      Attempt attempt(stage);
      const Status done = attempt.live("t" + std::to_string(i), 5);
      // Nothing but a newer attempt may end it.
      EXPECT_TRUE(done.ok() || done.error().code == ErrorCode::fenced || attempt.is_overtaken())
          << done.error().message;
    });
  }
  stage.turns.run(std::move(bodies));
  stage.world.storage.set_fault(nullptr);
  Attempt last(stage);
  const Status done = last.live("last", 100);
  EXPECT_TRUE(done.ok()) << done.error().message;
  // What the last checkpoint left to be committed.
  Attempt again(stage);
  EXPECT_TRUE(again.live("again", 0).ok());
  const auto lines = committed(stage.world.storage);
  EXPECT_EQ(lines.size(), kLines);
  for (const auto& [text, count] : lines) EXPECT_EQ(count, 1) << text;
}

TEST(FileSinkAttempts, EachRecordComesOutOnceWhenAttemptsOverlap) {
  set_log_level(LogLevel::off);
  for (std::uint64_t seed = 1; seed <= 1500 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    run_seed(seed);
  }
  set_log_level(LogLevel::info);
}

}  // namespace
}  // namespace weir::file
