// The kept times of a key, and the hand that forgets them; see dedupe.h.
#include "weir/operators/dedupe.h"

namespace weir {

void SeenTimes::add_more(std::int64_t time_ms) {
  if (!many()) {
    auto* times = new std::vector<std::int64_t>;
    for_each([&](std::int64_t time) { times->push_back(time); });
    bits_ = reinterpret_cast<std::uint64_t>(times);
  }
  list()->push_back(time_ms);
}

void Codec<SeenTimes>::encode(ByteWriter& writer, const SeenTimes& seen) {
  std::size_t count = 0;
  seen.for_each([&](std::int64_t) { ++count; });
  writer.varint(count);
  seen.for_each([&](std::int64_t time) { weir::encode(writer, time); });
}

void Codec<SeenTimes>::decode(ByteReader& reader, SeenTimes& seen) {
  std::vector<std::int64_t> times;
  weir::decode(reader, times);
  for (const std::int64_t time : times) seen.add(time);
}

std::optional<ExpiryHand::Stretch> ExpiryHand::next(std::int64_t watermark_ms) {
  if (watermark_ms == INT64_MIN) return std::nullopt;
  std::int64_t turn = watermark_ms / period_ms_;
  std::int64_t into = watermark_ms % period_ms_;
  if (into < 0) {
    into += period_ms_;
    --turn;
  }
  if (turn_ < turn - 1) turn_ = turn - 1;  // event time jumped, or begins
  if (turn_ < turn) {
    if (!turn_done_) return Stretch{cursor_, last_};
    turn_ = turn;
    turn_done_ = false;
    cursor_ = first_;
  }
  const std::uint64_t goal = watermark_ms == INT64_MAX ? last_ : place_of(into);
  if (turn_done_ || goal < cursor_) return std::nullopt;
  return Stretch{cursor_, goal};
}

void ExpiryHand::searched(const Stretch& stretch, bool whole, std::uint64_t cursor) {
  if (!whole)
    cursor_ = cursor;
  else if (stretch.last == last_)
    turn_done_ = true;
  else
    cursor_ = stretch.last + 1;
}

std::uint64_t ExpiryHand::place_of(std::int64_t into_ms) const {
  const auto span = static_cast<unsigned __int128>(last_ - first_);
  return first_ + static_cast<std::uint64_t>(span * static_cast<std::uint64_t>(into_ms) /
                                             static_cast<std::uint64_t>(period_ms_));
}

}  // namespace weir
