// CSV records of dead letters; see letter_csv.h.
#include "weir/runtime/letter_csv.h"

#include <algorithm>
#include <map>
#include <vector>

#include "weir/runtime/json_edit.h"

namespace weir {
namespace {

using Kind = JsonValue::Kind;
constexpr const char* kExtra = "(extra)";

Error wrong(std::string what) { return {ErrorCode::invalid_argument, std::move(what)}; }

char delimiter_of(const DeadLetter& letter) {
  const auto found = letter.headers.find("csv.delimiter");
  return found == letter.headers.end() || found->second.size() != 1 ? ',' : found->second[0];
}

/// Reads the field that begins at `at` and leaves `at` behind it.
Status read_field(std::string_view record, std::size_t& at, char delimiter, std::string& field) {
  if (at < record.size() && record[at] == '"') {
    for (++at;; ++at) {
      if (at == record.size()) return wrong("it has a quoted field that is never closed");
      if (record[at] != '"') {
        field += record[at];
      } else if (at + 1 < record.size() && record[at + 1] == '"') {
        field += record[at++];
      } else {
        break;
      }
    }
    ++at;
    if (at < record.size() && record[at] != delimiter) {
      return wrong("text follows the closing quote of a field");
    }
    return {};
  }
  while (at < record.size() && record[at] != delimiter) {
    if (record[at] == '"') return wrong("a quote stands within a field that is not quoted");
    field += record[at++];
  }
  return {};
}

Result<std::vector<std::string>> split(std::string_view record, char delimiter) {
  std::vector<std::string> fields;
  for (std::size_t at = 0;; ++at) {
    fields.emplace_back();
    WEIR_TRY(read_field(record, at, delimiter, fields.back()));
    if (at >= record.size()) return fields;
  }
}

/// Tells columns of one name apart: the second "a" is "a (2)".
std::vector<std::string> distinct(std::vector<std::string> names) {
  std::map<std::string, std::size_t> taken{{kExtra, 1}};  // how often so far
  for (std::string& name : names) {
    const std::string as_written = name;
    std::size_t& count = taken[as_written];
    if (count++ == 0) continue;
    for (;; ++count) {
      name = as_written + " (" + std::to_string(count) + ")";
      if (taken.try_emplace(name, 1).second) break;
    }
  }
  return names;
}

Result<std::vector<std::string>> columns_of(const DeadLetter& letter, std::size_t count) {
  const auto header = letter.headers.find("csv.header");
  if (header != letter.headers.end()) {
    WEIR_ASSIGN(std::vector<std::string> names, split(header->second, delimiter_of(letter)));
    return distinct(std::move(names));
  }
  std::vector<std::string> names;
  for (std::size_t i = 1; i <= count; ++i) names.push_back(std::to_string(i));
  return names;
}

void append_field(std::string& record, const std::string& field, char delimiter) {
  const bool plain = field.find_first_of(std::string("\"\r\n") + delimiter) == std::string::npos;
  if (plain) {
    record += field;
    return;
  }
  record += '"';
  for (const char c : field) {
    record += c;
    if (c == '"') record += c;
  }
  record += '"';
}

/// The text of a field: a number or truth value as JSON writes it, nothing for null.
Result<std::string> field_text(const std::string& name, const JsonValue& value) {
  switch (value.kind) {
    case Kind::null:
      return std::string();
    case Kind::boolean:
      return std::string(value.boolean ? "true" : "false");
    case Kind::number:
    case Kind::string:
      return value.text;
    case Kind::array:
    case Kind::object:
      break;
  }
  return wrong("field '" + name + "' is " + to_string(value.kind) + ", which CSV cannot hold");
}

}  // namespace

Result<JsonValue> csv_to_json(const DeadLetter& letter) {
  const auto fields = split(letter.bytes, delimiter_of(letter));
  if (!fields.ok()) return wrong("the bytes are not one CSV record: " + fields.error().message);
  WEIR_ASSIGN(const auto names, columns_of(letter, fields->size()));
  JsonValue object, extra;
  object.kind = Kind::object;
  extra.kind = Kind::array;
  for (std::size_t i = 0; i < fields->size(); ++i) {
    if (i >= names.size()) {
      extra.elements.push_back(json_string((*fields)[i]));
      continue;
    }
    object.names.push_back(names[i]);
    object.elements.push_back(json_string((*fields)[i]));
  }
  if (!extra.elements.empty()) {
    object.names.emplace_back(kExtra);
    object.elements.push_back(std::move(extra));
  }
  return object;
}

Result<std::string> csv_from_json(const DeadLetter& letter, const JsonValue& payload) {
  if (!payload.is(Kind::object)) return wrong("a CSV record is an object of its fields");
  WEIR_ASSIGN(const auto names, columns_of(letter, payload.elements.size()));
  std::vector<std::string> fields;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const JsonValue* value = payload.find(names[i]);
    if (value == nullptr) continue;
    WEIR_ASSIGN(std::string text, field_text(names[i], *value));
    fields.resize(i + 1);
    fields[i] = std::move(text);
    ++taken;
  }
  if (const JsonValue* extra = payload.find(kExtra)) {
    ++taken;
    if (!extra->is(Kind::array))
      return wrong("'(extra)' is an array of the fields beyond the header");
    if (!extra->elements.empty()) fields.resize(names.size());
    for (const JsonValue& value : extra->elements) {
      WEIR_ASSIGN(std::string text, field_text(kExtra, value));
      fields.push_back(std::move(text));
    }
  }
  if (taken < payload.elements.size()) {
    for (const std::string& name : payload.names) {
      if (name == kExtra || std::find(names.begin(), names.end(), name) != names.end()) continue;
      return wrong("the header has no column '" + name + "'");
    }
  }
  std::string record;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) record += delimiter_of(letter);
    append_field(record, fields[i], delimiter_of(letter));
  }
  return record;
}

}  // namespace weir
