// The tokens of JSON (RFC 8259) that the first stage leaves to be checked: numbers, literals and
// the escapes in strings. Pure functions: any thread.
#pragma once

#include <string>
#include <string_view>

#include "weir/connectors/file/field.h"

namespace weir::file::detail {

bool is_json_number(std::string_view text);
/// The kind of a token that is no string and not empty: number, boolean or null; text when it is no
/// JSON.
ValueKind kind_of_token(std::string_view token);
/// Appends the text that an escaped string stands for; false when an escape is wrong or a half of a
/// surrogate pair stands alone.
bool unescape_json(std::string_view text, std::string& out);

inline bool is_json_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace weir::file::detail
