// See seldom_lines.h.
#include "weir/base/seldom_lines.h"

namespace weir {
namespace {

constexpr std::size_t kMostLines = 1000;

}  // namespace

std::optional<std::string> SeldomLines::pass(const std::string& line, SteadyTime now) {
  auto seen = seen_.find(line);
  if (seen == seen_.end()) {
    if (seen_.size() > kMostLines && now - cleared_ >= pause_) {
      cleared_ = now;
      std::erase_if(seen_, [&](const auto& each) { return now - each.second.written >= pause_; });
    }
    // One place is kept for the line about all the others.
    static const std::string kMany = "and many other lines of that kind, which are left out";
    if (seen_.size() >= kMostLines && line != kMany) return pass(kMany, now);
    seen_.emplace(line, Seen{now, 0});
    return line;
  }
  Seen& before = seen->second;
  if (now - before.written < pause_) {
    ++before.since;
    return std::nullopt;
  }
  std::string text = line;
  if (before.since > 0) text += " (and " + std::to_string(before.since) + " times since last said)";
  before = {now, 0};
  return text;
}

}  // namespace weir
