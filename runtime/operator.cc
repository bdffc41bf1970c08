// Defaults of operators and the fan-out of an output; see operator.h.
#include "weir/runtime/operator.h"

namespace weir {

void OutputPort::push(BatchBase& batch) {
  if (batch.empty()) return;
  while (copies_.size() + 1 < receivers_.size()) copies_.push_back(batch.make_empty());
  for (std::size_t i = 0; i + 1 < receivers_.size(); ++i) {
    batch.copy_to(*copies_[i]);
    receivers_[i]->receive(*copies_[i]);
    copies_[i]->clear();
  }
  if (!receivers_.empty()) receivers_.back()->receive(batch);
  batch.clear();
}

KeyRange key_range_of(std::uint32_t subtask, std::uint32_t parallelism,
                      std::uint32_t max_parallelism) {
  KeyRange range;
  range.max_parallelism = max_parallelism;
  range.groups = key_groups_of(subtask, parallelism, max_parallelism);
  range.first = first_hash_of(range.groups.begin, max_parallelism);
  range.last = range.groups.end == max_parallelism
                   ? UINT64_MAX
                   : first_hash_of(range.groups.end, max_parallelism) - 1;
  return range;
}

Status Operator::restore(RestoreRequest& request) {
  context_->watermark = request.watermark;
  return {};
}

bool Operator::on_watermark(EventTime watermark) {
  context_->watermark = watermark;
  return true;
}

Status Operator::replay(const DeadLetter& letter) {
  return Error{ErrorCode::invalid_argument,
               "step '" + letter.step + "' cannot replay dead letters: it takes no records", false};
}

void SourceOperator::on_batch(std::uint32_t, BatchBase&) {
  WEIR_CHECK(false, "a batch was sent to a source");
}

}  // namespace weir
