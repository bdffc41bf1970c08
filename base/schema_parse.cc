// Reads the canonical JSON form of schemas, strictly: what `to_json` does not write is refused. See
// schema.h.
#include <charconv>

#include "weir/base/json_tree.h"
#include "weir/base/schema.h"
#include "weir/base/schema_names.h"

namespace weir {
namespace {

constexpr int kMaxLevels = 64;
constexpr std::size_t kMaxBytes = 1 << 20;
constexpr std::size_t kMaxFields = 1024;
using Kind = JsonValue::Kind;

template <class N>
bool read_number(const JsonValue& json, N& value) {
  if (!json.is(Kind::number)) return false;
  const char* end = json.text.data() + json.text.size();
  const auto [stop, error] = std::from_chars(json.text.data(), end, value);
  return error == std::errc() && stop == end;
}

class SchemaParser {
 public:
  bool read(const JsonValue& json, Schema& schema, int level = 0) {
    if (level > kMaxLevels) return false;
    if (json.is(Kind::string)) {
      const auto kind = find_simple_kind(json.text);
      if (kind) schema.kind = *kind;
      return kind.has_value();
    }
    if (!json.is(Kind::object) || json.names.empty()) return false;
    const std::string& head = json.names[0];
    const JsonValue& body = json.elements[0];
    if (json.names.size() == 1) return read_plain(head, body, schema, level);
    const JsonValue& second = json.elements[1];
    if (json.names.size() == 2) return read_with(head, json.names[1], body, second, schema, level);
    return json.names.size() == 3 && head == "enum" && json.names[1] == "of" &&
           json.names[2] == "values" && read_enum(body, second, json.elements[2], schema, level);
  }

 private:
  bool read_plain(const std::string& head, const JsonValue& body, Schema& schema, int level) {
    if (head == "optional") return read_one(SchemaKind::optional, body, schema, level);
    if (head == "list") return read_one(SchemaKind::list, body, schema, level);
    if (head == "set") return read_one(SchemaKind::set, body, schema, level);
    schema.kind = head == "map" ? SchemaKind::map : SchemaKind::tuple;
    if (head != "map" && head != "tuple") return false;
    return read_elements(body, schema, level) && (head == "tuple" || schema.elements.size() == 2);
  }

  bool read_with(const std::string& head, const std::string& extra, const JsonValue& body,
                 const JsonValue& second, Schema& schema, int level) {
    if (head == "array" && extra == "size")
      return read_number(second, schema.size) && read_one(SchemaKind::array, body, schema, level);
    if (head == "duration" && extra == "unit") return read_duration(body, second, schema, level);
    if (head == "struct" && extra == "fields") return read_struct(body, second, schema, level);
    if ((head != "opaque" && head != "external") || extra != "of") return false;
    schema.kind = head == "opaque" ? SchemaKind::opaque : SchemaKind::external;
    return read_name(body, schema.name) && read_elements(second, schema, level);
  }

  bool read_one(SchemaKind kind, const JsonValue& body, Schema& schema, int level) {
    schema.kind = kind;
    return read(body, schema.elements.emplace_back(), level + 1);
  }

  bool read_elements(const JsonValue& body, Schema& schema, int level) {
    if (!body.is(Kind::array)) return false;
    for (const JsonValue& element : body.elements) {
      if (!read(element, schema.elements.emplace_back(), level + 1)) return false;
    }
    return true;
  }

  static bool read_name(const JsonValue& json, std::string& name) {
    name = json.text;
    return json.is(Kind::string);
  }

  bool read_duration(const JsonValue& body, const JsonValue& unit, Schema& schema, int level) {
    if (!read_one(SchemaKind::duration, body, schema, level)) return false;
    const SchemaKind rep = schema.elements[0].kind;
    if (!is_integer(rep) && rep != SchemaKind::f32 && rep != SchemaKind::f64) return false;
    return unit.is(Kind::array) && unit.elements.size() == 2 &&
           read_number(unit.elements[0], schema.unit.numerator) &&
           read_number(unit.elements[1], schema.unit.denominator) && schema.unit.numerator > 0 &&
           schema.unit.denominator > 0;
  }

  bool read_enum(const JsonValue& name, const JsonValue& of, const JsonValue& values,
                 Schema& schema, int level) {
    if (!read_one(SchemaKind::enumeration, of, schema, level)) return false;
    const SchemaKind of_kind = schema.elements[0].kind;
    if (!is_integer(of_kind) && of_kind != SchemaKind::boolean) return false;
    if (!read_name(name, schema.name) || !values.is(Kind::array)) return false;
    for (const JsonValue& pair : values.elements) {
      SchemaEnumerator each;
      if (!pair.is(Kind::array) || pair.elements.size() != 2) return false;
      if (!read_name(pair.elements[0], each.name)) return false;
      if (!read_number(pair.elements[1], each.value)) return false;
      schema.enumerators.push_back(std::move(each));
    }
    return true;
  }

  bool read_struct(const JsonValue& name, const JsonValue& fields, Schema& schema, int level) {
    schema.kind = SchemaKind::structure;
    if (!read_name(name, schema.name) || !fields.is(Kind::array)) return false;
    if (fields.elements.size() > kMaxFields) return false;
    for (const JsonValue& pair : fields.elements) {
      std::string field;
      if (!pair.is(Kind::array) || pair.elements.size() != 2) return false;
      if (!read_name(pair.elements[0], field) || schema.find_field(field) >= 0) return false;
      schema.fields.push_back({std::move(field), Schema()});
      if (!read(pair.elements[1], schema.fields.back().schema, level + 1)) return false;
    }
    return true;
  }
};

}  // namespace

Result<Schema> parse_schema(std::string_view json) {
  Result<JsonValue> tree = Error{ErrorCode::corrupt, "it is longer than any of ours."};
  if (json.size() <= kMaxBytes) tree = parse_json(json);
  Schema schema;
  // Compared with what we would write, so that nothing is read that was not understood.
  if (tree.ok() && SchemaParser().read(*tree, schema) && to_json(schema) == json) return schema;
  const std::string shown(json.substr(0, 80));
  return Error{ErrorCode::corrupt,
               "A stored schema is damaged or was written by a newer version: " +
                   (tree.ok() ? "it begins with " + shown : tree.error().message)};
}

}  // namespace weir
