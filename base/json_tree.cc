// See json_tree.h. A recursive descent over the text; the first error stops it.
#include "weir/base/json_tree.h"

#include <algorithm>

#include "weir/base/utf8.h"

namespace weir {
namespace {

constexpr std::size_t kMaxBytes = 16 << 20;
constexpr std::size_t kMaxNumberLength = 512;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class JsonParser {
 public:
  explicit JsonParser(std::string_view text) : text_(text) {}

  Result<JsonValue> parse() {
    JsonValue value;
    if (text_.size() > kMaxBytes) {
      fail("is longer than 16 MiB");
    } else {
      read_value(value, 0);
      skip_space();
      if (error_ == nullptr && at_ != text_.size()) fail("has text after its end");
    }
    if (error_ == nullptr) return value;
    return Error{ErrorCode::invalid_argument,
                 "The JSON " + std::string(error_) + " (at byte " + std::to_string(at_) + ")."};
  }

 private:
  bool fail(const char* what) {
    if (error_ == nullptr) error_ = what;
    return false;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  bool read_value(JsonValue& value, std::size_t depth) {
    if (depth > kMaxJsonDepth) return fail("is nested more than 100 levels deep");
    if (++values_ > kMaxJsonValues) return fail("has more than 1000000 values");
    skip_space();
    const char c = peek();
    if (c == '{') return read_object(value, depth);
    if (c == '[') return read_array(value, depth);
    if (c == '"') {
      value.kind = JsonValue::Kind::string;
      return read_string(value.text);
    }
    if (c == '-' || is_digit(c)) return read_number(value);
    if (take_word("null")) return true;
    value.kind = JsonValue::Kind::boolean;
    value.boolean = c == 't';
    if (take_word("true") || take_word("false")) return true;
    return fail(at_ == text_.size() ? "ends too early" : "is not valid JSON");
  }

  bool read_array(JsonValue& value, std::size_t depth) {
    value.kind = JsonValue::Kind::array;
    take('[');
    skip_space();
    if (take(']')) return true;
    do {
      if (!read_value(value.elements.emplace_back(), depth + 1)) return false;
      skip_space();
    } while (take(','));
    return take(']') || fail("lacks a ',' or ']' in an array");
  }

  bool read_object(JsonValue& value, std::size_t depth) {
    value.kind = JsonValue::Kind::object;
    take('{');
    skip_space();
    if (take('}')) return true;
    do {
      skip_space();
      if (!read_string(value.names.emplace_back())) return false;
      skip_space();
      if (!take(':')) return fail("lacks a ':' after a name");
      if (!read_value(value.elements.emplace_back(), depth + 1)) return false;
      skip_space();
    } while (take(','));
    if (!take('}')) return fail("lacks a ',' or '}' in an object");
    return names_differ(value.names) || fail("has a name twice in one object");
  }

  static bool names_differ(const std::vector<std::string>& names) {
    std::vector<std::string_view> sorted(names.begin(), names.end());
    std::sort(sorted.begin(), sorted.end());
    return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
  }

  bool read_digits() {
    const std::size_t from = at_;
    while (is_digit(peek())) ++at_;
    return at_ > from;
  }

  bool read_number(JsonValue& value) {
    const std::size_t from = at_;
    value.kind = JsonValue::Kind::number;
    take('-');
    const bool leading_zero = peek() == '0';
    const std::size_t digits = at_;
    bool good = read_digits() && !(leading_zero && at_ - digits > 1);
    if (good && take('.')) good = read_digits();
    if (good && (take('e') || take('E'))) {
      if (!take('+')) take('-');
      good = read_digits();
    }
    if (!good) return fail("has a malformed number");
    if (at_ - from > kMaxNumberLength) return fail("has a number of more than 512 characters");
    value.text = text_.substr(from, at_ - from);
    return true;
  }

  bool read_string(std::string& out) {
    if (!take('"')) return fail("lacks a '\"'");
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c == '\\') {
        ++at_;
        if (!read_escape(out)) return false;
        continue;
      }
      if (static_cast<unsigned char>(c) < 0x20) return fail("has a bare control character");
      const std::size_t length = utf8_character(text_.substr(at_));
      if (length == 0) return fail("has bytes that are not UTF-8");
      out.append(text_, at_, length);
      at_ += length;
    }
    return fail("ends within a string");
  }

  bool read_escape(std::string& out) {
    constexpr std::string_view codes = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
    if (take('u')) return read_code_point(out);
    const std::size_t which = at_ < text_.size() ? codes.find(text_[at_]) : codes.npos;
    if (which == codes.npos) return fail("has an unknown escape");
    ++at_;
    out.push_back(meant[which]);
    return true;
  }

  bool read_hex4(std::uint32_t& value) {
    value = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      const int digit = is_digit(c)              ? c - '0'
                        : (c >= 'a' && c <= 'f') ? c - 'a' + 10
                        : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                                 : -1;
      if (digit < 0) return fail("has a malformed \\u escape");
      value = value * 16 + static_cast<std::uint32_t>(digit);
    }
    return true;
  }

  bool read_code_point(std::string& out) {
    std::uint32_t c = 0, low = 0;
    if (!read_hex4(c)) return false;
    if (c >= 0xd800 && c < 0xe000) {
      const bool paired = c < 0xdc00 && take_word("\\u") && read_hex4(low);
      if (!paired || low < 0xdc00 || low > 0xdfff) return fail("has half of a surrogate pair");
      c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    append_utf8(out, c);
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t values_ = 0;
  const char* error_ = nullptr;
};

}  // namespace

const JsonValue* JsonValue::find(std::string_view name) const {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return &elements[i];
  }
  return nullptr;
}

const char* to_string(JsonValue::Kind kind) {
  switch (kind) {
    case JsonValue::Kind::null:
      return "null";
    case JsonValue::Kind::boolean:
      return "true or false";
    case JsonValue::Kind::number:
      return "a number";
    case JsonValue::Kind::string:
      return "a string";
    case JsonValue::Kind::array:
      return "an array";
    case JsonValue::Kind::object:
      return "an object";
  }
  return "nothing";
}

Result<JsonValue> parse_json(std::string_view text) { return JsonParser(text).parse(); }

}  // namespace weir
