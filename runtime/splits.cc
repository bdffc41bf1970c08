// Choosing splits and keeping their event time; see splits.h.
#include "weir/runtime/splits.h"

#include <algorithm>

#include "weir/base/bytes.h"
#include "weir/runtime/source.h"

namespace weir {
namespace {

constexpr auto kNap = std::chrono::milliseconds(2);  // between looks at a split that had nothing

}  // namespace

std::vector<NewSplit> splits_at_start(std::vector<std::string> ids) {
  std::vector<NewSplit> splits;
  for (std::string& id : ids) splits.push_back({std::move(id), {}});
  return splits;
}

std::string encode_split(const SplitState& split) {
  std::string bytes;
  ByteWriter w(bytes);
  w.string(split.position);
  w.zigzag(split.newest_ms);
  w.zigzag(split.floor_ms);
  w.u8(split.ended ? 1 : 0);
  return bytes;
}

Result<SplitState> decode_split(const std::string& id, std::string_view bytes) {
  ByteReader r(bytes);
  SplitState split;
  split.id = id;
  split.position = std::string(r.string());
  split.newest_ms = r.zigzag();
  split.floor_ms = r.zigzag();
  split.ended = r.u8() == 1;
  if (r.failed() || !r.at_end()) {
    return Error{ErrorCode::corrupt, "The position of split '" + id + "' does not read back"};
  }
  return split;
}

std::size_t SplitSet::add(SplitState split, SteadyTime now) {
  split.last_record = now;
  split.floor_ms = std::max(split.floor_ms, watermark_ms_);
  ids_.insert(split.id);
  live_.push_back(splits_.size());
  splits_.push_back(std::move(split));
  asleep_until_.push_back(now);
  return splits_.size() - 1;
}

bool SplitSet::may_read(std::size_t i, SteadyTime now, EventTime limit) const {
  const SplitState& split = splits_[i];
  return !split.ended && asleep_until_[i] <= now &&
         split.watermark(allowance_ms_) <= to_millis(limit);
}

std::size_t SplitSet::choose(SteadyTime now, EventTime limit) {
  std::size_t best = splits_.size();
  std::int64_t best_watermark = INT64_MAX;
  turn_ = live_.empty() ? 0 : (turn_ + 1) % live_.size();
  for (std::size_t k = 0; k < live_.size(); ++k) {
    const std::size_t i = live_[(turn_ + k) % live_.size()];  // in turn among equals
    if (!may_read(i, now, limit)) continue;
    const std::int64_t watermark = splits_[i].watermark(allowance_ms_);
    if (best == splits_.size() || watermark < best_watermark) {
      best = i;
      best_watermark = watermark;
    }
  }
  return best;
}

void SplitSet::found_empty(std::size_t i, bool caught_up, SteadyTime now) {
  asleep_until_[i] = now + kNap;
  const bool silent = idle_after_.count() > 0 && now - splits_[i].last_record >= idle_after_;
  if (caught_up || silent) splits_[i].idle = true;
}

void SplitSet::found_records(std::size_t i, SteadyTime now) {
  SplitState& split = splits_[i];
  split.last_record = now;
  if (!split.idle) return;
  split.idle = false;
  split.floor_ms = std::max(split.floor_ms, watermark_ms_);  // event time went on without it
}

void SplitSet::update(bool complete) {
  std::int64_t lowest = INT64_MAX, highest = INT64_MIN;
  bool any_open = false;
  std::erase_if(live_, [&](std::size_t i) { return splits_[i].ended; });
  for (const std::size_t i : live_) {
    const SplitState& split = splits_[i];
    const std::int64_t watermark = split.watermark(allowance_ms_);
    highest = std::max(highest, watermark);
    if (split.idle) continue;
    any_open = true;
    lowest = std::min(lowest, watermark);
  }
  idle_ = !any_open && !(complete && all_ended());
  // When all are idle none holds the furthest back, whichever of them became so first.
  watermark_ms_ = std::max(watermark_ms_, any_open ? lowest : highest);
}

bool SplitSet::all_ended() const {
  return std::all_of(live_.begin(), live_.end(), [&](std::size_t i) { return splits_[i].ended; });
}

void OpenSplits::touch(std::size_t i) {
  if (!order_.empty() && order_.back() == i) return;
  closed(i);
  order_.push_back(i);
}

}  // namespace weir
