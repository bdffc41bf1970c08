// Keys: a hash that decides where a key lives, and equality. The hash is part of stored formats (it
// places keys in key groups), the same on every compiler and machine. Pure functions: any thread.
//
//   hash_key of
//     integer, char, enum    mix64 of the value, sign-extended to 64 bits
//     bool                   mix64 of 0 or 1
//     EventTime, duration    mix64 of the count
//     string                 hash_bytes
//     optional               combine(kKeySeed, 0) when empty, else combine(kKeySeed ^ 1, its hash)
//     pair, tuple, struct    kKeySeed, combined with the hash of each field in order
//     vector, array          kKeySeed ^ mix64(count), combined with each element's hash in order
//     own Codec              Codec<T>::hash_key(value), which it must then have
//   combine(h, x) = multiply_fold(h ^ k1, x ^ k2), see base/hash.h
//
// Invariant: a pair, a tuple and a struct of the same fields have the same hash; so do integers of
// any width with the same value. Reals are refused: 0.0 and -0.0 are equal but differ in their
// bytes, and NaN is not equal to itself.
#pragma once

#include <cstdint>
#include <string_view>

#include "weir/base/describe.h"
#include "weir/base/hash.h"

namespace weir {

namespace key_detail {

inline constexpr std::uint64_t kKeySeed = 0x2545f4914f6cdd1dull;

inline std::uint64_t combine(std::uint64_t hash, std::uint64_t next) {
  return hash_detail::multiply_fold(hash ^ 0x9e3779b97f4a7c15ull, next ^ 0xc2b2ae3d27d4eb4full);
}

}  // namespace key_detail

/// The stable hash of `key` (see the top of this file).
template <class T>
std::uint64_t hash_key(const T& key) {
  using key_detail::combine;
  using key_detail::kKeySeed;
  constexpr Shape shape = shape_of<T>;
  if constexpr (requires { Codec<T>::hash_key(key); }) {
    return Codec<T>::hash_key(key);
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return hash_bytes(std::string_view(key));
  } else if constexpr (shape == Shape::boolean || shape == Shape::integer) {
    // char counts as signed everywhere, as in the codec.
    if constexpr (std::is_same_v<T, char>)
      return hash_key(static_cast<signed char>(key));
    else
      return mix64(static_cast<std::uint64_t>(key));
  } else if constexpr (shape == Shape::enumeration) {
    return hash_key(static_cast<std::underlying_type_t<T>>(key));
  } else if constexpr (shape == Shape::time) {
    return hash_key(to_millis(key));
  } else if constexpr (shape == Shape::duration) {
    return hash_key(key.count());
  } else if constexpr (shape == Shape::optional) {
    return key ? combine(kKeySeed ^ 1, hash_key(*key)) : combine(kKeySeed, 0);
  } else if constexpr (shape == Shape::list || shape == Shape::array) {
    std::uint64_t hash = kKeySeed ^ mix64(key.size());
    for (const typename T::value_type& element : key) hash = combine(hash, hash_key(element));
    return hash;
  } else if constexpr (shape == Shape::tuple) {
    std::uint64_t hash = kKeySeed;
    std::apply([&](const auto&... e) { ((hash = combine(hash, hash_key(e))), ...); }, key);
    return hash;
  } else if constexpr (shape == Shape::structure) {
    std::uint64_t hash = kKeySeed;
    for_each_field(key, [&](const char*, const auto& f) { hash = combine(hash, hash_key(f)); });
    return hash;
  } else {
    static_assert(
        shape != Shape::floating,
        "A float or double cannot be a key: equal values may differ in their bytes, and NaN "
        "equals nothing. Key by an integer (cents, ticks) or a string.");
    static_assert(shape == Shape::floating,
                  "Weir cannot use this type as a key: use an integer, enum, bool, std::string, "
                  "EventTime, a pair, tuple or vector of those, or a struct described with "
                  "WEIR_DESCRIBE(Type, fields...)");
    return 0;
  }
}

/// Plain ==; for described structs without one, field by field, also inside optional, vector,
/// array, pair and tuple.
template <class T>
bool equal(const T& a, const T& b) {
  constexpr Shape shape = shape_of<T>;
  if constexpr (shape == Shape::structure && !std::equality_comparable<T>) {
    bool same = true;
    [&]<template <class...> class List, class... Field>(List<Field...>) {
      same = (equal(a.*Field::pointer, b.*Field::pointer) && ...);
    }(describe_detail::Members<T>{});
    return same;
  } else if constexpr (shape == Shape::optional) {
    return a.has_value() == b.has_value() && (!a || equal(*a, *b));
  } else if constexpr (shape == Shape::list || shape == Shape::array) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const typename T::value_type &x = a[i], &y = b[i];
      if (!equal(x, y)) return false;
    }
    return true;
  } else if constexpr (shape == Shape::tuple) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return (equal(std::get<I>(a), std::get<I>(b)) && ...);
    }
    (std::make_index_sequence<std::tuple_size_v<T>>{});
  } else {
    return a == b;
  }
}

}  // namespace weir
