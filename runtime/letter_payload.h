// The payload of a dead letter as a JSON value, and back:
//
//   json    as it is
//   csv     {column: text}, by the header record in headers["csv.header"], or by numbers from "1";
//           fields beyond the header under "(extra)"
//   record  by its schema (base/json.h)
//   text    {"text": text}
//
// Pure functions: any thread.
#pragma once

#include <string>

#include "weir/base/json_tree.h"
#include "weir/base/result.h"
#include "weir/runtime/dead_letter.h"

namespace weir {

/// Error: invalid_argument when the bytes are not what their format says, and why.
Result<JsonValue> payload_of(const DeadLetter& letter);

/// The bytes for a letter like `letter` with this payload. Error: invalid_argument when the value
/// does not fit the format or schema.
Result<std::string> payload_bytes(const DeadLetter& letter, const JsonValue& payload);

/// The payload for people, on one line: as JSON, or where it cannot be read so, as text in which
/// what is no UTF-8 stands as U+FFFD.
std::string payload_text(const DeadLetter& letter);

/// A letter as one line of JSON. `payload` in full: also the bytes as text ("bytes") or, when they
/// are not UTF-8, as hexadecimal ("bytes_hex").
std::string letter_to_json(const DeadLetter& letter, bool in_full);

}  // namespace weir
