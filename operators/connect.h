// connect: two keyed streams with the same key, one shared state, a function for each.
#pragma once

#include "weir/operators/process.h"

namespace weir {

template <class K, class S, class L, class R, class LKey, class RKey, class LFn, class RFn,
          class TimerFn, class... Outs>
class ConnectOperator final
    : public ProcessBase<ConnectOperator<K, S, L, R, LKey, RKey, LFn, RFn, TimerFn, Outs...>, K, S,
                         S, TimerFn, Outs...> {
  using Base = ProcessBase<ConnectOperator, K, S, S, TimerFn, Outs...>;

 public:
  ConnectOperator(LKey left_key, RKey right_key, LFn left, RFn right, TimerFn timer_fn,
                  const ProcessOptions& options)
      : Base(std::move(timer_fn), options),
        left_key_(std::move(left_key)),
        right_key_(std::move(right_key)),
        left_(std::move(left)),
        right_(std::move(right)) {}

  void on_batch(std::uint32_t input, BatchBase& base) override {
    if (input == 0) {
      take(static_cast<Batch<L>&>(base), left_key_, left_, 0);
    } else {
      take(static_cast<Batch<R>&>(base), right_key_, right_, 1);
    }
  }

  Status replay(const DeadLetter& letter) override {
    if (letter.input == 0) return replay_side<L>(letter, left_key_);
    return replay_side<R>(letter, right_key_);
  }

 private:
  template <class T, class KeyFn, class Fn>
  void take(Batch<T>& batch, KeyFn& key, Fn& fn, std::uint32_t input) {
    const std::size_t rows = batch.size();
    this->context_->metrics->records_in.add(rows);
    const std::uint64_t* hashes = batch.hashes();
    this->prefetch_first(hashes, rows);
    for (std::size_t i = 0; i < rows; ++i) {
      this->prefetch_next(hashes, rows, i);
      const std::int64_t time = batch.times()[i];
      auto& entry = this->fetch(hashes[i], std::invoke(key, std::as_const(batch[i])), time);
      this->call(entry, batch[i], fn, time, batch.seen(i), input);
    }
    this->ctx_.flush();
  }
  template <class T, class KeyFn>
  Status replay_side(const DeadLetter& letter, KeyFn& key) {
    return this->template replay_keyed<T>(letter, key,
                                          [&](Batch<T>& batch) { on_batch(letter.input, batch); });
  }

  LKey left_key_;
  RKey right_key_;
  LFn left_;
  RFn right_;
};

}  // namespace weir
