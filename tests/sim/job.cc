// The graph of the job under simulation; see job.h.
#include "tests/sim/job.h"

#include <stdexcept>

#include "weir/file.h"

namespace weir::sim {
namespace {

/// State of a user: what is open by the end of its bucket.
struct OpenBuckets {
  MapState<std::int64_t, Sum> by_end;
  std::int64_t taken = 0;
};
WEIR_DESCRIBE(OpenBuckets, by_end, taken);

void add(Sum& sum, const Order& order) {
  ++sum.count;
  sum.sum += order.amount;
}
void combine(Sum& sum, const Sum& other) {
  sum.count += other.count;
  sum.sum += other.sum;
}

struct TakeOrder {
  void operator()(OpenBuckets& state, const Order& order, auto& ctx) const {
    if (order.poison) throw std::runtime_error("poison " + order.id);
    const std::int64_t end = (to_millis(order.at) / kBucketMs + 1) * kBucketMs;
    add(state.by_end[end], order);
    ++state.taken;
    ctx.set_timer(from_millis(end - 1));
  }
};

struct CloseBucket {
  void operator()(OpenBuckets& state, const Timer& timer, auto& ctx) const {
    const std::int64_t end = to_millis(timer.time) + 1;
    const Sum* total = state.by_end.find(end);
    ctx.emit(Bucket{ctx.key(), end, total == nullptr ? Sum{-1, -1} : *total});
    state.by_end.erase(end);
    if (state.by_end.empty()) ctx.clear_state();
  }
};

struct TraceOrder {
  void operator()(Sum& taken, const Order& order, auto& ctx) const {
    add(taken, order);
    ctx.emit(Trace{order.user, order.split, order.seq, order.shared});
  }
};

}  // namespace

void build_job(Job& job, const OrderInputs& inputs, bool aligned, std::uint64_t roll_bytes) {
  const auto source = [&](const std::string& name) {
    SourceOptions<Order> options{.event_time = &Order::at, .out_of_order = Duration(kOutOfOrderMs)};
    if (aligned) {
      options.align = "shop";
      options.align_drift = Duration(100);
    }
    return job.source(name, std::make_shared<weir::testing::TestSource<Order>>(inputs.at(name)),
                      options);
  };
  const auto sink = [roll_bytes]<class T>(const Stream<T>& stream, const std::string& name) {
    stream.sink("to_" + name, file::json_sink<T>({.path = sink_folder(name),
                                                  .roll_bytes = roll_bytes,
                                                  .roll_interval = Duration(40)}));
  };
  const auto web = source("web"), app = source("app");
  sink(web.late(), "late");  // those of "app" become dead letters

  // One exchange away from the sources, so that the order of a key's records is promised.
  const Stream<Order> all = web.union_with("all", app);
  sink(all.key_by(&Order::user).process<Sum, Trace>("trace", TraceOrder{}), "trace");

  const Stream<Order> unique =
      all.key_by(&Order::id).dedupe("unique", {.ttl = Duration(kDedupeMs)}).unique;
  sink(unique.key_by(&Order::user)
           .process<OpenBuckets, Bucket>("buckets", TakeOrder{}, CloseBucket{}),
       "buckets");
  sink(unique.key_by(&Order::item)
           .window<Sum>("windows", tumbling(Duration(kWindowMs)), add, combine)
           .results,
       "windows");
  sink(unique.key_by(&Order::user)
           .window<Sum>("sessions", session(Duration(kGapMs)), add, combine)
           .results,
       "sessions");
  sink(unique.key_by(&Order::item).aggregate<Sum>("totals", add, combine), "totals");

  // Late ones change results already given; records of one split have one order.
  auto lenient = web.union_with("web_all", web.late())
                     .filter("unshared", [](const Order& o) { return !o.shared; })
                     .key_by(&Order::split)
                     .window<Sum>("lenient", tumbling(Duration(kLenientMs)), add, combine,
                                  {.allowed_lateness = Duration(kLatenessMs)});
  sink(lenient.results, "lenient");
  sink(lenient.late, "too_late");
}

}  // namespace weir::sim
