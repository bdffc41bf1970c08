// Taking targets apart; see http_target.h.
#include "weir/cluster/http_target.h"

#include <algorithm>
#include <cctype>

#include "weir/base/plain_text.h"

namespace weir::cluster {
namespace {

constexpr std::size_t kMostParts = 100;

int digit_of(char c) {
  if ('0' <= c && c <= '9') return c - '0';
  if ('a' <= c && c <= 'f') return c - 'a' + 10;
  if ('A' <= c && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool decode(std::string_view text, bool plus_is_space, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return false;
      const int high = digit_of(text[i + 1]), low = digit_of(text[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    out += c;
  }
  return find_control(out) == std::string::npos;
}

/// What stands before the first `separator`, which is taken away with it.
std::string_view take_part(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

}  // namespace

std::optional<HttpTarget> parse_target(std::string_view target) {
  if (!target.starts_with('/')) return std::nullopt;
  std::string_view path = take_part(target, '?');
  path.remove_prefix(1);
  HttpTarget parsed;
  while (!path.empty()) {
    if (parsed.path.size() == kMostParts) return std::nullopt;
    if (!decode(take_part(path, '/'), false, parsed.path.emplace_back())) return std::nullopt;
  }
  for (std::size_t parts = 0; !target.empty(); ++parts) {
    std::string_view value = take_part(target, '&');
    const std::string_view name = take_part(value, '=');
    std::string decoded_name, decoded_value;
    if (parts == kMostParts || !decode(name, true, decoded_name) ||
        !decode(value, true, decoded_value)) {
      return std::nullopt;
    }
    if (!decoded_name.empty()) parsed.query[decoded_name] = decoded_value;
  }
  return parsed;
}

std::string percent_encode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte < 0x80 && std::isalnum(byte)) || c == '-' || c == '.' || c == '_';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

}  // namespace weir::cluster
