// dedupe: drops a record whose key was seen within the time to live, in event time: a record of
// time t is a repeat when a kept record of its key has a time s with |t - s| < ttl. Judged in the
// order of arrival; a kept time is forgotten once event time has passed s + ttl, when no record in
// time can be within reach of it any more. Port 0: first ones. Port 1, late: records so late that
// what they might repeat is forgotten.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "weir/operators/contract.h"
#include "weir/runtime/keyed_operator.h"

namespace weir {

struct DedupeOptions {
  Duration ttl{std::chrono::hours(24)};
  std::uint32_t parallelism = 0;
};

/// The kept times of a key. Almost always one; more only within disorder longer than the ttl.
class SeenTimes {
 public:
  /// A time after `forgotten_ms` lies within less than `ttl_ms` of `time_ms`.
  bool within(std::int64_t time_ms, std::int64_t ttl_ms,
              std::int64_t forgotten_ms = INT64_MIN) const;
  void add(std::int64_t time_ms);
  /// Forgets times at or before `until_ms`; true when none is left.
  bool forget(std::int64_t until_ms);
  template <class Visit>
  void for_each(Visit&& visit) const {
    if (first_ms_ != kNone) visit(first_ms_);
    if (more_) {
      for (const std::int64_t time : *more_) visit(time);
    }
  }

 private:
  static constexpr std::int64_t kNone = INT64_MIN;
  std::int64_t first_ms_ = kNone;
  std::unique_ptr<std::vector<std::int64_t>> more_;
};

/// Stored as a list of times.
template <>
struct Codec<SeenTimes> {
  static void encode(ByteWriter& writer, const SeenTimes& seen);
  static void decode(ByteReader& reader, SeenTimes& seen);
  static Schema schema() { return schema_of<std::vector<std::int64_t>>(); }
};

template <class K, class T, class KeyFn>
class DedupeOperator final : public KeyedOperator<K, SeenTimes> {
  using Base = KeyedOperator<K, SeenTimes>;
  using Entry = typename Base::Entry;

 public:
  DedupeOperator(KeyFn key, DedupeOptions options)
      : key_(std::move(key)), ttl_ms_(options.ttl.count()) {}

  Status open(OperatorContext& context) override {
    WEIR_TRY(Base::open(context));
    late_.open(context, 1);
    return {};
  }

  void on_batch(std::uint32_t, BatchBase& base) override {
    auto& batch = static_cast<Batch<T>&>(base);
    const std::size_t rows = batch.size();
    this->context_->metrics->records_in.add(rows);
    const std::uint64_t* hashes = batch.hashes();
    this->prefetch_first(hashes, rows);
    const std::int64_t watermark = to_millis(this->context_->watermark);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      this->prefetch_next(hashes, rows, i);
      const std::int64_t time = batch.times()[i];
      // A late record is judged by the watermark of its split when it was read, so that batching
      // changes nothing: what is forgotten by then does not count, though it may still be there.
      const std::int64_t passed = std::max(watermark, batch.seen(i));
      if (to_millis(saturating_add(from_millis(time), Duration(ttl_ms_))) <= passed) [[unlikely]] {
        late_.take(batch[i], time, passed);
        continue;
      }
      auto& entry = this->fetch(hashes[i], std::invoke(key_, std::as_const(batch[i])), time);
      const std::int64_t forgotten =
          to_millis(saturating_sub(from_millis(passed), Duration(ttl_ms_)));
      if (entry.value().within(time, ttl_ms_, forgotten)) continue;
      entry.value().add(time);
      this->queue(false).add(time + ttl_ms_, entry.hash);
      batch.keep(i, kept++);
    }
    this->context_->metrics->duplicates.add(rows - kept);
    batch.truncate(kept);
    this->context_->metrics->records_out.add(kept);
    this->context_->outputs[0].push(batch);
    late_.flush();
  }

  Status replay(const DeadLetter& letter) override {
    return replay_record<T>(*this->context_, letter, [this](Batch<T>& batch) {
      batch.hashes()[0] = hash_key(static_cast<K>(std::invoke(key_, std::as_const(batch[0]))));
      on_batch(0, batch);
    });
  }

 protected:
  bool on_time(Entry& entry, EventTime time) override {
    const std::int64_t until = to_millis(time) - ttl_ms_;
    if (!entry.value().within(until, 1)) return false;
    this->table_->touch(entry);
    if (entry.value().forget(until)) this->remove_after_call();
    return true;
  }
  void on_restored(Entry& entry) override {
    entry.value().for_each(
        [&](std::int64_t time) { this->queue(false).add(time + ttl_ms_, entry.hash); });
  }

 private:
  KeyFn key_;
  std::int64_t ttl_ms_;
  LateOutput<T> late_;
};

}  // namespace weir
