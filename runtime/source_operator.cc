// Splits, their watermarks and their positions, whatever the records are; see source_operator.h.
#include "weir/runtime/source_operator.h"

#include <algorithm>

namespace weir {

Status UntypedSourceOperator::restore(RestoreRequest& request) {
  splits_.restore_watermark(request.watermark);
  context_->watermark = request.watermark;
  for (const StateItem& item : request.items) {
    WEIR_ASSIGN(SplitState split, decode_split(item.key, item.value));
    WEIR_TRY(open_split(std::move(split)));
  }
  return {};
}

Status UntypedSourceOperator::add_splits(const std::vector<std::string>& ids, bool complete) {
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

Status UntypedSourceOperator::open_split(SplitState split) {
  const SourceContext context{&context_->task->env(), context_->step, context_->subtask,
                              context_->parallelism};
  WEIR_TRY(open_reader(context, split));
  splits_.add(std::move(split), context_->task->env().clock->steady_now());
  return {};
}

Result<SourceOperator::Poll> UntypedSourceOperator::poll() {
  if (!started_) return Poll::idle;
  const SteadyTime now = context_->task->env().clock->steady_now();
  const std::size_t i = splits_.choose(now, limit_);
  if (i == splits_.size()) {
    splits_.update(complete_);
    return complete_ && splits_.all_ended() ? Poll::ended : Poll::idle;
  }
  WEIR_ASSIGN(const ReadOutcome outcome, read(i));
  SplitState& split = splits_[i];
  split.floor_ms = std::max(split.floor_ms, to_millis(outcome.watermark));
  if (outcome.status == ReadStatus::end) {
    split.ended = true;
    split.position = position(i);
    close_reader(i);
  } else if (outcome.status == ReadStatus::empty) {
    splits_.found_empty(i, outcome.caught_up, now);
  }
  splits_.update(complete_);
  return outcome.status == ReadStatus::empty ? Poll::idle : Poll::progress;
}

EventTime UntypedSourceOperator::watermark() const {
  return has_event_time_ ? splits_.watermark() : context_->watermark;
}

Status UntypedSourceOperator::snapshot(SnapshotRequest& request) {
  for (std::size_t i = 0; i < splits_.size(); ++i) {
    SplitState split = splits_[i];
    if (has_reader(i)) split.position = position(i);
    request.items.push_back({split.id, encode_split(split)});
  }
  return {};
}

}  // namespace weir
