// See xml.h. One pass; memory is that of the result. Whatever is doubtful is refused.
#include "weir/base/s3/xml.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace weir::s3 {
namespace {

constexpr int kMostLevels = 16;
constexpr std::string_view kSpace = " \t\r\n";

bool is_name(std::string_view text) {
  if (text.empty() || std::string_view("0123456789-.").find(text[0]) != text.npos) return false;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
    const bool other = (c >= '0' && c <= '9') || c == '-' || c == '.';
    if (!letter && !other) return false;
  }
  return true;
}

void append_utf8(std::string& to, std::uint32_t c) {
  const auto put = [&to](std::uint32_t byte) { to += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xc0 | c >> 6);
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 63));
  } else {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 63));
    put(0x80 | (c >> 6 & 63));
  }
  put(0x80 | (c & 63));
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::optional<XmlElement> document() {
    if (take("\xef\xbb\xbf")) {
    }  // a byte order mark
    if (rest_.starts_with("<?xml") && !skip_past("?>")) return std::nullopt;
    if (!skip_misc() || !take("<")) return std::nullopt;
    XmlElement root;
    if (!element(root, 0) || !skip_misc() || !rest_.empty()) return std::nullopt;
    return root;
  }

 private:
  bool take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  bool skip_past(std::string_view end) {
    const std::size_t at = rest_.find(end);
    if (at == std::string_view::npos) return false;
    rest_.remove_prefix(at + end.size());
    return true;
  }
  void skip_space() {
    rest_.remove_prefix(std::min(rest_.size(), rest_.find_first_not_of(kSpace)));
  }
  /// Space and comments.
  bool skip_misc() {
    for (skip_space(); take("<!--"); skip_space()) {
      if (!skip_past("-->")) return false;
    }
    return true;
  }

  /// Behind the '<' of a start tag, to behind its end tag.
  bool element(XmlElement& to, int level) {
    if (level >= kMostLevels) return false;
    const std::size_t end = rest_.find_first_of(" \t\r\n/>");
    if (end == std::string_view::npos) return false;
    const std::string_view name = rest_.substr(0, end);
    if (!is_name(name)) return false;
    to.name = name.substr(name.find(':') == std::string_view::npos ? 0 : name.find(':') + 1);
    rest_.remove_prefix(end);
    if (!attributes()) return false;
    if (take("/>")) return true;
    if (!take(">")) return false;
    for (;;) {
      const std::size_t text_end = rest_.find('<');
      if (text_end == std::string_view::npos || !text(rest_.substr(0, text_end), to.text)) {
        return false;
      }
      rest_.remove_prefix(text_end + 1);
      if (take("!--")) {
        if (!skip_past("-->")) return false;
      } else if (take("/")) {
        if (!take(name)) return false;
        skip_space();
        return take(">");
      } else {
        if (!element(to.children.emplace_back(), level + 1)) return false;
      }
    }
  }

  bool attributes() {
    for (;;) {
      skip_space();
      if (rest_.starts_with(">") || rest_.starts_with("/>")) return true;
      const std::size_t equals = rest_.find('=');
      if (equals == std::string_view::npos || !is_name(rest_.substr(0, equals))) return false;
      rest_.remove_prefix(equals + 1);
      if (rest_.empty() || (rest_[0] != '"' && rest_[0] != '\'')) return false;
      const std::size_t end = rest_.find(rest_[0], 1);
      if (end == std::string_view::npos || rest_.substr(0, end).find('<') != rest_.npos) {
        return false;
      }
      rest_.remove_prefix(end + 1);
    }
  }

  static bool text(std::string_view from, std::string& to) {
    while (!from.empty()) {
      const std::size_t plain = std::min(from.size(), from.find('&'));
      to += from.substr(0, plain);
      from.remove_prefix(plain);
      if (from.empty()) return true;
      const std::size_t end = from.find(';');
      if (end == std::string_view::npos || !entity(from.substr(1, end - 1), to)) return false;
      from.remove_prefix(end + 1);
    }
    return true;
  }

  static bool entity(std::string_view name, std::string& to) {
    if (name == "lt") return to += '<', true;
    if (name == "gt") return to += '>', true;
    if (name == "amp") return to += '&', true;
    if (name == "quot") return to += '"', true;
    if (name == "apos") return to += '\'', true;
    if (!name.starts_with('#')) return false;
    const bool hex = name.starts_with("#x");
    name.remove_prefix(hex ? 2 : 1);
    std::uint32_t c = 0;
    const auto [end, error] =
        std::from_chars(name.data(), name.data() + name.size(), c, hex ? 16 : 10);
    if (error != std::errc() || end != name.data() + name.size() || name.empty()) return false;
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return false;
    append_utf8(to, c);
    return true;
  }

  std::string_view rest_;
};

}  // namespace

const XmlElement* XmlElement::child(std::string_view wanted) const {
  for (const XmlElement& element : children) {
    if (element.name == wanted) return &element;
  }
  return nullptr;
}

std::string XmlElement::text_of(std::string_view wanted) const {
  const XmlElement* found = child(wanted);
  return found == nullptr ? std::string() : found->text;
}

std::optional<XmlElement> read_xml(std::string_view bytes) { return Reader(bytes).document(); }

}  // namespace weir::s3
