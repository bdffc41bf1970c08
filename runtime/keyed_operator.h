// What all operators with keyed state share: the table, its timers and time to live, snapshot and
// restore. Used by the thread of its task.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "weir/runtime/keyed_restore.h"
#include "weir/runtime/keyed_table.h"
#include "weir/runtime/operator.h"
#include "weir/runtime/timer_queue.h"

namespace weir {

/// How long the state of a key lives after its last use.
struct TimeToLive {
  Duration after{0};             ///< 0: for ever
  bool processing_time = false;  ///< wall time instead of event time
};

template <class K, class S>
class KeyedOperator : public Operator {
 public:
  using Table = KeyedTable<K, S>;
  using Entry = typename Table::Entry;
  using Parts = StateParts<S>;

  Status open(OperatorContext& context) override {
    context_ = &context;
    table_.emplace(context.keys.first, context.keys.last);
    if (context.state_budget_bytes > 0) return limit_memory();
    return {};
  }

  bool has_keyed_state() const override { return true; }

  Status restore(RestoreRequest& request) override {
    context_->watermark = request.watermark;
    if (!request.open_rows) return {};
    auto loader = std::make_shared<Loader>();
    WEIR_TRY(loader->open(request.key_schema, request.state_schema));
    const std::uint64_t budget = context_->state_budget_bytes;
    request.rewrite |= loader->rewrite_needed();
    if (request.may_wait && (budget == 0 || !request.rewrite)) {
      restore_in_background(request, std::move(loader));
      return {};
    }
    WEIR_ASSIGN(const auto rows, request.open_rows());
    const std::uint64_t bytes = std::max(request.most_rows * sizeof(Entry), request.most_bytes);
    if (budget > 0 && bytes > budget / 2) {
      return restore_cold(request, *rows, *loader);
    }
    std::size_t seen = 0;
    WEIR_TRY(restore_rows(*rows, context_->step, [&](const StoredRow& row) {
      if ((++seen & (kLooking - 1)) == 0) table_->expect(table_->size(), row.hash);
      return loader->load(*table_, row);
    }));
    table_->for_each([this](Entry& entry) { on_restored(entry); });
    if (request.rewrite) table_->mark_all_changed();
    if (budget > 0) table_->set_runs(request.runs, true);  // now entries may leave
    return {};
  }

  bool restore_slice() override {
    if (!loading_) return true;
    if (!table_->load_slice(load_cursor_, context_->keys.last, context_->restore_slice_rows)) {
      return false;
    }
    loading_ = rewriting_ = false;
    if (context_->state_budget_bytes == 0) table_->end_cold();
    return true;
  }

  bool on_watermark(EventTime watermark) override {
    context_->watermark = watermark;
    return fire(event_timers_, watermark, false);
  }
  bool on_processing_time(EventTime now) override { return fire(processing_timers_, now, true); }
  std::optional<EventTime> next_processing_time() const override {
    if (processing_timers_.size() == 0) return std::nullopt;
    return from_millis(processing_timers_.next_time());
  }

  Status snapshot(SnapshotRequest&) override {
    table_->begin_snapshot();
    return {};
  }
  void on_runs_changed(const StateRuns& runs, bool all_stored, bool storing) override {
    table_->set_runs(runs, all_stored, storing);
  }
  bool wants_checkpoint() const override { return table_->wants_snapshot(); }
  bool snapshot_slice(RowBuffer& rows) override {
    context_->metrics->state_entries.set(table_->size());
    return table_->snapshot_slice(rows, kSnapshotSlice);
  }
  bool is_full() const override { return table_->is_full(); }

 protected:
  static constexpr std::size_t kSnapshotSlice = 2048, kRewriteSlice = 65536, kLooking = 256;
  static constexpr int kTimerSlice = 256;
  static constexpr std::size_t kAhead = 16, kFarAhead = 6, kTimersAhead = 24, kStateAhead = 12;
  /// Two keys never have one hash: mix64 is a bijection.
  static constexpr bool kHashTells = key_is_hash<K>;

  /// A timer of `entry` is due. The entry has been touched; the function may change it, and may ask
  /// for its removal through `remove_after`.
  virtual void on_timer(Entry&, const Timer&) {}
  /// Event time has passed `time`, at which `entry` was put into the queue without a timer. Called
  /// before the timers of that time; false when there was nothing to do. Must touch what it
  /// changes.
  virtual bool on_time(Entry&, EventTime) { return false; }
  /// Brings what hangs on an entry that is about to be due towards the cache; its slot is there.
  /// Called `prefetch_steps_` times with growing `step`, some timers apart, so that each may follow
  /// a pointer that the one before has fetched.
  virtual void prefetch_due(Entry& entry, int) { prefetch_far(entry); }
  /// What hangs on `entry` that a record or a timer of its key is likely to need.
  [[gnu::always_inline]] static void prefetch_far(Entry& entry) {
    const char* extras = reinterpret_cast<const char*>(entry.extras.get());
    __builtin_prefetch(extras, 1);
    __builtin_prefetch(extras + sizeof(KeyExtras) - 1, 1);
    entry.state.prefetch();
  }
  /// Called once after each slice of timers, to push what they emitted.
  virtual void on_timers_done() {}
  /// Called for each entry after a restore: puts its timers back into the queues.
  virtual void on_restored(Entry& entry) {
    if (!entry.extras) return;
    for (const KeptTimer& timer : entry.extras->timers)
      queue(timer.processing()).add(timer.time_ms, entry.hash);
    if (entry.extras->expires_ms != INT64_MAX) queue_expiry(entry);
  }

  /// Called for each entry that comes back into memory: its times are in the queues already.
  virtual void on_reloaded(Entry& entry) {
    if (entry.extras && entry.extras->expires_ms != INT64_MAX) {
      entry.extras->expiry_queued_ms = INT64_MIN;  // at a time that is no longer known
    }
  }

  TimerQueue& queue(bool processing) { return processing ? processing_timers_ : event_timers_; }

  /// False when the same timer is set already.
  bool set_timer(Entry& entry, const Timer& timer) {
    if (!entry.make_extras().timers.add(timer)) return false;
    queue(timer.processing).add(to_millis(timer.time), entry.hash);
    return true;
  }
  /// False when it is not set.
  bool cancel_timer(Entry& entry, const Timer& timer) {
    return entry.extras && entry.extras->timers.remove(timer);
  }

  /// The slots of a batch are brought towards the cache some records ahead: all at once would be
  /// more than the core can wait for.
  [[gnu::always_inline]] void prefetch_first(const std::uint64_t* hashes, std::size_t rows) {
    if (table_->is_partial()) [[unlikely]]
      table_->thaw(hashes, rows);
    for (std::size_t i = 0; i < std::min(rows, kAhead); ++i) table_->prefetch(hashes[i]);
  }
  [[gnu::always_inline]] void prefetch_next(const std::uint64_t* hashes, std::size_t rows,
                                            std::size_t i) const {
    if (i + kAhead < rows) table_->prefetch(hashes[i + kAhead]);
  }

  /// The same for what hangs on the entries, whose slots are there by now.
  [[gnu::always_inline]] void prefetch_next_far(const std::uint64_t* hashes, std::size_t rows,
                                                std::size_t i) {
    if (i + kFarAhead >= rows) return;
    if (Entry* entry = table_->peek(hashes[i + kFarAhead])) prefetch_far(*entry);
  }

  /// The entry of a key for a record of event time `time_ms`, made when missing or when its time to
  /// live is over; touched, so that it may be changed.
  template <class Key>
  Entry& fetch(std::uint64_t hash, const Key& key, std::int64_t time_ms) {
    bool created = false;
    Entry* entry = &table_->upsert(hash, key, created);
    if (ttl_.after.count() > 0) [[unlikely]]
      entry = &renew(*entry, time_ms, created);
    table_->touch(*entry);
    return *entry;
  }

  /// The time to live of `entry` is over: forgets its state, by removing it or otherwise. It has
  /// been touched, or is removed.
  virtual void on_expired(Entry& entry) { table_->erase(entry); }
  /// Whether the time to live of `entry` is over for a record of event time `time_ms`.
  bool expired(Entry& entry, std::int64_t time_ms) {
    return entry.extras && entry.extras->expires_ms <= ttl_now(time_ms);
  }
  /// Lets `entry` live its time from a record of event time `time_ms` on.
  void prolong(Entry& entry, std::int64_t time_ms) {
    KeyExtras& extras = entry.make_extras();
    // INT64_MAX stands for "never"; results of the end of time lie just before it.
    const std::int64_t until = std::min(
        to_millis(saturating_add(from_millis(ttl_now(time_ms)), ttl_.after)), INT64_MAX - 1);
    extras.expires_ms = extras.expires_ms == INT64_MAX ? until : std::max(extras.expires_ms, until);
    queue_expiry(entry);
  }

  void remove_after_call() { remove_requested_ = true; }
  bool take_remove_request() { return std::exchange(remove_requested_, false); }

  std::optional<Table> table_;
  TimeToLive ttl_;
  int prefetch_steps_ = 1;

 private:
  using Loader = KeyedRowLoader<K, S>;

  std::int64_t ttl_now(std::int64_t time_ms) const {
    return ttl_.processing_time ? to_millis(context_->task->env().clock->wall_now()) : time_ms;
  }
  /// Makes `entry` anew if its time to live is over; from now on it lives its time again.
  Entry& renew(Entry& entry, std::int64_t time_ms, bool created) {
    Entry* live = &entry;
    if (!created && expired(entry, time_ms)) {
      const std::uint64_t hash = entry.hash;
      const K key = entry.key();
      table_->touch(entry);
      entry.extras->expires_ms = INT64_MAX;
      on_expired(entry);
      live = &table_->upsert(hash, key, created);
    }
    table_->touch(*live);
    prolong(*live, time_ms);
    return *live;
  }
  /// The queue holds one entry for a key's expiry, put back when it comes up too early.
  void queue_expiry(Entry& entry) {
    KeyExtras& extras = *entry.extras;
    if (extras.expiry_queued_ms != INT64_MAX) return;
    extras.expiry_queued_ms = extras.expires_ms;
    queue(ttl_.processing_time).add(extras.expires_ms, entry.hash);
  }

  Status limit_memory() {
    auto loader = std::make_shared<Loader>();
    WEIR_TRY(loader->open(to_json(schema_of<K>()), to_json(Parts::schema())));
    limit_memory(context_->state_budget_bytes, std::move(loader));
    return {};
  }
  void limit_memory(std::uint64_t bytes, std::shared_ptr<Loader> loader) {
    table_->limit_memory(
        bytes, [loader](Table& table, const StoredRow& row) { return loader->load(table, row); },
        [this](Entry& entry) { on_loaded(entry); });
  }
  /// An entry has come from the runs, for the first time since the restore or again.
  void on_loaded(Entry& entry) {
    if (!loading_ || entry.hash < load_cursor_) {
      on_reloaded(entry);
      return;
    }
    on_restored(entry);
    if (rewriting_) table_->mark_changed(entry);
  }
  /// Leaves the state in its runs for now; `restore_slice` brings it in, and whoever asks for a
  /// key.
  void restore_in_background(RestoreRequest& request, std::shared_ptr<Loader> loader) {
    if (context_->state_budget_bytes == 0) limit_memory(UINT64_MAX, std::move(loader));
    table_->set_runs(request.runs, true);
    table_->begin_cold();
    load_cursor_ = context_->keys.first;
    loading_ = request.in_background = true;
    rewriting_ = request.rewrite;
  }
  /// Leaves the state in its runs, and takes only times from it.
  Status restore_cold(RestoreRequest& request, RowCursor& rows, Loader& loader) {
    if (request.rewrite) {
      WEIR_ASSIGN(request.runs,
                  request.write_run([&](RunWriter& run) { return rewrite(rows, loader, run); }));
      request.rewrite = false;
    } else {
      WEIR_TRY(rows.seek(""));
      WEIR_TRY(table_->visit_rows(rows, [this](Entry& entry) { on_restored(entry); }));
    }
    table_->set_runs(request.runs, true);
    table_->begin_cold();
    return {};
  }
  /// Reads rows as they were written and writes them as they are now, some at a time.
  Status rewrite(RowCursor& rows, Loader& loader, RunWriter& run) {
    RowBuffer written;
    Table one(context_->keys.first, context_->keys.last);
    WEIR_TRY(rows.seek(""));
    while (rows.valid()) {
      const std::uint64_t hash = ByteReader(rows.key()).big_endian64();
      WEIR_TRY(load_group(rows, hash, loader, one));
      one.visit_and_forget(hash, [&](Entry& entry) {
        on_restored(entry);
        KeyedRows<S>::mark_all_dirty(entry);
        KeyedRows<S>::write(entry, written);
      });
      if (written.rows() < kRewriteSlice && rows.valid()) continue;
      WEIR_TRY(written.write_to(run));
      written = RowBuffer();
    }
    return {};
  }
  /// Loads the rows of one hash, at which `rows` stands.
  Status load_group(RowCursor& rows, std::uint64_t hash, Loader& loader, Table& table) {
    for (; rows.valid() && ByteReader(rows.key()).big_endian64() == hash;) {
      WEIR_TRY(restore_row(rows, context_->step,
                           [&](const StoredRow& row) { return loader.load(table, row); }));
      WEIR_TRY(rows.next());
    }
    return {};
  }

  bool fire(TimerQueue& timers, EventTime until, bool processing) {
    TimerQueue::Due due;
    int budget = kTimerSlice;
    while (budget-- > 0) {
      if (!timers.pop(to_millis(until), due)) {
        on_timers_done();
        return true;
      }
      if (timers.loads() != loads_seen_) [[unlikely]] {
        loads_seen_ = timers.loads();
        for (std::size_t ahead = 0; ahead < kTimersAhead; ++ahead) prefetch_slot(timers, ahead);
        for (std::size_t ahead = 0; ahead < kStateAhead; ++ahead) prefetch_state(timers, ahead, 0);
      }
      prefetch_slot(timers, kTimersAhead);
      for (int step = 0; step < prefetch_steps_; ++step) {
        prefetch_state(timers, kStateAhead >> step, step);
      }
      fire_due(due, processing);
    }
    on_timers_done();
    return false;
  }

  [[gnu::always_inline]] void prefetch_slot(const TimerQueue& timers, std::size_t ahead) const {
    if (const auto* next = timers.peek(ahead)) table_->prefetch(next->hash);
  }
  void prefetch_state(const TimerQueue& timers, std::size_t ahead, int step) {
    const auto* next = prefetch_steps_ > step ? timers.peek(ahead) : nullptr;
    if (next == nullptr) return;
    if (Entry* entry = table_->peek(next->hash)) prefetch_due(*entry, step);
  }

  void fire_due(const TimerQueue::Due& due, bool processing) {
    const EventTime time = from_millis(due.time_ms);
    // Keys with equal hashes are told apart by what stands in their entries. One at a time, because
    // what fires may remove its entry.
    for (bool again = true; again;) {
      again = false;
      table_->for_hash(due.hash, [&](Entry& entry) {
        again = fire_entry(entry, time, processing) && !kHashTells;
        return !again;
      });
    }
  }
  /// Fires what is due in `entry`; false when nothing was.
  bool fire_entry(Entry& entry, EventTime time, bool processing) {
    if (entry.extras && processing == ttl_.processing_time && expire(entry, to_millis(time))) {
      return true;
    }
    bool fired = !processing && on_time(entry, time);
    if (entry.extras && !remove_requested_) {
      if (entry.extras->has_due(time, processing)) {
        table_->touch(entry);  // first: a snapshot under way must still hold these timers
        entry.extras->timers.take_due(time, processing, due_timers_);
        for (const Timer& timer : due_timers_) {
          context_->metrics->timers_fired.add(1);
          on_timer(entry, timer);
        }
        fired = true;
      }
    }
    if (take_remove_request()) table_->erase(entry);
    return fired;
  }

  /// Removes `entry` if its time to live is over at `now_ms`, for which it was queued.
  bool expire(Entry& entry, std::int64_t now_ms) {
    KeyExtras& extras = *entry.extras;
    if (extras.expiry_queued_ms > now_ms || extras.expiry_queued_ms == INT64_MAX) return false;
    extras.expiry_queued_ms = INT64_MAX;
    if (extras.expires_ms <= now_ms) {
      table_->touch(entry);
      extras.expires_ms = INT64_MAX;
      on_expired(entry);
      return true;
    }
    queue_expiry(entry);
    return false;
  }

  TimerQueue event_timers_, processing_timers_;
  std::vector<Timer> due_timers_;  // being fired
  std::size_t loads_seen_ = 0;     // of the queue that fired last
  bool remove_requested_ = false;
  // After a restore in the background: hashes from the cursor on have yet to be brought in.
  bool loading_ = false, rewriting_ = false;
  std::uint64_t load_cursor_ = 0;
};

}  // namespace weir
