// Requests as JSON and back; see control_request.h.
#include "cli/control_request.h"

#include <boost/algorithm/hex.hpp>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <iterator>
#include <optional>
#include <utility>

namespace weir::cli {
namespace {

namespace json = boost::json;
using Kind = ControlRequest::Kind;

constexpr std::pair<Kind, const char*> kKinds[] = {
    {Kind::status, "status"},         {Kind::graph, "graph"},
    {Kind::subtasks, "subtasks"},     {Kind::checkpoints, "checkpoints"},
    {Kind::exceptions, "exceptions"}, {Kind::dead_letters, "dead_letters"},
    {Kind::savepoint, "savepoint"},   {Kind::stop, "stop"},
    {Kind::replay, "replay"},         {Kind::drop, "drop"},
};

std::string hex_of(const std::string& bytes) {
  std::string hex;
  boost::algorithm::hex_lower(bytes, std::back_inserter(hex));
  return hex;
}
/// Throws on what is no hexadecimal text.
std::string bytes_of(const std::string& hex) {
  std::string bytes;
  boost::algorithm::unhex(hex, std::back_inserter(bytes));
  return bytes;
}

json::array edits_to_json(const std::vector<LetterEdit>& edits) {
  json::array list;
  for (const LetterEdit& edit : edits) {
    const bool bytes = edit.kind == LetterEdit::Kind::bytes;
    list.push_back(json::array{to_string(edit.kind), bytes ? hex_of(edit.text) : edit.text});
  }
  return list;
}

Result<std::vector<LetterEdit>> edits_from_json(const json::value& list) {
  std::vector<LetterEdit> edits;
  for (const auto& [kind, text] :
       json::value_to<std::vector<std::pair<std::string, std::string>>>(list)) {
    const bool bytes = kind == to_string(LetterEdit::Kind::bytes);
    WEIR_ASSIGN(LetterEdit edit, make_letter_edit(kind, bytes ? bytes_of(text) : text));
    edits.push_back(std::move(edit));
  }
  return edits;
}

std::string text_of(const json::object& request, const char* name) {
  const json::value* value = request.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

Result<Kind> kind_of(const json::object& request) {
  const std::string what = text_of(request, "request");
  for (const auto& [kind, name] : kKinds) {
    if (what == name) return kind;
  }
  return Error{ErrorCode::invalid_argument,
               "The running job does not know the request '" + what +
                   "'; it may be of another version of Weir than this command"};
}

/// Throws where a part is missing or of the wrong kind.
Result<ControlRequest> parse_parts(Kind kind, const json::object& object) {
  ControlRequest request;
  request.kind = kind;
  if (kind == Kind::subtasks || kind == Kind::dead_letters) request.step = text_of(object, "step");
  if (kind == Kind::dead_letters) {
    request.reason = text_of(object, "reason");
    request.after = text_of(object, "after");
    const json::value* limit = object.if_contains("limit");
    if (limit != nullptr) request.limit = json::value_to<std::uint64_t>(*limit);
  }
  if (kind == Kind::savepoint) {
    request.to = json::value_to<std::string>(object.at("to"));
    const json::value* stop = object.if_contains("stop");
    request.stop = stop != nullptr && stop->as_bool();
  }
  if (kind == Kind::replay || kind == Kind::drop) {
    request.ids = json::value_to<std::vector<std::string>>(object.at("ids"));
    if (const json::value* edits = object.if_contains("edits")) {
      WEIR_ASSIGN(request.edits, edits_from_json(*edits));
    }
  }
  return request;
}

}  // namespace

json::object to_object(const ControlRequest& request) {
  json::object object;
  for (const auto& [kind, name] : kKinds) {
    if (kind == request.kind) object["request"] = name;
  }
  if (request.kind == Kind::subtasks || request.kind == Kind::dead_letters) {
    object["step"] = request.step;
  }
  if (request.kind == Kind::dead_letters) {
    object["reason"] = request.reason;
    object["after"] = request.after;
    object["limit"] = request.limit;
  }
  if (request.kind == Kind::savepoint) {
    object["to"] = request.to;
    object["stop"] = request.stop;
  }
  if (request.kind == Kind::replay || request.kind == Kind::drop) {
    object["ids"] = json::array(request.ids.begin(), request.ids.end());
    object["edits"] = edits_to_json(request.edits);
  }
  return object;
}

Result<ControlRequest> parse_request(const json::object& request) {
  WEIR_ASSIGN(const Kind kind, kind_of(request));
  try {
    return parse_parts(kind, request);
  } catch (const std::exception& e) {
    return Error{ErrorCode::invalid_argument,
                 "A request that cannot be read: " + std::string(e.what())};
  }
}

Result<json::object> parse_control_line(std::string_view line) {
  json::parse_options options;
  options.allow_invalid_utf8 = true;  // paths and edits are any bytes, and arrive as such
  json::error_code failed;
  json::value value = json::parse({line.data(), line.size()}, failed, {}, options);
  if (failed || !value.is_object()) {
    return Error{ErrorCode::invalid_argument, "A line on the control socket is no JSON object"};
  }
  return std::move(value.as_object());
}

}  // namespace weir::cli
