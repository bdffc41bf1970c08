// The rare half of the timer queue; see timer_queue.h.
#include "weir/runtime/timer_queue.h"

#include <algorithm>
#include <functional>

#include "weir/runtime/timer_sort.h"

namespace weir {

void TimerQueue::add_elsewhere(std::int64_t bucket, Due due) {
  if (!front_empty() && due.time_ms <= front_last_) {
    added_.push_back(due);
    std::push_heap(added_.begin(), added_.end(), std::greater<>());
    return;
  }
  Recent& recent = recent_[static_cast<std::size_t>(bucket) % kRecent];
  recent = {bucket, &buckets_[bucket]};
  recent.to->add(due);
}

void TimerQueue::load_first() {
  const auto first = buckets_.begin();
  const std::int64_t bucket = first->first;
  Recent& recent = recent_[static_cast<std::size_t>(bucket) % kRecent];
  if (recent.bucket == bucket) recent = {};
  sorted_ = std::move(first->second.list);
  buckets_.erase(first);
  sort_falling(sorted_, bucket << kBucketBits, kBucketBits, scratch_);
  front_last_ = sorted_.front().time_ms;
  ++loads_;
}

std::int64_t TimerQueue::next_time() const {
  if (front_empty()) return buckets_.empty() ? INT64_MAX : buckets_.begin()->second.first_ms;
  std::int64_t next = INT64_MAX;
  if (!sorted_.empty()) next = sorted_.back().time_ms;
  if (!added_.empty()) next = std::min(next, added_.front().time_ms);
  return next;
}

bool TimerQueue::pop(std::int64_t until_ms, Due& due) {
  if (size_ == 0 || next_time() > until_ms) return false;
  if (front_empty()) load_first();
  --size_;
  if (added_.empty() || (!sorted_.empty() && sorted_.back() <= added_.front())) {
    due = sorted_.back();
    sorted_.pop_back();
  } else {
    due = added_.front();
    std::pop_heap(added_.begin(), added_.end(), std::greater<>());
    added_.pop_back();
  }
  return true;
}

}  // namespace weir
