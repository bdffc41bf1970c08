// Random input for the job of job.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/job.h"
#include "weir/base/clock.h"

namespace weir::sim {

/// One thing that a split holds.
struct InputItem {
  enum class Kind : std::uint8_t { order, garbage, mark, silence } kind = Kind::order;
  Order order;
  std::string text;          ///< of garbage
  std::int64_t mark_ms = 0;  ///< no record at or before this time follows in time
};
struct InputSplit {
  std::string source;
  std::vector<InputItem> items;
};
std::vector<InputSplit> make_input(const Shape& shape, Random& random);
/// The same as inputs of the job, all of them ended. `seed`: where batches are cut.
OrderInputs to_sources(const std::vector<InputSplit>& splits, const Shape& shape,
                       std::uint64_t seed);

}  // namespace weir::sim
