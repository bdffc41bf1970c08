// The operator that reads the splits of a source, gives records their event time and tells late
// ones apart. Port 0: records in time. Port 1: late ones; where nobody takes it they become dead
// letters.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/codec.h"
#include "weir/runtime/emitter.h"
#include "weir/runtime/late_output.h"
#include "weir/runtime/letters.h"
#include "weir/runtime/source.h"
#include "weir/runtime/splits.h"

namespace weir {

/// How records of type T get their event time: writes the time of each record of a batch, in
/// milliseconds. Empty: the reader's own times, if it has any.
template <class T>
using EventTimeAssigner = std::function<void(Batch<T>& batch, std::int64_t* times)>;

template <class T>
struct SourceSettings {
  EventTimeAssigner<T> event_time;
  Duration out_of_order{0};
  Duration idle_after{0};
};

/// All of a source that does not depend on the type of its records.
class UntypedSourceOperator : public SourceOperator {
 public:
  /// `most_open`: how many readers may be open at a time.
  UntypedSourceOperator(bool has_event_time, Duration out_of_order, Duration idle_after,
                        std::size_t most_open)
      : has_event_time_(has_event_time), splits_(out_of_order, idle_after), open_(most_open) {}

  Status restore(RestoreRequest& request) override;
  Status add_splits(const std::vector<NewSplit>& splits, bool complete) override;
  Result<Poll> poll() override;
  EventTime watermark() const override;
  bool idle() const override { return has_event_time_ && splits_.idle(); }
  void limit_event_time(EventTime limit) override { limit_ = limit; }
  Status snapshot(SnapshotRequest& request) override;
  void on_complete(CheckpointId id) override;

 protected:
  /// What a split's reader says after a read.
  struct ReadOutcome {
    ReadStatus status = ReadStatus::end;
    EventTime watermark = kBeginningOfTime;  ///< that the reader itself knows
    bool caught_up = false;
    bool found_records = false;
  };
  /// Makes reader `i`, which there is not, at the position of its split.
  virtual Status open_reader(const SourceContext& context, std::size_t i) = 0;
  /// Reads a batch from reader `i`, tells `splits_` before it gives its records their times, and
  /// pushes them.
  virtual Result<ReadOutcome> read(std::size_t i) = 0;
  virtual bool has_reader(std::size_t i) const = 0;
  virtual std::string position(std::size_t i) const = 0;
  virtual void close_reader(std::size_t i) = 0;
  /// What tells the source of durable positions, or nothing. It runs on an I/O thread.
  /// `last`: they are those of the last checkpoint.
  virtual std::function<void()> tell_positions(std::vector<NewSplit> positions,
                                               bool last) const = 0;
  virtual bool tells_positions() const = 0;

  /// Keeps the lag of split `i`, and the metric.
  void note_lag(std::size_t i, std::uint64_t records);

  bool has_event_time_;
  SplitSet splits_;

 private:
  void add_split(SplitState split);
  std::size_t choose(SteadyTime now);
  /// Opens reader `i` unless it is open; true when it was not.
  Result<bool> make_readable(std::size_t i);
  /// Closes reader `i`; its split remembers the position.
  void close(std::size_t i);
  void settle(std::size_t i, const ReadOutcome& outcome, bool was_closed, SteadyTime now);
  /// More splits are being read than may have a reader.
  bool crowded() const { return splits_.live() > open_.most(); }

  OpenSplits open_;
  std::vector<std::uint64_t> lag_;  // by split, of those that say so
  std::uint64_t total_lag_ = 0;
  std::size_t turn_of_ = 0;  // a split that is read on for `turn_left_` more reads
  std::size_t turn_left_ = 0;
  EventTime limit_ = kEndOfTime;
  bool complete_ = false;
  bool started_ = false;
  // For sources that want to know: positions by checkpoint, while it is not complete.
  std::deque<std::pair<CheckpointId, std::vector<NewSplit>>> positions_;
  CheckpointId last_checkpoint_ = 0;  // that no other will follow; 0: none so far
};

template <class T>
class TypedSourceOperator final : public UntypedSourceOperator {
 public:
  TypedSourceOperator(std::shared_ptr<const Source<T>> source, SourceSettings<T> settings)
      : UntypedSourceOperator(static_cast<bool>(settings.event_time), settings.out_of_order,
                              settings.idle_after, source->most_open_readers()),
        source_(std::move(source)),
        event_time_(std::move(settings.event_time)) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    main_.open(context.outputs[0], context.metrics->records_out);
    late_.open(context, 1);
    return {};
  }

  /// A repaired record enters where it failed: at the decoder, or as what was late. Event time has
  /// gone on since: behind it the record is late for those who look.
  Status replay(const DeadLetter& letter) override {
    T record{};
    if (letter.format == PayloadFormat::record) {
      WEIR_TRY(decode_letter_record(letter, record));
    } else {
      WEIR_ASSIGN(record, source_->decode(letter));
    }
    Batch<T>& batch = main_.batch();
    batch.push(std::move(record), letter.event_time_ms);
    if (event_time_) {
      event_time_(batch, batch.times());
      const std::int64_t now = to_millis(context_->watermark);
      if (batch.times()[0] <= now) batch.set_seen(0, now);
    }
    main_.flush();
    return {};
  }

 protected:
  Status open_reader(const SourceContext& context, std::size_t i) override {
    if (readers_.size() <= i) readers_.resize(splits_.size());
    WEIR_ASSIGN(readers_[i], source_->open(context, splits_[i].id, splits_[i].position));
    return {};
  }
  Result<ReadOutcome> read(std::size_t i) override {
    Batch<T>& batch = main_.batch();
    ReadOutcome outcome;
    WEIR_ASSIGN(outcome.status, readers_[i]->read(batch, *context_->dead_letters));
    outcome.found_records = !batch.empty();
    if (outcome.found_records) {
      context_->metrics->records_in.add(batch.size());
      splits_.found_records(i, context_->task->env().clock->steady_now());
      if (event_time_) assign_times(splits_[i], batch);
      main_.flush();
      late_.flush();
    }
    outcome.watermark = readers_[i]->watermark();
    outcome.caught_up = readers_[i]->caught_up();
    if (const auto lag = readers_[i]->lag()) note_lag(i, *lag);
    return outcome;
  }
  bool has_reader(std::size_t i) const override {
    return i < readers_.size() && readers_[i] != nullptr;
  }
  std::string position(std::size_t i) const override { return readers_[i]->position(); }
  void close_reader(std::size_t i) override { readers_[i].reset(); }
  std::function<void()> tell_positions(std::vector<NewSplit> positions, bool last) const override {
    SourceContext context{&context_->task->env(), context_->step, context_->subtask,
                          context_->parallelism};
    context.last = last;
    return [source = source_, context, positions = std::move(positions)] {
      source->positions_durable(context, positions);
    };
  }
  bool tells_positions() const override { return source_->wants_durable_positions(); }

 private:
  void assign_times(SplitState& split, Batch<T>& batch) {
    std::int64_t* times = batch.times();
    event_time_(batch, times);
    const std::int64_t allowance = splits_.allowance_ms();
    const std::size_t rows = batch.size();
    std::size_t kept = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      const std::int64_t time = times[i];
      if (time > split.newest_ms) split.newest_ms = time;
      const std::int64_t watermark = split.watermark(allowance);
      if (time <= watermark) [[unlikely]] {
        late_.take(batch[i], time, watermark);
        continue;
      }
      batch.keep(i, kept++);
    }
    batch.truncate(kept);
  }

  std::shared_ptr<const Source<T>> source_;
  EventTimeAssigner<T> event_time_;
  std::vector<std::unique_ptr<SplitReader<T>>> readers_;  // by split; null when closed
  Emitter<T> main_;
  LateOutput<T> late_;
};

}  // namespace weir
