// JSON Patch, RFC 6902; see json_edit.h.
#include "weir/runtime/json_edit.h"

namespace weir {
namespace {

using Kind = JsonValue::Kind;
using Path = std::vector<std::string>;

/// Values that one patch may copy or move.
constexpr std::size_t kMostCopies = 100'000;

Error wrong(std::string what) { return {ErrorCode::invalid_argument, std::move(what)}; }

Result<std::string> text_member(const JsonValue& operation, const char* name) {
  const JsonValue* member = operation.find(name);
  if (member != nullptr && member->is(Kind::string)) return member->text;
  return wrong("it lacks the text '" + std::string(name) + "'");
}

Result<Path> path_member(const JsonValue& operation, const char* name) {
  WEIR_ASSIGN(const std::string text, text_member(operation, name));
  return parse_json_pointer(text);
}

Result<JsonValue> value_member(const JsonValue& operation) {
  if (const JsonValue* value = operation.find("value")) return *value;
  return wrong("it lacks 'value'");
}

Status test(JsonValue& root, const Path& path, const JsonValue& value) {
  const JsonValue* target = find_json(root, path);
  if (target == nullptr) return wrong("there is nothing to test");
  if (same_json(*target, value)) return {};
  std::string found, wanted;
  append_json(found, *target);
  append_json(wanted, value);
  return wrong("the test failed: there is " + found + ", not " + wanted);
}

bool is_prefix(const Path& prefix, const Path& path) {
  return prefix.size() < path.size() && std::equal(prefix.begin(), prefix.end(), path.begin());
}

std::size_t count_values(const JsonValue& value) {
  std::size_t count = 1;
  for (const JsonValue& element : value.elements) count += count_values(element);
  return count;
}

/// `copies`: how many values a patch may still copy.
Status copy_or_move(JsonValue& root, const JsonValue& operation, const Path& path, bool move,
                    std::size_t& copies) {
  WEIR_ASSIGN(const Path from, path_member(operation, "from"));
  const JsonValue* source = find_json(root, from);
  if (source == nullptr) return wrong("there is nothing at 'from'");
  if (move && is_prefix(from, path)) return wrong("a value cannot move into itself");
  const std::size_t count = count_values(*source);
  if (count > copies) return wrong("the patch copies too many values");
  copies -= count;
  JsonValue value = *source;
  if (move) WEIR_TRY(remove_json(root, from));
  return add_json(root, path, std::move(value));
}

Status apply(JsonValue& root, const JsonValue& operation, std::size_t& copies) {
  if (!operation.is(Kind::object)) return wrong("it is no object");
  WEIR_ASSIGN(const std::string op, text_member(operation, "op"));
  WEIR_ASSIGN(const Path path, path_member(operation, "path"));
  if (op == "remove") return remove_json(root, path);
  if (op == "move") return copy_or_move(root, operation, path, true, copies);
  if (op == "copy") return copy_or_move(root, operation, path, false, copies);
  if (op != "add" && op != "replace" && op != "test") {
    return wrong("there is no operation '" + op +
                 "'; there are add, remove, replace, move, copy and test");
  }
  WEIR_ASSIGN(JsonValue value, value_member(operation));
  if (op == "add") return add_json(root, path, std::move(value));
  if (op == "replace") return replace_json(root, path, std::move(value));
  return test(root, path, value);
}

}  // namespace

Status apply_json_patch(JsonValue& root, const JsonValue& patch) {
  if (!patch.is(Kind::array)) return wrong("A JSON Patch is an array of operations");
  JsonValue changed = root;
  std::size_t copies = kMostCopies;
  for (std::size_t i = 0; i < patch.elements.size(); ++i) {
    if (Status status = apply(changed, patch.elements[i], copies); !status.ok()) {
      return wrong("Operation " + std::to_string(i) +
                   " of the JSON Patch cannot be carried out: " + status.error().message);
    }
  }
  root = std::move(changed);
  return {};
}

}  // namespace weir
