// dedupe: drops a record whose key was seen within the time to live, in event time: a record of
// time t is a repeat when a kept record of its key has a time s with |t - s| < ttl. Judged in the
// order of arrival; a kept time counts until event time has passed s + ttl, when no record in time
// can be within reach of it any more. Port 0: first ones. Port 1, late: records so late that what
// they might repeat is forgotten.
//
// Keys are kept as fingerprints (operators/fingerprint.h), so that an entry takes 32 bytes whatever
// the length of message ids. Memory comes back by a hand that goes round the table once while event
// time passes a quarter of the ttl: no timer for each record, and no pause.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "weir/operators/contract.h"
#include "weir/operators/fingerprint.h"
#include "weir/runtime/keyed_operator.h"

namespace weir {

struct DedupeOptions {
  Duration ttl{std::chrono::hours(24)};
  std::uint32_t parallelism = 0;
};

/// The kept times of a key, in ms: almost always one, which then lies in the word itself; more only
/// within disorder longer than the ttl.
class SeenTimes {
 public:
  SeenTimes() = default;
  SeenTimes(SeenTimes&& other) noexcept : bits_(other.bits_) { other.bits_ = 0; }
  SeenTimes& operator=(SeenTimes&& other) noexcept {
    std::swap(bits_, other.bits_);
    return *this;
  }
  ~SeenTimes() {
    if (many()) [[unlikely]]
      delete list();
  }

  /// A time after `forgotten_ms` lies within less than `ttl_ms` of `time_ms`.
  bool within(std::int64_t time_ms, std::int64_t ttl_ms,
              std::int64_t forgotten_ms = INT64_MIN) const {
    if (bits_ == 0) return false;
    if (single()) [[likely]]
      return near(only(), time_ms, ttl_ms, forgotten_ms);
    return std::any_of(list()->begin(), list()->end(),
                       [&](std::int64_t s) { return near(s, time_ms, ttl_ms, forgotten_ms); });
  }
  void add(std::int64_t time_ms) {
    if (bits_ == 0 && fits(time_ms)) [[likely]]
      bits_ = static_cast<std::uint64_t>(time_ms) << 1 | 1;
    else
      add_more(time_ms);
  }
  /// All times are at or before `until_ms`.
  bool all_before(std::int64_t until_ms) const {
    if (!many()) [[likely]]
      return (bits_ == 0) | (only() <= until_ms);
    return *std::max_element(list()->begin(), list()->end()) <= until_ms;
  }
  template <class Visit>
  void for_each(Visit&& visit) const {
    if (single()) visit(only());
    if (many()) {
      for (const std::int64_t time : *list()) visit(time);
    }
  }

 private:
  static bool near(std::int64_t s, std::int64_t time_ms, std::int64_t ttl_ms,
                   std::int64_t forgotten_ms) {
    const auto a = static_cast<std::uint64_t>(time_ms), b = static_cast<std::uint64_t>(s);
    return s > forgotten_ms && (time_ms < s ? b - a : a - b) < static_cast<std::uint64_t>(ttl_ms);
  }
  static bool fits(std::int64_t time_ms) {
    return time_ms >= -(std::int64_t{1} << 62) && time_ms < std::int64_t{1} << 62;
  }
  bool single() const { return (bits_ & 1) != 0; }
  bool many() const { return bits_ != 0 && !single(); }
  std::int64_t only() const { return static_cast<std::int64_t>(bits_) >> 1; }
  std::vector<std::int64_t>* list() const {
    return reinterpret_cast<std::vector<std::int64_t>*>(bits_);
  }
  void add_more(std::int64_t time_ms);

  std::uint64_t bits_ = 0;  // 0: none; odd: one time; even: where the list of times is
};

/// Stored as a list of times.
template <>
struct Codec<SeenTimes> {
  static void encode(ByteWriter& writer, const SeenTimes& seen);
  static void decode(ByteReader& reader, SeenTimes& seen);
  static Schema schema() { return schema_of<std::vector<std::int64_t>>(); }
};

/// Where the search for what may be forgotten stands: it passes each hash once while event time
/// passes `period_ms`.
class ExpiryHand {
 public:
  ExpiryHand(std::int64_t period_ms, std::uint64_t first, std::uint64_t last)
      : period_ms_(period_ms), first_(first), last_(last), cursor_(first) {}
  struct Stretch {
    std::uint64_t begin, last;  ///< hashes, both included
  };
  /// The stretch to search next at this watermark; nothing when it has come far enough.
  std::optional<Stretch> next(std::int64_t watermark_ms);
  /// The stretch has been searched up to `cursor`, or to its end.
  void searched(const Stretch& stretch, bool whole, std::uint64_t cursor);

 private:
  std::uint64_t place_of(std::int64_t into_ms) const;

  std::int64_t period_ms_;
  std::uint64_t first_, last_;
  std::int64_t turn_ = INT64_MIN;  // that the hand is in; INT64_MIN: before all
  std::uint64_t cursor_;           // first hash not searched in this turn
  bool turn_done_ = false;
};

template <class K, class T, class KeyFn>
class DedupeOperator final : public KeyedOperator<FingerprintKey<K>, SeenTimes> {
  using Base = KeyedOperator<FingerprintKey<K>, SeenTimes>;
  using Entry = typename Base::Entry;

 public:
  DedupeOperator(KeyFn key, DedupeOptions options)
      : key_(std::move(key)), ttl_ms_(options.ttl.count()) {}

  Status open(OperatorContext& context) override {
    WEIR_TRY(Base::open(context));
    late_.open(context, 1);
    hand_.emplace(std::max<std::int64_t>(ttl_ms_ / 4, 1), context.keys.first, context.keys.last);
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
      if (i + Base::kAhead < rows) this->table_->prefetch_new(hashes[i + Base::kAhead]);
      const std::int64_t time = batch.times()[i];
      // A late record is judged by the watermark of its split when it was read, so that batching
      // changes nothing: what is forgotten by then does not count, though it may still be there.
      const std::int64_t passed = std::max(watermark, batch.seen(i));
      if (to_millis(saturating_add(from_millis(time), Duration(ttl_ms_))) <= passed) [[unlikely]] {
        late_.take(batch[i], time, passed);
        continue;
      }
      auto& entry = this->fetch(
          hashes[i], fingerprint_key<K>(hashes[i], std::invoke(key_, std::as_const(batch[i]))),
          time);
      if (entry.value().within(time, ttl_ms_, forgotten(passed))) continue;
      entry.value().add(time);
      batch.keep(i, kept++);
    }
    this->context_->metrics->duplicates.add(rows - kept);
    batch.truncate(kept);
    this->context_->metrics->records_out.add(kept);
    this->context_->outputs[0].push(batch);
    late_.flush();
  }

  bool on_watermark(EventTime watermark) override {
    this->context_->watermark = watermark;
    const auto stretch = hand_->next(to_millis(watermark));
    if (!stretch) return true;
    std::uint64_t cursor = stretch->begin;
    const std::int64_t until = forgotten(to_millis(watermark));
    const bool whole =
        this->table_->erase_if(cursor, stretch->last, kSearchSlice, AllBefore{until});
    hand_->searched(*stretch, whole, cursor);
    return !hand_->next(to_millis(watermark)).has_value();
  }

  Status replay(const DeadLetter& letter) override {
    return replay_record<T>(*this->context_, letter, [this](Batch<T>& batch) {
      batch.hashes()[0] = hash_key(static_cast<K>(std::invoke(key_, std::as_const(batch[0]))));
      on_batch(0, batch);
    });
  }

 private:
  static constexpr std::size_t kSearchSlice = 4096;
  struct AllBefore {
    static constexpr bool kTakesEmpty = true;
    std::int64_t until_ms;
    bool operator()(Entry& entry) const { return entry.value().all_before(until_ms); }
  };

  /// Kept times at or before this count no more when event time has reached `watermark_ms`.
  std::int64_t forgotten(std::int64_t watermark_ms) const {
    return to_millis(saturating_sub(from_millis(watermark_ms), Duration(ttl_ms_)));
  }

  KeyFn key_;
  std::int64_t ttl_ms_;
  std::optional<ExpiryHand> hand_;
  LateOutput<T> late_;
};

}  // namespace weir
