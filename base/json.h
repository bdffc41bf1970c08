// JSON of described types, as sinks write it and `weir` shows it, and of stored bytes whose C++
// type is not at hand. Pure functions: any thread.
//
//   bool true/false; integers and reals as numbers (64-bit integers in full; the shortest text of a
//   real that reads back the same; NaN and infinities, which JSON lacks, as null); enum by name, or
//   by number when it has no name; EventTime as ISO 8601 text; duration as its count of ticks;
//   optional as its value or null; vector, array, set, pair and tuple as array; a map with string
//   keys as object, any other as array of [key, value]; struct as object in declared order; opaque
//   bytes as hexadecimal text.
//
// Invariant: text written here is valid JSON in UTF-8, whatever the strings hold: bytes that are
// not UTF-8 become U+FFFD.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/base/codec.h"
#include "weir/base/schema.h"

namespace weir {

/// Appends `value` as compact JSON.
template <class T>
void to_json(std::string& out, const T& value);

/// Reads one encoded value of `schema` from `reader` and appends its JSON. On damaged bytes
/// `reader.failed()` is true and `out` is as before.
void row_to_json(std::string& out, ByteReader& reader, const Schema& schema);

/// Reads `json` as a value of `schema` and appends its encoded bytes, so that it can take the place
/// of bytes that `encode` wrote. A missing optional field is empty; any other missing field, an
/// unknown or repeated field, a number out of range or any text after the value is
/// ErrorCode::invalid_argument with the path of the field. Then nothing is appended.
Status row_from_json(ByteWriter& writer, std::string_view json, const Schema& schema);

/// Reads `json` as a T. Errors as of `row_from_json`; `out` is then unspecified. Not for hot paths.
template <class T>
Status from_json(std::string_view json, T& out);

/// Pieces that write JSON tokens.
namespace json_detail {
void append_string(std::string& out, std::string_view text);
void append_signed(std::string& out, std::int64_t value);
void append_unsigned(std::string& out, std::uint64_t value);
void append_float(std::string& out, float value);
void append_double(std::string& out, double value);
void append_time(std::string& out, EventTime time);

template <class C>
void append_list(std::string& out, const C& list) {
  char separator = '[';
  for (const typename C::value_type& element : list) {
    out.push_back(separator);
    separator = ',';
    to_json(out, element);
  }
  out.append(separator == '[' ? "[]" : "]");
}

template <class C>
void append_object(std::string& out, const C& map) {
  char separator = '{';
  for (const auto& [key, value] : map) {
    out.push_back(separator);
    separator = ',';
    append_string(out, key);
    out.push_back(':');
    to_json(out, value);
  }
  out.append(separator == '{' ? "{}" : "}");
}

template <class T>
void append_tuple(std::string& out, const T& tuple) {
  char separator = '[';
  std::apply(
      [&](const auto&... element) {
        ((out.push_back(separator), separator = ',', to_json(out, element)), ...);
      },
      tuple);
  out.append(separator == '[' ? "[]" : "]");
}

template <class T>
void append_struct(std::string& out, const T& value) {
  char separator = '{';
  for_each_field(value, [&](const char* name, const auto& field) {
    out.push_back(separator);
    separator = ',';
    out.push_back('"');
    out.append(name);
    out.append("\":");
    to_json(out, field);
  });
  out.append(separator == '{' ? "{}" : "}");
}

template <class T>
void append_custom(std::string& out, const T& value) {
  const std::string bytes = encode_to_string(value);
  ByteReader reader(bytes);
  row_to_json(out, reader, schema_of<T>());
}
}  // namespace json_detail

template <class T>
void to_json(std::string& out, const T& value) {
  namespace jd = json_detail;
  WEIR_REQUIRE_STORABLE(T);
  constexpr Shape shape = shape_of<T>;
  if constexpr (shape == Shape::custom)
    jd::append_custom(out, value);
  else if constexpr (shape == Shape::boolean)
    out.append(value ? "true" : "false");
  else if constexpr (shape == Shape::integer && std::is_same_v<T, char>)
    jd::append_signed(out, static_cast<signed char>(value));
  else if constexpr (shape == Shape::integer && std::is_signed_v<T>)
    jd::append_signed(out, value);
  else if constexpr (shape == Shape::integer)
    jd::append_unsigned(out, value);
  else if constexpr (shape == Shape::floating && sizeof(T) == 4)
    jd::append_float(out, value);
  else if constexpr (shape == Shape::floating)
    jd::append_double(out, value);
  else if constexpr (shape == Shape::string)
    jd::append_string(out, value);
  else if constexpr (shape == Shape::time)
    jd::append_time(out, value);
  else if constexpr (shape == Shape::duration)
    to_json(out, value.count());
  else if constexpr (shape == Shape::set && !describe_detail::Ordered<T>)
    jd::append_custom(out, value);  // sorted
  else if constexpr (shape == Shape::list || shape == Shape::array || shape == Shape::set)
    jd::append_list(out, value);
  else if constexpr (shape == Shape::tuple)
    jd::append_tuple(out, value);
  else if constexpr (shape == Shape::structure)
    jd::append_struct(out, value);
  else if constexpr (shape == Shape::optional) {
    if (value)
      to_json(out, *value);
    else
      out.append("null");
  } else if constexpr (shape == Shape::enumeration) {
    if (const char* name = enumerator_name(value))
      jd::append_string(out, name);
    else
      to_json(out, static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (shape == Shape::map) {
    if constexpr (!describe_detail::Ordered<T>)
      jd::append_custom(out, value);  // sorted
    else if constexpr (std::is_same_v<typename T::key_type, std::string>)
      jd::append_object(out, value);
    else
      jd::append_list(out, value);
  }
}

template <class T>
Status from_json(std::string_view json, T& out) {
  std::string bytes;
  ByteWriter writer(bytes);
  WEIR_TRY(row_from_json(writer, json, schema_of<T>()));
  if (decode_from(bytes, out)) return {};
  return Error{ErrorCode::invalid_argument, "This JSON fits the schema " +
                                                describe(schema_of<T>()) +
                                                ", but its type refuses the value."};
}

}  // namespace weir
