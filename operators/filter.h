// filter: keeps the records for which a predicate holds, in place; and split: the same with the
// others on a second output.
#pragma once

#include "weir/operators/contract.h"

namespace weir {

template <class T, class Predicate, bool kSplit>
class FilterOperator final : public Operator {
 public:
  explicit FilterOperator(Predicate predicate) : predicate_(std::move(predicate)) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    if constexpr (kSplit) rest_.open(context.outputs[1], context.metrics->records_out);
    return {};
  }

  void on_batch(std::uint32_t, BatchBase& base) override {
    auto& batch = static_cast<Batch<T>&>(base);
    const std::size_t rows = batch.size();
    context_->metrics->records_in.add(rows);
    std::size_t kept = 0, i = 0;
    while (i < rows) {
      try {
        for (; i < rows; ++i) {
          if (predicate_(std::as_const(batch[i]))) {
            batch.keep(i, kept++);
          } else if constexpr (kSplit) {
            rest_.emit(std::move(batch[i]), batch.times()[i], batch.seen(i));
          }
        }
      } catch (...) {
        user_error(*context_, batch[i], batch.times()[i], batch.seen(i), 0);
        ++i;
      }
    }
    batch.truncate(kept);
    context_->metrics->records_out.add(kept);
    context_->outputs[0].push(batch);
    if constexpr (kSplit) rest_.flush();
  }

  Status replay(const DeadLetter& letter) override {
    return replay_record<T>(*context_, letter, [this](Batch<T>& b) { on_batch(0, b); });
  }

 private:
  struct Nothing {};
  Predicate predicate_;
  [[no_unique_address]] std::conditional_t<kSplit, Emitter<T>, Nothing> rest_;
};

}  // namespace weir
