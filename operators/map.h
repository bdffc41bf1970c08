// map: one record out for each record in. In place when the type stays the same.
#pragma once

#include "weir/operators/contract.h"

namespace weir {

template <class T, class U, class Fn>
class MapOperator final : public Operator {
 public:
  explicit MapOperator(Fn fn) : fn_(std::move(fn)) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    out_.open(context.outputs[0], context.metrics->records_out);
    return {};
  }

  void on_batch(std::uint32_t, BatchBase& base) override {
    auto& in = static_cast<Batch<T>&>(base);
    context_->metrics->records_in.add(in.size());
    if constexpr (std::is_same_v<T, U>) {
      in_place(in);
    } else {
      into_other(in);
    }
  }

  Status replay(const DeadLetter& letter) override {
    return replay_record<T>(*context_, letter, [this](Batch<T>& b) { on_batch(0, b); });
  }

 private:
  void in_place(Batch<T>& in) {
    const std::size_t rows = in.size();
    std::size_t kept = 0, i = 0;
    while (i < rows) {
      try {
        for (; i < rows; ++i) {
          in[i] = fn_(std::as_const(in[i]));
          in.keep(i, kept);
          ++kept;
        }
      } catch (...) {
        user_error(*context_, in[i], in.times()[i], in.seen(i), 0);
        ++i;
      }
    }
    in.truncate(kept);
    context_->metrics->records_out.add(kept);
    context_->outputs[0].push(in);
  }
  void into_other(Batch<T>& in) {
    const std::size_t rows = in.size();
    std::size_t i = 0;
    while (i < rows) {
      try {
        for (; i < rows; ++i) {
          out_.emit(fn_(std::as_const(in[i])), in.times()[i], in.seen(i));
          out_.flush_full();
        }
      } catch (...) {
        user_error(*context_, in[i], in.times()[i], in.seen(i), 0);
        ++i;
      }
    }
    out_.flush();
  }

  Fn fn_;
  Emitter<U> out_;
};

}  // namespace weir
