// From the text of a CSV field or a JSON value to a field of a described struct, with the types
// erased: a table of setters that the readers in the .cc files walk.
//
// Invariant: a setter returns true only when the whole text was understood and fits the type.
// Pure functions: any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "weir/base/describe.h"
#include "weir/base/json.h"
#include "weir/base/time.h"
#include "weir/connectors/file/options.h"

namespace weir::file {

/// Extension point: how a type of yours is read from the text of a CSV field or of a JSON string or
/// number (so that a decimal loses nothing on the way):
///
///   template <> struct weir::file::FieldParser<Money> {
///     static constexpr const char* expected = "an amount such as 12.50";  // completes "is not
///     ..." static bool parse(std::string_view text, Money& value);
///   };
template <class T>
struct FieldParser {};

/// T brings its own FieldParser.
template <class T>
concept ParsedByUser = requires(std::string_view text, T& value) {
  { FieldParser<T>::parse(text, value) } -> std::same_as<bool>;
  { FieldParser<T>::expected } -> std::convertible_to<std::string_view>;
};

namespace detail {

enum class ValueKind : std::uint8_t {
  text,    ///< of a CSV field: may be anything
  string,  ///< the rest are of JSON; a string's text is unescaped
  number,
  boolean,
  null,
  compound,  ///< object or array; its whole text
};

struct FieldValue {
  ValueKind kind = ValueKind::text;
  std::string_view text;
};

/// Reads `value` into the field of the struct at `record`; false when it does not fit.
using SetField = bool (*)(void* record, const FieldValue& value, TimeFormat times);

/// One described field of a struct.
struct Field {
  std::string name;
  SetField set = nullptr;
  bool optional = false;  ///< a std::optional: may be absent
  bool compound = false;  ///< reads objects or arrays
  bool textual = false;   ///< reads JSON strings, so that "not empty" means something
  std::string expected;   ///< completes "is not ..."
};

bool parse_signed(std::string_view text, std::int64_t low, std::int64_t high, std::int64_t& value);
bool parse_unsigned(std::string_view text, std::uint64_t high, std::uint64_t& value);
/// A finite number.
bool parse_real(std::string_view text, double& value);
bool parse_boolean(const FieldValue& value, bool& out);
bool parse_time(const FieldValue& value, TimeFormat times, EventTime& out);
std::string expected_integer(std::int64_t low, std::uint64_t high);

inline bool is_numeric(ValueKind kind) {
  return kind == ValueKind::text || kind == ValueKind::number;
}
inline bool is_textual(ValueKind kind) {
  return kind == ValueKind::text || kind == ValueKind::string;
}

template <class M>
constexpr bool is_compound() {
  constexpr Shape shape = shape_of<M>;
  return shape == Shape::custom || shape == Shape::list || shape == Shape::array ||
         shape == Shape::tuple || shape == Shape::set || shape == Shape::map ||
         shape == Shape::structure;
}

template <class M>
bool set_integer(M& out, const FieldValue& value) {
  using Limits = std::numeric_limits<M>;
  if (!is_numeric(value.kind)) return false;
  if constexpr (std::is_signed_v<M>) {
    std::int64_t wide = 0;
    if (!parse_signed(value.text, Limits::min(), Limits::max(), wide)) return false;
    out = static_cast<M>(wide);
  } else {
    std::uint64_t wide = 0;
    if (!parse_unsigned(value.text, Limits::max(), wide)) return false;
    out = static_cast<M>(wide);
  }
  return true;
}

template <class M>
bool set_enumerator(M& out, const FieldValue& value) {
  bool found = false;
  for_each_enumerator<M>([&](const char* name, M candidate) {
    if (found || value.text != name) return;
    out = candidate;
    found = true;
  });
  return found && is_textual(value.kind);
}

template <class M>
bool set_value(M& out, const FieldValue& value, TimeFormat times) {
  constexpr Shape shape = shape_of<M>;
  if constexpr (ParsedByUser<M>) {
    return (is_textual(value.kind) || is_numeric(value.kind)) &&
           FieldParser<M>::parse(value.text, out);
  } else if constexpr (shape == Shape::optional) {
    if (value.kind == ValueKind::null || (value.kind == ValueKind::text && value.text.empty())) {
      out.reset();
      return true;
    }
    return set_value(out.emplace(), value, times);
  } else if constexpr (shape == Shape::string) {
    if (!is_textual(value.kind)) return false;
    out.assign(value.text);
    return true;
  } else if constexpr (shape == Shape::boolean) {
    return parse_boolean(value, out);
  } else if constexpr (shape == Shape::integer) {
    return set_integer(out, value);
  } else if constexpr (shape == Shape::floating) {
    double wide = 0;
    if (!is_numeric(value.kind) || !parse_real(value.text, wide)) return false;
    out = static_cast<M>(wide);
    return sizeof(M) == sizeof(double) ||
           (wide <= std::numeric_limits<M>::max() && wide >= std::numeric_limits<M>::lowest());
  } else if constexpr (shape == Shape::enumeration) {
    return set_enumerator(out, value);
  } else if constexpr (shape == Shape::time) {
    return parse_time(value, times, out);
  } else if constexpr (shape == Shape::duration) {
    typename M::rep count{};
    if (!set_value(count, value, times)) return false;
    out = M(count);
    return true;
  } else {
    static_assert(is_compound<M>(),
                  "Weir cannot read a field of this type: describe the type with WEIR_DESCRIBE, or "
                  "specialise weir::file::FieldParser for it");
    return value.kind == ValueKind::compound && from_json(value.text, out).ok();
  }
}

template <class M>
std::string expectation() {
  constexpr Shape shape = shape_of<M>;
  if constexpr (ParsedByUser<M>)
    return FieldParser<M>::expected;
  else if constexpr (shape == Shape::optional)
    return expectation<typename M::value_type>();
  else if constexpr (shape == Shape::string)
    return "text";
  else if constexpr (shape == Shape::boolean)
    return "true or false";
  else if constexpr (shape == Shape::integer)
    return expected_integer(static_cast<std::int64_t>(std::numeric_limits<M>::min()),
                            static_cast<std::uint64_t>(std::numeric_limits<M>::max()));
  else if constexpr (shape == Shape::floating)
    return "a number";
  else if constexpr (shape == Shape::time)
    return "a time";
  else if constexpr (shape == Shape::duration)
    return "a whole number of its unit";
  else if constexpr (shape == Shape::enumeration) {
    std::string names;
    for_each_enumerator<M>(
        [&](const char* name, M) { (names += names.empty() ? "" : ", ") += name; });
    return "one of " + names;
  } else
    return "JSON of " + describe(schema_of<M>());
}

template <class M>
struct Unwrapped {
  using type = M;
};
template <class M>
struct Unwrapped<std::optional<M>> {
  using type = M;
};

template <class T, class D>
bool set_member(void* record, const FieldValue& value, TimeFormat times) {
  return set_value(static_cast<T*>(record)->*D::pointer, value, times);
}

template <class T, class D>
Field field_of() {
  using M = std::remove_cvref_t<decltype(std::declval<T&>().*D::pointer)>;
  using Inner = typename Unwrapped<M>::type;
  constexpr bool user = ParsedByUser<Inner>;
  return {.name = D::name,
          .set = &set_member<T, D>,
          .optional = shape_of<M> == Shape::optional && !ParsedByUser<M>,
          .compound = !user && is_compound<Inner>(),
          .textual = user || shape_of<Inner> == Shape::string,
          .expected = expectation<M>()};
}

/// The fields of described struct T, in order.
template <class T>
std::vector<Field> fields_of() {
  static_assert(Described<T>,
                "Weir reads rows into described structs: write WEIR_DESCRIBE(Type, fields...) "
                "after the definition of the type");
  return []<template <class...> class List, class... D>(List<D...>) {
    return std::vector<Field>{field_of<T, D>()...};
  }(describe_detail::Members<T>{});
}

}  // namespace detail
}  // namespace weir::file
