// Streams: the typed face of the graph. A stream is a value; each step makes new ones. Functions
// are lambdas or any callable; each step has a name, which is unique in the job and keys its state.
//
//   auto events = job.source("events", weir::file::json<Event>({.path = "events.jsonl"}),
//                            {.event_time = &Event::at, .out_of_order = 10s});
//   events.filter("paid", [](const Event& e) { return e.paid; })
//       .key_by(&Event::user)
//       .aggregate<Total>("total", add, combine)
//       .sink("totals", weir::file::json_sink<weir::Keyed<std::string, Total>>({.path = "out"}));
//
// A mistake throws GraphError with the step and the place in the source. Used by one thread.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <tuple>
#include <utility>

#include "weir/operators/contract.h"
#include "weir/operators/filter.h"
#include "weir/operators/flat_map.h"
#include "weir/operators/map.h"
#include "weir/operators/union.h"
#include "weir/runtime/job.h"
#include "weir/runtime/sink_operator.h"
#include "weir/runtime/source_operator.h"

namespace weir {

template <class K, class T, class KeyFn>
class KeyedStream;

using Place = std::source_location;

namespace operators_detail {

/// Calls a key function or member pointer.
template <class KeyFn, class T>
using KeyOf = std::remove_cvref_t<std::invoke_result_t<KeyFn&, const T&>>;

template <class T, class KeyFn>
class TypedHasher final : public KeyHasher {
 public:
  explicit TypedHasher(KeyFn key) : key_(std::move(key)) {}
  void hash(BatchBase& base) const override {
    auto& batch = static_cast<Batch<T>&>(base);
    std::uint64_t* hashes = batch.hashes();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      hashes[i] = hash_key<KeyOf<const KeyFn, T>>(std::invoke(key_, std::as_const(batch[i])));
    }
    batch.set_has_hashes(true);
  }
  Result<std::uint64_t> hash_letter(const DeadLetter& letter) const override {
    T record{};
    WEIR_TRY(decode_letter_record(letter, record));
    return hash_key<KeyOf<const KeyFn, T>>(std::invoke(key_, std::as_const(record)));
  }

 private:
  KeyFn key_;
};

/// A step under construction.
GraphStep make_step(std::string name, std::string kind, const Place& place,
                    const StepOptions& options);

}  // namespace operators_detail

/// A stream of records of type T.
template <class T>
class [[nodiscard]] Stream {
 public:
  using Record = T;
  Stream(Graph& graph, StepId step, std::uint32_t port, Exchange exchange = Exchange::forward)
      : graph_(&graph), step_(step), port_(port), exchange_(exchange) {}

  /// Keeps the records for which `predicate(const T&)` is true.
  template <class Predicate>
  Stream filter(std::string name, Predicate predicate, StepOptions options = {},
                Place place = Place::current()) const {
    static_assert(std::is_invocable_r_v<bool, Predicate&, const T&>,
                  "A filter is called as bool(const Record&)");
    GraphStep step = start(std::move(name), "filter", place, options);
    step.outputs.push_back(operators_detail::make_port<T>());
    step.make = [predicate] {
      return std::make_unique<FilterOperator<T, Predicate, false>>(predicate);
    };
    return {*graph_, graph_->add(std::move(step)), 0};
  }

  /// Two streams: records for which `predicate` is true, and the others.
  template <class Predicate>
  std::pair<Stream, Stream> split(std::string name, Predicate predicate, StepOptions options = {},
                                  Place place = Place::current()) const {
    static_assert(std::is_invocable_r_v<bool, Predicate&, const T&>,
                  "A split is called as bool(const Record&)");
    GraphStep step = start(std::move(name), "split", place, options);
    step.outputs.push_back(operators_detail::make_port<T>("true"));
    step.outputs.push_back(operators_detail::make_port<T>("false"));
    step.make = [predicate] {
      return std::make_unique<FilterOperator<T, Predicate, true>>(predicate);
    };
    const StepId id = graph_->add(std::move(step));
    return {Stream(*graph_, id, 0), Stream(*graph_, id, 1)};
  }

  /// `fn(const T&)` of each record.
  template <class Fn>
  auto map(std::string name, Fn fn, StepOptions options = {},
           Place place = Place::current()) const {
    static_assert(std::is_invocable_v<Fn&, const T&>, "A map is called as U(const Record&)");
    using U = std::remove_cvref_t<std::invoke_result_t<Fn&, const T&>>;
    GraphStep step = start(std::move(name), "map", place, options);
    step.outputs.push_back(operators_detail::make_port<U>());
    step.make = [fn] { return std::make_unique<MapOperator<T, U, Fn>>(fn); };
    return Stream<U>(*graph_, graph_->add(std::move(step)), 0);
  }

  /// Any number of records for each: `fn(const T&, auto& out)` calls `out.emit(value)`. With
  /// several output types it returns a tuple of streams, and the type of the value chooses among
  /// them.
  template <class... Outs, class Fn>
  auto flat_map(std::string name, Fn fn, StepOptions options = {},
                Place place = Place::current()) const {
    static_assert(sizeof...(Outs) > 0, "flat_map<Out>(name, fn): name the output type");
    static_assert(std::is_invocable_v<Fn&, const T&, Collector<Outs...>&>,
                  "A flat_map is called as fn(const Record&, auto& out)");
    GraphStep step = start(std::move(name), "flat_map", place, options);
    (step.outputs.push_back(operators_detail::make_port<Outs>(
         sizeof...(Outs) > 1 ? describe_detail::type_name<Outs>() : "")),
     ...);
    step.make = [fn] { return std::make_unique<FlatMapOperator<T, Fn, Outs...>>(fn); };
    return outputs<Outs...>(graph_->add(std::move(step)));
  }

  /// All records of this stream and `others` as one.
  template <class... Others>
  Stream union_with(std::string name, const Stream& other, const Others&... others) const {
    GraphStep step = start(std::move(name), "union", Place::current(), {});
    other.add_input(step, 0);
    (others.add_input(step, 0), ...);
    step.outputs.push_back(operators_detail::make_port<T>());
    step.make = [] { return std::make_unique<UnionOperator>(); };
    return {*graph_, graph_->add(std::move(step)), 0};
  }

  /// Groups records by a member pointer or a function of the record; keyed steps follow.
  template <class KeyFn>
  auto key_by(KeyFn key) const {
    static_assert(std::is_invocable_v<KeyFn&, const T&>,
                  "key_by takes a member pointer or a function of const Record&");
    using K = operators_detail::KeyOf<KeyFn, T>;
    return KeyedStream<K, T, KeyFn>(*this, std::move(key));
  }

  /// The same records spread evenly over the subtasks of the next step.
  Stream rebalance() const { return {*graph_, step_, port_, Exchange::rebalance}; }

  /// Ends the stream in a sink.
  template <class S>
  void sink(std::string name, std::shared_ptr<S> sink, StepOptions options = {},
            Place place = Place::current()) const {
    static_assert(std::is_same_v<typename S::Record, T>,
                  "The sink takes records of another type than this stream has");
    std::shared_ptr<const Sink<T>> shared = std::move(sink);
    GraphStep step = start(std::move(name), "sink", place, options);
    step.description = shared->describe() + (shared->at_least_once() ? " (at least once)" : "");
    step.make = [shared] { return std::make_unique<SinkOperator<T>>(shared); };
    step.sink =
        SinkHooks{[shared](const SinkContext& context, const std::vector<std::string>& live) {
                    return shared->prepare(context, live);
                  },
                  [shared](const SinkContext& context) { return shared->attach(context); },
                  shared->at_least_once()};
    graph_->add(std::move(step));
  }

  /// Ends the stream: its records are counted and dropped.
  void discard(std::string name, Place place = Place::current()) const {
    GraphStep step = start(std::move(name), "discard", place, {});
    step.make = [] { return std::make_unique<DiscardOperator>(); };
    graph_->add(std::move(step));
  }

  // ---- for the writers of operators
  // -----------------------------------------------------------------
  Graph& graph() const { return *graph_; }
  void add_input(GraphStep& step, std::uint32_t input,
                 std::shared_ptr<const KeyHasher> hasher = nullptr) const {
    step.inputs.push_back(
        {step_, port_, input, hasher ? Exchange::hash : exchange_, std::move(hasher)});
  }
  GraphStep start(std::string name, std::string kind, const Place& place,
                  const StepOptions& options) const {
    GraphStep step = operators_detail::make_step(std::move(name), std::move(kind), place, options);
    add_input(step, 0);
    return step;
  }

 private:
  template <class... Outs>
  auto outputs(StepId id) const {
    if constexpr (sizeof...(Outs) == 1) {
      return Stream<std::tuple_element_t<0, std::tuple<Outs...>>>(*graph_, id, 0);
    } else {
      return numbered<Outs...>(id, std::make_integer_sequence<std::uint32_t, sizeof...(Outs)>{});
    }
  }
  template <class... Outs, std::uint32_t... I>
  auto numbered(StepId id, std::integer_sequence<std::uint32_t, I...>) const {
    return std::tuple<Stream<Outs>...>{Stream<Outs>(*graph_, id, I)...};
  }

  Graph* graph_;
  StepId step_;
  std::uint32_t port_;
  Exchange exchange_;
};

/// How a source's records get their event time.
template <class T>
class EventTimeOf {
 public:
  EventTimeOf() = default;
  /// A member pointer or a function of const T& that gives an EventTime, or a whole number of
  /// milliseconds since 1970.
  template <class Fn>
  requires std::is_invocable_v<Fn&, const T&> EventTimeOf(Fn fn)
      : assign_([fn = std::move(fn)](Batch<T>& batch, std::int64_t* times) {
          for (std::size_t i = 0; i < batch.size(); ++i) {
            const auto time = std::invoke(fn, std::as_const(batch[i]));
            if constexpr (std::is_integral_v<std::remove_cvref_t<decltype(time)>>)
              times[i] = time;
            else
              times[i] = to_millis(time);
          }
        }) {}
  const EventTimeAssigner<T>& assigner() const { return assign_; }

 private:
  EventTimeAssigner<T> assign_;
};

template <class T>
struct SourceOptions {
  EventTimeOf<T> event_time = {};  ///< none: no event time, so no windows, timers or lateness
  Duration out_of_order{0};  ///< how far behind the newest time of its split a record may come
  Duration idle_after{0};    ///< a split that gives nothing for so long does not hold others back
  std::string align = {};    ///< sources of one group stay within `align_drift` of each other
  Duration align_drift{std::chrono::minutes(1)};
  std::uint32_t parallelism = 0;
};

/// The records of a source that came in time. Those that came late are a stream of their own; where
/// nobody takes it they become dead letters.
template <class T>
class [[nodiscard]] SourceStream : public Stream<T> {
 public:
  SourceStream(Graph& graph, StepId step) : Stream<T>(graph, step, 0), late_(graph, step, 1) {}
  Stream<T> late() const { return late_; }

 private:
  Stream<T> late_;
};

template <class S>
SourceStream<typename S::Record> Job::source(std::string name, std::shared_ptr<S> source,
                                             SourceOptions<typename S::Record> options,
                                             std::source_location place) {
  using T = typename S::Record;
  std::shared_ptr<const Source<T>> shared = std::move(source);
  GraphStep step = operators_detail::make_step(std::move(name), "source", place,
                                               {.parallelism = options.parallelism});
  step.description = shared->describe();
  step.outputs.push_back(operators_detail::make_port<T>());
  step.outputs.push_back(operators_detail::make_port<T>("late", true));
  const SourceSettings<T> settings{options.event_time.assigner(), options.out_of_order,
                                   options.idle_after};
  step.make = [shared, settings] {
    return std::make_unique<TypedSourceOperator<T>>(shared, settings);
  };
  step.source =
      SourceHooks{[shared](const SourceContext& context) { return shared->discover(context); },
                  [shared](const SourceContext& context, std::vector<std::string> splits) {
                    return shared->first_positions(context, std::move(splits));
                  },
                  shared->discovery_interval(),
                  settings.event_time || shared->gives_event_time(),
                  options.align,
                  options.align_drift};
  return {graph_, graph_.add(std::move(step))};
}

inline Stream<DeadLetter> Job::dead_letters(std::string name, std::source_location place) {
  GraphStep step = operators_detail::make_step(std::move(name), "dead letters", place, {});
  step.description = "the dead letters of all steps";
  step.takes_letters = true;
  step.outputs.push_back(operators_detail::make_port<DeadLetter>());
  step.make = [] { return std::make_unique<UnionOperator>(); };
  return {graph_, graph_.add(std::move(step)), 0};
}

}  // namespace weir

#include "weir/operators/keyed_stream.h"
