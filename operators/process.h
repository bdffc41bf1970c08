// process: a user function over keyed state, with timers. The general keyed operator; `connect` is
// the same with two inputs.
//
// When the function throws, the record becomes a dead letter and what it emitted is taken back.
// Changes it had already made to the state are undone when the state is trivially copyable, or for
// any state with `rollback_state`.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "weir/operators/contract.h"
#include "weir/runtime/keyed_operator.h"

namespace weir {

struct ProcessOptions {
  std::uint32_t parallelism = 0;
  TimeToLive ttl{};             ///< of a key's state, counted from its last record
  bool park_keys = false;       ///< later records of a key wait behind its dead letters
  bool rollback_state = false;  ///< copy the state before each call, to undo a call that throws
};

namespace operators_detail {

/// Two cursors that make `fn(state, record, ctx)` of whatever the author's function takes.
template <class Fn, class S, class T, class Ctx>
void call_process(Fn& fn, S& state, const T& record, Ctx& ctx) {
  static_assert(std::is_invocable_v<Fn&, S&, const T&, Ctx&>,
                "A process function is called as fn(State&, const Record&, auto& ctx)");
  fn(state, record, ctx);
}

}  // namespace operators_detail

/// What process functions see besides state and record. `Op` is the operator behind it.
template <class Op, class K, class... Outs>
class ProcessContext : public Collector<Outs...> {
 public:
  explicit ProcessContext(Op& op) : op_(op) {}

  /// The key of the record or timer at hand.
  decltype(auto) key() const { return op_.current_key(); }
  /// Its event time.
  EventTime time() const { return time_; }
  /// Event time up to which all records have come.
  EventTime watermark() const { return op_.context().watermark; }

  /// Calls the timer function for this key when event time passes `time`; when it has passed
  /// already, at its next step. Setting the same timer (name and time) again changes nothing.
  void set_timer(EventTime time, std::string_view name = {}) { op_.set({time, std::string(name)}); }
  void cancel_timer(EventTime time, std::string_view name = {}) {
    op_.cancel({time, std::string(name)});
  }
  /// The same on wall time. What such timers do depends on when the job runs.
  void set_processing_timer(EventTime wall, std::string_view name = {}) {
    op_.set({wall, std::string(name), true});
  }
  void cancel_processing_timer(EventTime wall, std::string_view name = {}) {
    op_.cancel({wall, std::string(name), true});
  }
  /// Wall time, for processing timers.
  EventTime processing_time() const { return op_.context().task->env().clock->wall_now(); }
  /// Deletes this key's state and timers after the call.
  void clear_state() { op_.clear_current(); }

  void at(EventTime time, std::int64_t seen_ms) {
    time_ = time;
    this->begin(to_millis(time), seen_ms);
  }

 private:
  Op& op_;
  EventTime time_{};
};

struct NoTimerFn {};

/// The part that does not depend on how many inputs there are.
template <class Derived, class K, class S, class Stored, class TimerFn, class... Outs>
class ProcessBase : public KeyedOperator<K, Stored> {
 public:
  using Base = KeyedOperator<K, Stored>;
  using Entry = typename Base::Entry;
  using Ctx = ProcessContext<ProcessBase, K, Outs...>;

  ProcessBase(TimerFn timer_fn, const ProcessOptions& options)
      : options_(options), ctx_(*this), timer_fn_(std::move(timer_fn)) {
    this->ttl_ = options.ttl;
  }

  Status open(OperatorContext& context) override {
    WEIR_TRY(Base::open(context));
    ctx_.open(context);
    return {};
  }

  // For ProcessContext.
  decltype(auto) current_key() const { return current_->key(); }
  void set(Timer timer) {
    if (this->set_timer(*current_, timer)) timer_changes_.push_back({std::move(timer), true});
  }
  void cancel(const Timer& timer) {
    if (this->cancel_timer(*current_, timer)) timer_changes_.push_back({timer, false});
  }
  void clear_current() { clear_ = true; }

  void dropped(const DeadLetter& letter) override {
    if (letter.keyed) unpark(letter);
  }

 protected:
  static S& user_state(Entry& entry) {
    if constexpr (std::is_same_v<S, Stored>)
      return entry.value();
    else
      return entry.value().user;
  }

  /// Calls `fn` for a record of the key of `entry`, which has been touched. What it does not
  /// survive becomes a dead letter.
  template <class T, class Fn>
  void call(Entry& entry, const T& record, Fn& fn, std::int64_t time_ms, std::int64_t seen_ms,
            std::uint32_t input) {
    if (options_.park_keys && entry.extras && entry.extras->parked > 0 &&
        !this->context_->replaying) [[unlikely]] {
      park(entry, record, time_ms, seen_ms, input);
      return;
    }
    current_ = &entry;
    ctx_.at(from_millis(time_ms), seen_ms);
    timer_changes_.clear();
    const auto mark = ctx_.mark();
    [[maybe_unused]] const auto undo = save(user_state(entry));
    try {
      operators_detail::call_process(fn, user_state(entry), record, ctx_);
    } catch (...) {
      ctx_.rollback(mark);
      restore(user_state(entry), undo);
      undo_timers(entry);
      clear_ = false;
      failed(entry, record, time_ms, seen_ms, input);
    }
    ctx_.flush_full();
    if (std::exchange(clear_, false)) clear_entry(entry);
  }

  void on_timer(Entry& entry, const Timer& timer) override {
    if constexpr (!std::is_same_v<TimerFn, NoTimerFn>) {
      static_assert(std::is_invocable_v<TimerFn&, S&, const Timer&, Ctx&>,
                    "A timer function is called as fn(State&, const weir::Timer&, auto& ctx)");
      current_ = &entry;
      timer_changes_.clear();
      ctx_.at(timer.time, INT64_MIN);
      timer_fn_(user_state(entry), timer, ctx_);
      ctx_.flush_full();
      if (std::exchange(clear_, false)) clear_after_timer(entry);
    }
  }
  void on_timers_done() override { ctx_.flush(); }

  virtual void clear_after_timer(Entry& entry) {
    if (parked(entry))
      reset(entry);
    else
      this->remove_after_call();
  }
  /// Carries out `clear_state` after a record's call.
  virtual void clear_entry(Entry& entry) {
    if (parked(entry))
      reset(entry);
    else
      this->table_->erase(entry);
  }
  void on_expired(Entry& entry) override { clear_entry(entry); }

  /// Later records must go on waiting behind the dead letters of the key, so its entry stays.
  static bool parked(Entry& entry) { return entry.extras && entry.extras->parked > 0; }
  static void reset(Entry& entry) {
    user_state(entry) = S{};
    if (entry.extras) entry.extras->timers.clear();
  }

  /// Replays a letter whose records are of type T and have their key by `key`: `deliver(batch)`
  /// gets the record with its hash.
  template <class T, class KeyFn, class Deliver>
  Status replay_keyed(const DeadLetter& letter, KeyFn& key, Deliver&& deliver) {
    WEIR_TRY(replay_record<T>(*this->context_, letter, [&](Batch<T>& batch) {
      const std::uint64_t hash =
          hash_key(static_cast<K>(std::invoke(key, std::as_const(batch[0]))));
      if (options_.park_keys && letter.keyed && hash != letter.key_hash) {
        this->context_->replay_outcome = Error{
            ErrorCode::invalid_argument,
            "the repair changed the key of the record, but the step parks keys: later records of "
            "the old key wait for this one. Drop it here and send the record anew at the source"};
        return;
      }
      batch.hashes()[0] = hash;
      deliver(batch);
    }));
    if (letter.keyed) unpark(letter);
    return {};
  }

  ProcessOptions options_;
  Ctx ctx_;

 private:
  struct TimerChange {
    Timer timer;
    bool set;  // or cancelled
  };
  void undo_timers(Entry& entry) {
    for (auto change = timer_changes_.rbegin(); change != timer_changes_.rend(); ++change) {
      if (change->set)
        this->cancel_timer(entry, change->timer);
      else
        this->set_timer(entry, change->timer);
    }
  }

  static constexpr bool kCheapCopy = std::is_trivially_copyable_v<S> && sizeof(S) <= 256;
  struct Nothing {};
  auto save(const S& state) {
    if constexpr (kCheapCopy) {
      return S(state);
    } else if constexpr (std::is_copy_constructible_v<S>) {
      return options_.rollback_state ? std::optional<S>(state) : std::nullopt;
    } else {
      return Nothing{};
    }
  }
  template <class Undo>
  void restore(S& state, const Undo& undo) {
    if constexpr (kCheapCopy) {
      state = undo;
    } else if constexpr (!std::is_same_v<Undo, Nothing>) {
      if (undo) state = *undo;
    }
  }

  template <class T>
  DeadLetter keyed_letter(DeadLetterReason reason, Entry& entry, const T& record,
                          std::int64_t time_ms, std::int64_t seen_ms, std::uint32_t input) {
    DeadLetter letter = make_record_letter(reason, record, time_ms);
    letter.seen_ms = seen_ms;
    letter.input = input;
    letter.key = encode_to_string(entry.key());
    letter.key_hash = entry.hash;
    letter.keyed = true;
    return letter;
  }
  template <class T>
  void failed(Entry& entry, const T& record, std::int64_t time_ms, std::int64_t seen_ms,
              std::uint32_t input) {
    std::string why = current_exception_text();
    if (this->context_->replaying) {
      this->context_->replay_outcome = Error{ErrorCode::user_code, std::move(why)};
      return;
    }
    DeadLetter letter =
        keyed_letter(DeadLetterReason::user_error, entry, record, time_ms, seen_ms, input);
    letter.message = std::move(why);
    this->context_->dead_letters->add(std::move(letter));
    if (options_.park_keys) ++entry.make_extras().parked;
  }
  template <class T>
  void park(Entry& entry, const T& record, std::int64_t time_ms, std::int64_t seen_ms,
            std::uint32_t input) {
    DeadLetter letter =
        keyed_letter(DeadLetterReason::parked, entry, record, time_ms, seen_ms, input);
    letter.message = "waits behind an earlier dead letter of its key";
    this->context_->dead_letters->add(std::move(letter));
    ++entry.extras->parked;
  }
  void unpark(const DeadLetter& letter) {
    this->table_->for_hash(letter.key_hash, [&](Entry& entry) {
      if (encode_to_string(entry.key()) != letter.key) return true;
      this->table_->touch(entry);
      if (entry.extras && entry.extras->parked > 0) --entry.extras->parked;
      return false;
    });
  }

  TimerFn timer_fn_;
  Entry* current_ = nullptr;
  std::vector<TimerChange> timer_changes_;  // of the call under way, to undo one that throws
  bool clear_ = false;
};

/// One input, records taken as they come.
template <class K, class S, class T, class KeyFn, class Fn, class TimerFn, class... Outs>
class ProcessOperator final
    : public ProcessBase<ProcessOperator<K, S, T, KeyFn, Fn, TimerFn, Outs...>, K, S, S, TimerFn,
                         Outs...> {
  using Base = ProcessBase<ProcessOperator, K, S, S, TimerFn, Outs...>;

 public:
  ProcessOperator(KeyFn key, Fn fn, TimerFn timer_fn, const ProcessOptions& options)
      : Base(std::move(timer_fn), options), key_(std::move(key)), fn_(std::move(fn)) {}

  void on_batch(std::uint32_t, BatchBase& base) override {
    auto& batch = static_cast<Batch<T>&>(base);
    const std::size_t rows = batch.size();
    this->context_->metrics->records_in.add(rows);
    const std::uint64_t* hashes = batch.hashes();
    this->prefetch_first(hashes, rows);
    for (std::size_t i = 0; i < rows; ++i) {
      this->prefetch_next(hashes, rows, i);
      if constexpr (kFar) this->prefetch_next_far(hashes, rows, i);
      const std::int64_t time = batch.times()[i];
      auto& entry = this->fetch(hashes[i], std::invoke(key_, std::as_const(batch[i])), time);
      this->call(entry, batch[i], fn_, time, batch.seen(i), 0);
    }
    this->ctx_.flush();
  }

  Status replay(const DeadLetter& letter) override {
    return this->template replay_keyed<T>(letter, key_,
                                          [this](Batch<T>& batch) { on_batch(0, batch); });
  }

 private:
  /// A key has more than its entry.
  static constexpr bool kFar = StateHolder<S>::kFar || !std::is_same_v<TimerFn, NoTimerFn>;
  KeyFn key_;
  Fn fn_;
};

}  // namespace weir
