// Values whose binary form has a small bound, numbers and structs of numbers above all, are written
// into a buffer on the stack and appended as one: several times as fast as byte by byte. Part of
// codec.h, which says what the bytes are; not for others.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#include "weir/base/bytes.h"
#include "weir/base/describe.h"

namespace weir::codec_detail {

inline constexpr std::size_t kMostBounded = 256;  // a larger value is written part by part

template <class T>
consteval std::size_t most_bytes();

template <class... Part>
consteval std::size_t most_bytes_of_all() {
  if (((most_bytes<Part>() == 0) || ...)) return 0;
  const std::size_t sum = (most_bytes<Part>() + ... + 0);
  if (sum > kMostBounded) return 0;
  return sum == 0 ? 1 : sum;  // nothing is one byte
}

template <class T>
consteval std::size_t most_bytes_of_fields() {
  return []<template <class...> class List, class... Field>(List<Field...>) {
    return most_bytes_of_all<typename describe_detail::FieldType<Field>::type...>();
  }(describe_detail::Members<T>{});
}

template <class T>
consteval std::size_t most_bytes_of_elements() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    return most_bytes_of_all<std::tuple_element_t<I, T>...>();
  }
  (std::make_index_sequence<std::tuple_size_v<T>>{});
}

/// The most bytes that a value of T can take; 0 when there is no bound, or none worth having.
template <class T>
consteval std::size_t most_bytes() {
  constexpr Shape shape = shape_of<T>;
  if constexpr (shape == Shape::boolean)
    return 1;
  else if constexpr (shape == Shape::integer)
    return sizeof(T) == 1 ? 1 : (sizeof(T) * 8 + 6) / 7;
  else if constexpr (shape == Shape::floating)
    return sizeof(T);
  else if constexpr (shape == Shape::enumeration)
    return most_bytes<std::underlying_type_t<T>>();
  else if constexpr (shape == Shape::time)
    return 10;
  else if constexpr (shape == Shape::duration)
    return most_bytes<typename T::rep>();
  else if constexpr (shape == Shape::tuple)
    return most_bytes_of_elements<T>();
  else if constexpr (shape == Shape::array) {
    constexpr std::size_t count = std::tuple_size_v<T>;
    if constexpr (count == 0 || count > kMostBounded)
      return 0;
    else
      return count * most_bytes<typename T::value_type>() > kMostBounded
                 ? 0
                 : count * most_bytes<typename T::value_type>();
  } else if constexpr (shape == Shape::structure)
    return most_bytes_of_fields<T>();
  else
    return 0;
}

template <class T>
inline constexpr bool is_bounded = most_bytes<T>() > 0;
template <class T>
inline constexpr bool has_parts =
    shape_of<T> == Shape::structure || shape_of<T> == Shape::tuple || shape_of<T> == Shape::array;

template <class T>
char* put_integer(char* to, T value) {
  if constexpr (sizeof(T) == 1) {
    *to = static_cast<char>(value);
    return to + 1;
  } else if constexpr (std::is_signed_v<T>) {
    return put_varint(to, zigzagged(value));
  } else {
    return put_varint(to, value);
  }
}

/// Writes `value` to `to`, which has room for `most_bytes<T>()`; returns the place behind it.
template <class T>
requires is_bounded<T>
char* put_bounded(char* to, const T& value) {
  constexpr Shape shape = shape_of<T>;
  if constexpr (shape == Shape::boolean) {
    *to = value ? 1 : 0;
    return to + 1;
  } else if constexpr (shape == Shape::integer) {
    return put_integer(to, value);
  } else if constexpr (shape == Shape::floating) {
    std::memcpy(to, &value, sizeof(T));
    return to + sizeof(T);
  } else if constexpr (shape == Shape::enumeration) {
    return put_integer(to, static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (shape == Shape::time) {
    return put_varint(to, zigzagged(to_millis(value)));
  } else if constexpr (shape == Shape::duration) {
    return put_bounded(to, value.count());
  } else {
    const char* const begin = to;
    const auto put = [&to](const auto& part) { to = put_bounded(to, part); };
    if constexpr (shape == Shape::structure)
      for_each_field(value, [&](const char*, const auto& field) { put(field); });
    else
      std::apply([&](const auto&... element) { (put(element), ...); }, value);
    if (to == begin) *to++ = 0;
    return to;
  }
}

/// Appends `value` by way of a buffer on the stack.
template <class T>
void encode_bounded(ByteWriter& writer, const T& value) {
  char buffer[most_bytes<T>()];
  writer.raw({buffer, static_cast<std::size_t>(put_bounded(buffer, value) - buffer)});
}

}  // namespace weir::codec_detail
