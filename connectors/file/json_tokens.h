// The tokens of JSON (RFC 8259) that the first stage leaves to be checked: numbers, literals and
// the escapes in strings. Pure functions: any thread.
#pragma once

#include <cstdint>
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
/// Whether a string without escapes begins at `begin` and ends right before its next token, which
/// is at `next`.
inline bool is_plain_string(const char* text, std::uint32_t begin, std::uint32_t next) {
  return text[begin] == '"' && text[next - 1] == '"' && next - begin > 1;
}
/// The token at `begin`, whose next one is at `next`, without the spaces in between.
inline std::string_view token_text(const char* text, std::uint32_t begin, std::uint32_t next) {
  while (next > begin && is_json_space(text[next - 1])) --next;
  return {text + begin, next - begin};
}

}  // namespace weir::file::detail
