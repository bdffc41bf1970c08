// Reading bytes of an older version of a type into today's. What changed by name is found by itself
// (base/schema.h: added, removed and widened fields); what cannot be guessed the author says in a
// static member function of the struct:
//
//   struct Cart {
//     double total = 0;
//     static void evolve(weir::Evolution<Cart>& e) {
//       e.renamed("sum", "total");
//       e.migrate<CartV1>([](const CartV1& old) { return Cart{old.cents / 100.0}; });
//     }
//   };
//
// Nested structs say it themselves. A StateDecoder belongs to one thread at a time; Evolution
// objects are made once and then only read.
//
// Invariant: whether the bytes can be read is decided by their schema, when the decoder is made; a
// record can then fail only because its bytes are damaged.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/codec.h"
#include "weir/base/read_plan.h"
#include "weir/base/schema.h"

namespace weir {

template <class T>
void decode_planned(ByteReader& reader, const ReadPlan& plan, T& out);

/// What the author of T says about its older versions; handed to `T::evolve`.
template <class T>
class Evolution {
 public:
  /// The field that is now `new_name` was written as `old_name`. A record that already has
  /// `new_name` is not touched by this.
  void renamed(std::string old_name, std::string new_name) {
    rules_.renames.push_back({name(), std::move(old_name), std::move(new_name)});
  }

  /// Reads a record that was written as `Old` and converts it: `convert` takes `const Old&` and
  /// returns T. `Old` is a described struct with the fields of that time; its own name does not
  /// matter. Used /// when the written schema is exactly that of `Old` (or of what `Old` itself
  /// migrates from), or when it does not fit T by name but fits `Old` with no field left over.
  template <class Old, class Convert>
  void migrate(Convert convert) {
    static_assert(
        Described<Old>,
        "migrate<Old>: Old must be a struct described with WEIR_DESCRIBE(Old, fields...)");
    static_assert(std::is_convertible_v<std::invoke_result_t<Convert&, const Old&>, T>,
                  "migrate<Old>(convert): convert must take const Old& and return the new struct");
    rules_.migrations.push_back({name(), schema_of<Old>()});
    readers_.push_back([convert](ByteReader& reader, const ReadPlan& plan, T& out) {
      Old old{};
      decode_planned(reader, plan, old);
      if (!reader.failed()) out = convert(std::as_const(old));
    });
    collectors_.push_back(&Evolution<Old>::collect);
  }

  /// The rules of T, collected once.
  static const Evolution& of() {
    static const Evolution evolution = [] {
      Evolution made;
      if constexpr (requires { T::evolve(made); }) T::evolve(made);
      return made;
    }();
    return evolution;
  }

  /// Adds the rules of T and of all structs in it and in its older versions, each once.
  static void collect(EvolutionRules& rules, std::vector<const void*>& seen);

  /// Reads a record by migration function number `index`.
  void read_migrated(std::size_t index, ByteReader& reader, const ReadPlan& plan, T& out) const {
    WEIR_CHECK(index < readers_.size(), "a plan names a migration function that does not exist");
    readers_[index](reader, plan, out);
  }

 private:
  static std::string name() { return describe_detail::type_name<T>(); }

  EvolutionRules rules_;
  std::vector<std::function<void(ByteReader&, const ReadPlan&, T&)>> readers_;
  std::vector<void (*)(EvolutionRules&, std::vector<const void*>&)> collectors_;
};

namespace evolve_detail {

template <class T>
void collect_below(EvolutionRules& rules, std::vector<const void*>& seen);

template <class... A>
void collect_elements(const std::tuple<A...>*, EvolutionRules& rules,
                      std::vector<const void*>& seen) {
  (collect_below<A>(rules, seen), ...);
}
template <class A, class B>
void collect_elements(const std::pair<A, B>*, EvolutionRules& rules,
                      std::vector<const void*>& seen) {
  collect_below<A>(rules, seen);
  collect_below<B>(rules, seen);
}
template <template <class...> class List, class... Field>
void collect_fields(List<Field...>, EvolutionRules& rules, std::vector<const void*>& seen) {
  (collect_below<typename describe_detail::FieldType<Field>::type>(rules, seen), ...);
}

template <class T>
void collect_below(EvolutionRules& rules, std::vector<const void*>& seen) {
  constexpr Shape shape = shape_of<T>;
  if constexpr (shape == Shape::structure) {
    Evolution<T>::collect(rules, seen);
  } else if constexpr (shape == Shape::optional || shape == Shape::list || shape == Shape::array) {
    collect_below<typename T::value_type>(rules, seen);
  } else if constexpr (shape == Shape::set) {
    collect_below<typename T::key_type>(rules, seen);
  } else if constexpr (shape == Shape::map) {
    collect_below<typename T::key_type>(rules, seen);
    collect_below<typename T::mapped_type>(rules, seen);
  } else if constexpr (shape == Shape::tuple) {
    collect_elements(static_cast<const T*>(nullptr), rules, seen);
  }
}

/// True when `what` was not in `seen` before; it is then.
bool first_visit(std::vector<const void*>& seen, const void* what);
/// Appends `more` to `rules`.
void append_rules(EvolutionRules& rules, const EvolutionRules& more);

}  // namespace evolve_detail

template <class T>
void Evolution<T>::collect(EvolutionRules& rules, std::vector<const void*>& seen) {
  const Evolution& mine = of();
  if (!evolve_detail::first_visit(seen, &mine)) return;
  evolve_detail::append_rules(rules, mine.rules_);
  for (auto* collect_old : mine.collectors_) collect_old(rules, seen);
  evolve_detail::collect_fields(describe_detail::Members<T>{}, rules, seen);
}

/// The rules of all structs in T.
template <class T>
const EvolutionRules& evolution_rules() {
  static const EvolutionRules rules = [] {
    EvolutionRules made;
    std::vector<const void*> seen;
    evolve_detail::collect_below<T>(made, seen);
    return made;
  }();
  return rules;
}

/// Says whether bytes of `written` can be read as T; asked before a restore. Errors: incompatible.
template <class T>
Status check_evolution(const Schema& written) {
  auto plan = plan_reading(written, schema_of<T>(), evolution_rules<T>());
  return plan.ok() ? Status() : Status(plan.error());
}

/// Reads records of one written schema into today's T. Until `create` it reads today's schema.
template <class T>
class StateDecoder {
 public:
  /// Chooses how to read `written`, which is copied. Errors: incompatible, with both schemas shown.
  Status create(const Schema& written) {
    auto copy = std::make_unique<const Schema>(written);
    auto plan = plan_reading(*copy, schema_of<T>(), evolution_rules<T>());
    if (!plan.ok()) return plan.error();
    written_ = std::move(copy);
    plan_ = std::move(plan).value();
    return {};
  }

  /// Reads one value into `out`; false when the bytes are damaged. What follows it in `reader`
  /// stays.
  bool decode(ByteReader& reader, T& out) const {
    decode_planned(reader, plan_, out);
    return !reader.failed();
  }

  /// How it reads, for owners of `external` state, who find the written schema of theirs in it.
  const ReadPlan& plan() const { return plan_; }

  /// The written schema is today's, so records may be copied without being read.
  bool is_current() const { return plan_.path == ReadPlan::Path::same; }

 private:
  std::unique_ptr<const Schema> written_;  // plan_ points into it
  ReadPlan plan_;
};

/// Reads one value of `written` into `out`. Plans anew at each call: for many records use
/// StateDecoder.
template <class T>
void decode_evolved(ByteReader& reader, const Schema& written, T& out) {
  auto plan = plan_reading(written, schema_of<T>(), evolution_rules<T>());
  if (!plan.ok()) return reader.fail();
  decode_planned(reader, plan.value(), out);
}

namespace evolve_detail {

/// Gives a field that was not written the value it has in a new T. What its owner keeps elsewhere
/// (MapState) is not touched: it may be bound to its place already.
template <class F>
void set_default(F& field, F& initial) {
  if constexpr (std::is_move_assignable_v<F>) {
    if (shape_of<F> != Shape::custom || schema_of<F>().kind != SchemaKind::external)
      field = std::move(initial);
  }
}

template <class T>
void set_defaults(const ReadPlan& plan, T& out) {
  T initial{};
  [&]<template <class...> class List, class... Field>(List<Field...>) {
    std::size_t index = 0;
    ((plan.filled[index++] ? void() : set_default(out.*Field::pointer, initial.*Field::pointer)),
     ...);
  }(describe_detail::Members<T>{});
}

template <class T>
void read_struct(ByteReader& reader, const ReadPlan& plan, T& out) {
  for (bool filled : plan.filled) {
    if (filled) continue;
    set_defaults(plan, out);
    break;
  }
  if (plan.targets.empty()) return codec_detail::decode_nothing(reader);
  for (std::size_t i = 0; i < plan.targets.size() && !reader.failed(); ++i) {
    if (plan.targets[i] < 0) {
      skip_value(reader, *plan.children[i].written);
      continue;
    }
    int index = 0;
    for_each_field(out, [&](const char*, auto& field) {
      if (index++ == plan.targets[i]) decode_planned(reader, plan.children[i], field);
    });
  }
}

template <class C>
void read_list(ByteReader& reader, const ReadPlan& plan, C& list) {
  using Element = typename C::value_type;
  const std::size_t count = codec_detail::read_count(reader);
  list.clear();
  list.reserve(codec_detail::first_reserve<Element>(count));
  for (std::size_t i = 0; i < count && !reader.failed(); ++i) {
    Element element{};
    decode_planned(reader, plan.children[0], element);
    list.push_back(std::move(element));
  }
}

template <class C>
void read_keyed(ByteReader& reader, const ReadPlan& plan, C& container) {
  const std::size_t count = codec_detail::read_count(reader);
  container.clear();
  for (std::size_t i = 0; i < count && !reader.failed(); ++i) {
    typename C::key_type key{};
    decode_planned(reader, plan.children[0], key);
    if constexpr (shape_of<C> == Shape::map) {
      typename C::mapped_type value{};
      decode_planned(reader, plan.children[1], value);
      if (!reader.failed()) container.emplace(std::move(key), std::move(value));
    } else if (!reader.failed()) {
      container.insert(std::move(key));
    }
  }
  if (container.size() != count) reader.fail();
}

template <class T>
void read_optional(ByteReader& reader, const ReadPlan& plan, T& out) {
  out.reset();
  if (plan.path == ReadPlan::Path::wrap || codec_detail::decode_flag(reader))
    decode_planned(reader, plan.children[0], out.emplace());
}

}  // namespace evolve_detail

/// Reads one value by `plan`, which was made for T.
template <class T>
void decode_planned(ByteReader& reader, const ReadPlan& plan, T& out) {
  namespace ed = evolve_detail;
  namespace rd = read_plan_detail;
  constexpr Shape shape = shape_of<T>;
  if (plan.path == ReadPlan::Path::same) return decode(reader, out);
  if constexpr (shape == Shape::integer) {
    out = static_cast<T>(rd::read_integer(reader, plan.written->kind));
  } else if constexpr (shape == Shape::floating) {
    out = static_cast<T>(rd::read_real(reader, plan.written->kind));
  } else if constexpr (shape == Shape::enumeration) {
    out = static_cast<T>(rd::read_enum(reader, plan));
  } else if constexpr (shape == Shape::duration) {
    typename T::rep count{};
    decode_planned(reader, plan.children[0], count);
    out = T(count);
  } else if constexpr (shape == Shape::optional) {
    ed::read_optional(reader, plan, out);
  } else if constexpr (shape == Shape::list) {
    ed::read_list(reader, plan, out);
  } else if constexpr (shape == Shape::array) {
    for (auto& element : out) decode_planned(reader, plan.children[0], element);
  } else if constexpr (shape == Shape::set || shape == Shape::map) {
    ed::read_keyed(reader, plan, out);
  } else if constexpr (shape == Shape::tuple) {
    std::size_t index = 0;
    std::apply([&](auto&... e) { (decode_planned(reader, plan.children[index++], e), ...); }, out);
  } else if constexpr (shape == Shape::structure) {
    if (plan.path == ReadPlan::Path::migrate)
      Evolution<T>::of().read_migrated(plan.migration, reader, plan.children[0], out);
    else
      ed::read_struct(reader, plan, out);
  } else {
    decode(reader, out);  // external: its record holds only its owner's string
  }
}

}  // namespace weir
