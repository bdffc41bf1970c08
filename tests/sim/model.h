// Random input for the job of job.h, and the answer to it, computed by plain loops over the whole
// input: nothing of the engine takes part but the text form of a row.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/sim/job.h"
#include "weir/base/clock.h"

namespace weir::sim {

/// One thing that a split holds.
struct InputItem {
  enum class Kind : std::uint8_t { order, garbage, mark } kind = Kind::order;
  Order order;
  std::string text;          ///< of garbage
  std::int64_t mark_ms = 0;  ///< no record at or before this time follows in time
};
struct InputSplit {
  std::string source;
  std::vector<InputItem> items;
};
std::vector<InputSplit> make_input(Random& random);
/// The same as inputs of the job, all of them ended. `seed`: where batches are cut.
OrderInputs to_sources(const std::vector<InputSplit>& splits, std::uint64_t seed);

/// Things and how often they occur.
using Multiset = std::map<std::string, std::size_t>;

struct Expected {
  std::map<std::string, Multiset> lines;                  ///< by sink
  Multiset letters;                                       ///< see `letter_text`
  std::map<std::string, std::uint64_t> records_in, late;  ///< by source; late ones count as read
};
Expected expect(const std::vector<InputSplit>& splits);

/// A dead letter in one word: step, reason and the id or text of its record.
std::string letter_text(const std::string& step, DeadLetterReason reason, const std::string& what);

}  // namespace weir::sim
