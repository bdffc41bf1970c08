// See plain_text.h.
#include "weir/base/plain_text.h"

#include <algorithm>

#include "weir/base/utf8.h"

namespace weir {
namespace {

/// The length in bytes of the control character that `text` begins with; 0 for another.
std::size_t control_character(std::string_view text) {
  const std::size_t size = utf8_character(text);
  const auto first = static_cast<unsigned char>(text[0]);
  if (size == 0) return 1;
  if (size == 1) return first < 0x20 || first == 0x7f ? 1 : 0;
  return first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0 ? 2 : 0;  // U+0080 to U+009F
}

void append_escaped(std::string& out, std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 0xf];
    }
  }
}

}  // namespace

std::size_t find_control(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    if (control_character(rest) > 0) return at;
    at += utf8_character(rest);
  }
  return std::string_view::npos;
}

std::string printable(std::string_view text, std::string_view keep) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t control = control_character(text);
    const bool kept = control == 0 || keep.find(text[0]) != std::string_view::npos;
    const std::size_t size = control > 0 ? control : utf8_character(text);
    if (kept) {
      out += text.substr(0, size);
    } else {
      append_escaped(out, text.substr(0, size));
    }
    text.remove_prefix(size);
  }
  return out;
}

Status check_plain(const std::string& field, std::string_view text, std::size_t most_bytes) {
  const auto wrong = [&](const std::string& what) {
    return Error{ErrorCode::invalid_argument, "'" + field + "' " + what};
  };
  if (text.size() > most_bytes) {
    return wrong("has " + std::to_string(text.size()) + " bytes; it may have " +
                 std::to_string(most_bytes));
  }
  if (const std::size_t at = find_control(text); at != std::string_view::npos) {
    return wrong("must have no control characters and be UTF-8; at byte " + std::to_string(at) +
                 " it has " + printable(text.substr(at, 1)));
  }
  return {};
}

}  // namespace weir
