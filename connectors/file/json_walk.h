// The second stage of reading JSON: from the tokens of a line to the fields of a row, checking also
// what it skips. Included by json_decoder.cc; not for others. Used by one thread at a time.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>

#include "weir/connectors/file/json_decoder.h"
#include "weir/connectors/file/json_shape.h"
#include "weir/connectors/file/json_tokens.h"

namespace weir::file::detail {

/// One line: a recursive descent over its tokens.
class JsonWalk {
 public:
  /// `token` is the first that may belong to the line, which lies at [begin, end) of `text`.
  JsonWalk(const JsonPlan& plan, const char* text, const std::uint32_t* token, std::size_t end,
           bool escapes, std::string& scratch, void* row)
      : plan_(plan),
        text_(text),
        token_(token),
        end_(static_cast<std::uint32_t>(end)),
        escapes_(escapes),
        scratch_(scratch),
        row_(row) {}

  bool run() {
    if (at_end()) return fail("is empty");
    if (here() != '{') return fail("is not an object");
    if (!object(plan_.nodes.front(), plan_.max_depth)) return false;
    if (!at_end()) return fail("goes on after its object");
    return complete();
  }
  /// The same for a line of a known shape.
  bool run(const JsonShape& shape) {
    const std::uint32_t* const first = token_;
    for (const JsonShape::Wanted& wanted : shape.wanted()) {
      token_ = first + wanted.first;
      const FieldValue value =
          wanted.last == wanted.first ? whole_scalar() : compound(*token_, first[wanted.last]);
      if (!set(wanted.field, value)) return false;
    }
    token_ = first + shape.tokens();
    return complete();
  }
  /// Notes where the wanted values are, so that the shape of the line can be learned.
  void note(std::vector<JsonShape::Wanted>& wanted) {
    first_ = token_;
    noted_ = &wanted;
  }
  const std::uint32_t* token() const { return token_; }
  /// Why `run` was false; says nothing else.
  std::string error() const {
    if (field_ < 0) return std::string("the line ") + what_;
    const auto field = static_cast<std::size_t>(field_);
    std::string message = "field '" + plan_.paths[field] + "' " + what_;
    if (!told_) return message;
    return message + name_of(bad_) +
           (bad_.kind == ValueKind::null ? "" : " " + excerpt(bad_.text)) + ", not " +
           plan_.fields[field].expected;
  }

 private:
  using Node = JsonPlan::Node;
  using Key = JsonPlan::Key;

  static const char* name_of(const FieldValue& value) {
    switch (value.kind) {
      case ValueKind::null:
        return "null";
      case ValueKind::number:
        return "a number";
      case ValueKind::boolean:
        return "a boolean";
      case ValueKind::compound:
        return value.text.starts_with('{') ? "an object" : "an array";
      default:
        return "a string";
    }
  }

  static std::string excerpt(std::string_view text) {
    constexpr std::size_t kMost = 60;
    return "'" + std::string(text.substr(0, kMost)) + (text.size() > kMost ? "...'" : "'");
  }

  bool at_end() const { return *token_ >= end_; }
  char here() const { return text_[*token_]; }
  bool fail(const char* what, int field = -1) {
    what_ = what;
    field_ = field;
    return false;
  }
  bool take(char c) {
    if (at_end() || here() != c) return false;
    ++token_;
    return true;
  }

  /// The text of the token here, to the next one; moves on.
  std::string_view take_token() {
    const std::uint32_t begin = *token_++;
    return token_text(text_, begin, std::min(*token_, end_));
  }

  bool take_string(std::string_view& out) {
    out = take_token();
    if (out.size() < 2 || out.back() != '"') return fail("has something behind a string");
    out.remove_prefix(1);
    out.remove_suffix(1);
    if (!escapes_ || std::memchr(out.data(), '\\', out.size()) == nullptr) return true;
    scratch_.clear();
    if (!unescape_json(out, scratch_)) return fail("has a wrong escape within a string");
    out = scratch_;
    return true;
  }

  bool take_scalar(FieldValue& value) {
    if (here() == '"') {
      value.kind = ValueKind::string;
      return take_string(value.text);
    }
    value.text = take_token();
    value.kind = kind_of_token(value.text);
    return value.kind != ValueKind::text || fail("has a word that is not JSON");
  }

  bool skip_value(unsigned depth) {
    if (at_end()) return fail("is cut off");
    if (here() == '{' || here() == '[') return skip_container(depth);
    return skip_scalar();
  }

  bool skip_scalar() {
    if (!escapes_ && is_plain_string(text_, *token_, std::min(token_[1], end_))) [[likely]] {
      ++token_;
      return true;
    }
    FieldValue ignored;
    return take_scalar(ignored);
  }

  // What follows is most of most lines: members `"key":"text"` or `"key":number`, with nothing
  // between their tokens. All that looks different is left to the code that looks at everything.

  /// Whether a plain key and its colon are here.
  bool at_plain_key() const {
    return !escapes_ && token_[1] < end_ && text_[token_[1]] == ':' &&
           is_plain_string(text_, token_[0], token_[1]);
  }
  /// Passes whole members with plain texts, each with the comma behind it, while there are such.
  void skip_plain_members() {
    while (!at_end() && at_plain_key() && token_[2] < end_ && token_[3] < end_ &&
           text_[token_[3]] == ',' && is_plain_string(text_, token_[2], token_[3])) {
      token_ += 4;
    }
  }

  /// Passes the object or array here, checking that it is one; most of a line is passed so. The
  /// containers around the token are bits of a word, or of its like above: 1 for an object.
  bool skip_container(unsigned depth) {
    std::uint64_t objects = 0;
    unsigned level = 0;
    for (;;) {
      bool in_object = here() == '{';
      if (level == depth) return fail("is nested too deeply");
      if (level == 63) {  // a deeper one has its own word
        if (!skip_container(depth - level)) return false;
        in_object = (objects & 1) != 0;
      } else {
        ++token_;
        ++level;
        objects = objects << 1 | (in_object ? 1 : 0);
        if (!take(in_object ? '}' : ']')) {
          if (!first_of_next_value(in_object)) return false;
          if (opens_container()) continue;
          if (!skip_scalar()) return false;
        } else {
          objects >>= 1;
          --level;
        }
      }
      // Behind a value: its followers, and the ends of what contains it.
      for (;;) {
        if (level == 0) return true;
        in_object = (objects & 1) != 0;
        if (take(',')) {
          if (!first_of_next_value(in_object)) return false;
          if (opens_container()) break;
          if (!skip_scalar()) return false;
        } else if (take(in_object ? '}' : ']')) {
          objects >>= 1;
          --level;
        } else {
          return fail(at_end()    ? "is cut off"
                      : in_object ? "has an object without ',' or '}'"
                                  : "has an array without ',' or ']'");
        }
      }
    }
  }
  bool opens_container() const { return here() == '{' || here() == '['; }
  /// Passes the key of an object, and stands at a value.
  bool first_of_next_value(bool in_object) {
    if (in_object) {
      skip_plain_members();
      if (at_end()) return fail("is cut off");
      if (at_plain_key()) {
        token_ += 2;
        return !at_end() || fail("is cut off");
      }
      if (here() != '"') return fail("has a key that is not a string");
      if (!skip_scalar()) return false;
      if (!take(':')) return fail(at_end() ? "is cut off" : "has a key without ':'");
    }
    return !at_end() || fail("is cut off");
  }

  /// `node`: the keys that matter below.
  bool object(const Node& node, unsigned depth) {
    if (depth == 0) return fail("is nested too deeply");
    ++token_;
    if (take('}')) return true;
    do {
      if (at_end()) return fail("is cut off");
      const Key* key = nullptr;
      if (!take_key(node, key)) return false;
      if (!(key == nullptr ? skip_value(depth - 1) : wanted(*key, depth - 1))) return false;
    } while (take(','));
    return take('}') || fail(at_end() ? "is cut off" : "has an object without ',' or '}'");
  }

  /// Passes a key and its colon; `key` becomes what the plan has of that name, or null.
  bool take_key(const Node& node, const Key*& key) {
    if (at_plain_key()) {
      const std::uint32_t begin = token_[0] + 1;
      key = find(node, {text_ + begin, token_[1] - begin - 1});
      token_ += 2;
      return true;
    }
    if (here() != '"') return fail("has a key that is not a string");
    std::string_view name;
    if (!take_string(name)) return false;
    key = find(node, name);
    return take(':') || fail(at_end() ? "is cut off" : "has a key without ':'");
  }

  static const Key* find(const Node& node, std::string_view name) {
    const std::uint64_t head = JsonPlan::head_of(name);
    for (const Key& key : node) {
      if (key.head == head && key.name == name) return &key;
    }
    return nullptr;
  }

  bool wanted(const Key& key, unsigned depth) {
    if (at_end()) return fail("is cut off");
    if (key.field < 0) {
      if (here() != '{') return skip_value(depth);
      return object(plan_.nodes[static_cast<std::size_t>(key.node)], depth);
    }
    FieldValue value;
    const std::uint32_t* const first = token_;
    if (here() == '{' || here() == '[') {
      if (!skip_value(depth)) return false;
      value = compound(*first, token_[-1]);
    } else if (!take_scalar(value)) {
      return false;
    }
    if (noted_ != nullptr) {
      noted_->push_back({key.field, static_cast<std::uint32_t>(first - first_),
                         static_cast<std::uint32_t>(token_ - 1 - first_)});
    }
    return set(key.field, value);
  }
  /// The scalar here, which is known to be one and to have no escapes.
  FieldValue whole_scalar() {
    const std::uint32_t begin = token_[0], next = token_[1];
    if (text_[begin] == '"') return {ValueKind::string, {text_ + begin + 1, next - begin - 2}};
    const std::string_view token = take_token();
    return {kind_of_token(token), token};
  }
  FieldValue compound(std::uint32_t begin, std::uint32_t last) const {
    return {ValueKind::compound, {text_ + begin, last + 1 - begin}};
  }

  bool set(int index, const FieldValue& value) {
    const std::uint64_t bit = std::uint64_t{1} << index;
    if ((seen_ & bit) != 0) return fail("is given twice", index);
    if (value.kind == ValueKind::null && (plan_.defaulted & bit) != 0) return true;
    seen_ |= bit;
    const Field& field = plan_.fields[static_cast<std::size_t>(index)];
    if (!field.set(row_, value, plan_.times)) {
      bad_ = value;
      told_ = true;
      return fail("is ", index);
    }
    if ((plan_.not_empty & bit) != 0 && value.text.empty()) return fail("is empty", index);
    return true;
  }

  /// After the object: what is missing.
  bool complete() {
    if (const std::uint64_t missing = plan_.required & ~seen_; missing != 0) {
      return fail("is missing", std::countr_zero(missing));
    }
    for (std::uint64_t left = plan_.defaulted & ~seen_; left != 0; left &= left - 1) {
      if (!set_default(std::countr_zero(left))) return false;
    }
    return true;
  }

  bool set_default(int index) {
    const auto i = static_cast<std::size_t>(index);
    FieldValue value{ValueKind::compound, plan_.defaults[i]};
    if (value.text.starts_with('"') && value.text.size() >= 2)
      value = {ValueKind::string, value.text.substr(1, value.text.size() - 2)};
    else if (value.text == "true" || value.text == "false")
      value.kind = ValueKind::boolean;
    else if (is_json_number(value.text))
      value.kind = ValueKind::number;
    if (plan_.fields[i].set(row_, value, plan_.times)) return true;
    return fail("is missing, and its default in the options does not fit it", index);
  }

  const JsonPlan& plan_;
  const char* text_;
  const std::uint32_t* token_;
  std::uint32_t end_;
  bool escapes_;
  std::string& scratch_;
  void* row_;
  std::uint64_t seen_ = 0;
  const char* what_ = "";
  int field_ = -1;
  bool told_ = false;  // `bad_` belongs to the error
  FieldValue bad_;
  const std::uint32_t* first_ = nullptr;
  std::vector<JsonShape::Wanted>* noted_ = nullptr;
};

}  // namespace weir::file::detail
