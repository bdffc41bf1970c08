// The job under simulation: two disordered sources, repeats, exchanges by key, state with timers,
// parked keys, windows, an aggregate, records in event-time order, two inputs of one step,
// exactly-once files and dead letters. What it must answer is written down a second time, without
// the engine, in model.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "tests/sim/shape.h"
#include "weir/testing.h"

namespace weir::sim {

struct Order {
  std::string id;
  std::string user, item;
  std::string split;        ///< "web-0": the split that it was made for
  std::int64_t seq = 0;     ///< its place there
  std::int64_t number = 0;  ///< as good as its id, and easier to put in order
  EventTime at{};
  std::int64_t amount = 0;
  bool shared = false;   ///< the same record lies in several splits
  bool poison = false;   ///< step "buckets" throws on it
  bool fragile = false;  ///< steps "trace" and "totals" throw on it while the world is down
};
WEIR_DESCRIBE(Order, id, user, item, split, seq, number, at, amount, shared, poison, fragile);

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

/// An order in its place by event time, and a number that all orders of its user before it made.
struct Chained {
  std::string user;
  std::int64_t number = 0, place = 0, chain = 0, recent = 0;
};
WEIR_DESCRIBE(Chained, user, number, place, chain, recent);

/// What both sources had of a user.
struct Joined {
  std::string user;
  Sum web, app;
};
WEIR_DESCRIBE(Joined, user, web, app);

/// Wall time has passed since a user's order, for the n-th time.
struct Nudge {
  std::string user;
  std::int64_t time = 0;
};
WEIR_DESCRIBE(Nudge, user, time);

using WindowRow = Windowed<std::string, Sum>;
using TotalRow = Keyed<std::string, Sum>;

/// What the job's functions meet outside of it.
struct World {
  bool down = false;          ///< they throw on fragile orders
  bool timer_breaks = false;  ///< the next timer function throws, which ends the process
};

/// The inputs, by the name of their source.
using OrderInput = weir::testing::TestInput<Order>;
using OrderInputs = std::map<std::string, std::shared_ptr<OrderInput>>;

inline constexpr std::size_t kRecent = 4;  ///< how many numbers "ordered" remembers

/// Every sink writes into a folder of this name under /out.
inline constexpr const char* kSinks[] = {"trace",  "buckets", "windows", "sessions",
                                         "totals", "late",    "lenient", "too_late",
                                         "joined", "ordered", "nudges"};
inline std::string sink_folder(const std::string& sink) { return "/out/" + sink; }

/// Some steps have a parallelism of their own, drawn from `random`.
void build_job(Job& job, const Shape& shape, const OrderInputs& inputs,
               const std::shared_ptr<World>& world, Random& random);

}  // namespace weir::sim
