// See json_shape.h. A scalar that is a string ends at its token's follower, since the second quote
// of a string without escapes is the last byte before the next token or before spaces; with spaces
// the line has no shape.
#include "weir/connectors/file/json_shape.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "weir/connectors/file/json_tokens.h"

namespace weir::file::detail {
namespace {

template <class Word>
Word difference(const char* a, const char* b) {
  Word x, y;
  std::memcpy(&x, a, sizeof x);
  std::memcpy(&y, b, sizeof y);
  return x ^ y;
}
/// Whether the first word of both and the last of both are the same; the words may overlap.
template <class Word>
bool same_ends(const char* a, const char* b, std::size_t size) {
  const std::size_t last = size - sizeof(Word);
  return (difference<Word>(a, b) | difference<Word>(a + last, b + last)) == 0;
}

/// memcmp() == 0 without a call: most texts between scalars are short.
[[gnu::always_inline]] inline bool same_bytes(const char* a, const char* b, std::size_t size) {
  for (; size > 16; a += 16, b += 16, size -= 16) {
    if (!same_ends<std::uint64_t>(a, b, 16)) return false;
  }
  if (size >= 8) return same_ends<std::uint64_t>(a, b, size);
  if (size >= 4) return same_ends<std::uint32_t>(a, b, size);
  for (std::size_t i = 0; i < size; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

bool is_mark(char c) {
  return c == '{' || c == '}' || c == '[' || c == ']' || c == ':' || c == ',';
}

bool is_scalar(const char* text, std::uint32_t begin, std::uint32_t next) {
  if (text[begin] == '"') return is_plain_string(text, begin, next);
  return kind_of_token(token_text(text, begin, next)) != ValueKind::text;
}

}  // namespace

bool JsonShape::learn(const JsonLine& line, std::size_t tokens, const std::vector<Wanted>& wanted) {
  constexpr std::size_t kMostTokens = 1024;
  if (tokens > kMostTokens) return false;
  *this = JsonShape();
  const auto first = [&](std::size_t i) { return line.text[line.tokens[i]]; };
  std::size_t from = line.begin;  // of the text after the latest scalar
  const auto end_text = [&](std::size_t end) {
    if (scalars_.empty())
      head_ = static_cast<std::uint32_t>(end - from);
    else
      scalars_.back().size = static_cast<std::uint32_t>(end - from);
    between_.append(line.text + from, end - from);
  };
  for (std::size_t i = 0; i + 1 < tokens; ++i) {
    const bool key = first(i) == '"' && first(i + 1) == ':';
    if (key || is_mark(first(i))) continue;
    if (first(i) == '"' && !is_plain_string(line.text, line.tokens[i], line.tokens[i + 1])) {
      return false;
    }
    end_text(line.tokens[i]);
    from = line.tokens[i + 1];
    scalars_.push_back({static_cast<std::uint32_t>(i), 0});
  }
  if (scalars_.empty()) return false;
  end_text(line.end);
  wanted_ = wanted;
  tokens_ = tokens;
  return true;
}

bool JsonShape::fits(const JsonLine& line) const {
  const std::uint32_t* const at = line.tokens;
  if (static_cast<std::size_t>(line.last - at) < tokens_) return false;
  if (at[tokens_ - 1] >= line.end || at[tokens_] < line.end) return false;
  const char* const text = line.text;
  const char* between = between_.data();
  std::size_t from = line.begin, size = head_;  // of the text that comes before the next scalar
  for (const Scalar& scalar : scalars_) {
    const std::uint32_t begin = at[scalar.token], next = at[scalar.token + 1];
    if (begin - from != size || !same_bytes(text + from, between, size)) return false;
    if (!is_scalar(text, begin, next)) return false;
    from = next;
    between += size;
    size = scalar.size;
  }
  return line.end - from == size && same_bytes(text + from, between, size);
}

const JsonShape* JsonShapes::find(const JsonLine& line) {
  for (std::size_t tried = 0, i = latest_; tried < shapes_.size(); ++tried) {
    if (shapes_[i].fits(line)) {
      latest_ = i;
      credit_ = std::min(credit_ + kGain, kSavings);
      return &shapes_[i];
    }
    if (++i == shapes_.size()) i = 0;
  }
  return nullptr;
}

bool JsonShapes::wants_more() {
  ++credit_;
  if (credit_ <= kPrice) return false;
  credit_ -= kPrice;
  wanted.clear();
  return true;
}

void JsonShapes::learn(const JsonLine& line, std::size_t tokens) {
  JsonShape shape;
  if (!shape.learn(line, tokens, wanted)) return;
  if (shapes_.size() < kMost) {
    shapes_.push_back(std::move(shape));
    latest_ = shapes_.size() - 1;
    return;
  }
  latest_ = next_place_;
  shapes_[next_place_] = std::move(shape);
  next_place_ = (next_place_ + 1) % kMost;
}

}  // namespace weir::file::detail
