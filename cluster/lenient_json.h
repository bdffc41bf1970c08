// Reads JSON of described types that another version may have written: members that this version
// does not know are skipped, those that are missing keep their default. `from_json` refuses both,
// as it should for records that people write. What is there must fit. Pure functions: any thread.
#pragma once

#include <string>
#include <string_view>

#include "weir/base/describe.h"
#include "weir/base/json.h"
#include "weir/base/json_tree.h"

namespace weir::cluster {

namespace lenient_detail {
/// The JSON text of a scalar.
std::string scalar_text(const JsonValue& json);
/// The error of `status` with the member at which it arose.
Error inside(const std::string& name, const Error& error);
Error wrong_kind(const JsonValue& json, JsonValue::Kind needed);
Error unknown_enumerator(const JsonValue& json);
}  // namespace lenient_detail

/// Reads `json` into `out`, which holds the defaults. Error: invalid_argument, which names the
/// member; `out` is then unspecified.
template <class T>
Status read_lenient(const JsonValue& json, T& out) {
  namespace detail = lenient_detail;
  using Kind = JsonValue::Kind;
  constexpr Shape shape = shape_of<T>;
  if constexpr (shape == Shape::structure) {
    if (!json.is(Kind::object)) return detail::wrong_kind(json, Kind::object);
    Status status;
    for_each_field(out, [&](const char* name, auto& field) {
      const JsonValue* member = status.ok() ? json.find(name) : nullptr;
      if (member == nullptr) return;
      Status read = read_lenient(*member, field);
      if (!read.ok()) status = detail::inside(name, read.error());
    });
    return status;
  } else if constexpr (shape == Shape::list) {
    if (!json.is(Kind::array)) return detail::wrong_kind(json, Kind::array);
    out.clear();
    for (std::size_t i = 0; i < json.elements.size(); ++i) {
      Status read = read_lenient(json.elements[i], out.emplace_back());
      if (!read.ok()) return detail::inside("[" + std::to_string(i) + "]", read.error());
    }
    return {};
  } else if constexpr (shape == Shape::map) {
    if (!json.is(Kind::object)) return detail::wrong_kind(json, Kind::object);
    out.clear();
    for (std::size_t i = 0; i < json.elements.size(); ++i) {
      Status read = read_lenient(json.elements[i], out[json.names[i]]);
      if (!read.ok()) return detail::inside(json.names[i], read.error());
    }
    return {};
  } else {
    WEIR_TRY(from_json(detail::scalar_text(json), out));
    if constexpr (shape == Shape::enumeration) {
      if (enumerator_name(out) == nullptr) return detail::unknown_enumerator(json);
    }
    return {};
  }
}

/// The same from text. Error: invalid_argument.
template <class T>
Status read_lenient(std::string_view text, T& out) {
  WEIR_ASSIGN(const JsonValue json, parse_json(text));
  return read_lenient(json, out);
}

}  // namespace weir::cluster
