// What an engineer would write by hand with librdkafka: consume, count by user, produce, one
// transaction after another.
#pragma once

#include <cstdint>
#include <string>

namespace weir::bench {

/// Reads `records` records of `input`, writes the count so far of each record's user to `output`,
/// with the positions, in transactions of `interval_ms`.
void count_by_hand(const std::string& address, const std::string& input, int partitions,
                   const std::string& output, std::uint64_t records, int interval_ms);

}  // namespace weir::bench
