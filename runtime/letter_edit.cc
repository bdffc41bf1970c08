// Edits of dead letters; see letter_edit.h.
#include "weir/runtime/letter_edit.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "weir/base/time.h"
#include "weir/runtime/json_edit.h"
#include "weir/runtime/letter_payload.h"

namespace weir {
namespace {

using Kind = JsonValue::Kind;
using Path = std::vector<std::string>;

Error wrong(std::string what) { return {ErrorCode::invalid_argument, std::move(what)}; }

struct Assignment {
  std::string left, right;
};

Result<Assignment> split(const LetterEdit& edit) {
  const std::size_t equals = edit.text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return wrong("'" + edit.text + "' is not of the form field=value, as " + to_string(edit.kind) +
                 " needs it");
  }
  return Assignment{edit.text.substr(0, equals), edit.text.substr(equals + 1)};
}

/// A JSON Pointer, or names joined by dots. A field whose own name has dots is found first.
Result<Path> path_of(JsonValue& payload, const std::string& field) {
  if (field.starts_with('/')) return parse_json_pointer(field);
  if (find_json(payload, {field}) != nullptr) return Path{field};
  Path path;
  for (std::size_t begin = 0; begin <= field.size();) {
    const std::size_t end = std::min(field.find('.', begin), field.size());
    path.push_back(field.substr(begin, end - begin));
    begin = end + 1;
  }
  return path;
}

Result<JsonValue*> existing(JsonValue& payload, const std::string& field) {
  WEIR_ASSIGN(const Path path, path_of(payload, field));
  if (JsonValue* value = find_json(payload, path)) return value;
  return wrong("it has no field '" + field + "'");
}

/// Text where the field holds text now (unless the value is a quoted JSON text), else JSON, else
/// text.
JsonValue value_for(const JsonValue* current, const std::string& text) {
  auto json = parse_json(text);
  const bool holds_text = current != nullptr && current->is(Kind::string);
  if (json.ok() && (!holds_text || json->is(Kind::string))) return *std::move(json);
  return json_string(text);
}

Status set(JsonValue& payload, const Assignment& a) {
  WEIR_ASSIGN(const Path path, path_of(payload, a.left));
  for (std::size_t size = 1; size < path.size(); ++size) {
    const Path parent(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(size));
    if (find_json(payload, parent) != nullptr) continue;
    JsonValue object;
    object.kind = Kind::object;
    WEIR_TRY(add_json(payload, parent, std::move(object)));
  }
  JsonValue* current = find_json(payload, path);
  JsonValue value = value_for(current, a.right);
  if (current == nullptr) return add_json(payload, path, std::move(value));
  return replace_json(payload, path, std::move(value));
}

/// Keeps the place of the field where old and new name lie in the same object.
Status rename(JsonValue& payload, const Assignment& a) {
  WEIR_ASSIGN(const Path from, path_of(payload, a.left));
  WEIR_ASSIGN(Path to, path_of(payload, a.right));
  const JsonValue* value = find_json(payload, from);
  if (value == nullptr) return wrong("it has no field '" + a.left + "'");
  if (to.size() == 1) to.insert(to.begin(), from.begin(), from.end() - 1);
  if (find_json(payload, to) != nullptr) return wrong("it has a field '" + a.right + "' already");
  const Path parent_path(from.begin(), from.end() - 1);
  JsonValue* parent = find_json(payload, parent_path);
  if (parent->is(Kind::object) && Path(to.begin(), to.end() - 1) == parent_path) {
    *std::find(parent->names.begin(), parent->names.end(), from.back()) = to.back();
    return {};
  }
  JsonValue moved = *value;
  WEIR_TRY(remove_json(payload, from));
  return add_json(payload, to, std::move(moved));
}

std::string text_of(const JsonValue& value) {
  if (value.is(Kind::boolean)) return value.boolean ? "true" : "false";
  return value.text;
}

template <class T>
bool read_all(const std::string& text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

bool cast_to_int(JsonValue& value) {
  if (value.is(Kind::boolean)) {
    value = json_number(value.boolean ? "1" : "0");
    return true;
  }
  std::int64_t whole = 0;
  if (read_all(value.text, whole)) {
    value = json_number(std::to_string(whole));
    return true;
  }
  double real = 0;
  if (!read_all(value.text, real) || std::trunc(real) != real || std::abs(real) > 9e15)
    return false;
  value = json_number(std::to_string(static_cast<std::int64_t>(real)));
  return true;
}

bool cast_to_double(JsonValue& value) {
  double real = 0;
  if (value.is(Kind::boolean) || !read_all(value.text, real) || !std::isfinite(real)) return false;
  // The text stays as written where JSON allows it, so no digit is lost.
  const auto json = parse_json(value.text);
  if (json.ok() && json->is(Kind::number)) {
    value = json_number(value.text);
    return true;
  }
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, real).ptr;
  value = json_number(std::string(digits, end));
  return true;
}

bool cast_to_bool(JsonValue& value) {
  std::string text = text_of(value);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return 'A' <= c && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const bool yes = text == "true" || text == "yes" || text == "1";
  if (!yes && text != "false" && text != "no" && text != "0") return false;
  value = JsonValue();
  value.kind = Kind::boolean;
  value.boolean = yes;
  return true;
}

bool cast_to_time(JsonValue& value) {
  std::int64_t ms = 0;
  if (value.is(Kind::boolean)) return false;
  if (read_all(value.text, ms)) {
    value = json_string(to_iso8601(from_millis(ms)));
    return true;
  }
  const auto time = parse_iso8601(value.text);
  if (!time.ok()) return false;
  value = json_string(to_iso8601(*time));
  return true;
}

bool is_type(const std::string& type) {
  return type == "int" || type == "double" || type == "string" || type == "bool" || type == "time";
}

Status cast(JsonValue& payload, const Assignment& a) {
  WEIR_ASSIGN(JsonValue* const value, existing(payload, a.left));
  const JsonValue before = *value;
  bool done = !value->is(Kind::null) && !value->is(Kind::array) && !value->is(Kind::object);
  if (a.right == "int") done = done && cast_to_int(*value);
  if (a.right == "double") done = done && cast_to_double(*value);
  if (a.right == "bool") done = done && cast_to_bool(*value);
  if (a.right == "time") done = done && cast_to_time(*value);
  if (a.right == "string" && done) *value = json_string(text_of(before));
  if (done) return {};
  std::string text;
  append_json(text, before);
  return wrong("field '" + a.left + "' is " + text + ", which does not make a value of type " +
               a.right);
}

Status remove(JsonValue& payload, const std::string& field) {
  WEIR_TRY(existing(payload, field));
  WEIR_ASSIGN(const Path path, path_of(payload, field));
  return remove_json(payload, path);
}

Status apply_to(JsonValue& payload, const LetterEdit& edit, const JsonValue& patch) {
  if (edit.kind == LetterEdit::Kind::remove) return remove(payload, edit.text);
  if (edit.kind == LetterEdit::Kind::patch) return apply_json_patch(payload, patch);
  WEIR_ASSIGN(const Assignment assignment, split(edit));
  if (edit.kind == LetterEdit::Kind::rename) return rename(payload, assignment);
  if (edit.kind == LetterEdit::Kind::cast) return cast(payload, assignment);
  return set(payload, assignment);
}

}  // namespace

const char* to_string(LetterEdit::Kind kind) {
  switch (kind) {
    case LetterEdit::Kind::set:
      return "set";
    case LetterEdit::Kind::rename:
      return "rename";
    case LetterEdit::Kind::cast:
      return "cast";
    case LetterEdit::Kind::remove:
      return "remove";
    case LetterEdit::Kind::patch:
      return "patch";
    case LetterEdit::Kind::bytes:
      return "bytes";
  }
  return "?";
}

Result<LetterEdit> make_letter_edit(std::string_view kind, std::string text) {
  for (const auto known :
       {LetterEdit::Kind::set, LetterEdit::Kind::rename, LetterEdit::Kind::cast,
        LetterEdit::Kind::remove, LetterEdit::Kind::patch, LetterEdit::Kind::bytes}) {
    if (kind == to_string(known)) return LetterEdit{known, std::move(text)};
  }
  return wrong("There is no edit '" + std::string(kind) + "'");
}

Result<LetterEditor> LetterEditor::create(std::vector<LetterEdit> edits) {
  LetterEditor editor;
  for (LetterEdit& edit : edits) {
    Prepared prepared;
    if (edit.kind == LetterEdit::Kind::patch) {
      WEIR_ASSIGN(prepared.patch, parse_json(edit.text));
      if (!prepared.patch.is(Kind::array)) return wrong("A JSON Patch is an array of operations");
    } else if (edit.kind != LetterEdit::Kind::remove && edit.kind != LetterEdit::Kind::bytes) {
      WEIR_ASSIGN(const Assignment assignment, split(edit));
      if (edit.kind == LetterEdit::Kind::cast && !is_type(assignment.right)) {
        return wrong("'" + assignment.right +
                     "' is no type to cast to; there are int, double, string, bool and time");
      }
    }
    prepared.edit = std::move(edit);
    editor.edits_.push_back(std::move(prepared));
  }
  return editor;
}

Result<DeadLetter> LetterEditor::apply(const DeadLetter& letter) const {
  DeadLetter edited = letter;
  const std::string at = "Dead letter " + letter.id + " of step '" + letter.step + "': ";
  std::optional<JsonValue> payload;  // in between it need not fit the format or schema
  for (const auto& [edit, patch] : edits_) {
    if (edit.kind == LetterEdit::Kind::bytes) {
      edited.bytes = edit.text;
      payload.reset();
      continue;
    }
    if (!payload) {
      auto read = payload_of(edited);
      if (!read.ok()) {
        return wrong(at + "its bytes cannot be edited as " + to_string(letter.format) + ": " +
                     read.error().message + " Replay it as it is, or give its bytes anew.");
      }
      payload = *std::move(read);
    }
    if (Status status = apply_to(*payload, edit, patch); !status.ok()) {
      return wrong(at + status.error().message);
    }
  }
  if (!payload) return edited;
  auto bytes = payload_bytes(edited, *payload);
  if (!bytes.ok()) return wrong(at + bytes.error().message);
  edited.bytes = *std::move(bytes);
  return edited;
}

}  // namespace weir
