// Counting what is due. Used by one thread.
#include "weir/connectors/file/rate_pacer.h"

#include <algorithm>
#include <chrono>

namespace weir::file::detail {

std::uint64_t RatePacer::take(std::uint64_t wanted) {
  if (rate_ <= 0) return wanted;
  constexpr double kCatchUpSeconds = 0.1;
  const SteadyTime now = clock_.steady_now();
  if (!started_) start_ = now;
  started_ = true;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const auto due = static_cast<std::uint64_t>(elapsed * rate_) + 1;
  std::uint64_t allowed = due > made_ ? due - made_ : 0;
  const auto most = static_cast<std::uint64_t>(std::max(1.0, rate_ * kCatchUpSeconds));
  if (allowed > most) {
    // The rest is given up: begin anew, as if the last `most` records had fallen due up to now.
    const std::chrono::duration<double> back((static_cast<double>(most) - 1) / rate_);
    start_ = now - std::chrono::duration_cast<SteadyTime::duration>(back);
    made_ = 0;
    allowed = most;
  }
  const std::uint64_t taken = std::min(allowed, wanted);
  made_ += taken;
  return taken;
}

}  // namespace weir::file::detail
