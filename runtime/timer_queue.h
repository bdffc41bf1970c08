// Times at which keys want to be looked at, in order. The queue holds only (time, hash of key):
// what is really due stands in the key's state, so a cancelled timer costs nothing here and the
// queue is rebuilt from state after a restore (hazard H21).
//
// Times are put into buckets of about a second; only the earliest bucket is kept sorted. So an
// insertion is an append, and a million timers are sorted in pieces that fit a cache (the idea of
// the ladder queue, Tang, Goh and Thng 2005).
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

namespace weir {

class TimerQueue {
 public:
  struct Due {
    std::int64_t time_ms;
    std::uint64_t hash;
    friend auto operator<=>(const Due&, const Due&) = default;
  };

  void add(std::int64_t time_ms, std::uint64_t hash) {
    ++size_;
    const std::int64_t bucket = time_ms >> kBucketBits;
    if (!front_.empty() && bucket <= front_bucket_) {
      front_.push_back({time_ms, hash});
      std::push_heap(front_.begin(), front_.end(), std::greater<>());
      return;
    }
    if (last_ == nullptr || last_bucket_ != bucket) {
      last_ = &buckets_[bucket];
      last_bucket_ = bucket;
    }
    last_->push_back({time_ms, hash});
  }

  /// The earliest time, or INT64_MAX.
  std::int64_t next_time() {
    if (front_.empty() && !buckets_.empty()) load_front();
    return front_.empty() ? INT64_MAX : front_.front().time_ms;
  }

  /// Takes the earliest entry if its time is at or before `until_ms`. Entries of one time come by
  /// hash; the same entry may come more than once.
  bool pop(std::int64_t until_ms, Due& due) {
    if (size_ == 0 || next_time() > until_ms) return false;
    due = front_.front();
    std::pop_heap(front_.begin(), front_.end(), std::greater<>());
    front_.pop_back();
    --size_;
    return true;
  }

  std::size_t size() const { return size_; }
  void clear() { *this = TimerQueue(); }

 private:
  static constexpr int kBucketBits = 10;
  void load_front() {
    auto first = buckets_.begin();
    front_bucket_ = first->first;
    front_ = std::move(first->second);
    if (last_ == &first->second) last_ = nullptr;
    buckets_.erase(first);
    std::make_heap(front_.begin(), front_.end(), std::greater<>());
  }

  std::vector<Due> front_;  // heap, earliest on top
  std::int64_t front_bucket_ = INT64_MIN;
  std::map<std::int64_t, std::vector<Due>> buckets_;
  std::vector<Due>* last_ = nullptr;  // the bucket of the last insertion, often the next one too
  std::int64_t last_bucket_ = 0;
  std::size_t size_ = 0;
};

}  // namespace weir
