// How the state type of a step is taken apart for storage: one main record, and collections whose
// entries are rows of their own. Compile-time only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "weir/base/codec.h"
#include "weir/base/evolve.h"
#include "weir/base/schema.h"
#include "weir/runtime/collections.h"

namespace weir {

/// The general case: a described struct or any other storable type. Collections are those of its
/// members that are MapState or ListState.
template <class S>
struct StateParts {
  using Main = S;
  static Main& main(S& state) { return state; }
  static Schema schema() { return schema_of<S>(); }
  /// The schema of the main record within a written state schema.
  static const Schema* main_schema(const Schema& written) { return &written; }
  /// The schema of collection `name` within a written state schema, or null.
  static const Schema* collection_schema(const Schema& written, std::string_view name) {
    const int field = written.find_field(name);
    return field < 0 ? nullptr : &written.fields[static_cast<std::size_t>(field)].schema;
  }
  static constexpr bool has_collections() {
    if constexpr (Described<S>) {
      return []<template <class...> class List, class... Field>(List<Field...>) {
        return (StateCollection<typename describe_detail::FieldType<Field>::type> || ...);
      }(describe_detail::Members<S>{});
    } else {
      return false;
    }
  }
  template <class Visit>
  static void for_each_collection(S& state, Visit&& visit) {
    if constexpr (Described<S>) {
      for_each_field(state, [&](const char* name, auto& member) {
        if constexpr (StateCollection<std::remove_reference_t<decltype(member)>>) {
          visit(name, member);
        }
      });
    }
  }
};

/// The state of a step that takes records in the order of event time: what the author declared, and
/// the records that wait for their time.
template <class S, class T>
struct OrderedState {
  using Place = std::pair<std::int64_t, std::uint64_t>;  // (event time, number of arrival)
  S user{};
  MapState<Place, T> pending;
};

template <class S, class T>
struct StateParts<OrderedState<S, T>> {
  using State = OrderedState<S, T>;
  using Main = typename StateParts<S>::Main;
  static constexpr const char* kUser = "state";
  static constexpr const char* kPending = "(waiting for event time)";

  static Main& main(State& state) { return StateParts<S>::main(state.user); }
  static Schema schema() {
    Schema schema = schema_build::structure("ordered");
    schema_build::add_field(schema, kUser, StateParts<S>::schema());
    schema_build::add_field(schema, kPending, schema_of<MapState<typename State::Place, T>>());
    return schema;
  }
  static const Schema* main_schema(const Schema& written) {
    const int field = written.find_field(kUser);
    return field < 0 ? nullptr : &written.fields[static_cast<std::size_t>(field)].schema;
  }
  static const Schema* collection_schema(const Schema& written, std::string_view name) {
    if (name == kPending) return StateParts<S>::collection_schema(written, name);
    const Schema* user = main_schema(written);
    return user == nullptr ? nullptr : StateParts<S>::collection_schema(*user, name);
  }
  static constexpr bool has_collections() { return true; }
  template <class Visit>
  static void for_each_collection(State& state, Visit&& visit) {
    StateParts<S>::for_each_collection(state.user, visit);
    visit(kPending, state.pending);
  }
};

}  // namespace weir
