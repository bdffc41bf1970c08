// What a seed makes of the job, of its input and of the disasters: how many splits, keys and
// subtasks there are, how disordered the records, which windows, how stormy the life. A plain
// value.
#pragma once

#include <cstdint>
#include <string>

#include "weir/base/clock.h"

namespace weir::sim {

/// Times are in milliseconds of event time, unless said otherwise.
struct Shape {
  // ---- the input
  std::uint64_t web_splits = 1, app_splits = 1;
  std::uint64_t most_items = 120;  ///< in a split
  std::uint64_t users = 7, items = 5;
  double hot = 0;           ///< share of records that are of the first user and the first item
  double stray = 0.1;       ///< share of records that come far behind those before them
  std::uint64_t far = 150;  ///< how far
  double repeats = 0.15;    ///< share of records whose id was there before
  double fragile = 0;       ///< share of records that a world outside which is down throws on
  bool sleeper = false;     ///< a split falls silent and comes back when all others have ended
  std::uint64_t most_records = 200;  ///< read at a time

  // ---- the job
  std::int64_t out_of_order_ms = 50;
  bool aligned = false;  ///< the sources wait for each other
  std::int64_t dedupe_ms = 120, bucket_ms = 70, gap_ms = 25;
  std::int64_t window_ms = 80, slide_ms = 80;  ///< the same: tumbling
  std::int64_t lenient_ms = 90, lateness_ms = 60;
  std::int64_t forget_ms = 0;  ///< time to live of the state of "ordered"; 0: for ever
  bool has_ordered = true, has_joined = true, has_nudges = true, has_lenient = true;
  std::uint32_t key_groups = 256;
  std::uint64_t roll_bytes = 1 << 20;  ///< of the sinks' files
  std::int64_t roll_ms = 40;           ///< of wall time

  // ---- its life
  std::uint64_t interruptions = 0;  ///< at most
  double storm = 1;                 ///< how often something happens: a factor
  bool slow_messages = false;
  std::size_t keep_checkpoints = 3;

  /// For people.
  std::string text() const;
};

Shape make_shape(Random& random);

}  // namespace weir::sim
