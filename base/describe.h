// How a type tells Weir what it is made of. A job author describes a struct once, after its
// definition:
//
//   struct Cart { std::string user; double total = 0; std::optional<weir::EventTime> ordered_at; };
//   WEIR_DESCRIBE(Cart, user, total, ordered_at);
//
//   enum class Tier : std::uint8_t { basic, gold };
//   WEIR_DESCRIBE_ENUM(Tier, basic, gold);
//
// From the description come the binary codec (base/codec.h), the schema (base/schema.h), the
// reading of older schemas (base/evolve.h) and JSON (base/json.h). Types that were described with
// Boost.Describe directly work as they are. Compile-time only: no thread runs it.
//
// Invariant: every piece classifies a type through `shape_of`, so that codec, schema and JSON of
// one type can never disagree.
#pragma once

#include <array>
#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "weir/base/bytes.h"
#include "weir/base/time.h"

/// Describes struct `Type` by its fields, in the order in which they are stored. At namespace
/// scope, in the namespace of `Type`; at most 52 fields.
#define WEIR_DESCRIBE(Type, ...) BOOST_DESCRIBE_STRUCT(Type, (), (__VA_ARGS__))

/// Describes enum `Type` by its enumerators. At namespace scope, in the namespace of `Type`.
#define WEIR_DESCRIBE_ENUM(Type, ...) BOOST_DESCRIBE_ENUM(Type, __VA_ARGS__)

namespace weir {

struct Schema;

/// Extension point: a type that is none of those below may bring its own codec by specialising
///
///   template <> struct weir::Codec<Money> {
///     static void encode(ByteWriter& writer, const Money& value);
///     static void decode(ByteReader& reader, Money& value);  // safe on any bytes; reader.fail()
///     static Schema schema();                                 // must tell the truth about the
///     bytes
///   };
///
/// visible wherever the type is used. The bytes must be those that the schema describes (for kinds
/// `opaque` and `external`: one length-prefixed string), because they are skipped, shown and
/// repaired by schema alone. See base/schema.h for these kinds and for how such a type evolves.
template <class T>
struct Codec {};

/// T brings its own codec.
template <class T>
concept CustomCodec = requires(ByteWriter& writer, ByteReader& reader, const T& in, T& out) {
  Codec<T>::encode(writer, in);
  Codec<T>::decode(reader, out);
  Codec<T>::schema();
};

/// What a type is to codec, schema and JSON.
enum class Shape : std::uint8_t {
  none,  ///< cannot be stored
  custom,
  boolean,
  integer,
  floating,
  enumeration,
  string,
  time,  ///< EventTime
  duration,
  optional,  ///< std::optional and Boxed
  list,      ///< std::vector and Ring
  array,     ///< std::array
  tuple,     ///< std::tuple and std::pair
  set,
  map,
  structure,
};

namespace describe_detail {

template <class T, template <class...> class Template>
inline constexpr bool is_a = false;
template <template <class...> class Template, class... A>
inline constexpr bool is_a<Template<A...>, Template> = true;

template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;

template <class T>
inline constexpr bool is_duration = false;
template <class R, class P>
inline constexpr bool is_duration<std::chrono::duration<R, P>> = true;

// Sets and maps are known by their member types, so that this header needs none of theirs.
template <class T>
concept SetLike = requires(T& c, typename T::key_type key) {
  c.insert(std::move(key));
  c.clear();
  c.begin();
  c.size();
}
&&std::same_as<typename T::key_type, typename T::value_type>;

template <class T>
concept MapLike = requires(T& c, typename T::key_type key, typename T::mapped_type value) {
  c.emplace(std::move(key), std::move(value));
  c.clear();
  c.begin();
  c.size();
};

/// The container iterates in the order of its keys.
template <class T>
concept Ordered = requires {
  typename T::key_compare;
};

// Types of our own that are stored as another one is say so by a member type (Boxed, Ring).
template <class T>
concept StoredAsOptional = requires {
  typename T::StoredAsOptional;
};
template <class T>
concept StoredAsList = requires {
  typename T::StoredAsList;
};

template <class T>
concept PlainInteger = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, wchar_t> &&
                       !std::same_as<T, char8_t> && !std::same_as<T, char16_t> &&
                       !std::same_as<T, char32_t> && sizeof(T) <= 8;

template <class T>
using Members = boost::describe::describe_members<T, boost::describe::mod_any_access |
                                                         boost::describe::mod_inherited>;

template <class T>
consteval Shape classify() {
  if constexpr (CustomCodec<T>)
    return Shape::custom;
  else if constexpr (std::same_as<T, bool>)
    return Shape::boolean;
  else if constexpr (PlainInteger<T>)
    return Shape::integer;
  else if constexpr (std::same_as<T, float> || std::same_as<T, double>)
    return Shape::floating;
  else if constexpr (boost::describe::has_describe_enumerators<T>::value)
    return Shape::enumeration;
  else if constexpr (std::same_as<T, std::string>)
    return Shape::string;
  else if constexpr (std::same_as<T, EventTime>)
    return Shape::time;
  else if constexpr (is_duration<T>)
    return Shape::duration;
  else if constexpr (is_a<T, std::optional> || StoredAsOptional<T>)
    return Shape::optional;
  else if constexpr (is_a<T, std::vector> || StoredAsList<T>)
    return Shape::list;
  else if constexpr (is_std_array<T>)
    return Shape::array;
  else if constexpr (is_a<T, std::tuple> || is_a<T, std::pair>)
    return Shape::tuple;
  else if constexpr (boost::describe::has_describe_members<T>::value)
    return Shape::structure;
  else if constexpr (SetLike<T>)
    return Shape::set;
  else if constexpr (MapLike<T>)
    return Shape::map;
  else
    return Shape::none;
}

}  // namespace describe_detail

/// The shape of T.
template <class T>
inline constexpr Shape shape_of = describe_detail::classify<std::remove_cv_t<T>>();

/// T is a struct with a description.
template <class T>
concept Described = shape_of<T>
== Shape::structure;

/// Calls `visit(name, member)` for each described field of `value`, in the order of the
/// description. `name` is a `const char*` of static life; `member` a reference, const when `value`
/// is.
template <class T, class Visit>
requires Described<std::remove_const_t<T>>
constexpr void for_each_field(T& value, Visit&& visit) {
  [&]<template <class...> class List, class... Field>(List<Field...>) {
    (visit(Field::name, value.*Field::pointer), ...);
  }(describe_detail::Members<std::remove_const_t<T>>{});
}

/// The number of described fields of T.
template <Described T>
inline constexpr std::size_t field_count =
    []<template <class...> class List, class... Field>(List<Field...>) {
      return sizeof...(Field);
    }(describe_detail::Members<T>{});

/// Calls `visit(name, value)` for each described enumerator of enum E.
template <class E, class Visit>
requires(shape_of<E> == Shape::enumeration) constexpr void for_each_enumerator(Visit&& visit) {
  [&]<template <class...> class List, class... Enumerator>(List<Enumerator...>) {
    (visit(Enumerator::name, Enumerator::value), ...);
  }(boost::describe::describe_enumerators<E>{});
}

/// The name of the enumerator that `value` is, or null when it is none of the described ones.
template <class E>
constexpr const char* enumerator_name(E value) {
  const char* found = nullptr;
  for_each_enumerator<E>([&](const char* name, E candidate) {
    if (candidate == value && found == nullptr) found = name;
  });
  return found;
}

namespace describe_detail {

template <class T>
consteval bool encodable();

template <class... T>
consteval bool all_encodable() {
  return (encodable<T>() && ...);
}

template <class A, class B>
consteval bool pair_or_tuple(const std::pair<A, B>*) {
  return all_encodable<A, B>();
}
template <class... A>
consteval bool pair_or_tuple(const std::tuple<A...>*) {
  return all_encodable<A...>();
}

/// The type of the field that a Boost.Describe descriptor names.
template <class Field>
struct FieldType;
template <class Field>
requires requires { Field::pointer; }
struct FieldType<Field> {
  template <class C, class M>
  static M member(M C::*);
  using type = decltype(member(Field::pointer));
};

template <template <class...> class List, class... Field>
consteval bool fields_encodable(List<Field...>) {
  return all_encodable<typename FieldType<Field>::type...>();
}

template <class T>
consteval bool encodable() {
  constexpr Shape shape = shape_of<T>;
  if constexpr (shape == Shape::none)
    return false;
  else if constexpr (shape == Shape::duration)
    return shape_of<typename T::rep> != Shape::none;
  else if constexpr (shape == Shape::optional || shape == Shape::list || shape == Shape::array)
    return encodable<typename T::value_type>();
  else if constexpr (shape == Shape::set)
    return encodable<typename T::key_type>();
  else if constexpr (shape == Shape::map)
    return all_encodable<typename T::key_type, typename T::mapped_type>();
  else if constexpr (shape == Shape::tuple)
    return pair_or_tuple(static_cast<const T*>(nullptr));
  else if constexpr (shape == Shape::structure)
    return fields_encodable(Members<T>{});
  else
    return true;
}

/// The name of T as the compiler writes it, without unnamed namespaces.
std::string clean_type_name(std::string_view function_signature);
template <class T>
std::string type_name() {
  return clean_type_name(__PRETTY_FUNCTION__);
}

template <class T>
inline constexpr bool always_false = false;

}  // namespace describe_detail

/// T can be stored: bool, integers of 8 to 64 bits, float, double, described enums, std::string,
/// EventTime, std::chrono durations, described structs, types with their own Codec, and of those
/// std::optional, vector, array, pair, tuple, set, map, unordered_set and unordered_map. A type
/// that contains itself cannot.
template <class T>
concept Encodable = describe_detail::encodable<std::remove_cv_t<T>>();

}  // namespace weir

/// Refuses, at compile time, a type without a shape.
#define WEIR_REQUIRE_STORABLE(T)                                                               \
  static_assert(::weir::shape_of<T> != ::weir::Shape::none,                                    \
                "Weir cannot store this type: describe it with WEIR_DESCRIBE(Type, fields...)" \
                " after its definition (enums with WEIR_DESCRIBE_ENUM)")
