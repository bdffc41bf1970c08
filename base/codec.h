// The binary form of described types: compact, in declared order, without names (the schema of
// base/schema.h has them). Part of the format of checkpoints, channels and dead letters.
//
//   value    := by the shape of the type:
//     bool                   byte 0 or 1
//     int8, uint8, char      one byte, two's complement
//     wider unsigned         varint (LEB128)
//     wider signed           zigzag varint
//     float, double          4 or 8 bytes, IEEE 754, little endian
//     enum                   as its underlying integer
//     string                 varint length, bytes
//     EventTime              zigzag varint of milliseconds of UTC since 1970
//     duration               as its count of ticks
//     optional               byte 0, or byte 1 and value
//     vector, set            varint count, value*
//     map                    varint count, (key value)*
//     array, tuple, pair     value*; when there are none: byte 0
//     struct                 its fields as value*; when there are none: byte 0
//     own Codec              as its schema says
//
// Ordered containers are written in their order; unordered ones sorted by the bytes of their
// entries, so that equal values have equal bytes. Every value takes at least one byte, so a count
// that is larger than the bytes that remain is refused before anything is allocated.
//
// Invariant: `decode` never reads past the end, never allocates more than the bytes justify, and
// refuses (reader.failed()) what `encode` could not have written: a number out of range of its
// type, a bool over 1, a repeated key. Pure functions: any thread.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "weir/base/bytes.h"
#include "weir/base/codec_bounded.h"
#include "weir/base/describe.h"
#include "weir/base/key.h"

namespace weir {

/// Appends the binary form of `value`.
template <class T>
void encode(ByteWriter& writer, const T& value);

/// Reads into `value` what `encode` wrote. On bytes that are not that, `reader.failed()` is true
/// and `value` holds something valid but meaningless.
template <class T>
void decode(ByteReader& reader, T& value);

/// The binary form of `value` as a string.
template <class T>
std::string encode_to_string(const T& value) {
  std::string bytes;
  ByteWriter writer(bytes);
  encode(writer, value);
  return bytes;
}

/// Reads `bytes` as one T and nothing after it; false when they are not that.
template <class T>
[[nodiscard]] bool decode_from(std::string_view bytes, T& value) {
  ByteReader reader(bytes);
  decode(reader, value);
  return !reader.failed() && reader.at_end();
}

namespace codec_detail {

/// Appends `entries` in the order of their bytes, after their count.
void write_sorted(ByteWriter& writer, std::vector<std::string>& entries);

/// Reads a count of values of at least one byte each.
inline std::size_t read_count(ByteReader& reader) {
  const std::uint64_t count = reader.varint();
  if (count > reader.remaining()) {
    reader.fail();
    return 0;
  }
  return static_cast<std::size_t>(count);
}

/// How many elements to make room for at once: what was promised, up to 64 KiB. The rest grows as
/// elements really arrive, so that few bytes cannot claim much memory.
template <class T>
constexpr std::size_t first_reserve(std::size_t count) {
  constexpr std::size_t limit = 65536 / sizeof(T) + 1;
  return count < limit ? count : limit;
}

template <class T>
void encode_integer(ByteWriter& writer, T value) {
  if constexpr (sizeof(T) == 1)
    writer.u8(static_cast<std::uint8_t>(value));
  else if constexpr (std::is_signed_v<T>)
    writer.zigzag(value);
  else
    writer.varint(value);
}

template <class T>
T decode_integer(ByteReader& reader) {
  if constexpr (sizeof(T) == 1) {
    return static_cast<T>(reader.u8());
  } else if constexpr (std::is_signed_v<T>) {
    const std::int64_t value = reader.zigzag();
    if (static_cast<T>(value) != value) reader.fail();
    return static_cast<T>(value);
  } else {
    const std::uint64_t value = reader.varint();
    if (static_cast<T>(value) != value) reader.fail();
    return static_cast<T>(value);
  }
}

inline bool decode_flag(ByteReader& reader) {
  const std::uint8_t byte = reader.u8();
  if (byte > 1) reader.fail();
  return byte == 1;
}

inline void decode_nothing(ByteReader& reader) {
  if (reader.u8() != 0) reader.fail();
}

/// A vector or array of these is copied as a block.
template <class T>
inline constexpr bool is_byte = shape_of<T> == Shape::integer && sizeof(T) == 1;

template <class C>
std::string_view as_bytes(const C& container) {
  return {reinterpret_cast<const char*>(container.data()), container.size()};
}

template <class C>
void encode_list(ByteWriter& writer, const C& list) {
  writer.varint(list.size());
  if constexpr (is_byte<typename C::value_type>) {
    writer.raw(as_bytes(list));
  } else {
    for (const typename C::value_type& element : list) encode(writer, element);
  }
}

template <class C>
void decode_list(ByteReader& reader, C& list) {
  using Element = typename C::value_type;
  const std::size_t count = read_count(reader);
  list.clear();
  if constexpr (is_byte<Element>) {
    const std::string_view bytes = reader.raw(count);
    const auto* first = reinterpret_cast<const Element*>(bytes.data());
    list.assign(first, first + bytes.size());
  } else {
    list.reserve(first_reserve<Element>(count));
    for (std::size_t i = 0; i < count && !reader.failed(); ++i) {
      Element element{};
      decode(reader, element);
      list.push_back(std::move(element));
    }
  }
}

template <class C>
void encode_array(ByteWriter& writer, const C& array) {
  if constexpr (std::tuple_size_v<C> == 0)
    writer.u8(0);
  else if constexpr (is_byte<typename C::value_type>)
    writer.raw(as_bytes(array));
  else
    for (const auto& element : array) encode(writer, element);
}

template <class C>
void decode_array(ByteReader& reader, C& array) {
  if constexpr (std::tuple_size_v<C> == 0) {
    decode_nothing(reader);
  } else if constexpr (is_byte<typename C::value_type>) {
    const std::string_view bytes = reader.raw(array.size());
    if (bytes.size() == array.size()) std::memcpy(array.data(), bytes.data(), bytes.size());
  } else {
    for (auto& element : array) decode(reader, element);
  }
}

template <class C>
void encode_entry(ByteWriter& writer, const typename C::value_type& entry) {
  if constexpr (shape_of<C> == Shape::map) {
    encode(writer, entry.first);
    encode(writer, entry.second);
  } else {
    encode(writer, entry);
  }
}

template <class C>
void encode_keyed(ByteWriter& writer, const C& container) {
  if constexpr (describe_detail::Ordered<C>) {
    writer.varint(container.size());
    for (const auto& entry : container) encode_entry<C>(writer, entry);
  } else {
    std::vector<std::string> entries;
    entries.reserve(container.size());
    for (const auto& entry : container) {
      ByteWriter each(entries.emplace_back());
      encode_entry<C>(each, entry);
    }
    write_sorted(writer, entries);
  }
}

template <class C>
void decode_keyed(ByteReader& reader, C& container) {
  const std::size_t count = read_count(reader);
  container.clear();
  for (std::size_t i = 0; i < count && !reader.failed(); ++i) {
    typename C::key_type key{};
    decode(reader, key);
    if constexpr (shape_of<C> == Shape::map) {
      typename C::mapped_type value{};
      decode(reader, value);
      if (!reader.failed()) container.emplace(std::move(key), std::move(value));
    } else if (!reader.failed()) {
      container.insert(std::move(key));
    }
  }
  if (container.size() != count) reader.fail();
}

}  // namespace codec_detail

template <class T>
void encode(ByteWriter& writer, const T& value) {
  namespace cd = codec_detail;
  WEIR_REQUIRE_STORABLE(T);
  constexpr Shape shape = shape_of<T>;
  if constexpr (cd::is_bounded<T> && cd::has_parts<T>)
    cd::encode_bounded(writer, value);
  else if constexpr (shape == Shape::custom)
    Codec<T>::encode(writer, value);
  else if constexpr (shape == Shape::boolean)
    writer.u8(value ? 1 : 0);
  else if constexpr (shape == Shape::integer)
    cd::encode_integer(writer, value);
  else if constexpr (shape == Shape::floating && sizeof(T) == 4)
    writer.little_endian32(std::bit_cast<std::uint32_t>(value));
  else if constexpr (shape == Shape::floating)
    writer.little_endian64(std::bit_cast<std::uint64_t>(value));
  else if constexpr (shape == Shape::enumeration)
    encode(writer, static_cast<std::underlying_type_t<T>>(value));
  else if constexpr (shape == Shape::string)
    writer.string(value);
  else if constexpr (shape == Shape::time)
    writer.zigzag(to_millis(value));
  else if constexpr (shape == Shape::duration)
    encode(writer, value.count());
  else if constexpr (shape == Shape::optional) {
    writer.u8(value.has_value() ? 1 : 0);
    if (value) encode(writer, *value);
  } else if constexpr (shape == Shape::list)
    cd::encode_list(writer, value);
  else if constexpr (shape == Shape::array)
    cd::encode_array(writer, value);
  else if constexpr (shape == Shape::tuple) {
    std::apply([&](const auto&... element) { (encode(writer, element), ...); }, value);
    if constexpr (std::tuple_size_v<T> == 0) writer.u8(0);
  } else if constexpr (shape == Shape::set || shape == Shape::map)
    cd::encode_keyed(writer, value);
  else if constexpr (shape == Shape::structure) {
    for_each_field(value, [&](const char*, const auto& field) { encode(writer, field); });
    if constexpr (field_count<T> == 0) writer.u8(0);
  }
}

template <class T>
void decode(ByteReader& reader, T& value) {
  namespace cd = codec_detail;
  WEIR_REQUIRE_STORABLE(T);
  constexpr Shape shape = shape_of<T>;
  if constexpr (shape == Shape::custom)
    Codec<T>::decode(reader, value);
  else if constexpr (shape == Shape::boolean)
    value = cd::decode_flag(reader);
  else if constexpr (shape == Shape::integer)
    value = cd::decode_integer<T>(reader);
  else if constexpr (shape == Shape::floating && sizeof(T) == 4)
    value = std::bit_cast<T>(reader.little_endian32());
  else if constexpr (shape == Shape::floating)
    value = std::bit_cast<T>(reader.little_endian64());
  else if constexpr (shape == Shape::enumeration)
    value = static_cast<T>(cd::decode_integer<std::underlying_type_t<T>>(reader));
  else if constexpr (shape == Shape::string)
    value.assign(reader.string());
  else if constexpr (shape == Shape::time)
    value = from_millis(reader.zigzag());
  else if constexpr (shape == Shape::duration) {
    typename T::rep count{};
    decode(reader, count);
    value = T(count);
  } else if constexpr (shape == Shape::optional) {
    value.reset();
    if (cd::decode_flag(reader)) decode(reader, value.emplace());
  } else if constexpr (shape == Shape::list)
    cd::decode_list(reader, value);
  else if constexpr (shape == Shape::array)
    cd::decode_array(reader, value);
  else if constexpr (shape == Shape::tuple) {
    std::apply([&](auto&... element) { (decode(reader, element), ...); }, value);
    if constexpr (std::tuple_size_v<T> == 0) cd::decode_nothing(reader);
  } else if constexpr (shape == Shape::set || shape == Shape::map)
    cd::decode_keyed(reader, value);
  else if constexpr (shape == Shape::structure) {
    for_each_field(value, [&](const char*, auto& field) { decode(reader, field); });
    if constexpr (field_count<T> == 0) cd::decode_nothing(reader);
  }
}

}  // namespace weir
