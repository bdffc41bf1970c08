// The answer of the job of job.h, computed by plain loops over its whole input: nothing of the
// engine takes part but the text form of a row.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/sim/input.h"

namespace weir::sim {

/// Things and how often they occur.
using Multiset = std::map<std::string, std::size_t>;

struct Expected {
  std::map<std::string, Multiset> lines;                  ///< by sink
  Multiset letters;                                       ///< see `letter_text`
  std::map<std::string, std::uint64_t> records_in, late;  ///< by source; late ones count as read
};
/// Where the world has made letters of fragile orders, it is the answer as if it had not; those of
/// "nudges" are the most there may be, since wall time decides.
Expected expect(const std::vector<InputSplit>& splits, const Shape& shape);

/// Takes an order that lies in a letter of step "trace" or "totals" out of what these give.
void take_back(Expected& expected, const std::string& step, const Order& order);

/// A dead letter in one word: step, reason and the id or text of its record.
std::string letter_text(const std::string& step, DeadLetterReason reason, const std::string& what);

}  // namespace weir::sim
