// flat_map: any number of records out for each record in, on one or more outputs.
#pragma once

#include "weir/operators/contract.h"

namespace weir {

template <class T, class Fn, class... Outs>
class FlatMapOperator final : public Operator {
 public:
  explicit FlatMapOperator(Fn fn) : fn_(std::move(fn)) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    out_.open(context);
    return {};
  }

  void on_batch(std::uint32_t, BatchBase& base) override {
    auto& in = static_cast<Batch<T>&>(base);
    context_->metrics->records_in.add(in.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
      out_.begin(in.times()[i], in.seen(i));
      const auto mark = out_.mark();
      try {
        fn_(std::as_const(in[i]), out_);
      } catch (...) {
        out_.rollback(mark);
        user_error(*context_, in[i], in.times()[i], in.seen(i), 0);
      }
      out_.flush_full();
    }
    out_.flush();
  }

  Status replay(const DeadLetter& letter) override {
    return replay_record<T>(*context_, letter, [this](Batch<T>& b) { on_batch(0, b); });
  }

 private:
  Fn fn_;
  Collector<Outs...> out_;
};

}  // namespace weir
