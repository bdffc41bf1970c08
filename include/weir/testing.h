// Testing operators and jobs: a job runs in one thread over inputs that the test feeds, on a clock
// that the test moves, and what came out is looked at. All chance comes from a seed: records travel
// in batches of random sizes, tasks run in random order, channels are full at random moments; so a
// job that is right under many seeds is right.
//
//   weir::testing::Harness h(
//       [](weir::Job& job, weir::testing::Inputs& in, weir::testing::Outputs& out) {
//         auto events = in.stream<Event>(job, "events", {.event_time = &Event::at});
//         out.collect(events.key_by(&Event::user).process<Seen, Alert>("watch", watch), "alerts");
//       },
//       {.parallelism = 2, .seed = 7});
//   h.push("events", Event{...});
//   h.watermark("events", noon);
//   h.run();
//   EXPECT_EQ(h.output<Alert>("alerts"), ...);
//   auto moment = h.snapshot();
//   auto later = h.restore(moment, {.parallelism = 3});
//
// The job runs on the classes of production. Records may be of any type that a stream takes.
// It throws HarnessError when it is used wrongly or when the job fails. docs/testing_a_job.md says
// more.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/operators/stream.h"
#include "weir/runtime/test_harness.h"

namespace weir::testing {

/// The inputs of a job under construction.
class Inputs {
 public:
  explicit Inputs(InputMap& inputs) : inputs_(inputs) {}

  /// A source named `name` whose records the test pushes into its `splits` splits.
  template <class T>
  SourceStream<T> stream(Job& job, const std::string& name, SourceOptions<T> options = {},
                         unsigned splits = 1) {
    auto input = std::make_shared<TestInput<T>>(splits);
    auto stream = job.source(name, std::make_shared<TestSource<T>>(input), std::move(options));
    inputs_[name] = std::move(input);
    return stream;
  }

 private:
  InputMap& inputs_;
};

/// The outputs of a job under construction.
class Outputs {
 public:
  explicit Outputs(OutputMap& outputs) : outputs_(outputs) {}

  /// Ends `stream` in a sink named `name` that keeps its records for the test.
  template <class T>
  void collect(const Stream<T>& stream, const std::string& name) {
    auto output = std::make_shared<TestOutput<T>>();
    stream.sink(name, std::make_shared<TestSink<T>>(output));
    outputs_[name] = std::move(output);
  }

 private:
  OutputMap& outputs_;
};

class Harness {
 public:
  using Build = std::function<void(Job&, Inputs&, Outputs&)>;

  /// Builds the job by `build` and starts it.
  explicit Harness(Build build, Options options = {})
      : build_(std::move(build)), core_(make(build_, std::move(options), nullptr)) {}
  /// The same from a snapshot, which another version of the job may have left.
  Harness(Build build, const Snapshot& from, Options options = {})
      : build_(std::move(build)), core_(make(build_, std::move(options), &from)) {}
  /// This job from a snapshot, in a world of its own.
  Harness restore(const Snapshot& from, Options options = {}) const {
    return Harness(build_, from, std::move(options));
  }

  // ---- feeding. Nothing is read before the job runs.
  /// Appends a record to a split of input `name`. `time` counts where the input was declared
  /// without an event time of its own.
  template <class T>
  void push(const std::string& name, T value, unsigned split = 0, EventTime time = {}) {
    input<T>(name).push(split, std::move(value), time);
  }
  template <class T>
  void push_all(const std::string& name, const std::vector<T>& values, unsigned split = 0) {
    for (const T& value : values) push(name, value, split);
  }
  /// Appends a record as raw JSON; what does not decode becomes a dead letter of the source.
  void push_json(const std::string& name, std::string json, unsigned split = 0) {
    core_->input(name).push_json(split, std::move(json));
  }
  /// Says that no record at or before `time` follows: in all splits of `name`, or in one.
  void watermark(const std::string& name, EventTime time) {
    each_split(name, [&](TestInputBase& in, unsigned i) { in.push_watermark(i, time); });
  }
  void watermark(const std::string& name, EventTime time, unsigned split) {
    core_->input(name).push_watermark(split, time);
  }
  /// Says that a split has nothing for now, so that it does not hold event time back.
  void idle(const std::string& name, unsigned split = 0) { core_->input(name).push_idle(split); }
  /// Ends all splits of `name`, or one of them. When all inputs have ended the job finishes.
  void end(const std::string& name) {
    each_split(name, [](TestInputBase& in, unsigned i) { in.end(i); });
  }
  void end(const std::string& name, unsigned split) { core_->input(name).end(split); }
  void end_all() {
    for (auto& [name, in] : core_->inputs()) end(name);
  }

  // ---- running
  /// Runs until nothing happens any more. Wall time stands still.
  void run() {
    if (Status status = try_run(); !status.ok()) {
      throw HarnessError("The job has failed: " + status.error().message);
    }
  }
  /// The same for a job that may fail.
  Status try_run() { return core_->settle(); }
  /// Runs for a random number of steps, so that what follows comes in the midst of things.
  void run_a_little() { core_->run_a_little(); }
  /// Runs, lets wall time pass, and runs on.
  void advance(Duration by) { core_->advance(by); }
  /// Wall time.
  EventTime now() { return core_->now(); }
  /// The bounded job has ended and everything is committed.
  bool finished() { return core_->simulation().state() == Coordinator::State::finished; }

  /// Takes a checkpoint and returns all that is needed to go on from it elsewhere.
  Snapshot snapshot() { return core_->snapshot(); }
  /// The process dies, power fails, and the job starts again from its newest checkpoint: what had
  /// been read since is read again. `parallelism` 0: as it was.
  void crash(std::uint32_t parallelism = 0) { core_->crash(parallelism); }

  // ---- looking
  /// What came out at `name`, committed or not yet, in order for each subtask of its sink.
  template <class T>
  std::vector<T> output(const std::string& name) {
    return values(typed_output<T>(name).records(false));
  }
  /// Only what has been committed by a checkpoint.
  template <class T>
  std::vector<T> committed(const std::string& name) {
    return values(typed_output<T>(name).records(true));
  }
  /// With event times and subtasks.
  template <class T>
  std::vector<Emitted<T>> emitted(const std::string& name) {
    return typed_output<T>(name).records(false);
  }
  /// What came out since the last call; it is then forgotten.
  template <class T>
  std::vector<T> take(const std::string& name) {
    auto taken = output<T>(name);
    typed_output<T>(name).clear();
    return taken;
  }
  /// Takes a checkpoint and returns the dead letters that there are, of one step or of all, in the
  /// order of their arrival in each subtask.
  std::vector<DeadLetter> dead_letters(const std::string& step = {}) {
    return core_->dead_letters(step);
  }
  /// Replays letters, or discards them, and takes the checkpoint that makes it durable. The first
  /// failure among them comes back; its letter stays.
  Status replay(std::vector<DeadLetter> letters) {
    return core_->replay(std::move(letters), false);
  }
  Status drop(std::vector<DeadLetter> letters) { return core_->replay(std::move(letters), true); }
  /// Takes a checkpoint and counts the rows of keyed state that `step` has in it: one for each key,
  /// and one for each entry of its MapStates and ListStates.
  std::size_t state_rows(const std::string& step) { return core_->state_rows(step); }
  /// A counter of a step since the last start: "records_in", "records_out", "late",
  /// "dead_letters", "duplicates", "timers_fired".
  std::uint64_t counter(const std::string& step, const std::string& name) const {
    return core_->counter(step, name);
  }
  const Job& job() const { return core_->job(); }

 private:
  static std::unique_ptr<HarnessCore> make(const Build& build, Options options,
                                           const Snapshot* from) {
    return std::make_unique<HarnessCore>(
        [build](Job& job, InputMap& inputs, OutputMap& outputs) {
          Inputs in(inputs);
          Outputs out(outputs);
          build(job, in, out);
        },
        std::move(options), from);
  }
  template <class Wanted, class Base>
  static Wanted& as(Base& base, const std::string& name) {
    auto* typed = dynamic_cast<Wanted*>(&base);
    if (typed == nullptr) throw HarnessError("'" + name + "' has records of another type");
    return *typed;
  }
  template <class T>
  TestInput<T>& input(const std::string& name) {
    return as<TestInput<T>>(core_->input(name), name);
  }
  template <class T>
  TestOutput<T>& typed_output(const std::string& name) {
    return as<TestOutput<T>>(core_->output(name), name);
  }
  template <class Each>
  void each_split(const std::string& name, Each&& each) {
    TestInputBase& in = core_->input(name);
    for (unsigned i = 0; i < in.splits(); ++i) each(in, i);
  }
  template <class T>
  static std::vector<T> values(std::vector<Emitted<T>> records) {
    std::vector<T> values;
    for (Emitted<T>& record : records) values.push_back(std::move(record.value));
    return values;
  }

  Build build_;
  std::unique_ptr<HarnessCore> core_;
};

}  // namespace weir::testing
