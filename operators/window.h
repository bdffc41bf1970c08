// Windows: aggregates over spans of event time for each key.
//
//   tumbling(1h)            every hour on the hour
//   sliding(7 days, 1 day)  spans of 7 days, one beginning each day
//   session(30min)          spans without a gap of 30 minutes; merge as records fill gaps
//
// A window fires when event time passes its end. A record that came late is judged by the watermark
// of its split when it was read, not by how far this step has got: for a window that had ended by
// then it changes a result already given, once, after that result; past the allowed lateness it
// goes to the late output (port 1), or becomes a dead letter where nobody takes that. So neither
// batching nor parallelism changes what comes out.
//
// Invariant of sessions: those of a key that are not `replaced` and that one watermark still keeps
// do not touch each other.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "weir/operators/contract.h"
#include "weir/runtime/keyed_operator.h"

namespace weir {

/// Which windows a time falls into.
struct WindowSpec {
  Duration size{0};
  Duration slide{0};   ///< 0: tumbling
  Duration gap{0};     ///< not 0: sessions
  Duration offset{0};  ///< where windows begin, from the hour zero of UTC
};
inline WindowSpec tumbling(Duration size, Duration offset = Duration(0)) {
  return {size, size, Duration(0), offset};
}
inline WindowSpec sliding(Duration size, Duration slide, Duration offset = Duration(0)) {
  return {size, slide, Duration(0), offset};
}
inline WindowSpec session(Duration gap) { return {Duration(0), Duration(0), gap, Duration(0)}; }

struct WindowOptions {
  Duration allowed_lateness{0};
  std::uint32_t parallelism = 0;
};

/// A window's result. `end` is the first time behind the window.
template <class K, class V>
struct Windowed {
  K key{};
  EventTime start{}, end{};
  V value{};
  BOOST_DESCRIBE_CLASS(Windowed, (), (key, start, end, value), (), ())
};

/// One window of a key.
template <class Acc>
struct WindowSpan {
  std::int64_t start = 0, end = 0;
  Acc value{};
  std::vector<Acc> updates;  ///< late ones that wait for the first result
  bool fired = false;
  bool filled = false;    ///< `value` holds a record
  bool replaced = false;  ///< a session that still gives its result, but has become part of another
  std::int64_t queued = INT64_MAX;  ///< when it will be looked at; not stored
  BOOST_DESCRIBE_CLASS(WindowSpan, (), (start, end, value, updates, fired, filled, replaced), (),
                       ())
};

template <class K, class Acc, class T, class KeyFn, class AddFn, class CombineFn>
class WindowOperator final : public KeyedOperator<K, std::vector<WindowSpan<Acc>>> {
  using Span = WindowSpan<Acc>;
  using Base = KeyedOperator<K, std::vector<Span>>;
  using Entry = typename Base::Entry;

 public:
  WindowOperator(WindowSpec spec, KeyFn key, AddFn add, CombineFn combine, WindowOptions options)
      : spec_(spec),
        allowed_ms_(options.allowed_lateness.count()),
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
      const std::int64_t watermark = std::max(batch.seen(i), to_millis(this->context_->watermark));
      auto& entry = this->fetch(hashes[i], std::invoke(key_, std::as_const(batch[i])), time);
      try {
        const bool taken = spec_.gap.count() > 0 ? into_session(entry, batch[i], time, watermark)
                                                 : into_windows(entry, batch[i], time, watermark);
        if (!taken) late_.take(batch[i], time, watermark);
      } catch (...) {
        user_error(*this->context_, batch[i], time, batch.seen(i), 0);
      }
      if (entry.value().empty()) this->table_->erase(entry);
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
  bool on_time(Entry& entry, EventTime time) override {
    auto& spans = entry.value();
    const std::int64_t now = to_millis(time);
    bool any = false;
    for (Span& span : spans) {
      if (span.queued > now) continue;
      span.queued = INT64_MAX;
      if (!is_due(span, now)) schedule(entry, span);  // it has grown since
    }
    for (const Span& span : spans) any |= is_due(span, now);
    if (!any) return false;
    this->table_->touch(entry);
    for (Span& span : spans) {
      if (!span.fired && span.end - 1 <= now) fire(entry, span);
    }
    std::erase_if(spans, [&](const Span& s) { return s.fired && last_moment(s) <= now; });
    if (spans.empty()) this->remove_after_call();
    return true;
  }
  void on_timers_done() override { out_.flush(); }
  void on_restored(Entry& entry) override {
    for (Span& span : entry.value()) schedule(entry, span);
  }

 private:
  /// Results of steps before this one may have come at the end of time.
  static std::int64_t add(std::int64_t time, std::int64_t span) {
    return to_millis(saturating_add(from_millis(time), Duration(span)));
  }
  /// The watermark at which a window with this end is given up.
  std::int64_t last_moment(std::int64_t end) const {
    return std::min(add(end - 1, allowed_ms_), INT64_MAX - 1);
  }
  std::int64_t last_moment(const Span& span) const {
    return span.replaced ? span.end - 1 : last_moment(span.end);
  }
  bool is_due(const Span& span, std::int64_t now) const {
    return (!span.fired && span.end - 1 <= now) || (span.fired && last_moment(span) <= now);
  }
  /// The queue holds one time for a span, however often it grows.
  void schedule(Entry& entry, Span& span) {
    const std::int64_t due = span.fired ? last_moment(span) : span.end - 1;
    if (span.queued <= due) return;
    span.queued = due;
    this->queue(false).add(due, entry.hash);
  }
  void emit(Entry& entry, const Span& span) {
    out_.emit(
        Windowed<K, Acc>{entry.key(), from_millis(span.start), from_millis(span.end), span.value},
        span.end - 1);
    out_.flush_full();
  }
  void fire(Entry& entry, Span& span) {
    span.fired = true;
    if (span.filled) emit(entry, span);
    for (const Acc& update : span.updates) {
      combine_(span.value, update);
      emit(entry, span);
    }
    span.updates.clear();
    if (allowed_ms_ > 0 && !span.replaced) schedule(entry, span);
  }

  bool into_windows(Entry& entry, const T& record, std::int64_t time, std::int64_t watermark) {
    const std::int64_t slide = spec_.slide.count(), size = spec_.size.count();
    std::int64_t shifted = (time % slide - spec_.offset.count() % slide) % slide;
    if (shifted < 0) shifted += slide;
    bool taken = false;
    for (std::int64_t start = time - shifted; start > time - size; start -= slide) {
      const std::int64_t end = add(start, size);
      if (last_moment(end) <= watermark) continue;  // given up
      Span& span = span_at(entry, start, end);
      const bool ended = end - 1 <= watermark;
      taken = true;
      if (!ended) {
        add_(span.value, record);
        span.filled = true;
      } else if (span.fired) {
        add_(span.value, record);
        emit(entry, span);
      } else {
        Acc update{};
        add_(update, record);
        span.updates.push_back(std::move(update));
      }
    }
    return taken;
  }
  Span& span_at(Entry& entry, std::int64_t start, std::int64_t end) {
    auto& spans = entry.value();
    auto place =
        std::find_if(spans.rbegin(), spans.rend(), [&](const Span& s) { return s.start <= start; });
    if (place != spans.rend() && place->start == start) return *place;
    Span fresh;
    fresh.start = start;
    fresh.end = end;
    // A window that event time has already passed was empty: what comes now changes that.
    fresh.fired = end - 1 <= to_millis(this->context_->watermark);
    schedule(entry, fresh);
    return *spans.insert(place.base(), std::move(fresh));
  }

  /// The sessions that the record reaches become one with it. Those that had been given up by the
  /// record's watermark are not reached, whether they are still here or not; those that had ended
  /// by then have given their result, or will give it as it is now.
  bool into_session(Entry& entry, const T& record, std::int64_t time, std::int64_t watermark) {
    Span fresh;
    fresh.start = time;
    fresh.end = add(time, spec_.gap.count());
    fresh.filled = true;
    reached_.clear();
    std::int64_t end = fresh.end;
    auto& spans = entry.value();
    for (std::size_t i = 0; i < spans.size(); ++i) {
      const Span& s = spans[i];
      if (s.replaced || s.start >= fresh.end || time >= s.end) continue;
      if (last_moment(s) <= watermark) continue;
      reached_.push_back(i);
      end = std::max(end, s.end);
    }
    if (last_moment(end) <= watermark) return false;
    add_(fresh.value, record);  // alone: if it throws, nothing has been merged
    if (reached_.size() == 1 && spans[reached_[0]].end - 1 > watermark) {
      grow(entry, spans[reached_[0]], fresh);
    } else {
      merge(entry, std::move(fresh), watermark);
    }
    return true;
  }
  /// Takes `fresh` into a session that had not ended.
  void grow(Entry& entry, Span& span, const Span& fresh) {
    combine_(span.value, fresh.value);
    span.start = std::min(span.start, fresh.start);
    span.end = std::max(span.end, fresh.end);
    schedule(entry, span);
  }
  /// Makes one session of the reached ones and `fresh`. All that may throw comes first.
  void merge(Entry& entry, Span fresh, std::int64_t watermark) {
    auto& spans = entry.value();
    if (!reached_.empty()) {
      Acc value = spans[reached_[0]].value;
      for (std::size_t i = 1; i < reached_.size(); ++i) combine_(value, spans[reached_[i]].value);
      combine_(value, std::as_const(fresh.value));
      fresh.value = std::move(value);
    }
    bool waits = false;  // a result that comes before this one's
    for (auto i = reached_.rbegin(); i != reached_.rend(); ++i) {
      Span& span = spans[*i];
      fresh.start = std::min(fresh.start, span.start);
      fresh.end = std::max(fresh.end, span.end);
      if (!span.fired && span.end - 1 <= watermark) {
        span.replaced = waits = true;
      } else {
        fresh.queued = std::min(fresh.queued, span.queued);
        spans.erase(spans.begin() + static_cast<std::ptrdiff_t>(*i));
      }
    }
    if (!waits && fresh.end - 1 <= to_millis(this->context_->watermark)) {
      fresh.fired = true;
      emit(entry, fresh);
    }
    schedule(entry, fresh);
    spans.push_back(std::move(fresh));  // behind those that it replaced: they fire first
  }

  WindowSpec spec_;
  std::int64_t allowed_ms_;
  KeyFn key_;
  AddFn add_;
  CombineFn combine_;
  Emitter<Windowed<K, Acc>> out_;
  LateOutput<T> late_;
  std::vector<std::size_t> reached_;  // sessions of the record at hand
};

}  // namespace weir
