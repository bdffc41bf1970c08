// The job under simulation: two disordered sources, repeats, an exchange by key, state with
// timers, windows, an aggregate, exactly-once files and dead letters. What it must answer is
// written down a second time, without the engine, in model.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "weir/testing.h"

namespace weir::sim {

struct Order {
  std::string id;
  std::string user, item;
  std::string split;     ///< "web-0": the split that it was made for
  std::int64_t seq = 0;  ///< its place there
  EventTime at{};
  std::int64_t amount = 0;
  bool shared = false;  ///< the same record lies in several splits
  bool poison = false;  ///< the job's function throws on it
};
WEIR_DESCRIBE(Order, id, user, item, split, seq, at, amount, shared, poison);

struct Sum {
  std::int64_t count = 0, sum = 0;
};
WEIR_DESCRIBE(Sum, count, sum);

/// One order as it passed; shows the order in which a key's records were taken.
struct Trace {
  std::string user, split;
  std::int64_t seq = 0;
  bool shared = false;
};
WEIR_DESCRIBE(Trace, user, split, seq, shared);

/// The orders of a user within one bucket of time; emitted by a timer.
struct Bucket {
  std::string user;
  std::int64_t end_ms = 0;
  Sum total;
};
WEIR_DESCRIBE(Bucket, user, end_ms, total);

using WindowRow = Windowed<std::string, Sum>;
using TotalRow = Keyed<std::string, Sum>;

inline constexpr std::int64_t kOutOfOrderMs = 50, kDedupeMs = 120, kBucketMs = 70, kWindowMs = 80,
                              kGapMs = 25, kLenientMs = 90, kLatenessMs = 60;

/// The inputs, by the name of their source.
using OrderInput = weir::testing::TestInput<Order>;
using OrderInputs = std::map<std::string, std::shared_ptr<OrderInput>>;

/// Every sink writes into a folder of this name under /out.
inline constexpr const char* kSinks[] = {"trace",  "buckets", "windows", "sessions",
                                         "totals", "late",    "lenient", "too_late"};
inline std::string sink_folder(const std::string& sink) { return "/out/" + sink; }

/// `aligned`: the sources wait for each other. `roll_bytes`: of the sinks' files.
void build_job(Job& job, const OrderInputs& inputs, bool aligned, std::uint64_t roll_bytes);

}  // namespace weir::sim
