// What the operators of all windows share: taking batches, giving results, the times at which
// windows end. Used by the thread of the task.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "weir/operators/contract.h"
#include "weir/operators/window.h"
#include "weir/runtime/keyed_operator.h"

namespace weir {

/// `Derived` has `bool take(Entry&, const T&, time, watermark)`, which says whether any window took
/// the record, and `static bool is_empty(State&)`: nothing is left of the key.
template <class Derived, class K, class State, class Acc, class T, class KeyFn, class AddFn,
          class CombineFn>
class WindowOperator : public KeyedOperator<K, State> {
  using Base = KeyedOperator<K, State>;

 public:
  using Entry = typename Base::Entry;

  WindowOperator(KeyFn key, AddFn add, CombineFn combine, WindowOptions options)
      : allowed_ms_(options.allowed_lateness.count()),
        key_(std::move(key)),
        add_(std::move(add)),
        combine_(std::move(combine)) {}

  Status open(OperatorContext& context) override {
    WEIR_TRY(Base::open(context));
    out_.open(context.outputs[0], context.metrics->records_out);
    late_.open(context, 1);
    return {};
  }

  void on_batch(std::uint32_t, BatchBase& base) override {
    auto& batch = static_cast<Batch<T>&>(base);
    const std::size_t rows = batch.size();
    this->context_->metrics->records_in.add(rows);
    const std::uint64_t* hashes = batch.hashes();
    this->prefetch_first(hashes, rows);
    for (std::size_t i = 0; i < rows; ++i) {
      this->prefetch_next(hashes, rows, i);
      const std::int64_t time = batch.times()[i];
      // Only with late records does anything but "in time" come out of this.
      const std::int64_t watermark = std::max(batch.seen(i), this->watermark());
      auto& entry = this->fetch(hashes[i], std::invoke(key_, std::as_const(batch[i])), time);
      bool taken = false;
      try {
        taken = static_cast<Derived*>(this)->take(entry, batch[i], time, watermark);
        if (!taken) late_.take(batch[i], time, watermark);
      } catch (...) {
        user_error(*this->context_, batch[i], time, batch.seen(i), 0);
      }
      if (!taken && Derived::is_empty(entry.value())) this->table_->erase(entry);
    }
    out_.flush();
    late_.flush();
  }

  Status replay(const DeadLetter& letter) override {
    return replay_record<T>(*this->context_, letter, [this](Batch<T>& batch) {
      batch.hashes()[0] = hash_key(static_cast<K>(std::invoke(key_, std::as_const(batch[0]))));
      on_batch(0, batch);
    });
  }

 protected:
  void on_timers_done() override { out_.flush(); }

  std::int64_t watermark() const { return to_millis(this->context_->watermark); }
  /// `span` later, or the end of time: results of steps before this one may have come there.
  static std::int64_t after(std::int64_t time, std::int64_t span) {
    std::int64_t sum = 0;
    return __builtin_add_overflow(time, span, &sum) ? INT64_MAX : sum;
  }
  /// The watermark at which a window with this end is given up.
  std::int64_t last_moment(std::int64_t end) const {
    return std::min(after(end - 1, allowed_ms_), INT64_MAX - 1);
  }
  /// Has `entry` looked at when event time reaches `due`.
  void wake(Entry& entry, std::int64_t due) { this->queue(false).add(due, entry.hash); }
  template <class Value>
  void emit(Entry& entry, std::int64_t start, std::int64_t end, Value&& value) {
    out_.emit(Windowed<K, Acc>{entry.key(), from_millis(start), from_millis(end),
                               std::forward<Value>(value)},
              end - 1);
    out_.flush_full();
  }

  std::int64_t allowed_ms_;
  KeyFn key_;
  AddFn add_;
  CombineFn combine_;

 private:
  Emitter<Windowed<K, Acc>> out_;
  LateOutput<T> late_;
};

}  // namespace weir
