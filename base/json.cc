// JSON tokens. See json.h.
#include "weir/base/json.h"

#include <charconv>
#include <cmath>

#include "weir/base/utf8.h"

namespace weir::json_detail {
namespace {

bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; }

void append_escaped(std::string& out, unsigned char c) {
  constexpr std::string_view special = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt";
  constexpr std::string_view hex = "0123456789abcdef";
  out.push_back('\\');
  if (const std::size_t which = special.find(static_cast<char>(c)); which != special.npos) {
    out.push_back(letters[which]);
    return;
  }
  out.append("u00");
  out.push_back(hex[c >> 4]);
  out.push_back(hex[c & 15]);
}

/// Appends the character at the start of `text`, which is not plain; returns its length in bytes.
std::size_t append_character(std::string& out, std::string_view text) {
  const auto c = static_cast<unsigned char>(text[0]);
  if (c < 0x80) {
    append_escaped(out, c);
    return 1;
  }
  const std::size_t length = utf8_character(text);
  if (length == 0) {
    out.append("\xef\xbf\xbd");
    return 1;
  }
  out.append(text.substr(0, length));
  return length;
}

template <class N>
void append_number(std::string& out, N value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, end);
}

template <class N>
void append_real(std::string& out, N value) {
  if (std::isfinite(value)) {
    append_number(out, value);
  } else {
    out.append("null");
  }
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  out.push_back('"');
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(static_cast<unsigned char>(text[plain]))) ++plain;
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (!text.empty()) text.remove_prefix(append_character(out, text));
  }
  out.push_back('"');
}

void append_signed(std::string& out, std::int64_t value) { append_number(out, value); }
void append_unsigned(std::string& out, std::uint64_t value) { append_number(out, value); }
void append_float(std::string& out, float value) { append_real(out, value); }
void append_double(std::string& out, double value) { append_real(out, value); }

void append_time(std::string& out, EventTime time) {
  out.push_back('"');
  out.append(to_iso8601(time));
  out.push_back('"');
}

}  // namespace weir::json_detail
