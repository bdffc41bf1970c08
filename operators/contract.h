// What user functions may look like, and how their outputs are collected. Shared by all operators.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "weir/runtime/emitter.h"
#include "weir/runtime/graph.h"
#include "weir/runtime/late_output.h"
#include "weir/runtime/letters.h"

namespace weir {

/// Options that every step takes.
struct StepOptions {
  std::uint32_t parallelism = 0;  ///< 0: that of the job
};

namespace operators_detail {

template <class T, class... Others>
inline constexpr std::size_t count_of = (std::size_t{std::is_same_v<T, Others>} + ... + 0);

template <class... Outs>
inline constexpr bool all_distinct = ((count_of<Outs, Outs...> == 1) && ...);

/// What a port of records of type T needs.
template <class T>
GraphPort make_port(std::string name = {}, bool optional = false) {
  WEIR_REQUIRE_STORABLE(T);
  return {std::move(name), describe_detail::type_name<T>(),
          [] { return std::unique_ptr<BatchBase>(std::make_unique<Batch<T>>()); }, optional, false};
}

}  // namespace operators_detail

/// Emits to one or more outputs, told apart by the type of what is emitted. Handed to user
/// functions.
template <class... Outs>
class Collector {
  static_assert(
      operators_detail::all_distinct<Outs...>,
      "The outputs of a step must have different types, because emit() chooses the output "
      "by the type of its argument; wrap one of them in a struct");

 public:
  void open(OperatorContext& context) { open_ports(context, std::index_sequence_for<Outs...>{}); }
  void begin(std::int64_t time_ms, std::int64_t seen_ms) {
    time_ms_ = time_ms;
    seen_ms_ = seen_ms;
  }

  /// Emits `value` with the event time of the record or timer at hand.
  template <class V>
  void emit(V&& value) {
    emit(std::forward<V>(value), from_millis(time_ms_));
  }
  /// Emits `value` with another event time, which must not lie before that of the record at hand.
  template <class V>
  void emit(V&& value, EventTime time) {
    using Plain = std::remove_cvref_t<V>;
    if constexpr (operators_detail::count_of<Plain, Outs...> == 1) {
      std::get<Emitter<Plain>>(emitters_).emit(std::forward<V>(value), to_millis(time), seen_ms_);
    } else {
      static_assert(sizeof...(Outs) == 1,
                    "emit(): the value has none of the output types of this step");
      using Only = std::tuple_element_t<0, std::tuple<Outs...>>;
      static_assert(std::is_convertible_v<V, Only>,
                    "emit(): the value does not convert to the output type of this step");
      std::get<0>(emitters_).emit(Only(std::forward<V>(value)), to_millis(time), seen_ms_);
    }
  }

  void flush() {
    std::apply([](auto&... e) { (e.flush(), ...); }, emitters_);
  }
  void flush_full() {
    std::apply([](auto&... e) { (e.flush_full(), ...); }, emitters_);
  }
  auto mark() const {
    return std::apply([](const auto&... e) { return std::array{e.mark()...}; }, emitters_);
  }
  template <class Marks>
  void rollback(const Marks& marks) {
    std::size_t i = 0;
    std::apply([&](auto&... e) { (e.rollback(marks[i++]), ...); }, emitters_);
  }

 private:
  template <std::size_t... I>
  void open_ports(OperatorContext& context, std::index_sequence<I...>) {
    (std::get<I>(emitters_).open(context.outputs[I], context.metrics->records_out), ...);
  }
  std::tuple<Emitter<Outs>...> emitters_;
  std::int64_t time_ms_ = 0;
  std::int64_t seen_ms_ = INT64_MIN;
};

/// A step without outputs.
template <>
class Collector<> {
 public:
  void open(OperatorContext&) {}
  void begin(std::int64_t, std::int64_t) {}
  void flush() {}
  void flush_full() {}
  std::array<int, 0> mark() const { return {}; }
  void rollback(const std::array<int, 0>&) {}
};

}  // namespace weir
