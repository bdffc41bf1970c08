// What a key holds of windows of a fixed size: one accumulator a pane, shared by all windows that
// have the pane, and what is needed to give the total of a window without going through its panes.
//
// That is a queue of two stacks (Tangwongsan, Hirzel and Schneider 2017, "two-stacks"), laid out in
// the ring of panes itself: the first `folded` panes hold, instead of their own, the totals from
// them to the last of these; `since` is the total of the next ones up to `summed`. So a window is
// the first pane, joined with `since`, and each pane is joined twice in its life, whatever the size
// of the window. The two newest panes lie apart, where nearly all records go; the second one joins
// the others when a window fires that has it, so that what is behind the pointer is met only then.
//
// Invariant: panes are in the order of time, each at most once, all before `second`, and that
// before `newest`, which is there if any is; folded <= summed <= panes.size(). `since` means
// nothing while folded == summed.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "weir/base/boxed.h"
#include "weir/base/check.h"
#include "weir/base/describe.h"
#include "weir/base/ring.h"

namespace weir {

/// What came in a span of event time that begins at `start`.
template <class Acc>
struct Pane {
  std::int64_t start = INT64_MIN;  ///< INT64_MIN: there is none
  Acc value{};
  BOOST_DESCRIBE_CLASS(Pane, (), (start, value), (), ())

  bool exists() const { return start != INT64_MIN; }
};

/// A late record whose split is ahead of this step: windows that had ended by `watermark` take it
/// after their first result, the others before.
template <class Acc>
struct AheadRecord {
  std::int64_t pane = 0;
  std::int64_t watermark = 0;
  Acc value{};
  BOOST_DESCRIBE_CLASS(AheadRecord, (), (pane, watermark, value), (), ())
};

/// What only late records bring about.
template <class Acc>
struct LatePanes {
  std::vector<AheadRecord<Acc>> ahead;  ///< in the order of arrival
  Ring<Pane<Acc>> fired;                ///< windows that late records may still change
  BOOST_DESCRIBE_CLASS(LatePanes, (), (ahead, fired), (), ())
};

/// Panes before the two newest.
template <class Acc>
struct OlderPanes {
  Ring<Pane<Acc>> panes;
  std::uint32_t folded = 0, summed = 0;
  Acc since{};
  Boxed<LatePanes<Acc>> late;
  BOOST_DESCRIBE_CLASS(OlderPanes, (), (panes, folded, summed, since, late), (), ())
};

/// All windows of a key.
template <class Acc>
struct PaneState {
  static constexpr std::int64_t kNone = INT64_MAX;
  std::int64_t next = kNone;  ///< the first window that has something and has not fired
  Pane<Acc> newest, second;
  Boxed<OlderPanes<Acc>> older;
  BOOST_DESCRIBE_CLASS(PaneState, (), (next, newest, second, older), (), ())

  bool has_older() const { return older && !older->panes.empty(); }
  bool has_panes() const { return newest.exists(); }
  LatePanes<Acc>* late() const { return older ? older->late.get() : nullptr; }
  LatePanes<Acc>& make_late() { return older.make().late.make(); }
  bool empty() const {
    const LatePanes<Acc>* parts = late();
    return !has_panes() && (parts == nullptr || (parts->ahead.empty() && parts->fired.empty()));
  }
};

/// Changes the panes of one key. Made for each call.
template <class Acc, class CombineFn>
class PaneEditor {
 public:
  PaneEditor(PaneState<Acc>& state, CombineFn& combine) : state_(state), combine_(combine) {}

  /// Calls `add(Acc&)` for `pane`, of which no window has fired; true when it is new. What `add`
  /// throws leaves no new pane behind.
  template <class Add>
  bool add(std::int64_t pane, Add&& add) {
    if (Acc* open = find_open(pane)) {
      add(*open);
      return false;
    }
    Acc one{};
    add(one);
    return join(pane, std::move(one));
  }

  /// Joins `one` to `pane`, of which windows may have fired; true when it is new.
  bool join(std::int64_t pane, Acc one) {
    Pane<Acc>&newest = state_.newest, &second = state_.second;
    if (pane == newest.start || pane == second.start) {
      combine_(pane == newest.start ? newest.value : second.value, std::as_const(one));
      return false;
    }
    // What is behind the pointer is looked at last: to fetch it costs more than all the rest.
    const bool ahead = pane > newest.start;
    if (!ahead && (pane < second.start || pane <= last_older()))
      return join_older(state_.older.make(), pane, std::move(one));
    if (second.exists()) push(std::move(second));
    if (ahead)
      second = std::exchange(newest, {pane, std::move(one)});
    else
      second = {pane, std::move(one)};
    return true;
  }

  /// Sets `total` to that of the window from `start` to `end`, which has no pane before those that
  /// `drop_before` left, and ends behind all windows that were summed before; false when there is
  /// no pane in it.
  bool sum(std::int64_t end, Acc& total) {
    if (state_.second.start < end && state_.second.exists()) push(std::exchange(state_.second, {}));
    bool any = false;
    const auto take = [&](const Acc& value) {
      if (any)
        combine_(total, value);
      else
        total = value;
      any = true;
    };
    if (state_.has_older()) {
      OlderPanes<Acc>& older = *state_.older;
      extend(older, end);
      if (older.folded > 0) take(older.panes.front().value);
      if (older.summed > older.folded) take(older.since);
    }
    if (state_.newest.exists() && state_.newest.start < end) take(state_.newest.value);
    return any;
  }

  /// The same for a window that is a pane of its own, whose value goes to `total`.
  bool take_first(std::int64_t window, Acc& total) {
    for (Pane<Acc>* pane : {&state_.newest, &state_.second, first_older()}) {
      if (pane == nullptr || pane->start != window) continue;
      total = std::move(pane->value);
      return true;
    }
    return false;
  }

  /// Forgets the panes before `border`.
  void drop_before(std::int64_t border) {
    if (OlderPanes<Acc>* older = state_.older.get()) {
      bool refold = false;
      while (!older->panes.empty() && older->panes.front().start < border) {
        older->panes.pop_front();
        refold |= older->folded == 0 && older->summed > 0;
        if (older->folded > 0) --older->folded;
        if (older->summed > 0) --older->summed;
      }
      if (refold) fold(*older);
    }
    if (state_.second.start < border) state_.second = {};
    if (state_.newest.start < border) state_.newest = {};
  }

  /// The first pane, or INT64_MIN.
  std::int64_t first() const {
    if (state_.has_older()) return state_.older->panes.front().start;
    return state_.second.exists() ? state_.second.start : state_.newest.start;
  }

 private:
  /// The value of `pane` if it is there and no total has been formed of it, or null.
  Acc* find_open(std::int64_t pane) {
    if (pane == state_.newest.start) return &state_.newest.value;
    if (pane == state_.second.start) return &state_.second.value;
    OlderPanes<Acc>* older = state_.older.get();
    if (pane > state_.newest.start || older == nullptr || pane > last_older()) return nullptr;
    const std::size_t i = place_of(*older, pane);
    return has(*older, i, pane) && i >= older->summed ? &older->panes[i].value : nullptr;
  }
  Pane<Acc>* first_older() { return state_.has_older() ? &state_.older->panes.front() : nullptr; }
  std::int64_t last_older() const {
    if (!state_.has_older()) return INT64_MIN;
    const auto& panes = state_.older->panes;
    return panes[panes.size() - 1].start;
  }
  void push(Pane<Acc> pane) { state_.older.make().panes.push_back(std::move(pane)); }
  /// Where `pane` is or would be inserted; almost always near the end.
  static std::size_t place_of(const OlderPanes<Acc>& older, std::int64_t pane) {
    std::size_t i = older.panes.size();
    while (i > 0 && older.panes[i - 1].start >= pane) --i;
    return i;
  }
  static bool has(const OlderPanes<Acc>& older, std::size_t i, std::int64_t pane) {
    return i < older.panes.size() && older.panes[i].start == pane;
  }
  /// A total that has been formed already gets `one` too.
  bool join_older(OlderPanes<Acc>& older, std::int64_t pane, Acc one) {
    const std::size_t i = place_of(older, pane);
    const bool found = has(older, i, pane), folded = i < older.folded, summed = i < older.summed;
    for (std::size_t k = 0; folded && k < i; ++k) {
      combine_(older.panes[k].value, std::as_const(one));
    }
    if (summed && !folded) combine_(older.since, std::as_const(one));
    if (found) {
      combine_(older.panes[i].value, std::as_const(one));
      return false;
    }
    if (folded) combine_(one, std::as_const(older.panes[i].value));
    older.panes.insert(i, {pane, std::move(one)});
    older.folded += folded;
    older.summed += summed;
    return true;
  }
  /// Takes the panes before `end` into `since`.
  void extend(OlderPanes<Acc>& older, std::int64_t end) {
    for (; older.summed < older.panes.size(); ++older.summed) {
      const Pane<Acc>& pane = older.panes[older.summed];
      if (pane.start >= end) return;
      if (older.summed == older.folded)
        older.since = pane.value;
      else
        combine_(older.since, pane.value);
    }
  }
  /// Turns the panes that `since` is made of into totals to the last of them.
  void fold(OlderPanes<Acc>& older) {
    for (std::size_t i = older.summed; i-- > 1;) {
      combine_(older.panes[i - 1].value, std::as_const(older.panes[i].value));
    }
    older.folded = older.summed;
    older.since = {};
  }

  PaneState<Acc>& state_;
  CombineFn& combine_;
};

}  // namespace weir
