// One CSV record (RFC 4180) as a JSON object, and back; for the repair of dead letters. Pure.
#pragma once

#include <string>

#include "weir/base/json_tree.h"
#include "weir/base/result.h"
#include "weir/runtime/dead_letter.h"

namespace weir {

/// See letter_payload.h. The delimiter is headers["csv.delimiter"], or a comma. Fields that the
/// record lacks are left out. Of columns with one name the second is "NAME (2)".
Result<JsonValue> csv_to_json(const DeadLetter& letter);
/// Fields in the order of the header, empty where one before the last is missing; a name that the
/// header does not have is an error.
Result<std::string> csv_from_json(const DeadLetter& letter, const JsonValue& payload);

}  // namespace weir
