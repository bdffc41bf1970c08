// A small strict reader of JSON (RFC 8259) for schemas and repaired records: whole texts that
// people or we wrote, not streams of events. Numbers keep their text, so that 64-bit integers and
// reals are read exactly by whoever knows what they should be. Pure functions: any thread.
//
// Invariant: any bytes give a tree or an error in bounded memory and stack: at most 16 MiB of text,
// 1 M values, 100 levels, 512 characters a number. Repeated names in an object are refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"

namespace weir {

/// The limits of `parse_json` that trees made otherwise keep too.
inline constexpr std::size_t kMaxJsonDepth = 100;
inline constexpr std::size_t kMaxJsonValues = 1'000'000;

/// A JSON value.
struct JsonValue {
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

  Kind kind = Kind::null;
  bool boolean = false;
  std::string text;  ///< of a string: its characters in UTF-8; of a number: as written
  std::vector<std::string> names;   ///< of an object: the names of `elements`
  std::vector<JsonValue> elements;  ///< of an array or object

  bool is(Kind k) const { return kind == k; }
  /// The value named `name` of an object, or null.
  const JsonValue* find(std::string_view name) const;
};

/// What `kind` is called in messages: `a number`.
const char* to_string(JsonValue::Kind kind);

/// Reads `text`, all of it. Errors: invalid_argument with the byte at which reading stopped.
Result<JsonValue> parse_json(std::string_view text);

}  // namespace weir
