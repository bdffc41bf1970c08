// Keyed streams: what may follow a key_by. Included by stream.h.
#pragma once

#include "weir/operators/aggregate.h"
#include "weir/operators/connect.h"
#include "weir/operators/dedupe.h"
#include "weir/operators/pane_window.h"
#include "weir/operators/process.h"
#include "weir/operators/process_ordered.h"
#include "weir/operators/session_window.h"
#include "weir/operators/stream.h"

namespace weir {

namespace operators_detail {

/// Declares the keyed state of a step.
template <class K, class Stored>
void declare_state(GraphStep& step) {
  step.keyed = true;
  step.key_schema = to_json(schema_of<K>());
  step.state_schema = to_json(StateParts<Stored>::schema());
  step.check_state = [](const std::string& key, const std::string& state) -> Status {
    KeyedRowLoader<K, Stored> loader;
    return loader.open(key, state);
  };
}

template <class... Outs>
void add_ports(GraphStep& step) {
  (step.outputs.push_back(
       make_port<Outs>(sizeof...(Outs) > 1 ? describe_detail::type_name<Outs>() : "")),
   ...);
}

template <class... Outs, std::uint32_t... I>
auto numbered_streams(Graph& graph, StepId id, std::integer_sequence<std::uint32_t, I...>) {
  return std::tuple<Stream<Outs>...>{Stream<Outs>(graph, id, I)...};
}
/// One stream for each of `Outs`, from port 0 on.
template <class... Outs>
auto stream_tuple(Graph& graph, StepId id) {
  return numbered_streams<Outs...>(graph, id,
                                   std::make_integer_sequence<std::uint32_t, sizeof...(Outs)>{});
}

/// The streams of a step: nothing, one, or a tuple.
template <class... Outs>
auto streams_of(Graph& graph, StepId id) {
  if constexpr (sizeof...(Outs) == 1) {
    return Stream<std::tuple_element_t<0, std::tuple<Outs...>>>(graph, id, 0);
  } else if constexpr (sizeof...(Outs) > 1) {
    return stream_tuple<Outs...>(graph, id);
  }
}

}  // namespace operators_detail

/// First ones and those too late to judge.
template <class T>
struct Deduped {
  Stream<T> unique;
  Stream<T> late;
};

/// Results of windows, and records too late for theirs.
template <class K, class Acc, class T>
struct WindowStreams {
  Stream<Windowed<K, Acc>> results;
  Stream<T> late;
};

/// Two keyed streams with the same key type; `process` follows.
template <class K, class L, class R, class LKey, class RKey>
class [[nodiscard]] ConnectedStreams {
 public:
  ConnectedStreams(KeyedStream<K, L, LKey> left, KeyedStream<K, R, RKey> right)
      : left_(std::move(left)), right_(std::move(right)) {}

  /// `left(State&, const L&, auto& ctx)` and `right(State&, const R&, auto& ctx)` over the state of
  /// their key, `on_timer(State&, const Timer&, auto& ctx)`.
  template <class S, class... Outs, class LFn, class RFn, class TimerFn = NoTimerFn>
  auto process(std::string name, LFn left, RFn right, TimerFn on_timer = {},
               ProcessOptions options = {}, Place place = Place::current()) const {
    using Op = ConnectOperator<K, S, L, R, LKey, RKey, LFn, RFn, TimerFn, Outs...>;
    GraphStep step =
        left_.start(std::move(name), "process", place, StepOptions{options.parallelism});
    right_.stream().add_input(step, 1, right_.hasher());
    operators_detail::declare_state<K, S>(step);
    operators_detail::add_ports<Outs...>(step);
    step.make = [l = left_.key(), r = right_.key(), left, right, on_timer, options] {
      return std::make_unique<Op>(l, r, left, right, on_timer, options);
    };
    Graph& graph = left_.stream().graph();
    const StepId id = graph.add(std::move(step));
    return operators_detail::streams_of<Outs...>(graph, id);
  }

 private:
  KeyedStream<K, L, LKey> left_;
  KeyedStream<K, R, RKey> right_;
};

/// Records of a key handed over in event-time order; `process` follows.
template <class K, class T, class KeyFn, class RankFn>
class [[nodiscard]] OrderedKeyedStream {
 public:
  OrderedKeyedStream(KeyedStream<K, T, KeyFn> stream, RankFn rank)
      : stream_(std::move(stream)), rank_(std::move(rank)) {}

  /// As KeyedStream::process; returns the streams of `Outs` and, last, that of the records which
  /// came too late to be put in order (dead letters where nobody takes it).
  template <class S, class... Outs, class Fn, class TimerFn = NoTimerFn>
  auto process(std::string name, Fn fn, TimerFn on_timer = {}, ProcessOptions options = {},
               Place place = Place::current()) const {
    using Op = OrderedProcessOperator<K, S, T, KeyFn, RankFn, Fn, TimerFn, Outs...>;
    GraphStep step =
        stream_.start(std::move(name), "process", place, StepOptions{options.parallelism});
    step.needs_event_time = true;
    operators_detail::declare_state<K, OrderedState<S, T>>(step);
    operators_detail::add_ports<Outs...>(step);
    step.outputs.push_back(operators_detail::make_port<T>("late", true));
    step.make = [key = stream_.key(), rank = rank_, fn, on_timer, options] {
      return std::make_unique<Op>(key, rank, fn, on_timer, options);
    };
    Graph& graph = stream_.stream().graph();
    const StepId id = graph.add(std::move(step));
    return operators_detail::stream_tuple<Outs..., T>(graph, id);
  }

 private:
  KeyedStream<K, T, KeyFn> stream_;
  RankFn rank_;
};

/// A stream whose records belong to keys of type K.
template <class K, class T, class KeyFn>
class [[nodiscard]] KeyedStream {
 public:
  KeyedStream(Stream<T> stream, KeyFn key)
      : stream_(std::move(stream)),
        key_(std::move(key)),
        hasher_(std::make_shared<operators_detail::TypedHasher<T, KeyFn>>(key_)) {}

  /// `fn(State&, const T&, auto& ctx)` over the state of the record's key. `ctx` emits (one type in
  /// `Outs` for each output), sets timers, clears the state: see ProcessContext. `on_timer(State&,
  /// const Timer&, auto& ctx)` is called when a timer is due.
  template <class S, class... Outs, class Fn, class TimerFn = NoTimerFn>
  auto process(std::string name, Fn fn, TimerFn on_timer = {}, ProcessOptions options = {},
               Place place = Place::current()) const {
    WEIR_REQUIRE_STORABLE(S);
    using Op = ProcessOperator<K, S, T, KeyFn, Fn, TimerFn, Outs...>;
    GraphStep step = start(std::move(name), "process", place, StepOptions{options.parallelism});
    operators_detail::declare_state<K, S>(step);
    operators_detail::add_ports<Outs...>(step);
    step.make = [key = key_, fn, on_timer, options] {
      return std::make_unique<Op>(key, fn, on_timer, options);
    };
    const StepId id = stream_.graph().add(std::move(step));
    return operators_detail::streams_of<Outs...>(stream_.graph(), id);
  }

  /// Records of a key in event-time order; those of one instant by `rank(const T&)`, then by
  /// arrival.
  template <class RankFn = NoTimerFn>
  OrderedKeyedStream<K, T, KeyFn, RankFn> in_event_time_order(RankFn rank = {}) const {
    return {*this, std::move(rank)};
  }

  /// Together with another keyed stream of the same key type.
  template <class R, class RKey>
  ConnectedStreams<K, T, R, KeyFn, RKey> connect(const KeyedStream<K, R, RKey>& right) const {
    return {*this, right};
  }

  /// One accumulator for each key: `add(Acc&, const T&)`, `combine(Acc&, const Acc&)`.
  template <class Acc, class AddFn, class CombineFn>
  Stream<Keyed<K, Acc>> aggregate(std::string name, AddFn add, CombineFn combine,
                                  AggregateOptions options = {},
                                  Place place = Place::current()) const {
    static_assert(std::is_invocable_v<AddFn&, Acc&, const T&>,
                  "add is called as add(Acc&, const Record&)");
    static_assert(std::is_invocable_v<CombineFn&, Acc&, const Acc&>,
                  "combine is called as combine(Acc&, const Acc&)");
    using Op = AggregateOperator<K, Acc, T, KeyFn, AddFn, CombineFn>;
    GraphStep step = start(std::move(name), "aggregate", place, StepOptions{options.parallelism});
    operators_detail::declare_state<K, Acc>(step);
    step.needs_end = options.emit == Emit::at_end;
    step.outputs.push_back(operators_detail::make_port<Keyed<K, Acc>>());
    step.make = [key = key_, add, combine, options] {
      return std::make_unique<Op>(key, add, combine, options);
    };
    step.make_combiner = [key = key_, add] {
      return std::make_unique<CombineOperator<K, Acc, T, KeyFn, AddFn>>(key, add);
    };
    step.make_combined_batch = [] {
      return std::unique_ptr<BatchBase>(std::make_unique<Batch<Keyed<K, Acc>>>());
    };
    const auto by_key = [](const Keyed<K, Acc>& r) -> const K& { return r.key; };
    step.combined_hasher = std::make_shared<
        operators_detail::TypedHasher<Keyed<K, Acc>, std::remove_const_t<decltype(by_key)>>>(
        by_key);
    step.combined_input = 1;
    return {stream_.graph(), stream_.graph().add(std::move(step)), 0};
  }

  /// The same over windows of event time.
  template <class Acc, class AddFn, class CombineFn>
  WindowStreams<K, Acc, T> window(std::string name, WindowSpec spec, AddFn add, CombineFn combine,
                                  WindowOptions options = {},
                                  Place place = Place::current()) const {
    static_assert(std::is_invocable_v<AddFn&, Acc&, const T&>,
                  "add is called as add(Acc&, const Record&)");
    static_assert(std::is_invocable_v<CombineFn&, Acc&, const Acc&>,
                  "combine is called as combine(Acc&, const Acc&)");
    if (spec.gap.count() <= 0 && (spec.size.count() <= 0 || spec.slide.count() <= 0)) {
      throw GraphError(name, place, "a window needs a size, slide or gap above zero");
    }
    GraphStep step = start(std::move(name), "window", place, StepOptions{options.parallelism});
    step.needs_event_time = true;
    step.outputs.push_back(operators_detail::make_port<Windowed<K, Acc>>());
    step.outputs.push_back(operators_detail::make_port<T>("late", true));
    const auto use = [&]<class State, class Op>(std::type_identity<State>, std::type_identity<Op>) {
      operators_detail::declare_state<K, State>(step);
      step.make = [spec, key = key_, add, combine, options] {
        return std::make_unique<Op>(spec, key, add, combine, options);
      };
    };
    if (spec.gap.count() > 0) {
      use(std::type_identity<SessionState<Acc>>{},
          std::type_identity<SessionWindowOperator<K, Acc, T, KeyFn, AddFn, CombineFn>>{});
    } else {
      use(std::type_identity<PaneState<Acc>>{},
          std::type_identity<PaneWindowOperator<K, Acc, T, KeyFn, AddFn, CombineFn>>{});
    }
    const StepId id = stream_.graph().add(std::move(step));
    return {Stream<Windowed<K, Acc>>(stream_.graph(), id, 0), Stream<T>(stream_.graph(), id, 1)};
  }

  /// Drops repeats of a key within `options.ttl` of event time.
  Deduped<T> dedupe(std::string name, DedupeOptions options = {},
                    Place place = Place::current()) const {
    if (options.ttl.count() <= 0) {
      throw GraphError(name, place, "dedupe needs a ttl above zero");
    }
    GraphStep step = start(std::move(name), "dedupe", place, StepOptions{options.parallelism});
    step.needs_event_time = true;
    operators_detail::declare_state<FingerprintKey<K>, SeenTimes>(step);
    step.outputs.push_back(operators_detail::make_port<T>());
    step.outputs.push_back(operators_detail::make_port<T>("late", true));
    step.make = [key = key_, options] {
      return std::make_unique<DedupeOperator<K, T, KeyFn>>(key, options);
    };
    const StepId id = stream_.graph().add(std::move(step));
    return {Stream<T>(stream_.graph(), id, 0), Stream<T>(stream_.graph(), id, 1)};
  }

  // ---- for the writers of operators
  // -----------------------------------------------------------------
  const Stream<T>& stream() const { return stream_; }
  const KeyFn& key() const { return key_; }
  const std::shared_ptr<const KeyHasher>& hasher() const { return hasher_; }
  GraphStep start(std::string name, std::string kind, const Place& place,
                  const StepOptions& options) const {
    GraphStep step = operators_detail::make_step(std::move(name), std::move(kind), place, options);
    stream_.add_input(step, 0, hasher_);
    return step;
  }

 private:
  Stream<T> stream_;
  KeyFn key_;
  std::shared_ptr<const KeyHasher> hasher_;
};

}  // namespace weir
