// process in event-time order: the records of a key are handed to the function sorted by event
// time, each when event time has passed it; at one instant records come first, by the author's rank
// and then by arrival, and timers after them. A record behind the watermark cannot be put in order
// any more: it goes to the late output, or becomes a dead letter where nobody takes that.
#pragma once

#include <algorithm>
#include <vector>

#include "weir/operators/process.h"

namespace weir {

template <class K, class S, class T, class KeyFn, class RankFn, class Fn, class TimerFn,
          class... Outs>
class OrderedProcessOperator final
    : public ProcessBase<OrderedProcessOperator<K, S, T, KeyFn, RankFn, Fn, TimerFn, Outs...>, K, S,
                         OrderedState<S, T>, TimerFn, Outs...> {
  using Base = ProcessBase<OrderedProcessOperator, K, S, OrderedState<S, T>, TimerFn, Outs...>;
  using Entry = typename Base::Entry;

 public:
  OrderedProcessOperator(KeyFn key, RankFn rank, Fn fn, TimerFn timer_fn,
                         const ProcessOptions& options)
      : Base(std::move(timer_fn), options),
        key_(std::move(key)),
        rank_(std::move(rank)),
        fn_(std::move(fn)) {}

  Status open(OperatorContext& context) override {
    WEIR_TRY(Base::open(context));
    late_.open(context, sizeof...(Outs));
    arrivals_ = context.first_checkpoint << 32;  // above those of records that wait since before
    return {};
  }

  void on_batch(std::uint32_t, BatchBase& base) override {
    auto& batch = static_cast<Batch<T>&>(base);
    const std::size_t rows = batch.size();
    this->context_->metrics->records_in.add(rows);
    const std::uint64_t* hashes = batch.hashes();
    const std::int64_t watermark = to_millis(this->context_->watermark);
    this->prefetch_first(hashes, rows);
    for (std::size_t i = 0; i < rows; ++i) {
      this->prefetch_next(hashes, rows, i);
      const std::int64_t time = batch.times()[i];
      // By the watermark of its split when it was read, so that batching changes nothing.
      const std::int64_t passed = std::max(batch.seen(i), watermark);
      if (time <= passed) [[unlikely]] {
        late_.take(batch[i], time, passed);
        continue;
      }
      // Its time to live is looked at when its turn comes.
      bool created = false;
      auto& entry =
          this->table_->upsert(hashes[i], std::invoke(key_, std::as_const(batch[i])), created);
      this->table_->touch(entry);
      entry.value().pending.put({time, ++arrivals_}, std::move(batch[i]));
      this->queue(false).add(time, entry.hash);
    }
    late_.flush();
  }

  Status replay(const DeadLetter& letter) override {
    // A record that waited its turn and then failed is tried at once: its turn has come.
    return this->template replay_keyed<T>(letter, key_, [this](Batch<T>& batch) {
      const K key = static_cast<K>(std::invoke(key_, std::as_const(batch[0])));
      auto& entry = this->fetch(batch.hashes()[0], key, batch.times()[0]);
      this->call(entry, batch[0], fn_, batch.times()[0], batch.seen(0), 0);
      this->ctx_.flush();
    });
  }

 protected:
  bool on_time(Entry& entry, EventTime time) override {
    auto& pending = entry.value().pending;
    due_.clear();
    const std::int64_t until = to_millis(time);
    while (pending.first().first != nullptr && pending.first().first->first <= until) {
      if (due_.empty()) this->table_->touch(entry);
      due_.push_back(std::move(*pending.first_value()));
      pending.erase_first();
    }
    if (due_.empty()) return false;
    if constexpr (!std::is_same_v<RankFn, NoTimerFn>) {
      std::stable_sort(due_.begin(), due_.end(), [this](const T& a, const T& b) {
        return std::invoke(rank_, a) < std::invoke(rank_, b);
      });
    }
    if (this->ttl_.after.count() > 0) {
      if (this->expired(entry, until)) this->reset(entry);
      this->prolong(entry, until);
    }
    cleared_ = false;
    for (const T& record : due_) {
      cleared_ = false;
      this->call(entry, record, fn_, until, INT64_MIN, 0);
    }
    if (cleared_) clear_after_timer(entry);
    return true;
  }

  /// Records that still wait keep their entry; only what the author declared is made anew.
  void clear_entry(Entry& entry) override {
    this->reset(entry);
    cleared_ = true;
  }
  void on_expired(Entry& entry) override {
    this->reset(entry);
    if (entry.value().pending.empty() && !this->parked(entry)) this->table_->erase(entry);
  }
  void clear_after_timer(Entry& entry) override {
    clear_entry(entry);
    if (entry.value().pending.empty() && !this->parked(entry)) this->remove_after_call();
  }

  void on_restored(Entry& entry) override {
    Base::on_restored(entry);
    entry.value().pending.for_each([&](const auto& place, const T&) {
      this->queue(false).add(place.first, entry.hash);
      arrivals_ = std::max(arrivals_, place.second);
    });
  }

 private:
  KeyFn key_;
  RankFn rank_;
  Fn fn_;
  LateOutput<T> late_;
  std::vector<T> due_;
  bool cleared_ = false;
  std::uint64_t arrivals_ = 0;  // numbers records of equal time in the order of their arrival
};

}  // namespace weir
