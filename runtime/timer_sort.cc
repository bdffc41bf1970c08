// See timer_sort.h: first by time, by counting; then the entries of one time into small groups by
// the leading bits of their hashes, again by counting; insertion puts the groups in order.
#include "weir/runtime/timer_sort.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

namespace weir {
namespace {

using Due = TimerQueue::Due;

constexpr std::size_t kFew = 48;    // sorted as they are
constexpr int kMostGroupBits = 14;  // the counters of the groups should stay in the cache

/// Moves `count` entries from `from` to `to` in rising order of `group`, a number below `groups`.
template <class Group>
void scatter(Due* from, Due* to, std::size_t count, std::size_t groups, Group&& group,
             std::vector<std::uint32_t>& places) {
  places.assign(groups + 1, 0);
  for (std::size_t i = 0; i < count; ++i) ++places[group(from[i]) + 1];
  for (std::size_t g = 1; g < groups; ++g) places[g] += places[g - 1];
  for (std::size_t i = 0; i < count; ++i) to[places[group(from[i])]++] = from[i];
}

/// Cheap where nothing is far from its place.
void insertion_sort(Due* first, Due* last) {
  for (Due* i = first + 1; i < last; ++i) {
    const Due due = *i;
    Due* place = i;
    for (; place > first && *(place - 1) < due; --place) *place = *(place - 1);
    *place = due;
  }
}

/// Sorts entries of one time; `spare` has room for them.
void sort_hashes(Due* first, std::size_t count, Due* spare, std::vector<std::uint32_t>& places) {
  if (count <= kFew) return std::sort(first, first + count, std::greater<>());
  const auto [least, most] = std::minmax_element(
      first, first + count, [](const Due& a, const Due& b) { return a.hash < b.hash; });
  const std::uint64_t top = most->hash, range = top - least->hash;
  const int bits = std::min(kMostGroupBits, static_cast<int>(std::bit_width(count)));
  const int shift = std::max(0, static_cast<int>(std::bit_width(range)) - bits);
  const auto group = [top, shift](const Due& due) { return (top - due.hash) >> shift; };
  scatter(first, spare, count, (range >> shift) + 1, group, places);
  // Where hashes are not even a group may be large.
  for (std::size_t begin = 0; begin < count;) {
    std::size_t end = begin + 1;
    while (end < count && group(spare[end]) == group(spare[begin])) ++end;
    if (end - begin > kFew)
      std::sort(spare + begin, spare + end, std::greater<>());
    else
      insertion_sort(spare + begin, spare + end);
    begin = end;
  }
  std::copy(spare, spare + count, first);
}

}  // namespace

void sort_falling(std::vector<Due>& list, std::int64_t start_ms, int bits,
                  std::vector<Due>& scratch) {
  const std::size_t count = list.size();
  if (count <= kFew) return std::sort(list.begin(), list.end(), std::greater<>());
  if (std::is_sorted(list.begin(), list.end())) return std::reverse(list.begin(), list.end());
  std::vector<std::uint32_t> places;
  if (scratch.size() < count) scratch.resize(count);
  const std::size_t times = std::size_t{1} << bits;
  const bool one_time = std::all_of(list.begin(), list.end(), [&](const Due& due) {
    return due.time_ms == list.front().time_ms;
  });
  if (!one_time) {
    scatter(
        list.data(), scratch.data(), count, times,
        [&](const Due& due) {
          return times - 1 - static_cast<std::size_t>(due.time_ms - start_ms);
        },
        places);
    std::copy_n(scratch.begin(), count, list.begin());
  }
  for (std::size_t begin = 0; begin < count;) {
    std::size_t end = begin + 1;
    while (end < count && list[end].time_ms == list[begin].time_ms) ++end;
    sort_hashes(list.data() + begin, end - begin, scratch.data(), places);
    begin = end;
  }
}

}  // namespace weir
