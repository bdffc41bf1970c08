// Splits, their watermarks and their positions, whatever the records are; see source_operator.h.
#include "weir/runtime/source_operator.h"

#include <algorithm>

namespace weir {
namespace {

/// How many reads a split gets in a row after it was opened again: that may have cost the
/// decompression of all that lies before its position.
constexpr std::size_t kTurn = 32;
/// How long a split rests that was opened again in vain: about a thousand openings a second.
constexpr std::chrono::milliseconds kRestPerSplit{1}, kShortestRest{250}, kLongestRest{10'000};

}  // namespace

Status UntypedSourceOperator::restore(RestoreRequest& request) {
  splits_.restore_watermark(request.watermark);
  context_->watermark = request.watermark;
  for (const StateItem& item : request.items) {
    WEIR_ASSIGN(SplitState split, decode_split(item.key, item.value));
    add_split(std::move(split));
  }
  return {};
}

Status UntypedSourceOperator::add_splits(const std::vector<NewSplit>& splits, bool complete) {
  for (const NewSplit& fresh : splits) {
    if (splits_.contains(fresh.id)) continue;
    SplitState split;
    split.id = fresh.id;
    split.position = fresh.position;
    add_split(std::move(split));
  }
  complete_ = complete;
  started_ = true;
  splits_.update(complete_);
  return {};
}

void UntypedSourceOperator::add_split(SplitState split) {
  splits_.add(std::move(split), context_->task->env().clock->steady_now());
}

std::size_t UntypedSourceOperator::choose(SteadyTime now) {
  if (turn_left_ > 0 && splits_.may_read(turn_of_, now, limit_)) {
    --turn_left_;
    return turn_of_;
  }
  turn_left_ = 0;
  return splits_.choose(now, limit_);
}

Result<bool> UntypedSourceOperator::make_readable(std::size_t i) {
  if (has_reader(i)) return false;
  if (open_.full()) close(open_.stalest());
  const SourceContext context{&context_->task->env(), context_->step, context_->subtask,
                              context_->parallelism};
  WEIR_TRY(open_reader(context, i));
  open_.touch(i);
  if (crowded() && !splits_[i].position.empty()) {
    turn_of_ = i;
    turn_left_ = kTurn;
  }
  return true;
}

void UntypedSourceOperator::close(std::size_t i) {
  splits_[i].position = position(i);
  close_reader(i);
  open_.closed(i);
}

void UntypedSourceOperator::settle(std::size_t i, const ReadOutcome& outcome, bool was_closed,
                                   SteadyTime now) {
  SplitState& split = splits_[i];
  split.floor_ms = std::max(split.floor_ms, to_millis(outcome.watermark));
  if (outcome.status == ReadStatus::end) {
    split.ended = true;
    close(i);
  } else if (outcome.status == ReadStatus::empty) {
    splits_.found_empty(i, outcome.caught_up, now);
    if (!outcome.found_records && was_closed && crowded()) {
      close(i);  // others need the place more, and to look again costs an opening
      const std::chrono::milliseconds rest =
          static_cast<std::int64_t>(splits_.live()) * kRestPerSplit;
      splits_.sleep_until(i, now + std::clamp(rest, kShortestRest, kLongestRest));
    }
  }
  if (outcome.found_records && has_reader(i)) open_.touch(i);
}

Result<SourceOperator::Poll> UntypedSourceOperator::poll() {
  if (!started_) return Poll::idle;
  const SteadyTime now = context_->task->env().clock->steady_now();
  const std::size_t i = choose(now);
  if (i == splits_.size()) {
    splits_.update(complete_);
    return complete_ && splits_.all_ended() ? Poll::ended : Poll::idle;
  }
  WEIR_ASSIGN(const bool was_closed, make_readable(i));
  WEIR_ASSIGN(const ReadOutcome outcome, read(i));
  settle(i, outcome, was_closed, now);
  splits_.update(complete_);
  return outcome.status == ReadStatus::empty ? Poll::idle : Poll::progress;
}

EventTime UntypedSourceOperator::watermark() const {
  return has_event_time_ ? splits_.watermark() : context_->watermark;
}

Status UntypedSourceOperator::snapshot(SnapshotRequest& request) {
  std::vector<NewSplit> positions;
  const bool told = tells_positions();
  for (std::size_t i = 0; i < splits_.size(); ++i) {
    SplitState split = splits_[i];
    if (has_reader(i)) split.position = position(i);
    request.items.push_back({split.id, encode_split(split)});
    if (told) positions.push_back({std::move(split.id), std::move(split.position)});
  }
  if (told) positions_.emplace_back(request.id, std::move(positions));
  last_checkpoint_ = request.last ? request.id : 0;
  return {};
}

void UntypedSourceOperator::on_complete(CheckpointId id) {
  std::vector<NewSplit> newest;
  for (; !positions_.empty() && positions_.front().first <= id; positions_.pop_front()) {
    newest = std::move(positions_.front().second);
  }
  if (newest.empty()) return;
  const bool last = last_checkpoint_ != 0 && id >= last_checkpoint_;
  TaskServices* task = context_->task;
  task->async_begin();
  task->env().remote_pool().post([task, tell = tell_positions(std::move(newest), last)] {
    tell();
    task->post([task] {
      task->async_end();
      return Status();
    });
  });
}

void UntypedSourceOperator::note_lag(std::size_t i, std::uint64_t records) {
  if (lag_.size() <= i) lag_.resize(splits_.size());
  total_lag_ += records - lag_[i];
  lag_[i] = records;
  context_->metrics->lag.store(static_cast<std::int64_t>(total_lag_), std::memory_order_relaxed);
}

}  // namespace weir
