// Sessions: windows that end with a gap of event time without a record. A record that lies within
// reach of several makes them one.
//
// Invariant: sessions of a key that are not `replaced` and that one watermark still keeps do not
// touch each other. The queue holds a time at or before the next one at which a session is due.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "weir/operators/window_operator.h"

namespace weir {

/// One session of a key.
template <class Acc>
struct SessionSpan {
  std::int64_t start = 0, end = INT64_MIN;  ///< INT64_MIN: there is none
  Acc value{};
  bool fired = false;
  bool replaced = false;  ///< it still gives its result, but has become part of another
  BOOST_DESCRIBE_CLASS(SessionSpan, (), (start, end, value, fired, replaced), (), ())
};

/// The sessions of a key: almost always one, which then is `only`; all in `several` otherwise, with
/// those that replace others behind them.
template <class Acc>
struct SessionState {
  SessionSpan<Acc> only;
  // Not stored: the first time for which the queue has the key, and whether it may be an earlier
  // one.
  std::int64_t queued = INT64_MAX;
  bool unsure = false;
  Boxed<std::vector<SessionSpan<Acc>>> several;
  BOOST_DESCRIBE_CLASS(SessionState, (), (only, several), (), ())

  bool has_only() const { return only.end != INT64_MIN; }
  bool has_several() const { return several && !several->empty(); }
};

template <class K, class Acc, class T, class KeyFn, class AddFn, class CombineFn>
class SessionWindowOperator final
    : public WindowOperator<SessionWindowOperator<K, Acc, T, KeyFn, AddFn, CombineFn>, K,
                            SessionState<Acc>, Acc, T, KeyFn, AddFn, CombineFn> {
  using Base =
      WindowOperator<SessionWindowOperator, K, SessionState<Acc>, Acc, T, KeyFn, AddFn, CombineFn>;
  using State = SessionState<Acc>;
  using Span = SessionSpan<Acc>;

 public:
  using Entry = typename Base::Entry;

  SessionWindowOperator(WindowSpec spec, KeyFn key, AddFn add, CombineFn combine,
                        WindowOptions options)
      : Base(std::move(key), std::move(add), std::move(combine), options),
        gap_ms_(spec.gap.count()) {
    this->prefetch_steps_ = 0;
  }

  static bool is_empty(const State& state) { return !state.has_only() && !state.has_several(); }

  bool take(Entry& entry, const T& record, std::int64_t time, std::int64_t watermark) {
    State& state = entry.value();
    if (!state.has_several()) [[likely]] {
      if (grow_only(state.only, record, time, watermark)) return true;
      if (!state.has_only() && begin_only(entry, record, time, watermark)) return true;
    }
    std::vector<Span>& spans = spread(state);
    const bool taken = take_among(entry, spans, record, time, watermark);
    schedule(entry, gather(state));
    return taken;
  }

 protected:
  bool on_time(Entry& entry, EventTime time) override {
    State& state = entry.value();
    const std::int64_t now = to_millis(time);
    if (state.queued > now) {  // a time that has been overtaken
      if (std::exchange(state.unsure, false)) this->wake(entry, state.queued);
      return false;
    }
    state.queued = INT64_MAX;
    std::int64_t next = next_due(state);
    const bool any = next <= now;
    if (any) {
      this->table_->touch(entry);
      if (state.has_several())
        fire_several(entry, now);
      else if (!fire(entry, state.only, now))
        state.only = {};
      next = gather(state);
      if (is_empty(state)) this->remove_after_call();
    }
    schedule(entry, next);
    return any;
  }
  void on_restored(Entry& entry) override { schedule(entry, next_due(entry.value())); }
  void on_reloaded(Entry& entry) override {
    Base::on_reloaded(entry);
    // The queue has the key for the time when it is due, or for an earlier one that it has been
    // woken for in vain since.
    State& state = entry.value();
    state.queued = next_due(state);
    state.unsure = true;
  }

 private:
  std::int64_t end_after(std::int64_t time) const { return this->after(time, gap_ms_); }
  std::int64_t last_moment_of(const Span& span) const {
    return span.replaced ? span.end - 1 : this->last_moment(span.end);
  }

  // ---- when sessions end ---------------------------------------------------------------------

  std::int64_t due(const Span& span) const {
    return span.fired ? last_moment_of(span) : span.end - 1;
  }
  std::int64_t next_due(const State& state) const {
    if (!state.has_several()) return state.has_only() ? due(state.only) : INT64_MAX;
    std::int64_t next = INT64_MAX;
    for (const Span& span : *state.several) next = std::min(next, due(span));
    return next;
  }
  /// The queue holds one time for a key, however often its sessions grow.
  void schedule(Entry& entry, std::int64_t due) {
    if (entry.value().queued <= due) return;
    entry.value().queued = due;
    entry.value().unsure = false;
    this->wake(entry, due);
  }
  /// Gives the result of `span` if it is due; false when it is not needed any more.
  bool fire(Entry& entry, Span& span, std::int64_t now) {
    const bool stays = last_moment_of(span) > now;
    if (!span.fired && span.end - 1 <= now) {
      span.fired = true;
      if (stays)
        this->emit(entry, span.start, span.end, span.value);
      else
        this->emit(entry, span.start, span.end, std::move(span.value));
    }
    return stays || !span.fired;
  }
  void fire_several(Entry& entry, std::int64_t now) {
    std::erase_if(*entry.value().several, [&](Span& span) { return !fire(entry, span, now); });
  }

  // ---- a key with one session, or none -------------------------------------------------------

  /// Takes the record into a session that reaches it and has not ended.
  bool grow_only(Span& span, const T& record, std::int64_t time, std::int64_t watermark) {
    const std::int64_t end = end_after(time);
    const bool reached = time < span.end && span.start < end;
    if (!reached || span.replaced || span.end - 1 <= watermark) return false;
    this->add_(span.value, record);
    span.start = std::min(span.start, time);
    span.end = std::max(span.end, end);
    return true;
  }
  /// Begins the key's only session, unless the record is late for it.
  bool begin_only(Entry& entry, const T& record, std::int64_t time, std::int64_t watermark) {
    const std::int64_t end = end_after(time);
    if (end - 1 <= watermark) return false;
    Acc value{};
    this->add_(value, record);
    entry.value().only = {time, end, std::move(value), false, false};
    schedule(entry, end - 1);
    return true;
  }
  /// Puts all sessions into `several`.
  static std::vector<Span>& spread(State& state) {
    std::vector<Span>& spans = state.several.make();
    if (state.has_only()) spans.push_back(std::exchange(state.only, {}));
    return spans;
  }
  /// Puts a single session back into `only`; returns when the next one is due. What is behind the
  /// pointer goes: to look at it with each record would cost more than to make it again.
  std::int64_t gather(State& state) const {
    if (state.several && state.several->size() == 1) state.only = std::move(state.several->front());
    if (state.several && state.several->size() <= 1) state.several.reset();
    return next_due(state);
  }

  // ---- the general case ----------------------------------------------------------------------

  /// The sessions that the record reaches become one with it. Those that had been given up by the
  /// record's watermark are not reached, whether they are still here or not; those that had ended
  /// by then have given their result, or will give it as it is now.
  bool take_among(Entry& entry, std::vector<Span>& spans, const T& record, std::int64_t time,
                  std::int64_t watermark) {
    Span fresh{time, end_after(time), {}, false, false};
    reached_.clear();
    std::int64_t end = fresh.end;
    for (std::size_t i = 0; i < spans.size(); ++i) {
      const Span& s = spans[i];
      if (s.replaced || s.start >= fresh.end || time >= s.end) continue;
      if (last_moment_of(s) <= watermark) continue;
      reached_.push_back(i);
      end = std::max(end, s.end);
    }
    if (this->last_moment(end) <= watermark) return false;
    this->add_(fresh.value, record);  // alone: if it throws, nothing has been merged
    if (reached_.size() == 1 && spans[reached_[0]].end - 1 > watermark)
      grow(spans[reached_[0]], fresh);
    else
      merge(entry, spans, std::move(fresh), watermark);
    return true;
  }
  /// Takes `fresh` into a session that had not ended.
  void grow(Span& span, const Span& fresh) {
    this->combine_(span.value, fresh.value);
    span.start = std::min(span.start, fresh.start);
    span.end = std::max(span.end, fresh.end);
  }
  /// Makes one session of the reached ones and `fresh`. All that may throw comes first.
  void merge(Entry& entry, std::vector<Span>& spans, Span fresh, std::int64_t watermark) {
    if (!reached_.empty()) {
      Acc value = spans[reached_[0]].value;
      for (std::size_t i = 1; i < reached_.size(); ++i) {
        this->combine_(value, std::as_const(spans[reached_[i]].value));
      }
      this->combine_(value, std::as_const(fresh.value));
      fresh.value = std::move(value);
    }
    bool waits = false;  // a result that comes before this one's
    for (auto i = reached_.rbegin(); i != reached_.rend(); ++i) {
      Span& span = spans[*i];
      fresh.start = std::min(fresh.start, span.start);
      fresh.end = std::max(fresh.end, span.end);
      if (!span.fired && span.end - 1 <= watermark)
        span.replaced = waits = true;
      else
        spans.erase(spans.begin() + static_cast<std::ptrdiff_t>(*i));
    }
    if (!waits && fresh.end - 1 <= this->watermark()) {
      fresh.fired = true;
      this->emit(entry, fresh.start, fresh.end, fresh.value);
    }
    spans.push_back(std::move(fresh));  // behind those that it replaced: they fire first
  }

  std::int64_t gap_ms_;
  std::vector<std::size_t> reached_;  // sessions of the record at hand
};

}  // namespace weir
