// Where windows of a fixed size begin and end, and the panes they share: spans of event time that
// lie in each window either whole or not at all. The borders of panes are the beginnings and ends
// of windows (paired windows, Krishnamurthy, Wu and Franklin 2006): one pane a slide when the size
// is a multiple of it, otherwise two; a tumbling window is its own pane. Where windows are shorter
// than the slide, the time between them is in none.
//
// Windows and panes are named by their first millisecond. Used by the thread of its owner.
#pragma once

#include <cstdint>

#include "weir/operators/window.h"

namespace weir {

class WindowGrid {
 public:
  /// `spec`: with a size and a slide above zero.
  explicit WindowGrid(const WindowSpec& spec)
      : size_(spec.size.count()),
        slide_(spec.slide.count()),
        offset_(spec.offset.count() % slide_),
        border_(size_ % slide_ == 0 ? slide_ : size_ % slide_) {
    if (offset_ < 0) offset_ += slide_;
  }

  std::int64_t size() const { return size_; }
  std::int64_t slide() const { return slide_; }
  /// No window shares a pane with another.
  bool apart() const { return size_ <= slide_; }

  /// The pane of `time`; false when no window has it.
  bool find_pane(std::int64_t time, std::int64_t& pane) {
    // Times come almost in order: mostly that of the record before is right.
    if (since(pane_, time) >= length_) [[unlikely]]
      move_to(time);
    pane = pane_;
    return inside_;
  }
  /// The first and the last window that have `pane`.
  std::int64_t first_window(std::int64_t pane) const {
    const std::int64_t phase = phase_of(pane);
    return pane - phase - (size_ - phase - 1) / slide_ * slide_;
  }
  std::int64_t last_window(std::int64_t pane) const { return pane - phase_of(pane); }

 private:
  static std::uint64_t since(std::int64_t from, std::int64_t time) {
    return static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(from);
  }
  /// The time since the last beginning of a window.
  std::int64_t phase_of(std::int64_t time) const {
    std::int64_t phase = time % slide_ - offset_;
    if (phase < 0) phase += slide_;
    return phase < 0 ? phase + slide_ : phase;
  }
  void move_to(std::int64_t time) {
    const std::int64_t phase = phase_of(time);
    const bool second = phase >= border_;
    pane_ = second ? time - phase + border_ : time - phase;
    length_ = static_cast<std::uint64_t>(second ? slide_ - border_ : border_);
    inside_ = !second || size_ > slide_;
  }

  std::int64_t size_, slide_;
  std::int64_t offset_;  // of the first window at or after the hour zero
  std::int64_t border_;  // from the beginning of a window to that of the next pane
  // The pane looked at last.
  std::int64_t pane_ = 0;
  std::uint64_t length_ = 0;
  bool inside_ = false;
};

}  // namespace weir
