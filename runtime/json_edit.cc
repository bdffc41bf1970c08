// JSON Pointer and writing; see json_edit.h. JSON Patch is in json_patch.cc.
#include "weir/runtime/json_edit.h"

#include <algorithm>
#include <charconv>

#include "weir/base/json.h"

namespace weir {
namespace {

using Kind = JsonValue::Kind;

Error nothing_at(const std::string& part) {
  return {ErrorCode::invalid_argument, "there is nothing at '" + part + "'"};
}

/// An index of an array: no sign, no leading zero.
bool parse_index(const std::string& text, std::size_t& index) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  return error == std::errc() && end == text.data() + text.size();
}

/// The place of member or element `part` in `parent`, or its size when there is none.
std::size_t place_of(const JsonValue& parent, const std::string& part) {
  if (parent.is(Kind::object)) {
    const auto name = std::find(parent.names.begin(), parent.names.end(), part);
    return static_cast<std::size_t>(name - parent.names.begin());
  }
  std::size_t index = 0;
  if (!parent.is(Kind::array) || !parse_index(part, index)) return parent.elements.size();
  return std::min(index, parent.elements.size());
}

std::size_t depth_of(const JsonValue& value) {
  std::size_t deepest = 0;
  for (const JsonValue& element : value.elements) {
    deepest = std::max(deepest, depth_of(element) + 1);
  }
  return deepest;
}

Status check_depth(const std::vector<std::string>& path, const JsonValue& value) {
  if (path.size() + depth_of(value) <= kMaxJsonDepth) return {};
  return Error{ErrorCode::invalid_argument,
               "it would be nested more than " + std::to_string(kMaxJsonDepth) + " levels deep"};
}

bool same_number(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const auto whole = [](const std::string& text, auto& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
  };
  std::int64_t i = 0, j = 0;
  if (whole(a, i) && whole(b, j)) return i == j;
  double x = 0, y = 0;
  return whole(a, x) && whole(b, y) && x == y;
}

}  // namespace

void append_json(std::string& out, const JsonValue& value) {
  switch (value.kind) {
    case Kind::null:
      out += "null";
      return;
    case Kind::boolean:
      out += value.boolean ? "true" : "false";
      return;
    case Kind::number:
      out += value.text;
      return;
    case Kind::string:
      json_detail::append_string(out, value.text);
      return;
    case Kind::array:
    case Kind::object: {
      const bool object = value.is(Kind::object);
      out += object ? '{' : '[';
      for (std::size_t i = 0; i < value.elements.size(); ++i) {
        if (i > 0) out += ',';
        if (object) {
          json_detail::append_string(out, value.names[i]);
          out += ':';
        }
        append_json(out, value.elements[i]);
      }
      out += object ? '}' : ']';
      return;
    }
  }
}

bool same_json(const JsonValue& a, const JsonValue& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::null:
      return true;
    case Kind::boolean:
      return a.boolean == b.boolean;
    case Kind::number:
      return same_number(a.text, b.text);
    case Kind::string:
      return a.text == b.text;
    case Kind::array:
      return std::equal(a.elements.begin(), a.elements.end(), b.elements.begin(), b.elements.end(),
                        same_json);
    case Kind::object:
      break;
  }
  if (a.elements.size() != b.elements.size()) return false;
  for (std::size_t i = 0; i < a.names.size(); ++i) {
    const JsonValue* other = b.find(a.names[i]);
    if (other == nullptr || !same_json(a.elements[i], *other)) return false;
  }
  return true;
}

JsonValue json_string(std::string text) {
  JsonValue value;
  value.kind = Kind::string;
  value.text = std::move(text);
  return value;
}

JsonValue json_number(std::string text) {
  JsonValue value = json_string(std::move(text));
  value.kind = Kind::number;
  return value;
}

Result<std::vector<std::string>> parse_json_pointer(std::string_view pointer) {
  std::vector<std::string> parts;
  if (pointer.empty()) return parts;
  const Error wrong{
      ErrorCode::invalid_argument,
      "'" + std::string(pointer) +
          "' is no JSON Pointer: it begins with '/', and '~' stands only in ~0 and ~1"};
  if (pointer[0] != '/') return wrong;
  for (std::size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '/') {
      parts.emplace_back();
    } else if (pointer[i] != '~') {
      parts.back() += pointer[i];
    } else {
      const char code = ++i < pointer.size() ? pointer[i] : ' ';
      if (code != '0' && code != '1') return wrong;
      parts.back() += code == '0' ? '~' : '/';
    }
  }
  return parts;
}

JsonValue* find_json(JsonValue& root, const std::vector<std::string>& path) {
  JsonValue* value = &root;
  for (const std::string& part : path) {
    const std::size_t place = place_of(*value, part);
    if (place == value->elements.size()) return nullptr;
    value = &value->elements[place];
  }
  return value;
}

Status add_json(JsonValue& root, const std::vector<std::string>& path, JsonValue value) {
  WEIR_TRY(check_depth(path, value));
  if (path.empty()) {
    root = std::move(value);
    return {};
  }
  JsonValue* parent = find_json(root, {path.begin(), path.end() - 1});
  if (parent == nullptr) return nothing_at(path[path.size() - 2]);
  const std::string& last = path.back();
  if (parent->is(Kind::object)) {
    const std::size_t place = place_of(*parent, last);
    if (place == parent->elements.size()) {
      parent->names.push_back(last);
      parent->elements.emplace_back();
    }
    parent->elements[place] = std::move(value);
    return {};
  }
  std::size_t index = parent->elements.size();
  if (!parent->is(Kind::array)) {
    return Error{ErrorCode::invalid_argument,
                 "what should hold '" + last + "' is neither an object nor an array"};
  }
  if (last != "-" && (!parse_index(last, index) || index > parent->elements.size())) {
    return Error{ErrorCode::invalid_argument, "'" + last + "' is no place in an array of " +
                                                  std::to_string(parent->elements.size())};
  }
  parent->elements.insert(parent->elements.begin() + static_cast<std::ptrdiff_t>(index),
                          std::move(value));
  return {};
}

Status replace_json(JsonValue& root, const std::vector<std::string>& path, JsonValue value) {
  WEIR_TRY(check_depth(path, value));
  JsonValue* target = find_json(root, path);
  if (target == nullptr) {
    return Error{ErrorCode::invalid_argument, "there is nothing to replace"};
  }
  *target = std::move(value);
  return {};
}

Status remove_json(JsonValue& root, const std::vector<std::string>& path) {
  if (path.empty()) {
    root = JsonValue();
    return {};
  }
  JsonValue* parent = find_json(root, {path.begin(), path.end() - 1});
  if (parent == nullptr) return nothing_at(path.back());
  const std::size_t place = place_of(*parent, path.back());
  if (place == parent->elements.size()) return nothing_at(path.back());
  const auto offset = static_cast<std::ptrdiff_t>(place);
  if (parent->is(Kind::object)) parent->names.erase(parent->names.begin() + offset);
  parent->elements.erase(parent->elements.begin() + offset);
  return {};
}

}  // namespace weir
