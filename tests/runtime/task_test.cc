// A task with its inputs and its listener in the test's hands: alignment of barriers, watermarks of
// several inputs, end of input, output that waits for room.
#include "weir/runtime/task.h"

#include <gtest/gtest.h>

#include <functional>

#include "weir/runtime/simulation.h"
#include "weir/testing.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

struct Row {
  std::string key;
  std::int64_t n = 0;
};
WEIR_DESCRIBE(Row, key, n);

/// What the function of the step does besides.
std::function<void()> at_work;

/// Writes down what the task tells.
class Listener final : public TaskListener {
 public:
  void task_restored(TaskId) override {}
  void checkpoint_done(TaskId, CheckpointId id, std::vector<StepPart> parts,
                       std::vector<std::string>, TaskPhases took) override {
    done.push_back(id);
    phases = took;
    last_parts = std::move(parts);
  }
  void checkpoint_committed(TaskId, CheckpointId id, std::chrono::nanoseconds took) override {
    commits[id] = took;
  }
  void checkpoint_wanted(TaskId) override { ++wanted; }
  void checkpoint_declined(TaskId, CheckpointId id, Error why) override {
    declined.push_back(id);
    reason = why.message;
  }
  void task_drained(TaskId) override { drained = true; }
  void task_failed(TaskId, Error why) override { reason = why.message; }
  void event_time_in_doubt(std::int64_t) override { ++doubts; }
  void letter_done(const std::string&, const Status&) override {}

  std::vector<CheckpointId> done, declined;
  TaskPhases phases;
  std::map<CheckpointId, std::chrono::nanoseconds> commits;
  int wanted = 0;
  std::vector<StepPart> last_parts;
  std::string reason;
  bool drained = false;
  int doubts = 0;
};

/// The task of step "sum", behind two channels and before one.
class TaskTest : public ::testing::Test {
 protected:
  TaskTest() {
    in_.stream<Row>(job_, "source")
        .key_by(&Row::key)
        .process<std::int64_t, Row>(
            "sum",
            [](std::int64_t& sum, const Row& row, auto& ctx) {
              sum += row.n;
              if (at_work) at_work();
              ctx.emit(Row{row.key, sum});
              ctx.set_timer(ctx.time() + Duration(100));
            },
            [](std::int64_t& sum, const Timer& timer, auto& ctx) {
              ctx.emit(Row{"timer " + std::to_string(to_millis(timer.time)), sum});
            })
        .discard("end");
    EXPECT_TRUE(storage_.make_dirs("/runs").ok());
    make_task(0);
  }
  void make_task(std::uint64_t budget) {
    TaskSetup setup;
    setup.attempt_name = "attempt";
    setup.runs_folder = "/runs";
    setup.state_budget_bytes = budget;
    task_ = std::make_unique<Task>(setup, env_, listener_);
    const GraphStep& sum = *job_.graph().find("sum");
    task_->add_operator(sum);
    for (auto& channel : inputs_) {
      channel = make_local_channel(100);
      task_->connect_in(channel.get(), 0);
    }
    output_ = make_local_channel(3);
    const GraphStep& end = *job_.graph().find("end");
    const PlanEdge edge{0, 1, sum.id, end.id, end.inputs[0], false};
    task_->connect_out(edge, end, {output_.get()}, batch_maker(job_.graph(), edge));
    EXPECT_TRUE(task_->open(false).ok());
  }
  // Work that was never run must not look as if it were still to come back.
  ~TaskTest() override {
    io_.drop();
    at_work = nullptr;
  }

  void push(int input, const std::vector<Row>& rows, std::int64_t watermark, bool active = true) {
    ChannelElement element;
    element.active = active;
    element.since_ns = since_ns_;
    auto batch = std::make_unique<Batch<Row>>();
    for (const Row& row : rows) {
      batch->push(row, row.n);
      batch->hashes()[batch->size() - 1] = hash_key(row.key);
    }
    batch->set_has_hashes(true);
    element.batch = std::move(batch);
    element.watermark_ms = watermark;
    ASSERT_TRUE(inputs_[input]->push(element));
  }
  void barrier(int input, CheckpointId id, bool last = false) {
    ChannelElement element;
    element.kind = ChannelElement::Kind::barrier;
    element.checkpoint = id;
    element.last = last;
    ASSERT_TRUE(inputs_[input]->push(element));
  }
  void end(int input) {
    ChannelElement element;
    element.kind = ChannelElement::Kind::end;
    ASSERT_TRUE(inputs_[input]->push(element));
  }
  /// Steps until nothing more happens, with I/O when `io`; takes what comes out.
  void run(bool io = true) {
    for (int quiet = 0; quiet < 3;) {
      const Task::Step step = task_->step();
      bool moved = step == Task::Step::progress;
      ChannelElement element;
      while (output_->pop(element)) {
        moved = true;
        take(element);
      }
      if (io) moved |= io_.run_one();
      quiet = moved ? 0 : quiet + 1;
      if (step == Task::Step::done) return;
    }
  }
  void take(ChannelElement& element) {
    if (element.kind == ChannelElement::Kind::barrier) {
      out_.push_back("barrier " + std::to_string(element.checkpoint));
    } else if (element.kind == ChannelElement::Kind::end) {
      out_.push_back("end");
    } else if (element.batch) {
      for (const Row& row : static_cast<Batch<Row>&>(*element.batch)) {
        out_.push_back(row.key + "=" + std::to_string(row.n));
      }
    }
    if (element.kind == ChannelElement::Kind::data) watermark_ = element.watermark_ms;
  }
  std::vector<std::string> taken() { return std::exchange(out_, {}); }
  using Texts = std::vector<std::string>;

  ManualClock clock_;
  MemoryStorage storage_;
  Random random_{1};
  SimIoPool io_{random_};
  Environment env_{&clock_, &storage_, &io_, 1};
  Job job_{"test", {}};
  testing::InputMap input_map_;
  testing::Inputs in_{input_map_};
  Listener listener_;
  std::unique_ptr<Channel> inputs_[2], output_;
  std::unique_ptr<Task> task_;
  Texts out_;
  std::int64_t watermark_ = INT64_MIN;
  std::int64_t since_ns_ = 0;  // of elements that are pushed
};

TEST_F(TaskTest, AlignsBarriersBeforeItTakesWhatLiesBehindThem) {
  push(0, {{"a", 1}}, 0);
  barrier(0, 1);
  push(0, {{"a", 10}}, 0);  // behind the barrier of its channel
  run();
  EXPECT_EQ(taken(), Texts{"a=1"});
  push(1, {{"a", 2}}, 0);  // before it
  run();
  EXPECT_EQ(taken(), Texts{"a=3"});
  barrier(1, 1);
  push(1, {{"a", 20}}, 0);
  run();
  EXPECT_EQ(taken().front(), "barrier 1");
  EXPECT_EQ(listener_.done, std::vector<CheckpointId>{1});
  EXPECT_EQ(listener_.last_parts[0].step, "sum");
  EXPECT_EQ(listener_.last_parts[0].manifest.state.size(), 1u);
}

TEST_F(TaskTest, TellsWhatACheckpointTook) {
  at_work = [this] { clock_.advance(1ms); };
  barrier(0, 1);
  run();
  clock_.advance(20ms);
  push(1, {{"a", 1}, {"b", 2}}, 0);
  barrier(1, 1);
  run(/*io=*/false);
  clock_.advance(300ms);  // the disk takes its time
  run();
  EXPECT_EQ(listener_.done, std::vector<CheckpointId>{1});
  EXPECT_EQ(listener_.phases.alignment, 22ms);
  EXPECT_EQ(listener_.phases.pause, 0ms);
  EXPECT_EQ(listener_.phases.write, 300ms);
  task_->checkpoint_complete(1);
  run();
  EXPECT_TRUE(listener_.commits.empty()) << "no sink is here";
}

TEST_F(TaskTest, ANewerBarrierReplacesOneThatWasGivenUp) {
  barrier(0, 1);
  run();
  barrier(1, 2);  // checkpoint 1 never came here
  push(1, {{"b", 1}}, 0);
  run();
  EXPECT_EQ(taken(), Texts{}) << "input 1 waits for barrier 2 of input 0";
  barrier(0, 2);
  run();
  EXPECT_EQ(taken(), (Texts{"barrier 2", "b=1"}));
  EXPECT_EQ(listener_.done, std::vector<CheckpointId>{2});
}

TEST_F(TaskTest, TakesTheLeastWatermarkAndFiresTimersBeforeItGoesOn) {
  push(0, {{"a", 10}}, 500);
  run();
  EXPECT_EQ(taken(), Texts{"a=10"});
  push(1, {}, 109);
  run();
  EXPECT_EQ(taken(), Texts{});
  EXPECT_EQ(watermark_, 109);
  push(1, {}, 110);
  run();
  EXPECT_EQ(taken(), Texts{"timer 110=10"});
  EXPECT_EQ(watermark_, 110);
  push(1, {}, 100);  // a watermark never goes back
  run();
  EXPECT_EQ(watermark_, 110);
  push(1, {}, 900);
  run();
  EXPECT_EQ(watermark_, 500);
}

TEST_F(TaskTest, AnInputThatWasIdleDoesNotBringEventTimeBack) {
  push(0, {}, 100);
  push(1, {}, 20, false);
  run();
  EXPECT_EQ(watermark_, 100);
  push(1, {}, 50);
  run();
  EXPECT_EQ(watermark_, 100);
  push(1, {}, 200);
  run();
  EXPECT_EQ(watermark_, 100);
  push(0, {}, 150);
  run();
  EXPECT_EQ(watermark_, 150);
}

// Both are behind one source, which was idle. What it sends to the second is still on its way.
TEST_F(TaskTest, AnInputThatMayHaveWokenTooHoldsEventTime) {
  push(0, {}, 100, false);
  push(1, {}, 100, false);
  since_ns_ = 7;
  push(0, {}, 200);
  run();
  EXPECT_EQ(watermark_, 100);
  EXPECT_EQ(listener_.doubts, 1);
  since_ns_ = 7;
  push(1, {}, 100, false);  // which says nothing of what came then
  run();
  EXPECT_EQ(watermark_, 100);
  EXPECT_EQ(listener_.doubts, 1);
  since_ns_ = 8;
  push(1, {}, 100, false);
  run();
  EXPECT_EQ(watermark_, 200);
}

TEST_F(TaskTest, WhenAllAreIdleEventTimeGoesToTheFurthest) {
  push(0, {}, 100);
  push(1, {}, 20);
  run();
  EXPECT_EQ(watermark_, 20);
  push(0, {}, 100, false);
  push(1, {}, 20, false);
  run();
  EXPECT_EQ(watermark_, 20);  // the second may be behind a source that woke up for a moment
  EXPECT_EQ(listener_.doubts, 1);
  since_ns_ = std::int64_t{1} << 62;
  push(0, {}, 100, false);
  run();
  EXPECT_EQ(watermark_, 20);
  push(1, {}, 20, false);
  run();
  EXPECT_EQ(watermark_, 100);
  push(1, {}, 50);  // it begins at the event time of now
  run();
  EXPECT_EQ(watermark_, 100);
}

TEST_F(TaskTest, AnAnswerFromBeforeTheLastRecordDoesNotCount) {
  push(0, {}, 100, false);
  push(1, {}, 20, false);
  run();
  EXPECT_EQ(listener_.doubts, 1);
  since_ns_ = std::int64_t{1} << 61;
  push(0, {}, 100, false);
  push(0, {{"a", 110}}, 120, false);  // of a source that woke up, and is idle again
  run();
  push(1, {}, 20, false);
  run();
  EXPECT_EQ(listener_.doubts, 2);
  EXPECT_EQ(watermark_, 20);
  since_ns_ = std::int64_t{1} << 62;
  push(1, {}, 20, false);
  push(0, {}, 120, false);
  run();
  EXPECT_EQ(watermark_, 120);
}

TEST_F(TaskTest, AnInputAtTheEndOfTimeDoesNotBringIdleOnesThere) {
  push(0, {}, 100);
  push(1, {}, 20, false);
  run();
  push(0, {}, to_millis(kEndOfTime));  // it will say in a moment that it has ended
  run();
  EXPECT_EQ(watermark_, 100);
  end(0);
  run();
  EXPECT_EQ(watermark_, 100);
  push(1, {}, 200);
  run();
  EXPECT_EQ(watermark_, 200);
  push(1, {}, to_millis(kEndOfTime));
  run();
  EXPECT_EQ(watermark_, to_millis(kEndOfTime));
}

TEST_F(TaskTest, FiresAllTimersAtTheEndAndThenTakesTheLastBarrier) {
  push(0, {{"a", 10}}, 0);
  end(0);
  run();
  EXPECT_FALSE(listener_.drained);
  push(1, {{"b", 20}}, 0);
  end(1);
  run();
  EXPECT_TRUE(listener_.drained);
  EXPECT_EQ(taken(), (Texts{"a=10", "b=20", "timer 110=10", "timer 120=20", "end"}));
  barrier(0, 5, true);
  barrier(1, 5, true);
  run();
  EXPECT_EQ(taken(), Texts{"barrier 5"});
  EXPECT_EQ(listener_.done, std::vector<CheckpointId>{5});
}

TEST_F(TaskTest, WhenACheckpointCannotBeWrittenItsRowsComeWithTheNext) {
  bool full = true;
  storage_.set_fault([&](std::string_view operation, const std::string&) -> Status {
    if (full && operation == "append") return Error{ErrorCode::disk_full, "no room", true};
    return {};
  });
  push(0, {{"a", 1}, {"b", 2}}, 0);
  barrier(0, 1);
  barrier(1, 1);
  run();
  EXPECT_EQ(listener_.declined, std::vector<CheckpointId>{1});
  EXPECT_NE(listener_.reason.find("no room"), std::string::npos);
  full = false;
  push(0, {{"c", 3}}, 0);
  barrier(0, 2);
  barrier(1, 2);
  run();
  ASSERT_EQ(listener_.done, std::vector<CheckpointId>{2});
  std::uint64_t rows = 0;
  for (const RunInfo& run : listener_.last_parts[0].manifest.state) rows += run.rows;
  EXPECT_EQ(rows, 3u);
}

// The rows of the failed one must go first; the large one after it must not wait for them for ever.
TEST_F(TaskTest, ALargeCheckpointBehindOneThatCannotBeWrittenIsWritten) {
  make_task(32 << 20);
  bool full = true;
  storage_.set_fault([&](std::string_view operation, const std::string&) -> Status {
    if (full && operation == "append") return Error{ErrorCode::disk_full, "no room", true};
    return {};
  });
  push(0, {{"a", 1}}, 0);
  barrier(0, 1);
  barrier(1, 1);
  run();
  EXPECT_EQ(listener_.declined, std::vector<CheckpointId>{1});
  full = false;
  for (int i = 0; i < 200; ++i) {
    std::vector<Row> rows;
    for (int k = 0; k < 100; ++k) rows.push_back({"k" + std::to_string(i * 100 + k), 1});
    push(0, rows, 0);
    run();
  }
  barrier(0, 2);
  barrier(1, 2);
  for (int i = 0; i < 20'000; ++i) {  // run() would never come to an end
    task_->step();
    ChannelElement element;
    while (output_->pop(element)) take(element);
    io_.run_one();
  }
  EXPECT_EQ(listener_.done, std::vector<CheckpointId>{2});
}

// What cannot be written stays in memory beside the state, so that must not go on without end.
TEST_F(TaskTest, ADiskThatTakesNothingHoldsInputBack) {
  make_task(16 << 20);
  bool full = true;
  storage_.set_fault([&](std::string_view operation, const std::string&) -> Status {
    if (full && operation == "append") return Error{ErrorCode::disk_full, "no room", true};
    return {};
  });
  std::vector<Row> rows;
  for (int k = 0; k < 100; ++k) rows.push_back({std::string(20'000, 'k') + std::to_string(k), 1});
  const auto batches_in = [&](std::chrono::milliseconds time) {
    std::size_t records = 0;
    for (; time.count() > 0; time -= 10ms) {
      push(0, rows, 0);
      clock_.advance(10ms);
      run();
      records += taken().size();
    }
    return records / rows.size();
  };
  EXPECT_EQ(batches_in(200ms), 20u);
  for (CheckpointId id = 1; id <= 16; ++id) {
    barrier(0, id);
    barrier(1, id);
    for (int i = 0; i < 40; ++i) {  // its turn may come after a pause
      clock_.advance(250ms);
      run();
    }
    EXPECT_EQ(listener_.declined.size(), id);
    batches_in(10ms);
  }
  taken();
  EXPECT_LE(batches_in(500ms), 3u);
  SteadyTime mark = clock_.steady_now();
  for (int i = 0; i < 4; ++i) task_->step(mark);
  const auto held_back = [this] { return task_->times().of(TaskActivity::backpressured); };
  const auto before = held_back();
  clock_.advance(3ms);
  EXPECT_EQ(held_back(), before + 3ms);
  full = false;
  for (int i = 0; i < 400; ++i) {
    clock_.advance(250ms);
    run();
  }
  barrier(0, 17);
  barrier(1, 17);
  for (int i = 0; i < 10; ++i) {
    clock_.advance(250ms);
    run();
  }
  EXPECT_EQ(listener_.done, std::vector<CheckpointId>{17});
  taken();
  EXPECT_EQ(batches_in(200ms), 20u);
}

// Bytes that an fsync failed to write may be marked as written: another one would lie (H15).
TEST_F(TaskTest, AFailedSyncEndsTheTaskInsteadOfDeclining) {
  storage_.set_fault([](std::string_view operation, const std::string&) -> Status {
    if (operation == "sync") return Error{ErrorCode::fsync_failed, "the disk is going", false};
    return {};
  });
  push(0, {{"a", 1}}, 0);
  barrier(0, 1);
  barrier(1, 1);
  run();
  EXPECT_EQ(listener_.reason, "the disk is going");
  EXPECT_TRUE(listener_.declined.empty());
  EXPECT_EQ(task_->step(), Task::Step::done);
}

TEST_F(TaskTest, TakesNothingWhileItsOutputWaits) {
  for (int i = 0; i < 20; ++i) {
    std::vector<Row> rows;
    for (int k = 0; k < 100; ++k) rows.push_back({"k" + std::to_string(k), i});
    push(0, rows, i - 1);
    push(1, {}, i - 1);
  }
  int steps = 0;
  while (task_->step() != Task::Step::blocked && ++steps < 1000) {
  }
  ASSERT_LT(steps, 1000);
  EXPECT_EQ(task_->step(), Task::Step::blocked);
  run();
  EXPECT_EQ(taken().size(), 2000u);
}

TEST_F(TaskTest, KnowsWhereItsTimeGoes) {
  at_work = [this] { clock_.advance(1ms); };
  SteadyTime mark = clock_.steady_now();
  const SteadyTime begin = mark;
  const auto spent = [&](TaskActivity activity) { return task_->times().of(activity); };
  EXPECT_EQ(task_->step(mark), Task::Step::idle);
  clock_.advance(7ms);
  EXPECT_EQ(spent(TaskActivity::idle), 7ms);

  mark = clock_.steady_now();  // as a thread does that has slept
  push(0, {{"a", 1}, {"b", 2}}, 0);
  EXPECT_EQ(task_->step(mark), Task::Step::progress);
  EXPECT_EQ(mark - begin, 9ms) << "whoever is stepped next need not look again";
  EXPECT_EQ(spent(TaskActivity::busy), 2ms);
  clock_.advance(5ms);  // its thread does something else
  mark = clock_.steady_now();
  push(0, {{"a", 1}}, 0);
  EXPECT_EQ(task_->step(mark), Task::Step::progress);
  EXPECT_EQ(spent(TaskActivity::waiting), 5ms);
  EXPECT_EQ(spent(TaskActivity::busy), 3ms);

  for (int i = 0; i < 20; ++i) {
    push(0, std::vector<Row>(100, Row{"a", i}), 0);
    push(1, {}, 0);
  }
  int steps = 0;
  while (task_->step(mark) != Task::Step::blocked && ++steps < 1000) {
  }
  ASSERT_LT(steps, 1000);
  const auto busy = spent(TaskActivity::busy);
  clock_.advance(40ms);
  EXPECT_EQ(spent(TaskActivity::backpressured), 40ms);
  EXPECT_EQ(spent(TaskActivity::busy), busy);
  std::chrono::nanoseconds all{0};
  for (const auto each : task_->times().spent) all += each;
  EXPECT_EQ(all, clock_.steady_now() - begin);
}

}  // namespace
}  // namespace weir
