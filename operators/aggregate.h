// aggregate: one accumulator for each key, grown record by record. Combinable: before an exchange
// the records of a batch are first aggregated among themselves, so a hot key costs one record a
// batch.
//
// `add(Acc&, const T&)` takes a record in; `combine(Acc&, const Acc&)` joins two accumulators, of
// which the second was filled later; a default-made Acc is empty. The order of records of one key
// is kept.
#pragma once

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>
#include <vector>

#include "weir/operators/contract.h"
#include "weir/runtime/keyed_operator.h"

namespace weir {

/// A key with the value that belongs to it; what aggregates emit.
template <class K, class V>
struct Keyed {
  K key{};
  V value{};
  BOOST_DESCRIBE_CLASS(Keyed, (), (key, value), (), ())
};

/// When an aggregate says what it has.
enum class Emit : std::uint8_t {
  at_end,     ///< each key once, when event time ends
  on_change,  ///< each key that a batch changed, after the batch: how often depends on batching
};

struct AggregateOptions {
  Emit emit = Emit::at_end;
  std::uint32_t parallelism = 0;
};

/// Which keys of a batch have been met, by their hash and the number of one of their records.
class MetKeys {
 public:
  /// Forgets all.
  void begin() {
    if (++round_ != 0) return;
    slots_.fill({});
    round_ = 1;
  }
  /// Takes in the key of record `i`; false when it was there already: `same(j)` says whether record
  /// `j`, whose key has the same hash, has the same key. No more often than a batch has records.
  template <class Same>
  bool insert(std::uint64_t hash, std::size_t i, Same&& same) {
    std::size_t place = hash & (kSlots - 1);
    for (; slots_[place].round == round_; place = (place + 1) & (kSlots - 1)) {
      if (slots_[place].hash == hash && same(slots_[place].record)) return false;
    }
    slots_[place] = {hash, round_, static_cast<std::uint32_t>(i)};
    return true;
  }

 private:
  static constexpr std::size_t kSlots = 1024;
  static_assert(kSlots >= 2 * batch_capacity(1), "there is room for the keys of a batch");
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t round = 0, record = 0;
  };
  std::array<Slot, kSlots> slots_{};
  std::uint32_t round_ = 0;
};

template <class K, class Acc, class T, class KeyFn, class AddFn, class CombineFn>
class AggregateOperator final : public KeyedOperator<K, Acc> {
  using Base = KeyedOperator<K, Acc>;
  using Entry = typename Base::Entry;

 public:
  AggregateOperator(KeyFn key, AddFn add, CombineFn combine, AggregateOptions options)
      : key_(std::move(key)),
        add_(std::move(add)),
        combine_(std::move(combine)),
        options_(options) {}

  Status open(OperatorContext& context) override {
    WEIR_TRY(Base::open(context));
    out_.open(context.outputs[0], context.metrics->records_out);
    return {};
  }

  /// Input 0: records. Input 1: what a combiner made of them.
  void on_batch(std::uint32_t input, BatchBase& base) override {
    if (input == 0) {
      take(
          static_cast<Batch<T>&>(base),
          [this](const T& r) -> decltype(auto) { return std::invoke(key_, r); },
          [this](Acc& acc, const T& r) { add_(acc, r); }, 0);
    } else {
      take(
          static_cast<Batch<Keyed<K, Acc>>&>(base),
          [](const Keyed<K, Acc>& r) -> const K& { return r.key; },
          [this](Acc& acc, const Keyed<K, Acc>& r) { combine_(acc, r.value); }, 1);
    }
  }

  bool on_watermark(EventTime watermark) override {
    this->context_->watermark = watermark;
    if (options_.emit != Emit::at_end || watermark != kEndOfTime || ended_) return true;
    ended_ = this->table_->sweep(cursor_, kSweepSlice, [this](Entry& entry) {
      out_.emit(Keyed<K, Acc>{entry.key(), entry.value()}, kLastTime);
    });
    out_.flush();
    return ended_;
  }

  Status restore(RestoreRequest& request) override {
    // The end was announced before the barrier of any checkpoint that has this watermark.
    ended_ = request.watermark == kEndOfTime;
    return Base::restore(request);
  }

  Status replay(const DeadLetter& letter) override {
    if (letter.input == 1) {
      return replay_record<Keyed<K, Acc>>(*this->context_, letter, [this](auto& batch) {
        batch.hashes()[0] = hash_key(batch[0].key);
        on_batch(1, batch);
      });
    }
    return replay_record<T>(*this->context_, letter, [this](Batch<T>& batch) {
      batch.hashes()[0] = hash_key(static_cast<K>(std::invoke(key_, std::as_const(batch[0]))));
      on_batch(0, batch);
    });
  }

 private:
  static constexpr std::size_t kSweepSlice = 1024;
  static constexpr std::int64_t kLastTime = INT64_MAX - 1;  // results at the end still are in time

  template <class R, class Key, class Add>
  void take(Batch<R>& batch, Key&& key, Add&& add, std::uint32_t input) {
    const std::size_t rows = batch.size();
    this->context_->metrics->records_in.add(rows);
    const std::uint64_t* hashes = batch.hashes();
    refused_.clear();
    this->prefetch_first(hashes, rows);
    for (std::size_t i = 0; i < rows; ++i) {
      this->prefetch_next(hashes, rows, i);
      bool created = false;
      auto& entry = this->table_->upsert(hashes[i], key(batch[i]), created);
      this->table_->touch(entry);
      try {
        add(entry.value(), std::as_const(batch[i]));
      } catch (...) {
        user_error(*this->context_, batch[i], batch.times()[i], batch.seen(i), input);
        refused_.push_back(i);
        if (created) this->table_->erase(entry);  // no record of this key was taken
      }
    }
    if (options_.emit == Emit::on_change || ended_ || cursor_ > 0) emit_changed(batch, key);
  }
  /// Whether a change to a key with `hash` must be said now. What comes after the end of time, a
  /// replayed record, corrects what was said then, unless the sweep has yet to say it.
  bool says_now(std::uint64_t hash) const {
    return options_.emit == Emit::on_change || ended_ || hash < cursor_;
  }
  template <class R, class Key>
  void emit_changed(Batch<R>& batch, Key& key) {
    // The last record of each key in the batch speaks for it, among those that were taken.
    met_.begin();
    for (std::size_t i = batch.size(); i-- > 0;) {
      if (!refused_.empty() && refused_.back() == i) {
        refused_.pop_back();
        continue;
      }
      const std::uint64_t hash = batch.hashes()[i];
      const auto same = [&](std::size_t j) { return equal<K>(key(batch[i]), key(batch[j])); };
      if (!says_now(hash) || !met_.insert(hash, i, same)) continue;
      Entry* entry = this->table_->find(hash, key(batch[i]));
      if (entry != nullptr) {
        out_.emit(Keyed<K, Acc>{entry->key(), entry->value()}, batch.times()[i], batch.seen(i));
      }
    }
    out_.flush();
  }

  KeyFn key_;
  AddFn add_;
  CombineFn combine_;
  AggregateOptions options_;
  Emitter<Keyed<K, Acc>> out_;
  MetKeys met_;
  std::vector<std::size_t> refused_;  // records of the batch at hand that `add` threw on, in order
  std::uint64_t cursor_ = 0;          // keys with smaller hashes have been said at the end
  bool ended_ = false;
};

/// Aggregates within each batch, before the exchange. Where keys hardly ever repeat within a batch,
/// it only makes an accumulator of each record, and looks again from time to time.
template <class K, class Acc, class T, class KeyFn, class AddFn>
class CombineOperator final : public Operator {
 public:
  CombineOperator(KeyFn key, AddFn add) : key_(std::move(key)), add_(std::move(add)) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    out_.open(context.outputs[0], context.metrics->records_out);
    return {};
  }

  void on_batch(std::uint32_t, BatchBase& base) override {
    auto& in = static_cast<Batch<T>&>(base);
    if (skip_ > 0) {
      --skip_;
      for_each(in, [&](std::size_t i) { begin_new(in, i); });
    } else {
      std::fill(std::begin(slots_), std::end(slots_), kEmpty);
      made_ = 0;
      for_each(in, [&](std::size_t i) { take(in, i); });
      if (in.size() >= kTelling && made_ > in.size() / 8 * 7) skip_ = kSkip;
    }
    out_.flush();
    in.clear();
  }

 private:
  static constexpr std::size_t kSlots = 1024;
  static constexpr std::uint16_t kEmpty = UINT16_MAX;
  static constexpr int kSkip = 15;             // batches
  static constexpr std::size_t kTelling = 64;  // records, fewer say nothing about the keys

  template <class Visit>
  void for_each(Batch<T>& in, Visit&& visit) {
    for (std::size_t i = 0; i < in.size(); ++i) {
      try {
        visit(i);
      } catch (...) {
        user_error(*context_, in[i], in.times()[i], in.seen(i), 0, context_->step);
      }
    }
  }

  /// A small table by the low bits of the hash maps keys to their place in the open batch; a key
  /// that finds its slot taken by another simply begins a new accumulator.
  void take(Batch<T>& in, std::size_t i) {
    Batch<Keyed<K, Acc>>& out = out_.batch();
    decltype(auto) key = std::invoke(key_, std::as_const(in[i]));
    const std::size_t place = hash_key(static_cast<const K&>(key)) & (kSlots - 1);
    if (slots_[place] == kEmpty || !equal(out[slots_[place]].key, static_cast<const K&>(key))) {
      if (begin_new(in, i)) std::fill(std::begin(slots_), std::end(slots_), kEmpty);
      slots_[place] = static_cast<std::uint16_t>(out.size() - 1);
      ++made_;
    } else {
      add_(out[slots_[place]].value, std::as_const(in[i]));
      out.times()[slots_[place]] = std::max(out.times()[slots_[place]], in.times()[i]);
    }
  }

  /// Begins an accumulator with record `i`; true when the batch was full and another one begun.
  bool begin_new(Batch<T>& in, std::size_t i) {
    Batch<Keyed<K, Acc>>& out = out_.batch();
    const bool full = out.full();
    if (full) out_.flush();
    Keyed<K, Acc>& to = out.push_empty(in.times()[i]);
    try {
      to.key = std::invoke(key_, std::as_const(in[i]));
      add_(to.value, std::as_const(in[i]));
    } catch (...) {
      out.truncate(out.size() - 1);
      throw;
    }
    if (in.has_seen()) [[unlikely]]
      if (in.seen(i) != INT64_MIN) out.set_seen(out.size() - 1, in.seen(i));
    return full;
  }

  KeyFn key_;
  AddFn add_;
  Emitter<Keyed<K, Acc>> out_;
  std::uint16_t slots_[kSlots];
  std::size_t made_ = 0;  // accumulators begun in the batch at hand
  int skip_ = 0;          // batches until it combines again
};

}  // namespace weir
