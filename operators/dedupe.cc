// The kept times of a key; see dedupe.h.
#include "weir/operators/dedupe.h"

namespace weir {

bool SeenTimes::within(std::int64_t time_ms, std::int64_t ttl_ms, std::int64_t forgotten_ms) const {
  const auto near = [&](std::int64_t s) {
    return s > forgotten_ms && std::llabs(time_ms - s) < ttl_ms;
  };
  if (first_ms_ != kNone && near(first_ms_)) return true;
  return more_ && std::any_of(more_->begin(), more_->end(), near);
}

void SeenTimes::add(std::int64_t time_ms) {
  if (first_ms_ == kNone) {
    first_ms_ = time_ms;
    return;
  }
  if (!more_) more_ = std::make_unique<std::vector<std::int64_t>>();
  more_->push_back(time_ms);
}

bool SeenTimes::forget(std::int64_t until_ms) {
  if (more_) std::erase_if(*more_, [&](std::int64_t s) { return s <= until_ms; });
  if (first_ms_ <= until_ms) {
    first_ms_ = kNone;
    if (more_ && !more_->empty()) {
      first_ms_ = more_->front();
      more_->erase(more_->begin());
    }
  }
  if (more_ && more_->empty()) more_.reset();
  return first_ms_ == kNone;
}

void Codec<SeenTimes>::encode(ByteWriter& writer, const SeenTimes& seen) {
  std::vector<std::int64_t> times;
  seen.for_each([&](std::int64_t time) { times.push_back(time); });
  weir::encode(writer, times);
}

void Codec<SeenTimes>::decode(ByteReader& reader, SeenTimes& seen) {
  std::vector<std::int64_t> times;
  weir::decode(reader, times);
  for (const std::int64_t time : times) seen.add(time);
}

}  // namespace weir
