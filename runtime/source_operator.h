// The operator that reads the splits of a source, gives records their event time and tells late
// ones apart. Port 0: records in time. Port 1: late ones; where nobody takes it they become dead
// letters.
#pragma once

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

template <class T>
class TypedSourceOperator final : public SourceOperator {
 public:
  TypedSourceOperator(std::shared_ptr<const Source<T>> source, SourceSettings<T> settings)
      : source_(std::move(source)),
        settings_(std::move(settings)),
        splits_(settings_.out_of_order, settings_.idle_after) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    main_.open(context.outputs[0], context.metrics->records_out);
    late_.open(context, 1);
    return {};
  }

  Status restore(RestoreRequest& request) override {
    splits_.restore_watermark(request.watermark);
    context_->watermark = request.watermark;
    for (const StateItem& item : request.items) {
      WEIR_ASSIGN(SplitState split, decode_split(item.key, item.value));
      WEIR_TRY(open_split(std::move(split)));
    }
    return {};
  }

  Status add_splits(const std::vector<std::string>& ids, bool complete) override {
    for (const std::string& id : ids) {
      if (splits_.contains(id)) continue;
      SplitState split;
      split.id = id;
      WEIR_TRY(open_split(std::move(split)));
    }
    complete_ = complete;
    started_ = true;
    splits_.update(complete_);
    return {};
  }

  Result<Poll> poll() override {
    if (!started_) return Poll::idle;
    const SteadyTime now = context_->task->env().clock->steady_now();
    const std::size_t i = splits_.choose(now, limit_);
    if (i == splits_.size()) {
      splits_.update(complete_);
      return complete_ && splits_.all_ended() ? Poll::ended : Poll::idle;
    }
    Batch<T>& batch = main_.batch();
    WEIR_ASSIGN(const ReadStatus status, readers_[i]->read(batch, *context_->dead_letters));
    if (!batch.empty()) {
      splits_.found_records(i, now);
      context_->metrics->records_in.add(batch.size());
      assign_times(splits_[i], batch);
      main_.flush();
      late_.flush();
    }
    splits_[i].floor_ms = std::max(splits_[i].floor_ms, to_millis(readers_[i]->watermark()));
    if (status == ReadStatus::end) {
      splits_[i].ended = true;
      splits_[i].position = readers_[i]->position();
      readers_[i].reset();
    } else if (status == ReadStatus::empty) {
      splits_.found_empty(i, readers_[i]->caught_up(), now);
    }
    splits_.update(complete_);
    return status == ReadStatus::empty ? Poll::idle : Poll::progress;
  }

  EventTime watermark() const override {
    return settings_.event_time ? splits_.watermark() : context_->watermark;
  }
  bool idle() const override { return settings_.event_time && splits_.idle(); }
  void limit_event_time(EventTime limit) override { limit_ = limit; }

  Status snapshot(SnapshotRequest& request) override {
    for (std::size_t i = 0; i < splits_.size(); ++i) {
      SplitState split = splits_[i];
      if (readers_[i]) split.position = readers_[i]->position();
      request.items.push_back({split.id, encode_split(split)});
    }
    return {};
  }

  /// A repaired record enters where it failed: at the decoder, or as what was late. It is judged by
  /// the watermark that held when it was first read.
  Status replay(const DeadLetter& letter) override {
    T record{};
    if (letter.format == PayloadFormat::record) {
      WEIR_TRY(decode_letter_record(letter, record));
    } else {
      WEIR_ASSIGN(record, source_->decode(letter));
    }
    Batch<T>& batch = main_.batch();
    batch.push(std::move(record), letter.event_time_ms);
    if (settings_.event_time) {
      settings_.event_time(batch, batch.times());
      // Event time has gone on since: behind it the record is late for those who look.
      const std::int64_t now = to_millis(context_->watermark);
      if (batch.times()[0] <= now) batch.set_seen(0, now);
    }
    main_.flush();
    return {};
  }

 private:
  Status open_split(SplitState split) {
    const SourceContext context{&context_->task->env(), context_->step, context_->subtask,
                                context_->parallelism};
    std::unique_ptr<SplitReader<T>> reader;
    if (!split.ended) {
      WEIR_ASSIGN(reader, source_->open(context, split.id, split.position));
    }
    splits_.add(std::move(split), context_->task->env().clock->steady_now());
    readers_.push_back(std::move(reader));
    return {};
  }

  void assign_times(SplitState& split, Batch<T>& batch) {
    std::int64_t* times = batch.times();
    if (!settings_.event_time) return;
    settings_.event_time(batch, times);
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
  SourceSettings<T> settings_;
  SplitSet splits_;
  std::vector<std::unique_ptr<SplitReader<T>>> readers_;  // null when ended
  Emitter<T> main_;
  LateOutput<T> late_;
  EventTime limit_ = kEndOfTime;
  bool complete_ = false;
  bool started_ = false;
};

}  // namespace weir
