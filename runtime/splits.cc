// Choosing splits and keeping their event time; see splits.h.
#include "weir/runtime/splits.h"

#include <algorithm>

#include "weir/base/bytes.h"

namespace weir {
namespace {

constexpr auto kNap = std::chrono::milliseconds(2);  // between looks at a split that had nothing

}  // namespace

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
  splits_.push_back(std::move(split));
  asleep_until_.push_back(now);
  return splits_.size() - 1;
}

bool SplitSet::contains(const std::string& id) const {
  return std::any_of(splits_.begin(), splits_.end(),
                     [&](const SplitState& s) { return s.id == id; });
}

std::size_t SplitSet::choose(SteadyTime now, EventTime limit) {
  std::size_t best = splits_.size();
  std::int64_t best_watermark = INT64_MAX;
  turn_ = splits_.empty() ? 0 : (turn_ + 1) % splits_.size();
  for (std::size_t k = 0; k < splits_.size(); ++k) {
    const std::size_t i = (turn_ + k) % splits_.size();  // in turn among equals
    const SplitState& split = splits_[i];
    if (split.ended || asleep_until_[i] > now) continue;
    const std::int64_t watermark = split.watermark(allowance_ms_);
    if (watermark > to_millis(limit)) continue;
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
  std::int64_t lowest = INT64_MAX;
  bool any_open = false;
  for (const SplitState& split : splits_) {
    if (split.ended || split.idle) continue;
    any_open = true;
    lowest = std::min(lowest, split.watermark(allowance_ms_));
  }
  idle_ = !any_open && !(complete && all_ended());
  if (any_open) watermark_ms_ = std::max(watermark_ms_, lowest);
}

bool SplitSet::all_ended() const {
  return std::all_of(splits_.begin(), splits_.end(), [](const SplitState& s) { return s.ended; });
}

}  // namespace weir
