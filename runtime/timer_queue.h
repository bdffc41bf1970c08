// Times at which keys want to be looked at, in order. The queue holds only (time, hash of key):
// what is really due stands in the key's state, so a cancelled timer costs nothing here and the
// queue is rebuilt from state after a restore (hazard H21).
//
// Times are put into buckets of about a second, and a bucket is sorted when its first time is due.
// So an insertion is an append, and a million timers are sorted in pieces that fit a cache (the
// idea of the ladder queue, Tang, Goh and Thng 2005). What is added to the times of a sorted bucket
// while it is being used goes into a small heap beside it; what is later, into a bucket again. Used
// by one thread.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <vector>

namespace weir {

class TimerQueue {
 public:
  struct Due {
    std::int64_t time_ms;
    std::uint64_t hash;
    friend auto operator<=>(const Due&, const Due&) = default;
  };

  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  void add(std::int64_t time_ms, std::uint64_t hash) {
    ++size_;
    const std::int64_t bucket = time_ms >> kBucketBits;
    const Recent& recent = recent_[static_cast<std::size_t>(bucket) % kRecent];
    if (recent.bucket == bucket && time_ms > front_last_) [[likely]] {
      recent.to->add({time_ms, hash});
    } else {
      add_elsewhere(bucket, {time_ms, hash});
    }
  }

  /// The earliest time, or INT64_MAX.
  std::int64_t next_time() const;

  /// Takes the earliest entry if its time is at or before `until_ms`. Entries of one time come by
  /// hash; the same entry may come more than once.
  bool pop(std::int64_t until_ms, Due& due);

  /// The entry that will be taken after `ahead` others, if it is known already, for prefetching.
  const Due* peek(std::size_t ahead) const {
    return ahead < sorted_.size() ? &sorted_[sorted_.size() - 1 - ahead] : nullptr;
  }

  /// Changes whenever `peek` begins to know others.
  std::size_t loads() const { return loads_; }

  std::size_t size() const { return size_; }

 private:
  static constexpr int kBucketBits = 10;
  static constexpr std::size_t kRecent = 16;
  struct Bucket {
    std::vector<Due> list;
    std::int64_t first_ms = INT64_MAX;
    void add(Due due) {
      first_ms = std::min(first_ms, due.time_ms);
      list.push_back(due);
    }
  };
  struct Recent {
    std::int64_t bucket = INT64_MIN;
    Bucket* to = nullptr;
  };
  void add_elsewhere(std::int64_t bucket, Due due);
  void load_first();
  bool front_empty() const { return sorted_.empty() && added_.empty(); }

  std::vector<Due> sorted_;  // the earliest bucket, the earliest entry last
  std::vector<Due> added_;   // came to that bucket or before it since it was sorted; a heap
  std::int64_t front_last_ = INT64_MIN;     // the latest time that bucket had when it was sorted
  std::map<std::int64_t, Bucket> buckets_;  // all later ones
  std::array<Recent, kRecent> recent_;      // where insertions went lately, by number of the bucket
  std::vector<Due> scratch_;                // for sorting
  std::size_t size_ = 0, loads_ = 0;
};

}  // namespace weir
