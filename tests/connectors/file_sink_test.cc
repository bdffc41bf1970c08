// The file sink: what a reader of its folder sees, always, whatever is cut off, and when.
#include <gmock/gmock.h>

#include <unistd.h>

#include <filesystem>
#include <optional>
#include <set>

#include "tests/connectors/support.h"
#include "weir/weir.h"

namespace weir::file {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using namespace testing_support;
using Strings = std::vector<std::string>;

constexpr const char* kFolder = "/out/alerts";

/// What an engine keeps of a complete checkpoint.
struct Saved {
  std::uint64_t id = 0;
  Strings committables, carried;  ///< of all subtasks
  Strings lines;                  ///< all that was written up to it
};

Strings lines_of(World& world, const std::string& folder = kFolder) {
  Strings lines;
  for (const StorageEntry& entry : world.storage.list(folder).value()) {
    if (!entry.name.starts_with("part-")) continue;
    const std::string text = read_file(world.storage, folder + "/" + entry.name).value();
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      EXPECT_NE(end, std::string::npos) << entry.name << " ends within a line";
      if (end == std::string::npos) break;
      lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
  }
  return lines;
}

/// Output in `.staging`.
Strings staged(World& world, const std::string& folder = kFolder) {
  Strings names;
  for (const StorageEntry& entry : world.storage.list(folder + "/.staging").value()) {
    if (entry.name != "lock" && entry.name != "owner") names.push_back(entry.name);
  }
  return names;
}

/// One attempt of a job with one subtask of this sink: the engine's half of the protocol.
class Attempt {
 public:
  Attempt(World& world, std::string name, std::optional<Saved> from, SinkOptions options)
      : sink_(text_sink(std::move(options))), saved_(from.value_or(Saved())) {
    context_.env = &world.env;
    context_.job = "job";
    context_.run_id = "run";
    context_.attempt = std::move(name);
    context_.step = "alerts";
    context_.first_checkpoint = saved_.id + 1;
    context_.restored = from.has_value();
    context_.restored_checkpoint = saved_.id;
    context_.owner = {"ours", "/state", false};
    context_.locks = &locks_;
    written_ = saved_.lines;
  }
  /// Runs in another state folder than /state.
  Attempt& in(const std::string& state, const std::string& run = "run", bool temporary = false) {
    context_.owner = {"id of " + state, state, temporary};
    context_.run_id = run;
    return *this;
  }

  Status start() {
    Strings live = saved_.committables;
    live.insert(live.end(), saved_.carried.begin(), saved_.carried.end());
    WEIR_TRY(sink_->prepare(context_, live));
    WEIR_TRY(sink_->commit(context_, saved_.committables));
    WEIR_ASSIGN(writer_, sink_->open(context_, saved_.carried));
    return {};
  }

  Status write(const std::string& line) {
    Batch<std::string> batch;
    batch.push(line, std::int64_t{0});
    written_.push_back(line);
    return writer_->write(batch);
  }

  /// Takes a checkpoint. `saved` is the newest complete one the moment it is complete.
  Status checkpoint(std::uint64_t id, bool last, std::optional<Saved>& saved) {
    WEIR_ASSIGN(const Staged staged, writer_->stage(id, last));
    for (const auto& work : staged.durable) WEIR_TRY(work());
    pending_.insert(pending_.end(), staged.committables.begin(), staged.committables.end());
    saved = Saved{id, pending_, writer_->carried_over(), written_};
    WEIR_TRY(sink_->commit(context_, pending_));
    pending_.clear();
    return {};
  }

  SinkWriter<std::string>& writer() { return *writer_; }
  const Sink<std::string>& sink() { return *sink_; }
  SinkContext& context() { return context_; }
  /// As the end of the process does.
  void release() { locks_.release_all(); }

 private:
  HeldLocks locks_;  // of a process of its own
  std::shared_ptr<Sink<std::string>> sink_;
  SinkContext context_;
  Saved saved_;
  Strings written_;
  Strings pending_;
  std::unique_ptr<SinkWriter<std::string>> writer_;
};

SinkOptions immediate() { return {.path = kFolder, .roll_interval = Duration(0)}; }

TEST(FileSink, ShowsNothingBeforeItsCheckpointIsComplete) {
  World world;
  Attempt attempt(world, "a", std::nullopt, immediate());
  ASSERT_TRUE(attempt.start().ok());
  ASSERT_TRUE(attempt.write("one").ok());
  const Staged staged = attempt.writer().stage(1, false).value();
  for (const auto& work : staged.durable) ASSERT_TRUE(work().ok());
  EXPECT_THAT(lines_of(world), SizeIs(0));
  ASSERT_TRUE(attempt.sink().commit(attempt.context(), staged.committables).ok());
  EXPECT_THAT(lines_of(world), ElementsAre("one"));
  ASSERT_TRUE(attempt.sink().commit(attempt.context(), staged.committables).ok());
  EXPECT_THAT(lines_of(world), ElementsAre("one"));
  EXPECT_TRUE(world.storage.exists(std::string(kFolder) + "/part-1-0-0.txt").value());
}

TEST(FileSink, RollsByTime) {
  World world;
  std::optional<Saved> saved;
  Attempt attempt(world, "a", std::nullopt, {.path = kFolder, .roll_interval = Duration(10'000)});
  ASSERT_TRUE(attempt.start().ok());
  for (std::uint64_t id = 1; id <= 25; ++id) {
    ASSERT_TRUE(attempt.write(std::to_string(id)).ok());
    world.clock.advance(std::chrono::seconds(1));
    ASSERT_TRUE(attempt.checkpoint(id, false, saved).ok());
    EXPECT_THAT(lines_of(world), SizeIs(id / 10 * 10)) << id;
  }
  ASSERT_TRUE(attempt.checkpoint(26, true, saved).ok());
  EXPECT_THAT(lines_of(world), SizeIs(25));
  EXPECT_THAT(saved->carried, SizeIs(0));
}

TEST(FileSink, RollsBySize) {
  World world;
  std::optional<Saved> saved;
  Attempt attempt(world, "a", std::nullopt,
                  {.path = kFolder, .roll_bytes = 10, .roll_interval = Duration(3'600'000)});
  ASSERT_TRUE(attempt.start().ok());
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(attempt.write("12345").ok());
  ASSERT_TRUE(attempt.checkpoint(1, false, saved).ok());
  EXPECT_THAT(saved->committables, SizeIs(3));
  EXPECT_THAT(lines_of(world), SizeIs(6));
  EXPECT_THAT(saved->carried, SizeIs(1));
}

TEST(FileSink, AFileCarriedOverSurvivesACrashWithoutWhatCameLater) {
  World world;
  std::optional<Saved> saved;
  const SinkOptions slow{.path = kFolder, .roll_interval = Duration(3'600'000)};
  {
    Attempt attempt(world, "a", std::nullopt, slow);
    ASSERT_TRUE(attempt.start().ok());
    ASSERT_TRUE(attempt.write("kept").ok());
    ASSERT_TRUE(attempt.checkpoint(1, false, saved).ok());
    ASSERT_TRUE(attempt.write("dropped").ok());
    const Staged staged = attempt.writer().stage(2, false).value();
    for (const auto& work : staged.durable) ASSERT_TRUE(work().ok());  // and never complete
  }
  Attempt again(world, "b", saved, slow);
  ASSERT_TRUE(again.start().ok());
  ASSERT_TRUE(again.write("again").ok());
  ASSERT_TRUE(again.checkpoint(2, true, saved).ok());
  EXPECT_THAT(lines_of(world), ElementsAre("kept", "again"));
  EXPECT_THAT(staged(world), SizeIs(0));
}

TEST(FileSink, ACheckpointAnswersForTheFilesOfOneThatFailed) {
  World world;
  Attempt attempt(world, "a", std::nullopt, immediate());
  ASSERT_TRUE(attempt.start().ok());
  ASSERT_TRUE(attempt.write("one").ok());
  EXPECT_THAT(attempt.writer().stage(1, false)->durable, SizeIs(1));  // never run
  const Staged second = attempt.writer().stage(2, false).value();
  ASSERT_THAT(second.durable, SizeIs(1));
  ASSERT_TRUE(second.durable[0]().ok());
  EXPECT_THAT(attempt.writer().stage(3, false)->durable, SizeIs(0));
}

TEST(FileSink, RefusesTheOutputOfAnotherRun) {
  World world;
  std::optional<Saved> saved;
  Saved old;
  {
    Attempt first(world, "a", std::nullopt, immediate());
    ASSERT_TRUE(first.start().ok());
    ASSERT_TRUE(first.write("one").ok());
    ASSERT_TRUE(first.checkpoint(1, false, saved).ok());
    old = *saved;
    for (std::uint64_t id = 2; id <= 3; ++id) {
      ASSERT_TRUE(first.write("two").ok());
      ASSERT_TRUE(first.checkpoint(id, false, saved).ok());
    }
  }
  EXPECT_EQ(Attempt(world, "b", std::nullopt, immediate()).start().error().message,
            "folder /out/alerts already holds output of the run with state folder /state "
            "(part-1-0-0.txt); resume that run with its --state, choose another output folder, or, "
            "if that output is not wanted, remove its files");
  // The id of the next checkpoint is no measure: it is above all in the state folder.
  Attempt back(world, "c", old, immediate());
  back.context().first_checkpoint = 4;
  EXPECT_EQ(
      back.start().error().message,
      "folder /out/alerts already holds part-2-0-0.txt and 1 more of checkpoints after "
      "1, from which the job resumes, so that their records would come out twice; resume from "
      "the newest checkpoint, choose another output folder, or move all files of later "
      "checkpoints out of this one");
  back.release();
  EXPECT_THAT(Attempt(world, "d", saved, immediate()).in("/x", "other run").start().error().message,
              HasSubstr("already holds output of the run with state folder /state"));
  EXPECT_TRUE(Attempt(world, "e", saved, immediate()).start().ok());
}

TEST(FileSink, SaysWhatIsLost) {
  World world;
  std::optional<Saved> saved;
  Attempt attempt(world, "a", std::nullopt, immediate());
  ASSERT_TRUE(attempt.start().ok());
  ASSERT_TRUE(attempt.write("one").ok());
  ASSERT_TRUE(attempt.checkpoint(1, false, saved).ok());
  ASSERT_TRUE(world.storage.remove(std::string(kFolder) + "/part-1-0-0.txt").ok());
  const Status status = attempt.sink().commit(attempt.context(), saved->committables);
  EXPECT_THAT(status.error().message, HasSubstr("4 bytes of /out/alerts/part-1-0-0.txt"));
}

/// The message of the GraphError of a job that splits its lines into two folders; empty when none.
std::string two_sinks(const std::string& first, const std::string& second) {
  Job job("test", {});
  auto lines = job.source("lines", memory::values<std::string>({"a", "b"}));
  auto [some, rest] = lines.split("by", [](const std::string& line) { return line == "a"; });
  some.sink("some", text_sink({.path = first}));
  rest.sink("rest", text_sink({.path = second}));
  try {
    job.check();
  } catch (const GraphError& error) {
    return error.what();
  }
  return {};
}

TEST(FileSink, TwoOfOneJobMayNotShareAFolder) {
  EXPECT_EQ(two_sinks("/out/a", "/out/b"), "");
  EXPECT_EQ(two_sinks("/out", "/out/b"), "");
  EXPECT_THAT(two_sinks("/out/a", "/out/a"),
              AllOf(HasSubstr("step 'rest': it writes to folder /out/a, which is also that of "
                              "sink 'some' at "),
                    HasSubstr("give each its own")));
  EXPECT_THAT(two_sinks("/out/./x/../a", "/out//a/"), HasSubstr("folder /out/a,"));
  EXPECT_THAT(two_sinks("out", "./out"), HasSubstr("sink 'some'"));
  const std::string folder = testing::TempDir() + "weir_sinks_" + std::to_string(::getpid());
  std::filesystem::create_directories(folder + "/real");
  std::filesystem::create_directory_symlink("real", folder + "/link");
  EXPECT_THAT(two_sinks(folder + "/real/a", folder + "/link/a"), HasSubstr("sink 'some'"));
  EXPECT_EQ(two_sinks(folder + "/real", folder + "/link/a"), "");
  std::filesystem::remove_all(folder);
}

TEST(FileSink, NeverReplacesWhatAnotherOneWrites) {
  World world;
  const auto taken = [&world](const std::string& path) {
    ASSERT_TRUE(write_file_atomically(world.storage, std::string(kFolder) + "/" + path, "x").ok());
  };
  Attempt attempt(world, "a", std::nullopt, immediate());
  ASSERT_TRUE(attempt.start().ok());
  taken(".staging/a-0-0.txt");
  EXPECT_THAT(attempt.write("one").error().message,
              HasSubstr("a-0-0.txt is being written already"));
  Attempt again(world, "b", std::nullopt, immediate());
  attempt.release();
  ASSERT_TRUE(again.start().ok());
  ASSERT_TRUE(again.write("one").ok());
  const Staged staged = again.writer().stage(1, false).value();
  for (const auto& work : staged.durable) ASSERT_TRUE(work().ok());
  taken("part-1-0-0.txt");
  EXPECT_THAT(again.sink().commit(again.context(), staged.committables).error().message,
              HasSubstr("part-1-0-0.txt exists already, but was not written by this sink"));
  EXPECT_THAT(weir::file::staged(world), ElementsAre("b-0-0.txt"));
}

TEST(FileSinkOwner, TheSameStateFolderBeginsAnewInSilence) {
  World world;
  {
    Attempt killed(world, "a", std::nullopt, immediate());
    ASSERT_TRUE(killed.start().ok());
    ASSERT_TRUE(killed.write("never seen").ok());
  }
  EXPECT_THAT(staged(world), ElementsAre("a-0-0.txt"));
  std::optional<Saved> saved;
  Attempt again(world, "b", std::nullopt, immediate());
  ASSERT_TRUE(again.start().ok());
  EXPECT_THAT(staged(world), SizeIs(0));
  ASSERT_TRUE(again.write("one").ok());
  ASSERT_TRUE(again.checkpoint(1, true, saved).ok());
  EXPECT_THAT(lines_of(world), ElementsAre("one"));
}

TEST(FileSinkOwner, AnotherStateFolderIsRefusedWhatIsStaged) {
  World world;
  {
    Attempt killed(world, "a", std::nullopt, immediate());
    ASSERT_TRUE(killed.start().ok());
    ASSERT_TRUE(killed.write("one").ok());
  }
  for (const bool temporary : {false, true}) {
    Attempt other(world, "b", std::nullopt, immediate());
    EXPECT_EQ(other.in("/x", "other run", temporary).start().error().message,
              "folder /out/alerts belongs to the run with state folder /state, which has staged 1 "
              "file there (/out/alerts/.staging/a-0-0.txt) that it may still commit; resume that "
              "run with its --state, choose another output folder, or, if that output is not "
              "wanted, remove folder /out/alerts");
    EXPECT_THAT(staged(world), ElementsAre("a-0-0.txt"));
  }
  EXPECT_TRUE(Attempt(world, "c", std::nullopt, immediate()).start().ok());
  // Now nothing is staged any more.
  EXPECT_TRUE(Attempt(world, "d", std::nullopt, immediate()).in("/x", "other run").start().ok());
}

TEST(FileSinkOwner, WhoeverWritesHasTheFolderForItself) {
  World world;
  Attempt one(world, "a", std::nullopt, immediate());
  ASSERT_TRUE(one.start().ok());
  const auto message = [&world](const std::string& state, bool temporary) {
    Attempt two(world, "b", std::nullopt, immediate());
    const Status started = two.in(state, "other run", temporary).start();
    return started.ok() ? std::string() : started.error().message;
  };
  EXPECT_EQ(message("/x", false),
            "folder /out/alerts is being written to by the run with state folder /state; choose "
            "another output folder, or stop that run first");
  EXPECT_THAT(message("/x", true), HasSubstr("is being written to by"));
  Attempt twin(world, "b", std::nullopt, immediate());
  EXPECT_EQ(twin.start().error().message,
            "another sink of this job writes to folder /out/alerts; give each sink a folder of its "
            "own");
  ASSERT_TRUE(one.start().ok()) << "a second attempt of one process";
  one.release();
  EXPECT_EQ(message("/x", false), "");
}

TEST(FileSinkOwner, WhatARunWithoutAStateFolderStagedIsNobodys) {
  World world;
  {
    Attempt killed(world, "a", std::nullopt, immediate());
    ASSERT_TRUE(killed.in("/tmp/weir-1", "run 1", true).start().ok());
    ASSERT_TRUE(killed.write("never seen").ok());
  }
  EXPECT_TRUE(Attempt(world, "b", std::nullopt, immediate()).in("/x", "run 2").start().ok());
  EXPECT_THAT(staged(world), SizeIs(0));
}

TEST(FileSinkOwner, ASavepointTakesOverWhatItNames) {
  World world;
  std::optional<Saved> saved;
  const SinkOptions slow{.path = kFolder, .roll_interval = Duration(3'600'000)};
  Saved savepoint;
  {
    Attempt first(world, "a", std::nullopt, slow);
    ASSERT_TRUE(first.start().ok());
    ASSERT_TRUE(first.write("one").ok());
    ASSERT_TRUE(first.checkpoint(1, false, saved).ok());
    savepoint = *saved;
  }
  {
    Attempt first(world, "b", saved, slow);
    ASSERT_TRUE(first.start().ok());
    ASSERT_TRUE(first.write("not known to the savepoint").ok());
  }
  EXPECT_EQ(Attempt(world, "c", savepoint, slow).in("/x").start().error().message,
            "folder /out/alerts belongs to the run with state folder /state, which has staged 1 "
            "file there (/out/alerts/.staging/b-0-0.txt) that the restored checkpoint does not "
            "name; resume that run with its --state, choose another output folder, or, if that "
            "output is not wanted, remove such files");
  ASSERT_TRUE(world.storage.remove(std::string(kFolder) + "/.staging/b-0-0.txt").ok());
  Attempt moved(world, "d", savepoint, slow);
  ASSERT_TRUE(moved.in("/x").start().ok());
  ASSERT_TRUE(moved.write("two").ok());
  ASSERT_TRUE(moved.checkpoint(2, true, saved).ok());
  EXPECT_THAT(lines_of(world), ElementsAre("one", "two"));
}

TEST(FileSinkOwner, ADamagedOwnerIsNoOwner) {
  World world;
  ASSERT_TRUE(Attempt(world, "a", std::nullopt, immediate()).start().ok());
  const std::string path = std::string(kFolder) + "/.staging/owner";
  ASSERT_TRUE(write_file_atomically(world.storage, path, "?").ok());
  EXPECT_THAT(Attempt(world, "b", std::nullopt, immediate()).start().error().message,
              HasSubstr("since /out/alerts/.staging/owner is damaged"));
}

TEST(FileSinkElsewhere, StagedOutputIsCopiedAndVisibleOutputStays) {
  World world;
  std::optional<Saved> saved;
  {
    Attempt first(world, "a", std::nullopt,
                  {.path = kFolder, .roll_bytes = 6, .roll_interval = Duration(3'600'000)});
    ASSERT_TRUE(first.start().ok());
    ASSERT_TRUE(first.write("first").ok());
    ASSERT_TRUE(first.write("two").ok());
    ASSERT_TRUE(first.checkpoint(1, false, saved).ok());
    ASSERT_TRUE(first.write("too late").ok());
    ASSERT_TRUE(first.writer().stage(2, false).ok());
  }
  const Strings before = staged(world);
  Attempt moved(world, "b", saved, {.path = "/new"});
  ASSERT_TRUE(moved.start().ok());
  ASSERT_TRUE(moved.write("three").ok());
  std::optional<Saved> later;
  ASSERT_TRUE(moved.checkpoint(2, true, later).ok());
  EXPECT_THAT(lines_of(world), ElementsAre("first"));
  EXPECT_THAT(lines_of(world, "/new"), ElementsAre("two", "three"));
  EXPECT_EQ(staged(world), before) << "the old folder is not touched";
  moved.release();
  EXPECT_TRUE(Attempt(world, "c", later, {.path = "/new"}).start().ok());
}

TEST(FileSinkElsewhere, SaysWhereTheOutputWasThatIsGone) {
  World world;
  std::optional<Saved> saved;
  const SinkOptions slow{.path = kFolder, .roll_interval = Duration(3'600'000)};
  Attempt first(world, "a", std::nullopt, slow);
  ASSERT_TRUE(first.start().ok());
  ASSERT_TRUE(first.write("one").ok());
  ASSERT_TRUE(first.checkpoint(1, false, saved).ok());
  const Saved old = *saved;
  ASSERT_TRUE(first.checkpoint(2, true, saved).ok());  // now in a file of another name
  EXPECT_EQ(
      Attempt(world, "b", old, {.path = "/new"}).start().error().message,
      "the checkpoint was taken when the job wrote to folder /out/alerts, and 4 bytes of its "
      "output were staged there, which are no longer in /out/alerts/.staging/a-0-0.txt; since "
      "then that run has gone on or was removed, so to go on in folder /new take a savepoint "
      "with --stop, or a newer one, and restore that");
}

TEST(FileSink, ItemsThatLeadOutOfTheirFolderAreRefused) {
  using detail::PartItem;
  EXPECT_TRUE(PartItem::decode(PartItem{"a1-0-1.csv", "part-1.csv", 7, "/out"}.encode()).ok());
  EXPECT_TRUE(PartItem::decode(PartItem{"a1-0-1.csv", "", 7, "/out"}.encode()).ok());
  for (const char* name : {"../x", "a/b", ".", "..", ".hidden", "/x"}) {
    EXPECT_FALSE(PartItem::decode(PartItem{name, "part-1.csv", 7, "/out"}.encode()).ok()) << name;
    EXPECT_FALSE(PartItem::decode(PartItem{"a1-0-1.csv", name, 7, "/out"}.encode()).ok()) << name;
  }
  EXPECT_FALSE(PartItem::decode(PartItem{"", "part-1.csv", 7, "/out"}.encode()).ok());
}

TEST(FileSink, AFullDiskIsAnErrorThatMayHeal) {
  World world;
  std::optional<Saved> saved;
  Attempt attempt(world, "a", std::nullopt, immediate());
  ASSERT_TRUE(attempt.start().ok());
  world.storage.set_capacity(10);
  ASSERT_TRUE(attempt.write(std::string(100, 'x')).ok());
  const Status failed = attempt.checkpoint(1, false, saved);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::disk_full);
  EXPECT_TRUE(failed.error().retryable);
  EXPECT_EQ(attempt.write("more").error().code, ErrorCode::disk_full);
  world.storage.set_capacity(1 << 20);
  attempt.release();
  Attempt again(world, "b", std::nullopt, immediate());
  ASSERT_TRUE(again.start().ok());
  ASSERT_TRUE(again.write("x").ok());
  ASSERT_TRUE(again.checkpoint(1, true, saved).ok());
  EXPECT_THAT(lines_of(world), ElementsAre("x"));
}

TEST(FileSink, AFolderThatCannotBeWrittenIsNamed) {
  World world;
  world.storage.set_fault([](std::string_view operation, const std::string&) -> Status {
    if (operation != "create") return {};
    return Error{ErrorCode::io, "read-only file system"};
  });
  Attempt attempt(world, "a", std::nullopt, immediate());
  EXPECT_THAT(attempt.start().error().message,
              testing::StartsWith("cannot write to folder /out/alerts: read-only"));
}

/// Runs a job of `kCheckpoints` checkpoints, restarting it after every crash; the power fails at
/// operation number `crash_at` of the storage, once.
class CrashRun {
 public:
  CrashRun(std::uint64_t seed, int crash_at, SinkOptions options)
      : seed_(seed), options_(std::move(options)) {
    world_.storage.set_fault([this, crash_at](std::string_view, const std::string&) -> Status {
      if (looking_) return {};
      if (++operations_ != crash_at) return dead_ ? power() : Status();
      dead_ = true;
      return power();
    });
  }

  void run() {
    try_until_finished();
    looking_ = true;
    ASSERT_TRUE(finished_);
    ASSERT_EQ(sorted(lines_of(world_)), sorted(saved_->lines));
  }
  int operations() const { return operations_; }

 private:
  static constexpr std::uint64_t kCheckpoints = 5;
  static Status power() { return Error{ErrorCode::io, "no power"}; }
  static std::multiset<std::string> sorted(const Strings& lines) {
    return {lines.begin(), lines.end()};
  }

  void try_until_finished() {
    for (int attempt = 0; attempt < 4 && !finished_; ++attempt) {
      run_once("attempt" + std::to_string(attempt));
      if (dead_) {
        world_.storage.crash(seed_);
        dead_ = false;
      }
      check_visible();
    }
  }

  void run_once(const std::string& name) {
    Attempt attempt(world_, name, saved_, options_);
    if (!attempt.start().ok()) return;
    for (std::uint64_t id = saved_ ? saved_->id + 1 : 1; id <= kCheckpoints; ++id) {
      for (int i = 0; i < 3; ++i) {
        if (!attempt.write(std::to_string(id) + "." + std::to_string(i)).ok()) return;
      }
      world_.clock.advance(std::chrono::seconds(1));
      if (!attempt.checkpoint(id, id == kCheckpoints, saved_).ok()) return;
    }
    finished_ = true;
  }

  /// What is visible was written before the newest complete checkpoint, and stands there once.
  void check_visible() {
    looking_ = true;
    if (world_.storage.exists(kFolder).value()) compare();
    looking_ = false;
  }
  void compare() {
    const auto visible = sorted(lines_of(world_));
    const auto written = sorted(saved_ ? saved_->lines : Strings());
    ASSERT_TRUE(std::includes(written.begin(), written.end(), visible.begin(), visible.end()));
    finished_ = finished_ || (saved_ && saved_->id == kCheckpoints && visible == written);
  }

  World world_;
  std::uint64_t seed_;
  SinkOptions options_;
  int operations_ = 0;
  bool dead_ = false;
  bool looking_ = false;  // the test itself reads; no fault then
  bool finished_ = false;
  std::optional<Saved> saved_;
};

TEST(FileSinkCrash, NothingIsLostOrTwiceWhereverThePowerFails) {
  const SinkOptions shapes[] = {
      {.path = kFolder, .roll_interval = Duration(0)},
      {.path = kFolder, .roll_interval = Duration(2000)},
      {.path = kFolder, .roll_bytes = 8, .roll_interval = Duration(3'600'000)},
      {.path = kFolder, .roll_interval = Duration(3'600'000)},
  };
  for (const SinkOptions& shape : shapes) {
    CrashRun undisturbed(0, -1, shape);
    undisturbed.run();
    for (int at = 1; at <= undisturbed.operations(); ++at) {
      for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        SCOPED_TRACE("operation " + std::to_string(at) + ", seed " + std::to_string(seed) +
                     ", interval " + format_duration(shape.roll_interval));
        CrashRun run(seed, at, shape);
        run.run();
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

struct Alert {
  std::string user;
  EventTime at{};
  std::optional<int> n;
};
WEIR_DESCRIBE(Alert, user, at, n);

template <class T>
std::string written_by(World& world, const Sink<T>& sink, const std::string& folder,
                       std::vector<T> rows) {
  HeldLocks locks;
  SinkContext context;
  context.env = &world.env;
  context.attempt = "a";
  context.subtask = 2;
  context.parallelism = 3;
  context.first_checkpoint = 7;
  context.locks = &locks;
  EXPECT_TRUE(sink.prepare(context, {}).ok());
  auto writer = std::move(sink.open(context, {})).value();
  Batch<T> batch;
  for (T& row : rows) batch.push(std::move(row), std::int64_t{0});
  EXPECT_TRUE(writer->write(batch).ok());
  const Staged staged = writer->stage(7, true).value();
  for (const auto& work : staged.durable) EXPECT_TRUE(work().ok());
  EXPECT_TRUE(sink.commit(context, staged.committables).ok());
  for (const StorageEntry& entry : world.storage.list(folder).value()) {
    if (entry.name.starts_with("part-7-2-0.")) {
      return read_file(world.storage, folder + "/" + entry.name).value();
    }
  }
  return "nothing";
}

TEST(FileSinkFormats, JsonCsvAndText) {
  World world;
  const std::vector<Alert> alerts{{"a \"b\",c", from_millis(1291191960000), 5}, {"", {}, {}}};
  EXPECT_EQ(written_by(world, *json_sink<Alert>({.path = "/j"}), "/j", alerts),
            "{\"user\":\"a \\\"b\\\",c\",\"at\":\"2010-12-01T08:26:00Z\",\"n\":5}\n"
            "{\"user\":\"\",\"at\":\"1970-01-01T00:00:00Z\",\"n\":null}\n");
  EXPECT_EQ(
      written_by(world, *csv_sink<Alert>({.path = "/c"}), "/c", alerts),
      "user,at,n\r\n\"a \"\"b\"\",c\",2010-12-01T08:26:00Z,5\r\n\"\",1970-01-01T00:00:00Z,\r\n");
  EXPECT_EQ(written_by(world, *text_sink({.path = "/t"}), "/t", {"one", "two"}), "one\ntwo\n");
}

TEST(FileSinkFormats, CsvReadsBack) {
  World world;
  const std::vector<Alert> alerts{{"line\r\nbreak;\"", from_millis(1), 5}, {" x ", {}, {}}};
  const std::string text =
      written_by(world, *csv_sink<Alert>({.path = "/c", .delimiter = ';'}), "/c", alerts);
  const auto source = csv<Alert>({.path = "/c/part-*", .delimiter = ';'});
  const Drained<Alert> out = read_all(*source, world.source);
  ASSERT_THAT(out.rows, SizeIs(2));
  EXPECT_EQ(out.rows[0].user, alerts[0].user);
  EXPECT_EQ(out.rows[0].at, alerts[0].at);
  EXPECT_EQ(out.rows[1].user, " x ");
  EXPECT_EQ(out.rows[1].n, std::nullopt);
}

}  // namespace
}  // namespace weir::file
