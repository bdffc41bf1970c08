// Numbers and escapes. Pure functions: any thread.
#include "weir/connectors/file/json_tokens.h"

#include <cstdint>

namespace weir::file::detail {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Moves `p` past at least one digit.
bool take_digits(const char*& p, const char* end) {
  const char* start = p;
  while (p != end && is_digit(*p)) ++p;
  return p != start;
}

bool hex4(std::string_view text, std::uint32_t& value) {
  if (text.size() < 4) return false;
  value = 0;
  for (const char c : text.substr(0, 4)) {
    const char lower = static_cast<char>(c | 0x20);
    if (is_digit(c))
      value = value * 16 + static_cast<std::uint32_t>(c - '0');
    else if (lower >= 'a' && lower <= 'f')
      value = value * 16 + static_cast<std::uint32_t>(lower - 'a' + 10);
    else
      return false;
  }
  return true;
}

void append_utf8(std::uint32_t code, std::string& out) {
  const auto byte = [&](std::uint32_t b) { out.push_back(static_cast<char>(b)); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | code >> 6);
    byte(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    byte(0xe0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  } else {
    byte(0xf0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3f));
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  }
}

/// Takes what follows `\u`, with the second half of a pair, off `text`.
bool take_unicode(std::string_view& text, std::string& out) {
  std::uint32_t code = 0;
  if (!hex4(text, code)) return false;
  text.remove_prefix(4);
  const bool high = code >= 0xd800 && code < 0xdc00;
  if (code >= 0xdc00 && code < 0xe000) return false;
  if (high) {
    std::uint32_t low = 0;
    if (!text.starts_with("\\u") || !hex4(text.substr(2), low)) return false;
    if (low < 0xdc00 || low >= 0xe000) return false;
    text.remove_prefix(6);
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  append_utf8(code, out);
  return true;
}

}  // namespace

bool is_json_number(std::string_view text) {
  const char* p = text.data();
  const char* end = p + text.size();
  if (p != end && *p == '-') ++p;
  if (p != end && *p == '0')
    ++p;
  else if (!take_digits(p, end))
    return false;
  if (p != end && *p == '.' && !take_digits(++p, end)) return false;
  if (p != end && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p != end && (*p == '+' || *p == '-')) ++p;
    if (!take_digits(p, end)) return false;
  }
  return p == end;
}

ValueKind kind_of_token(std::string_view token) {
  switch (token.front()) {
    case 't':
      return token == "true" ? ValueKind::boolean : ValueKind::text;
    case 'f':
      return token == "false" ? ValueKind::boolean : ValueKind::text;
    case 'n':
      return token == "null" ? ValueKind::null : ValueKind::text;
    default:
      return is_json_number(token) ? ValueKind::number : ValueKind::text;
  }
}

bool unescape_json(std::string_view text, std::string& out) {
  constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  while (!text.empty()) {
    const std::size_t backslash = text.find('\\');
    out.append(text.substr(0, backslash));
    if (backslash == std::string_view::npos) return true;
    if (backslash + 1 == text.size()) return false;
    const char escape = text[backslash + 1];
    text.remove_prefix(backslash + 2);
    const std::size_t known = kEscapes.find(escape);
    if (known != std::string_view::npos) {
      out.push_back(kMeanings[known]);
    } else if (escape != 'u' || !take_unicode(text, out)) {
      return false;
    }
  }
  return true;
}

}  // namespace weir::file::detail
