// The graph of the job under simulation; see job.h.
#include "tests/sim/job.h"

#include <stdexcept>

#include "weir/file.h"

namespace weir::sim {
namespace {

using WorldPtr = std::shared_ptr<World>;  // shared with the scenario, which moves it

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
  std::int64_t bucket_ms;
  void operator()(OpenBuckets& state, const Order& order, auto& ctx) const {
    if (order.poison) throw std::runtime_error("poison " + order.id);
    const std::int64_t end = (to_millis(order.at) / bucket_ms + 1) * bucket_ms;
    add(state.by_end[end], order);
    ++state.taken;
    ctx.set_timer(from_millis(end - 1));
  }
};

struct CloseBucket {
  WorldPtr world;
  void operator()(OpenBuckets& state, const Timer& timer, auto& ctx) const {
    if (std::exchange(world->timer_breaks, false)) {
      throw std::runtime_error("simulated: a timer function fails");
    }
    const std::int64_t end = to_millis(timer.time) + 1;
    const Sum* total = state.by_end.find(end);
    ctx.emit(Bucket{ctx.key(), end, total == nullptr ? Sum{-1, -1} : *total});
    state.by_end.erase(end);
    if (state.by_end.empty()) ctx.clear_state();
  }
};

struct TraceOrder {
  WorldPtr world;
  void operator()(Sum& taken, const Order& order, auto& ctx) const {
    add(taken, order);
    ctx.emit(Trace{order.user, order.split, order.seq, order.shared});
    // After the state has changed and a record was emitted: both are taken back.
    if (order.fragile && world->down) throw std::runtime_error("the world is down");
  }
};

struct AddToTotal {
  WorldPtr world;
  void operator()(Sum& sum, const Order& order) const {
    if (order.fragile && world->down) throw std::runtime_error("the world is down");
    add(sum, order);
  }
};

struct Chain {
  std::int64_t place = 0, chain = 0;
  ListState<std::int64_t> recent;
};
WEIR_DESCRIBE(Chain, place, chain, recent);

struct ChainOrder {
  void operator()(Chain& state, const Order& order, auto& ctx) const {
    state.chain = (state.chain * 31 + order.number) % 1'000'003;
    state.recent.push_back(order.number);
    if (state.recent.size() > kRecent) state.recent.pop_front();
    std::int64_t recent = 0;
    state.recent.for_each([&](std::int64_t number) { recent += number; });
    ctx.emit(Chained{ctx.key(), order.number, ++state.place, state.chain, recent});
  }
};

struct Both {
  Sum web, app;
};
WEIR_DESCRIBE(Both, web, app);

/// Set by each order, and due at the end of the input.
constexpr EventTime kAtTheEnd = from_millis(std::int64_t{1} << 50);

struct FromWeb {
  void operator()(Both& both, const Order& order, auto& ctx) const {
    add(both.web, order);
    ctx.set_timer(kAtTheEnd);
  }
};
struct FromApp {
  void operator()(Both& both, const Order& order, auto& ctx) const {
    add(both.app, order);
    ctx.set_timer(kAtTheEnd);
  }
};
struct SayBoth {
  void operator()(Both& both, const Timer&, auto& ctx) const {
    ctx.emit(Joined{ctx.key(), both.web, both.app});
    ctx.clear_state();
  }
};

struct Patience {
  std::int64_t nudges = 0;
  bool waiting = false;
};
WEIR_DESCRIBE(Patience, nudges, waiting);

struct WaitForNudge {
  void operator()(Patience& patience, const Order&, auto& ctx) const {
    if (!std::exchange(patience.waiting, true)) {
      ctx.set_processing_timer(ctx.processing_time() + Duration(5), "nudge");
    }
  }
};
struct GiveNudge {
  void operator()(Patience& patience, const Timer&, auto& ctx) const {
    patience.waiting = false;
    ctx.emit(Nudge{ctx.key(), ++patience.nudges});
  }
};

/// Builds the graph, branch by branch.
class Builder {
 public:
  Builder(Job& job, const Shape& shape, const OrderInputs& inputs, WorldPtr world, Random& random)
      : job_(job), shape_(shape), inputs_(inputs), world_(std::move(world)), random_(random) {}

  void build() {
    const auto web = source("web"), app = source("app");
    sink(web.late(), "late");  // those of "app" become dead letters
    // One exchange away from the sources, so that the order of a key's records is promised.
    const Stream<Order> all = web.union_with("all", app);
    // In one task with its sink, so that a file shows the order.
    sink(all.key_by(&Order::user)
             .process<Sum, Trace>("trace", TraceOrder{world_}, {}, {.park_keys = true}),
         "trace");
    if (shape_.has_joined) joined(web, app);
    if (shape_.has_nudges) nudges(all);
    if (shape_.has_lenient) lenient(web);
    deduped(all.key_by(&Order::id)
                .dedupe("unique", {.ttl = Duration(shape_.dedupe_ms), .parallelism = some()})
                .unique);
  }

 private:
  /// The parallelism of a step: mostly that of the job.
  std::uint32_t some() {
    return random_.chance(0.8) ? 0 : 1 + static_cast<std::uint32_t>(random_.below(4));
  }

  SourceStream<Order> source(const std::string& name) {
    SourceOptions<Order> options{.event_time = &Order::at,
                                 .out_of_order = Duration(shape_.out_of_order_ms)};
    if (shape_.aligned) {
      options.align = "shop";
      options.align_drift = Duration(100);
    }
    return job_.source(name, std::make_shared<weir::testing::TestSource<Order>>(inputs_.at(name)),
                       options);
  }

  template <class T>
  void sink(const Stream<T>& stream, const std::string& name) {
    stream.sink("to_" + name, file::json_sink<T>({.path = sink_folder(name),
                                                  .roll_bytes = shape_.roll_bytes,
                                                  .roll_interval = Duration(shape_.roll_ms)}));
  }

  void deduped(const Stream<Order>& unique) {
    sink(unique.key_by(&Order::user)
             .process<OpenBuckets, Bucket>("buckets", TakeOrder{shape_.bucket_ms},
                                           CloseBucket{world_}),
         "buckets");
    const WindowSpec windows = sliding(Duration(shape_.window_ms), Duration(shape_.slide_ms));
    sink(unique.key_by(&Order::item)
             .window<Sum>("windows", windows, add, combine, {.parallelism = some()})
             .results,
         "windows");
    sink(unique.key_by(&Order::user)
             .window<Sum>("sessions", session(Duration(shape_.gap_ms)), add, combine)
             .results,
         "sessions");
    sink(unique.key_by(&Order::item)
             .aggregate<Sum>("totals", AddToTotal{world_}, combine, {.parallelism = some()}),
         "totals");
    if (shape_.has_ordered) ordered(unique);
  }

  /// Each instant's orders by their numbers, so that there is one right order.
  void ordered(const Stream<Order>& unique) {
    auto [chained, behind] =
        unique.key_by(&Order::user)
            .in_event_time_order([](const Order& order) { return order.number; })
            .process<Chain, Chained>("ordered", ChainOrder{}, {},
                                     {.ttl = {.after = Duration(shape_.forget_ms)}});
    sink(chained, "ordered");
    behind.discard("behind");
  }

  void joined(const Stream<Order>& web, const Stream<Order>& app) {
    sink(web.key_by(&Order::user)
             .connect(app.key_by(&Order::user))
             .process<Both, Joined>("joined", FromWeb{}, FromApp{}, SayBoth{}),
         "joined");
  }

  void nudges(const Stream<Order>& all) {
    sink(all.key_by(&Order::user).process<Patience, Nudge>("nudges", WaitForNudge{}, GiveNudge{}),
         "nudges");
  }

  /// Late ones change results already given; records of one split have one order.
  void lenient(const SourceStream<Order>& web) {
    auto windows = web.union_with("web_all", web.late())
                       .filter("unshared", [](const Order& o) { return !o.shared; })
                       .key_by(&Order::split)
                       .window<Sum>("lenient", tumbling(Duration(shape_.lenient_ms)), add, combine,
                                    {.allowed_lateness = Duration(shape_.lateness_ms)});
    sink(windows.results, "lenient");
    sink(windows.late, "too_late");
  }

  Job& job_;
  const Shape& shape_;
  const OrderInputs& inputs_;
  WorldPtr world_;
  Random& random_;
};

}  // namespace

void build_job(Job& job, const Shape& shape, const OrderInputs& inputs, const WorldPtr& world,
               Random& random) {
  job.set_max_parallelism(shape.key_groups);
  Builder(job, shape, inputs, world, random).build();
}

}  // namespace weir::sim
