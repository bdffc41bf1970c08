// Payloads as JSON; see letter_payload.h.
#include "weir/runtime/letter_payload.h"

#include "weir/base/json.h"
#include "weir/base/utf8.h"
#include "weir/runtime/json_edit.h"
#include "weir/runtime/letter_csv.h"

namespace weir {
namespace {

using Kind = JsonValue::Kind;

Error unreadable(const std::string& what) { return {ErrorCode::invalid_argument, what}; }

Result<JsonValue> record_payload(const DeadLetter& letter) {
  WEIR_ASSIGN(const Schema schema, parse_schema(letter.schema));
  ByteReader reader(letter.bytes);
  std::string text;
  row_to_json(text, reader, schema);
  if (reader.failed() || !reader.at_end()) {
    return unreadable("the record does not read back by its schema");
  }
  return parse_json(text);
}

JsonValue text_payload(const std::string& bytes) {
  JsonValue object;
  object.kind = Kind::object;
  object.names.emplace_back("text");
  object.elements.push_back(json_string(bytes));
  return object;
}

Result<std::string> text_bytes(const JsonValue& payload) {
  const JsonValue* text = payload.find("text");
  if (text != nullptr && text->is(Kind::string) && payload.elements.size() == 1) return text->text;
  return unreadable("the payload of a letter of plain text has the one field 'text'");
}

void append_field(std::string& out, const char* name, std::string_view text) {
  out += out == "{" ? "" : ",";
  json_detail::append_string(out, name);
  out += ':';
  json_detail::append_string(out, text);
}

void append_raw(std::string& out, const char* name, const std::string& json) {
  out += out == "{" ? "" : ",";
  json_detail::append_string(out, name);
  out += ':' + json;
}

std::string hex(std::string_view bytes) {
  const char* digits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

void append_bytes(std::string& out, const DeadLetter& letter) {
  if (is_utf8(letter.bytes)) {
    append_field(out, "bytes", letter.bytes);
  } else {
    append_field(out, "bytes_hex", hex(letter.bytes));
  }
  if (parse_schema(letter.schema).ok()) append_raw(out, "schema", letter.schema);
  if (letter.keyed) append_field(out, "key_hex", hex(letter.key));
}

}  // namespace

Result<JsonValue> payload_of(const DeadLetter& letter) {
  switch (letter.format) {
    case PayloadFormat::json:
      return parse_json(letter.bytes);
    case PayloadFormat::csv:
      return csv_to_json(letter);
    case PayloadFormat::record:
      return record_payload(letter);
    case PayloadFormat::text:
      break;
  }
  if (!is_utf8(letter.bytes)) return unreadable("the bytes are not UTF-8");
  return text_payload(letter.bytes);
}

Result<std::string> payload_bytes(const DeadLetter& letter, const JsonValue& payload) {
  std::string text;
  switch (letter.format) {
    case PayloadFormat::csv:
      return csv_from_json(letter, payload);
    case PayloadFormat::text:
      return text_bytes(payload);
    case PayloadFormat::json:
      append_json(text, payload);
      return text;
    case PayloadFormat::record:
      break;
  }
  append_json(text, payload);
  WEIR_ASSIGN(const Schema schema, parse_schema(letter.schema));
  std::string bytes;
  ByteWriter writer(bytes);
  WEIR_TRY(row_from_json(writer, text, schema));
  return bytes;
}

std::string payload_text(const DeadLetter& letter) {
  std::string text;
  if (const auto payload = payload_of(letter); payload.ok()) {
    append_json(text, *payload);
  } else {
    json_detail::append_string(text, letter.bytes);
  }
  return text;
}

std::string letter_to_json(const DeadLetter& l, bool in_full) {
  std::string out = "{";
  append_field(out, "id", l.id);
  append_field(out, "step", l.step);
  append_field(out, "reason", to_string(l.reason));
  append_field(out, "message", l.message);
  append_field(out, "format", to_string(l.format));
  append_raw(out, "attempt", std::to_string(l.attempt));
  append_field(out, "first_failed", to_iso8601(l.first_failed, true));
  append_field(out, "last_failed", to_iso8601(l.last_failed, true));
  if (!l.source.empty()) append_field(out, "source", l.source);
  if (l.input > 0) append_raw(out, "input", std::to_string(l.input));
  if (l.event_time_ms != 0) {
    append_field(out, "event_time", to_iso8601(from_millis(l.event_time_ms), true));
  }
  append_field(out, "job_version", l.job_version);
  if (!l.headers.empty()) {
    std::string headers;
    to_json(headers, l.headers);
    append_raw(out, "headers", headers);
  }
  if (const auto payload = payload_of(l); payload.ok()) {
    std::string text;
    append_json(text, *payload);
    append_raw(out, "payload", text);
  } else {
    append_raw(out, "payload", "null");
    append_field(out, "payload_problem", payload.error().message);
  }
  if (in_full) append_bytes(out, l);
  return out + "}";
}

}  // namespace weir
