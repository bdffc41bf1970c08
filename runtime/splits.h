// The splits that one source subtask reads, with their event time. The untyped half of the source
// operator (source_operator.h). Used by the thread of the task.
//
// Lateness is judged record by record: a record is late when its time lies before the newest time
// seen earlier in its split, less the allowance. So batching and parallelism never change what is
// late. The watermark of a split is the last time for which no record in time can come any more:
//   watermark = newest time seen - allowance - 1 ms
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/base/time.h"
#include "weir/runtime/operator.h"

namespace weir {

struct SplitState {
  std::string id;
  std::string position;                ///< while it has no reader; an open reader knows better
  std::int64_t newest_ms = INT64_MIN;  ///< newest event time seen
  std::int64_t floor_ms = INT64_MIN;   ///< watermark that holds whatever is seen
  bool ended = false;
  bool idle = false;
  SteadyTime last_record{};

  std::int64_t watermark(std::int64_t allowance_ms) const {
    if (newest_ms == INT64_MIN) return floor_ms;
    const std::int64_t seen = newest_ms - allowance_ms - 1;
    return seen > floor_ms ? seen : floor_ms;
  }
};

/// Stored form of a split (everything but `id`, `idle` and `last_record`).
std::string encode_split(const SplitState& split);
Result<SplitState> decode_split(const std::string& id, std::string_view bytes);

class SplitSet {
 public:
  SplitSet(Duration allowance, Duration idle_after)
      : allowance_ms_(allowance.count()), idle_after_(idle_after) {}

  /// The index of a new split. After the first records have been read a new split cannot bring
  /// event time back: its floor is the watermark of now.
  std::size_t add(SplitState split, SteadyTime now);
  SplitState& operator[](std::size_t i) { return splits_[i]; }
  std::size_t size() const { return splits_.size(); }
  bool contains(const std::string& id) const { return ids_.contains(id); }
  /// How many had not ended when `update` was called last.
  std::size_t live() const { return live_.size(); }

  /// The open split that lies furthest back in event time and may be read: not ended, not asleep
  /// until later, not ahead of `limit`. `size()` when there is none.
  std::size_t choose(SteadyTime now, EventTime limit);
  bool may_read(std::size_t i, SteadyTime now, EventTime limit) const;
  /// Split `i` had nothing: leave it alone for a moment.
  void found_empty(std::size_t i, bool caught_up, SteadyTime now);
  void found_records(std::size_t i, SteadyTime now);
  void sleep_until(std::size_t i, SteadyTime then) { asleep_until_[i] = then; }

  /// Recomputes `watermark()`, the least of the splits that are not idle, or when all are the
  /// furthest of them, and `idle()`.
  void update(bool complete);
  EventTime watermark() const { return from_millis(watermark_ms_); }
  void restore_watermark(EventTime w) { watermark_ms_ = std::max(watermark_ms_, to_millis(w)); }
  /// All splits are idle or ended: others decide about event time.
  bool idle() const { return idle_; }
  bool all_ended() const;
  std::int64_t allowance_ms() const { return allowance_ms_; }

 private:
  std::vector<SplitState> splits_;
  std::unordered_set<std::string> ids_;
  std::vector<std::size_t> live_;  // into splits_: those not known to have ended
  std::vector<SteadyTime> asleep_until_;
  std::int64_t allowance_ms_;
  Duration idle_after_;
  std::int64_t watermark_ms_ = INT64_MIN;
  bool idle_ = false;
  std::size_t turn_ = 0;
};

/// Which splits have an open reader, and which of those to close first when there are too many.
class OpenSplits {
 public:
  explicit OpenSplits(std::size_t most) : most_(most) {}
  /// Split `i` was opened, or has given records.
  void touch(std::size_t i);
  void closed(std::size_t i) { std::erase(order_, i); }
  bool full() const { return order_.size() >= most_; }
  std::size_t most() const { return most_; }
  /// The one not touched for longest.
  std::size_t stalest() const { return order_.front(); }

 private:
  std::size_t most_;
  std::vector<std::size_t> order_;  // by when they were touched
};

}  // namespace weir
