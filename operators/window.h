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
  bool filled = false;  ///< `value` holds a record
  BOOST_DESCRIBE_CLASS(WindowSpan, (), (start, end, value, updates, fired, filled), (), ())
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
    for (const Span& span : entry.value()) schedule(entry, span);
  }

 private:
  /// The watermark at which `span` is given up.
  std::int64_t last_moment(const Span& span) const { return span.end - 1 + allowed_ms_; }
  bool is_due(const Span& span, std::int64_t now) const {
    return (!span.fired && span.end - 1 <= now) || (span.fired && last_moment(span) <= now);
  }
  void schedule(Entry& entry, const Span& span) {
    this->queue(false).add(span.fired ? last_moment(span) : span.end - 1, entry.hash);
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
    if (allowed_ms_ > 0) schedule(entry, span);
  }

  bool into_windows(Entry& entry, const T& record, std::int64_t time, std::int64_t watermark) {
    const std::int64_t slide = spec_.slide.count(), size = spec_.size.count();
    std::int64_t shifted = (time - spec_.offset.count()) % slide;
    if (shifted < 0) shifted += slide;
    bool taken = false;
    for (std::int64_t start = time - shifted; start > time - size; start -= slide) {
      const std::int64_t end = start + size;
      if (end - 1 + allowed_ms_ <= watermark && end - 1 <= watermark) continue;  // given up
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

  /// Sessions that the record reaches become one with it.
  bool into_session(Entry& entry, const T& record, std::int64_t time, std::int64_t watermark) {
    auto& spans = entry.value();
    Span merged;
    merged.start = time;
    merged.end = time + spec_.gap.count();
    bool given = false;
    const auto touches = [&](const Span& s) {
      return s.start < merged.end && merged.start < s.end;
    };
    for (const Span& s : spans) {
      if (!touches(s)) continue;
      given |= s.fired;
    }
    std::int64_t end = merged.end;
    for (const Span& s : spans) {
      if (touches(s)) end = std::max(end, s.end);
    }
    if (end - 1 + allowed_ms_ <= watermark && end - 1 <= watermark) return false;
    Acc own{};
    add_(own, record);  // alone: if it throws, nothing has been merged
    merged.filled = true;
    bool first = true;
    for (auto it = spans.begin(); it != spans.end();) {
      if (!(it->start < time + spec_.gap.count() && time < it->end)) {
        ++it;
        continue;
      }
      merged.start = std::min(merged.start, it->start);
      merged.end = std::max(merged.end, it->end);
      if (first)
        merged.value = std::move(it->value);
      else
        combine_(merged.value, it->value);
      first = false;
      it = spans.erase(it);
    }
    if (first)
      merged.value = std::move(own);
    else
      combine_(merged.value, own);
    merged.fired = given && merged.end - 1 <= watermark;
    if (merged.fired) emit(entry, merged);
    schedule(entry, merged);
    const auto place = std::find_if(spans.begin(), spans.end(),
                                    [&](const Span& s) { return s.start > merged.start; });
    spans.insert(place, std::move(merged));
    return true;
  }

  WindowSpec spec_;
  std::int64_t allowed_ms_;
  KeyFn key_;
  AddFn add_;
  CombineFn combine_;
  Emitter<Windowed<K, Acc>> out_;
  LateOutput<T> late_;
};

}  // namespace weir
