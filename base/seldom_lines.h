// Lines of the log that come again and again, such as refusals of a peer that does not give up:
// each is written once in a while. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "weir/base/clock.h"

namespace weir {

class SeldomLines {
 public:
  explicit SeldomLines(std::chrono::nanoseconds pause = std::chrono::minutes(1)) : pause_(pause) {}
  /// What to write of `line`, which comes at `now`: nothing when it was written less than a pause
  /// ago, else the line, with how often it came meanwhile. Of more than a thousand different lines
  /// in a pause, which somebody makes up, only that there are so many.
  std::optional<std::string> pass(const std::string& line, SteadyTime now);

 private:
  struct Seen {
    SteadyTime written;
    std::uint64_t since = 0;  ///< how often it came
  };
  const std::chrono::nanoseconds pause_;
  std::map<std::string, Seen> seen_;
  SteadyTime cleared_{};  ///< of those that are old
};

}  // namespace weir
