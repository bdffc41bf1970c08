// The operator: what runs inside a task. An operator gets batches and the progress of event time,
// pushes batches to its outputs, and can be snapshotted and restored.
//
// Threads: one operator instance belongs to one subtask and is only called by the thread that steps
// its task. It holds no locks and never blocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/base/time.h"
#include "weir/checkpoint/manifest.h"
#include "weir/checkpoint/run.h"
#include "weir/checkpoint/run_lookup.h"
#include "weir/runtime/batch.h"
#include "weir/runtime/dead_letter.h"
#include "weir/runtime/environment.h"
#include "weir/runtime/metrics.h"
#include "weir/runtime/row_buffer.h"

namespace weir {

/// Takes batches: the input of a chained operator, or a partitioner at the edge of a task.
class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void receive(BatchBase& batch) = 0;
};

/// One output of an operator.
class OutputPort {
 public:
  void connect(Receiver* receiver) { receivers_.push_back(receiver); }
  bool connected() const { return !receivers_.empty(); }
  /// Hands `batch` to every receiver (a copy to all but the last) and leaves it empty.
  void push(BatchBase& batch);

 private:
  std::vector<Receiver*> receivers_;
  std::vector<std::unique_ptr<BatchBase>>
      copies_;  // one scratch batch for each receiver but the last
};

/// Which part of the keys a subtask owns.
struct KeyRange {
  KeyGroupRange groups;
  std::uint32_t max_parallelism = 256;
  /// Hashes from `first` to `last`, both included; all others belong to other subtasks.
  std::uint64_t first = 0, last = UINT64_MAX;
};
KeyRange key_range_of(std::uint32_t subtask, std::uint32_t parallelism,
                      std::uint32_t max_parallelism);

/// Something asynchronous that an operator started has ended; runs on the task's thread.
using TaskCallback = std::function<Status()>;

/// What a task offers to its operators. Methods marked thread-safe may be called from I/O threads.
class TaskServices {
 public:
  virtual ~TaskServices() = default;
  virtual Environment& env() = 0;
  /// Runs `callback` on the task's thread, soon. Thread-safe.
  virtual void post(TaskCallback callback) = 0;
  /// Keeps the task from finishing while work that posts back is under way.
  virtual void async_begin() = 0;
  virtual void async_end() = 0;
};

/// The surroundings of one operator in one subtask.
struct OperatorContext {
  TaskServices* task = nullptr;
  std::string job, run_id, attempt;
  std::string step;
  std::uint32_t subtask = 0;
  std::uint32_t parallelism = 1;
  KeyRange keys;
  std::uint64_t first_checkpoint = 1;
  std::uint64_t state_budget_bytes = 0;   ///< memory for keyed state; 0: all that it needs
  std::size_t restore_slice_rows = 2048;  ///< brought back at a time, while the job runs
  bool restored = false;
  EventTime watermark = kBeginningOfTime;  ///< what this operator has been advanced to
  std::vector<OutputPort> outputs;
  DeadLetterSink* dead_letters = nullptr;
  StepMetrics* metrics = nullptr;
  bool replaying = false;  ///< a dead letter is being tried again
  Status replay_outcome;   ///< why that failed
};

/// One entry of state that is not keyed: a split's position, staged output.
struct StateItem {
  std::string key;  ///< unique within the subtask
  std::string value;
};

/// What an operator puts into a checkpoint at its barrier.
struct SnapshotRequest {
  CheckpointId id = 0;
  bool last = false;                             ///< no record follows: nothing may stay open
  std::vector<StateItem> items;                  ///< filled by the operator
  std::vector<std::function<Status()>> durable;  ///< filled by the operator; run on an I/O thread
};

/// The runs of a keyed state, opened for look-ups, oldest first.
using StateRuns = std::vector<std::shared_ptr<RunLookup>>;

/// What an operator restores from.
struct RestoreRequest {
  /// Items of the subtasks whose items fall to this one.
  std::vector<StateItem> items;
  /// Opens the live keyed rows of this subtask's key range, in byte order, after checking the
  /// files; empty when the step has none.
  std::function<Result<std::unique_ptr<RowCursor>>()> open_rows;
  std::string key_schema, state_schema;  ///< as written
  EventTime watermark = kBeginningOfTime;
  /// The next snapshot must hold all rows, because the stored ones were not written by this
  /// subtask.
  bool rewrite = false;
  std::uint64_t most_rows = 0;   ///< that there may be
  std::uint64_t most_bytes = 0;  ///< that they may take in their runs
  /// The rows may be left where they are and brought in by `restore_slice`, while the job runs;
  /// then the operator sets `in_background`.
  bool may_wait = false, in_background = false;
  StateRuns runs;  ///< what holds the rows, if they may stay there for a while
  /// Writes the rows of this subtask as a run of its own, for a state that is not read into memory:
  /// then no rewriting is left to do.
  std::function<Result<StateRuns>(const std::function<Status(RunWriter&)>& fill)> write_run;
};

struct NewSplit;

class Operator {
 public:
  virtual ~Operator() = default;

  /// Called once, before anything else. `context` outlives the operator.
  virtual Status open(OperatorContext& context) {
    context_ = &context;
    return {};
  }
  /// Called once after `open` when the job starts from a checkpoint.
  virtual Status restore(RestoreRequest& request);

  /// Brings in a slice of what was left where it was; false when there is more. Meanwhile event
  /// time stands still for the operator, and no barrier comes.
  virtual bool restore_slice() { return true; }

  virtual void on_batch(std::uint32_t input, BatchBase& batch) = 0;

  /// Event time has reached `watermark`: no record at or before it will come. Fires what is due in
  /// bounded slices: returns false when there is more to do and it wants to be called again.
  virtual bool on_watermark(EventTime watermark);
  /// The same for wall time, for processing-time timers.
  virtual bool on_processing_time(EventTime) { return true; }
  /// When `on_processing_time` next has something to do.
  virtual std::optional<EventTime> next_processing_time() const { return std::nullopt; }
  /// Called about every 10 ms while the task has nothing to do.
  virtual Status on_idle() { return {}; }

  /// At the barrier: fills in items and freezes keyed state. Must take microseconds.
  virtual Status snapshot(SnapshotRequest&) { return {}; }
  /// Takes a slice of the frozen keyed state; false when there is more. Whenever some rows have
  /// come together, and at the end, they are put into the buffer, which is empty.
  virtual bool snapshot_slice(RowBuffer&) { return true; }
  /// True when the operator has rows in checkpoints.
  virtual bool has_keyed_state() const { return false; }
  /// With a memory budget: the runs of the state have changed. `all_stored`: they hold all rows of
  /// all snapshots so far; `storing`: those of one are still on their way there.
  virtual void on_runs_changed(const StateRuns&, bool /*all_stored*/, bool /*storing*/) {}
  /// Its memory is full of changes that only a checkpoint can let go.
  virtual bool wants_checkpoint() const { return false; }
  /// Takes no more records gladly before the snapshot on its way to disk has been written.
  virtual bool is_full() const { return false; }
  /// How long to leave between two batches, since what it has to send out cannot leave for now.
  virtual std::chrono::milliseconds hold_back() const { return {}; }
  /// A checkpoint is complete, and with it all before. May skip ids, may never come.
  virtual void on_complete(CheckpointId) {}
  /// The newest of them of which everything has been committed; any, where nothing ever is.
  virtual CheckpointId committed() const { return UINT64_MAX; }
  /// True when nothing more happens on its own: no commit is under way.
  virtual bool quiescent() const { return true; }

  /// Tries a dead letter of this step again. `bytes` are in the letter's format. An error is the
  /// new failure; the letter then stays.
  virtual Status replay(const DeadLetter& letter);
  /// A dead letter of this step was discarded: nothing waits behind it any more.
  virtual void dropped(const DeadLetter&) {}

  OperatorContext& context() { return *context_; }

 protected:
  OperatorContext* context_ = nullptr;
};

/// An operator that brings records in; the head of its task.
class SourceOperator : public Operator {
 public:
  enum class Poll : std::uint8_t { progress, idle, ended };
  void on_batch(std::uint32_t, BatchBase&) override;
  /// Reads and pushes at most a batch or two.
  virtual Result<Poll> poll() = 0;
  /// The watermark of this subtask's splits, and whether all of them are idle.
  virtual EventTime watermark() const = 0;
  virtual bool idle() const = 0;
  /// New splits to read; `complete` says that no more will come.
  virtual Status add_splits(const std::vector<NewSplit>& splits, bool complete) = 0;
  /// Splits must not read ahead of this (alignment between sources).
  virtual void limit_event_time(EventTime) {}
};

}  // namespace weir
