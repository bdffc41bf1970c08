// Rates from counters; see rates.h.
#include "weir/runtime/rates.h"

#include <algorithm>
#include <utility>

namespace weir {
namespace {

constexpr std::chrono::seconds kEvery{1};
constexpr std::size_t kMostLooks = 6;

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

/// A counter of another process may come late, but none counts back.
double growth(std::uint64_t before, std::uint64_t now) {
  return now > before ? static_cast<double>(now - before) : 0;
}

}  // namespace

bool RateMeter::due(SteadyTime now) const {
  return looks_.empty() || now - looks_.back().at >= kEvery;
}

void RateMeter::add(SteadyTime now, std::vector<StepSample> samples) {
  looks_.push_back({now, std::move(samples)});
  if (looks_.size() > kMostLooks) looks_.pop_front();
}

StepRates RateMeter::of(const std::vector<std::size_t>& parts) const {
  StepRates rates;
  if (looks_.size() < 2 || parts.empty()) return rates;
  const Look &first = looks_.front(), &last = looks_.back();
  const double passed = seconds(last.at - first.at);
  if (passed <= 0) return rates;
  std::array<double, kTaskActivities> spent{};
  double all = 0;
  for (const std::size_t part : parts) {
    if (part >= first.samples.size() || part >= last.samples.size()) continue;
    const StepSample &before = first.samples[part], &now = last.samples[part];
    rates.records_in += growth(before.records_in, now.records_in) / passed;
    rates.records_out += growth(before.records_out, now.records_out) / passed;
    for (std::size_t i = 0; i < kTaskActivities; ++i) {
      spent[i] += std::max(0.0, seconds(now.times.spent[i] - before.times.spent[i]));
      all += std::max(0.0, seconds(now.times.spent[i] - before.times.spent[i]));
    }
  }
  // Of the time that was accounted for: that of other processes is told twice a second.
  for (std::size_t i = 0; all > 0 && i < kTaskActivities; ++i) rates.share[i] = spent[i] / all;
  return rates;
}

}  // namespace weir
