// Windows of a fixed size, tumbling and sliding. A record goes into one pane, however many windows
// have it; the windows of a key fire one after the other, each as the total of its panes.
//
// A window that allows late records is kept after it has fired, with its own value, until event
// time has passed the allowance.
//
// Invariant: the windows of a key before `state.next` have fired or have nothing; the queue holds
// the end of `state.next`, and that of the first kept window's allowance.
#pragma once

#include <algorithm>
#include <utility>

#include "weir/operators/window_grid.h"
#include "weir/operators/window_operator.h"
#include "weir/operators/window_panes.h"

namespace weir {

template <class K, class Acc, class T, class KeyFn, class AddFn, class CombineFn>
class PaneWindowOperator final
    : public WindowOperator<PaneWindowOperator<K, Acc, T, KeyFn, AddFn, CombineFn>, K,
                            PaneState<Acc>, Acc, T, KeyFn, AddFn, CombineFn> {
  using Base =
      WindowOperator<PaneWindowOperator, K, PaneState<Acc>, Acc, T, KeyFn, AddFn, CombineFn>;
  using State = PaneState<Acc>;
  using Editor = PaneEditor<Acc, CombineFn>;

 public:
  using Entry = typename Base::Entry;

  PaneWindowOperator(WindowSpec spec, KeyFn key, AddFn add, CombineFn combine,
                     WindowOptions options)
      : Base(std::move(key), std::move(add), std::move(combine), options), grid_(spec) {
    this->prefetch_steps_ = grid_.apart() ? 0 : 2;
  }

  static bool is_empty(const State& state) { return state.empty(); }

  bool take(Entry& entry, const T& record, std::int64_t time, std::int64_t watermark) {
    std::int64_t pane = 0;
    if (!grid_.find_pane(time, pane)) return false;
    if (time <= watermark) [[unlikely]]
      return take_late(entry, record, pane, watermark);
    State& state = entry.value();
    if (pane == state.newest.start) {
      this->add_(state.newest.value, record);
    } else if (edit(entry).add(pane, [&](Acc& value) { this->add_(value, record); })) {
      await(entry, grid_.first_window(pane));
    }
    return true;
  }

 protected:
  bool on_time(Entry& entry, EventTime time) override {
    const std::int64_t now = to_millis(time);
    State& state = entry.value();
    const bool due = fires_at(state) <= now, over = kept_until(state) <= now;
    if (!due && !over) return false;  // a time that has been overtaken
    this->table_->touch(entry);
    while (fires_at(state) <= now) fire(entry);
    if (due && state.next != State::kNone) this->wake(entry, fires_at(state));
    if (kept_until(state) <= now) give_up(entry, now);
    if (state.empty()) this->remove_after_call();
    return true;
  }

  void prefetch_due(Entry& entry, int step) override {
    const OlderPanes<Acc>* older = entry.value().older.get();
    if (older == nullptr) return;
    if (step == 0) {
      __builtin_prefetch(older, 1);
      __builtin_prefetch(reinterpret_cast<const char*>(older) + sizeof(*older) - 1, 1);
    } else if (!older->panes.empty()) {
      __builtin_prefetch(&older->panes.front(), 1);
      __builtin_prefetch(&older->panes[older->panes.size() - 1], 1);
    }
  }
  void on_restored(Entry& entry) override {
    State& state = entry.value();
    if (state.older) {
      WEIR_CHECK(state.older->folded <= state.older->summed &&
                     state.older->summed <= state.older->panes.size(),
                 "a restored window has totals of panes that are not there");
    }
    if (state.next != State::kNone) this->wake(entry, fires_at(state));
    if (kept_until(state) != INT64_MAX) this->wake(entry, kept_until(state));
  }

 private:
  Editor edit(Entry& entry) { return Editor(entry.value(), this->combine_); }
  std::int64_t end_of(std::int64_t window) const { return this->after(window, grid_.size()); }
  std::int64_t given_up(std::int64_t window) const { return this->last_moment(end_of(window)); }

  /// When the next window fires: INT64_MAX, which no timer reaches, if there is none.
  std::int64_t fires_at(const State& state) const {
    return state.next == State::kNone ? INT64_MAX : end_of(state.next) - 1;
  }
  /// When the first window that is kept for late records is given up; INT64_MAX if there is none.
  std::int64_t kept_until(const State& state) const {
    const auto* late = state.late();
    return late == nullptr || late->fired.empty() ? INT64_MAX : given_up(late->fired.front().start);
  }
  /// `window` has something and has not fired.
  void await(Entry& entry, std::int64_t window) {
    State& state = entry.value();
    if (state.next <= window) return;
    state.next = window;
    this->wake(entry, fires_at(state));
  }

  // ---- firing --------------------------------------------------------------------------------

  void fire(Entry& entry) {
    State& state = entry.value();
    const std::int64_t window = state.next, end = end_of(window);
    if (auto* late = state.late(); late != nullptr && !late->ahead.empty()) settle(entry, *late);
    Acc total{};
    Editor editor = edit(entry);
    bool any = grid_.apart() ? editor.take_first(window, total) : editor.sum(end, total);
    if (this->allowed_ms_ == 0) {
      if (any) this->emit(entry, window, end, std::move(total));
    } else {
      if (any) this->emit(entry, window, end, total);
      if (auto* late = state.late()) any |= update(entry, *late, window, total, any);
      if (any) keep(entry, window, std::move(total));
    }
    advance(state, this->after(window, grid_.slide()));
  }
  /// Records that the window about to fire takes in time go into their panes, for the later windows
  /// too.
  void settle(Entry& entry, LatePanes<Acc>& late) {
    const std::int64_t window = entry.value().next, last = end_of(window) - 1;
    std::erase_if(late.ahead, [&](AheadRecord<Acc>& record) {
      if (record.watermark >= last) return false;
      if (record.pane >= window) edit(entry).join(record.pane, std::move(record.value));
      return true;
    });
  }
  /// Gives the results that records ahead of this step bring about behind the first one.
  bool update(Entry& entry, LatePanes<Acc>& late, std::int64_t window, Acc& total, bool any) {
    const std::int64_t end = end_of(window);
    for (const AheadRecord<Acc>& record : late.ahead) {
      if (record.pane < window || record.pane >= end) continue;
      if (given_up(window) <= record.watermark || record.watermark < end - 1) continue;
      if (any) this->combine_(total, record.value);
      if (!any) total = record.value;
      any = true;
      this->emit(entry, window, end, total);
    }
    return any;
  }
  /// Forgets what no window from `window` on has, and finds the next one.
  void advance(State& state, std::int64_t window) {
    Editor editor(state, this->combine_);
    editor.drop_before(window);
    state.next = State::kNone;
    const auto look = [&](std::int64_t pane) {
      const bool in_this = pane - window < grid_.size();
      state.next = std::min(state.next, in_this ? window : grid_.first_window(pane));
    };
    if (state.has_panes()) look(editor.first());
    auto* late = state.late();
    if (late == nullptr || late->ahead.empty()) return;
    std::erase_if(late->ahead, [&](const auto& record) { return record.pane < window; });
    for (const AheadRecord<Acc>& record : late->ahead) look(record.pane);
  }

  // ---- late records --------------------------------------------------------------------------

  /// A record that some windows of its pane may not take any more, or only after their result.
  bool take_late(Entry& entry, const T& record, std::int64_t pane, std::int64_t watermark) {
    const std::int64_t last = grid_.last_window(pane);
    if (given_up(last) <= watermark) return false;
    Acc one{};
    this->add_(one, record);  // alone: if it throws, nothing has been changed
    // A window that is due may wait for its turn among those that fire.
    const std::int64_t fired = std::min(this->watermark(), fires_at(entry.value()) - 1);
    const std::int64_t first = grid_.first_window(pane);
    const std::int64_t waits = first_after(first, last, fired);
    const std::int64_t open = first_after(waits, last, watermark);
    for (std::int64_t window = first; window < waits; window += grid_.slide()) {
      if (given_up(window) > watermark) correct(entry, window, one);
    }
    if (waits > last) return true;
    if (waits == open)
      edit(entry).join(pane, std::move(one));
    else
      entry.value().make_late().ahead.push_back({pane, watermark, std::move(one)});
    await(entry, waits);
    return true;
  }
  /// The first of the windows from `window` to `last` that has not ended when event time is `time`;
  /// behind `last` if there is none.
  std::int64_t first_after(std::int64_t window, std::int64_t last, std::int64_t time) const {
    while (window <= last && end_of(window) - 1 <= time) window += grid_.slide();
    return window;
  }
  /// Changes the result of a window that has fired, or that was empty then.
  void correct(Entry& entry, std::int64_t window, const Acc& one) {
    auto& fired = entry.value().make_late().fired;
    std::size_t i = fired.size();
    while (i > 0 && fired[i - 1].start > window) --i;
    if (i > 0 && fired[i - 1].start == window) {
      this->combine_(fired[i - 1].value, one);
      this->emit(entry, window, end_of(window), fired[i - 1].value);
      return;
    }
    this->emit(entry, window, end_of(window), one);
    insert_kept(entry, i, window, one);
  }
  void keep(Entry& entry, std::int64_t window, Acc value) {
    insert_kept(entry, entry.value().make_late().fired.size(), window, std::move(value));
  }
  void insert_kept(Entry& entry, std::size_t i, std::int64_t window, Acc value) {
    entry.value().make_late().fired.insert(i, {window, std::move(value)});
    if (i == 0) this->wake(entry, given_up(window));
  }
  /// Forgets windows whose allowance is over.
  void give_up(Entry& entry, std::int64_t now) {
    auto& fired = entry.value().late()->fired;
    while (!fired.empty() && given_up(fired.front().start) <= now) fired.pop_front();
    if (!fired.empty()) this->wake(entry, given_up(fired.front().start));
  }

  WindowGrid grid_;
};

}  // namespace weir
