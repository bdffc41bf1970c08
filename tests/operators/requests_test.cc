// What is asked of a job while something else that was asked is under way.
#include <optional>
#include <stdexcept>

#include "tests/operators/support.h"
#include "weir/base/failpoint.h"
#include "weir/runtime/test_harness.h"

namespace weir::test {
namespace {

using weir::testing::HarnessCore;
using weir::testing::InputMap;
using weir::testing::OutputMap;
using weir::testing::TestInput;
using weir::testing::TestOutput;

struct Seen {
  std::int64_t count = 0;
};
WEIR_DESCRIBE(Seen, count);

/// The answer to a request, once it has come.
using Answer = std::optional<Result<Manifest>>;
auto into(Answer& answer) {
  return [&answer](Result<Manifest> result) { answer = std::move(result); };
}

class Requests : public ::testing::Test {
 protected:
  static inline bool mended;

  static void parking(Job& job, InputMap& input_map, OutputMap& output_map) {
    Inputs in(input_map);
    Outputs out(output_map);
    out.collect(in.stream<Event>(job, "events")
                    .key_by(&Event::user)
                    .process<Seen, Event>("watch",
                                          [](Seen&, const Event& e, auto& ctx) {
                                            if (e.n < 0 && !mended)
                                              throw std::runtime_error("negative");
                                            ctx.emit(e);
                                          },
                                          {}, {.park_keys = true}),
                "out");
  }
  static void nudging(Job& job, InputMap& input_map, OutputMap& output_map) {
    Inputs in(input_map);
    Outputs out(output_map);
    out.collect(in.stream<Event>(job, "events")
                    .key_by(&Event::user)
                    .process<Seen, Event>(
                        "nudge",
                        [](Seen&, const Event&, auto& ctx) {
                          ctx.set_processing_timer(ctx.processing_time() + 1s);
                        },
                        [](Seen&, const Timer&, auto& ctx) { ctx.emit(Event{ctx.key()}); }),
                "out");
  }

  void begin(const HarnessCore::Build& build) {
    mended = false;
    core_.emplace(build, Options{}, nullptr);
  }
  void push(const std::string& user, std::int64_t n) {
    dynamic_cast<TestInput<Event>&>(core_->input("events")).push(0, Event{user, {}, n}, {});
  }
  Coordinator& coordinator() { return core_->simulation().coordinator(); }
  std::vector<std::int64_t> output() {
    std::vector<std::int64_t> numbers;
    auto& out = dynamic_cast<TestOutput<Event>&>(core_->output("out"));
    for (const auto& emitted : out.records(false)) numbers.push_back(emitted.value.n);
    return numbers;
  }

  std::optional<HarnessCore> core_;
};

TEST_F(Requests, WhatIsParkedIsNotTriedBeforeItIsKnownHowTheOneBeforeItFared) {
  begin(parking);
  for (const std::int64_t n : {-1, 2, 3}) push("a", n);
  ASSERT_TRUE(core_->settle().ok());
  const auto letters = core_->dead_letters("");
  ASSERT_EQ(letters.size(), 3u);
  Answer first, second;
  coordinator().request_replay({letters[0], letters[1]}, into(first));
  coordinator().request_replay(letters, into(second));
  ASSERT_TRUE(core_->settle().ok());
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(first->ok());
  EXPECT_FALSE(second->ok());
  EXPECT_THAT(output(), IsEmpty());
  mended = true;
  ASSERT_TRUE(core_->replay(letters, false).ok());
  EXPECT_THAT(output(), ElementsAre(-1, 2, 3));
}

TEST_F(Requests, OneIsNotToldHowAnotherFared) {
  begin(parking);
  push("a", -1);
  push("b", -2);
  ASSERT_TRUE(core_->settle().ok());
  const auto letters = core_->dead_letters("");
  ASSERT_EQ(letters.size(), 2u);
  Answer replayed, dropped;
  coordinator().request_replay({letters[0]}, into(replayed));
  coordinator().request_drop({letters[1]}, into(dropped));
  ASSERT_TRUE(core_->settle().ok());
  ASSERT_TRUE(replayed && dropped);
  EXPECT_FALSE(replayed->ok());
  EXPECT_TRUE(dropped->ok());
  EXPECT_EQ(core_->dead_letters("").size(), 1u);
}

// Nobody would ever have what they emit then, and who goes on from that checkpoint fires them.
TEST_F(Requests, TimersOnWallTimeRestBehindTheLastBarrier) {
  begin(nudging);
  push("a", 1);
  ASSERT_TRUE(core_->settle().ok());
  Answer stopped;
  coordinator().request_checkpoint(CheckpointKind::stop, into(stopped));
  ASSERT_TRUE(core_->settle().ok());
  ASSERT_TRUE(stopped && stopped->ok());
  core_->advance(5s);
  EXPECT_THAT(output(), IsEmpty());
}

TEST_F(Requests, AJobGoesOnWhenTheSavepointThatItWasToStopWithFails) {
  for (const char* fault : {"checkpoint.before_manifest=error@1", "run.before_sync=error@1"}) {
    SCOPED_TRACE(fault);
    begin(parking);
    push("a", 1);
    ASSERT_TRUE(core_->settle().ok());
    ASSERT_TRUE(arm_failpoints(fault).ok());
    Answer failed;
    coordinator().request_checkpoint(CheckpointKind::savepoint_stop, into(failed));
    push("a", 2);
    ASSERT_TRUE(core_->settle().ok());
    ASSERT_TRUE(arm_failpoints("").ok());
    ASSERT_TRUE(failed);
    ASSERT_FALSE(failed->ok());
    EXPECT_THAT(failed->error().message, HasSubstr("goes on"));
    push("b", 3);
    ASSERT_TRUE(core_->settle().ok());
    EXPECT_EQ(coordinator().state(), Coordinator::State::running);
    EXPECT_THAT(output(), ElementsAre(1, 2, 3));
    Answer stopped;
    coordinator().request_checkpoint(CheckpointKind::savepoint_stop, into(stopped));
    ASSERT_TRUE(core_->settle().ok());
    ASSERT_TRUE(stopped && stopped->ok());
    EXPECT_EQ(coordinator().state(), Coordinator::State::stopped);
  }
}

TEST_F(Requests, AManifestThatHangsFailsItsCheckpointAloneAndCompletesItOnceWhenItIsWritten) {
  begin(parking);
  push("a", 1);
  ASSERT_TRUE(core_->settle().ok());
  const CheckpointId before = coordinator().last_completed();
  Answer hung, next;
  coordinator().request_checkpoint(CheckpointKind::savepoint, into(hung));
  ASSERT_TRUE(core_->simulation().run_until([&] { return coordinator().writes_manifest(); }));
  core_->simulation().io().hang();
  core_->advance(11min);
  ASSERT_TRUE(hung);
  ASSERT_FALSE(hung->ok());
  EXPECT_THAT(hung->error().message,
              HasSubstr(core_->simulation().store()->manifest_path(before + 1)));
  EXPECT_EQ(coordinator().failed_checkpoints().first, 1u);
  push("a", 2);  // the job goes on
  coordinator().request_checkpoint(CheckpointKind::periodic, into(next));
  core_->advance(11min);
  EXPECT_THAT(output(), ElementsAre(1, 2));
  EXPECT_FALSE(next) << "it waits for that write";
  EXPECT_EQ(coordinator().last_completed(), before);

  core_->simulation().io().come_back();
  ASSERT_TRUE(core_->settle().ok());
  ASSERT_TRUE(next && next->ok());
  EXPECT_EQ(next->value().id, before + 2) << "behind the one that was late";
  EXPECT_EQ(coordinator().failed_checkpoints().first, 0u);
  core_->crash(1);
  push("a", 3);
  ASSERT_TRUE(core_->settle().ok());
  EXPECT_THAT(output(), ElementsAre(1, 2, 3)) << "each once";
}

TEST_F(Requests, AJobThatWasToStopWithASavepointGoesOnWhenItsManifestHangs) {
  begin(parking);
  Answer hung;
  coordinator().request_checkpoint(CheckpointKind::savepoint_stop, into(hung));
  ASSERT_TRUE(core_->simulation().run_until([&] { return coordinator().writes_manifest(); }));
  core_->simulation().io().hang();
  core_->advance(11min);
  ASSERT_TRUE(hung);
  EXPECT_FALSE(hung->ok());
  push("a", 1);
  ASSERT_TRUE(core_->settle().ok());
  EXPECT_THAT(output(), ElementsAre(1));
  core_->simulation().io().come_back();
  push("a", 2);
  ASSERT_TRUE(core_->settle().ok());
  EXPECT_THAT(output(), ElementsAre(1, 2));
  EXPECT_EQ(coordinator().state(), Coordinator::State::running);
}

TEST_F(Requests, ASavepointAskedForWithAStopThatWaitsIsMade) {
  begin(parking);
  Answer stopped, made;
  coordinator().request_checkpoint(CheckpointKind::stop, into(stopped));
  coordinator().request_checkpoint(CheckpointKind::savepoint_stop, into(made));
  ASSERT_TRUE(core_->settle().ok());
  ASSERT_TRUE(stopped && made);
  EXPECT_TRUE(stopped->ok());
  EXPECT_TRUE(made->ok());
}

TEST_F(Requests, ALetterIsNotReplayedBehindTheLastBarrier) {
  begin(parking);
  push("a", -1);
  ASSERT_TRUE(core_->settle().ok());
  const auto letters = core_->dead_letters("");
  mended = true;
  Answer stopped, replayed;
  coordinator().request_checkpoint(CheckpointKind::stop, into(stopped));
  // Until its barrier has passed the step.
  ASSERT_TRUE(core_->simulation().run_until([&] { return stopped.has_value(); }));
  coordinator().request_replay(letters, into(replayed));
  ASSERT_TRUE(core_->settle().ok());
  ASSERT_TRUE(replayed);
  EXPECT_FALSE(replayed->ok());
  EXPECT_THAT(output(), IsEmpty());
}

TEST_F(Requests, AreAnsweredWhenTheJobEnds) {
  begin(parking);
  core_->input("events").end(0);
  std::size_t asked = 0, answered = 0;
  const auto count = [&answered](const Result<Manifest>&) { ++answered; };
  for (; coordinator().state() == Coordinator::State::running; asked += 2) {
    coordinator().request_checkpoint(CheckpointKind::periodic, count);
    coordinator().request_replay({}, count);
    core_->simulation().step();
  }
  ASSERT_TRUE(core_->settle().ok());
  EXPECT_EQ(answered, asked);
}

}  // namespace
}  // namespace weir::test
