// Schemas as text for people, and in their canonical JSON form. See schema.h.
#include <algorithm>
#include <cstdio>

#include "weir/base/json.h"
#include "weir/base/schema.h"
#include "weir/base/schema_names.h"

namespace weir {
namespace {

std::string unit_name(SchemaUnit unit) {
  if (unit == SchemaUnit{1, 1}) return "seconds";
  if (unit == SchemaUnit{1, 1000}) return "milliseconds";
  if (unit == SchemaUnit{1, 1'000'000}) return "microseconds";
  if (unit == SchemaUnit{1, 1'000'000'000}) return "nanoseconds";
  if (unit == SchemaUnit{60, 1}) return "minutes";
  if (unit == SchemaUnit{3600, 1}) return "hours";
  if (unit == SchemaUnit{86400, 1}) return "days";
  return "units of " + std::to_string(unit.numerator) + "/" + std::to_string(unit.denominator) +
         " s";
}

/// Writes a schema as text; structures as a block of lines when `deep`, else by their name.
class TextWriter {
 public:
  explicit TextWriter(bool deep) : deep_(deep) {}
  std::string out;

  void write(const Schema& schema, int indent) {
    switch (schema.kind) {
      case SchemaKind::duration:
        out += "duration in " + unit_name(schema.unit) + " (";
        write(schema.elements[0], indent);
        out += ')';
        return;
      case SchemaKind::enumeration:
        return write_enumeration(schema);
      case SchemaKind::optional:
        return write_of("optional ", schema, indent);
      case SchemaKind::list:
        return write_of("list of ", schema, indent);
      case SchemaKind::set:
        return write_of("set of ", schema, indent);
      case SchemaKind::array:
        return write_of("array of " + std::to_string(schema.size) + " ", schema, indent);
      case SchemaKind::map:
        write_of("map of ", schema, indent);
        out += " to ";
        return write(schema.elements[1], indent);
      case SchemaKind::tuple:
        return write_elements("tuple", schema, indent);
      case SchemaKind::structure:
        return write_structure(schema, indent);
      case SchemaKind::opaque:
      case SchemaKind::external:
        return write_elements(schema.name, schema, indent);
      default:
        out += simple_kind_name(schema.kind);
    }
  }

 private:
  void write_of(const std::string& prefix, const Schema& schema, int indent) {
    out += prefix;
    write(schema.elements[0], indent);
  }

  void write_elements(const std::string& name, const Schema& schema, int indent) {
    out += name + "(";
    for (std::size_t i = 0; i < schema.elements.size(); ++i) {
      if (i > 0) out += ", ";
      write(schema.elements[i], indent);
    }
    out += ')';
  }

  void write_enumeration(const Schema& schema) {
    out += "enum " + schema.name;
    if (!deep_) return;
    out += " (" + simple_kind_name(schema.elements[0].kind) + ":";
    const bool is_u64 = schema.elements[0].kind == SchemaKind::u64;
    for (const SchemaEnumerator& each : schema.enumerators) {
      out += " " + each.name + "=" +
             (is_u64 ? std::to_string(static_cast<std::uint64_t>(each.value))
                     : std::to_string(each.value));
    }
    out += ')';
  }

  void write_structure(const Schema& schema, int indent) {
    out += "struct " + schema.name;
    if (!deep_) return;
    out += " {\n";
    for (const SchemaField& field : schema.fields) {
      out.append(static_cast<std::size_t>(indent) + 2, ' ');
      out += field.name + ": ";
      write(field.schema, indent + 2);
      out += '\n';
    }
    out.append(static_cast<std::size_t>(indent), ' ');
    out += '}';
  }

  bool deep_;
};

/// Writes the canonical form.
class JsonWriter {
 public:
  std::string out;

  void write(const Schema& schema) {
    switch (schema.kind) {
      case SchemaKind::duration:
        open("duration");
        write(schema.elements[0]);
        out += ",\"unit\":[" + std::to_string(schema.unit.numerator) + "," +
               std::to_string(schema.unit.denominator) + "]}";
        return;
      case SchemaKind::enumeration:
        return write_enumeration(schema);
      case SchemaKind::optional:
        return write_of("optional", schema);
      case SchemaKind::list:
        return write_of("list", schema);
      case SchemaKind::set:
        return write_of("set", schema);
      case SchemaKind::array:
        open("array");
        write(schema.elements[0]);
        out += ",\"size\":" + std::to_string(schema.size) + "}";
        return;
      case SchemaKind::map:
      case SchemaKind::tuple:
        open(schema.kind == SchemaKind::map ? "map" : "tuple");
        write_elements(schema);
        out += '}';
        return;
      case SchemaKind::structure:
        return write_structure(schema);
      case SchemaKind::opaque:
      case SchemaKind::external:
        open(schema.kind == SchemaKind::opaque ? "opaque" : "external");
        json_detail::append_string(out, schema.name);
        out += ",\"of\":";
        write_elements(schema);
        out += '}';
        return;
      default:
        out += '"' + simple_kind_name(schema.kind) + '"';
    }
  }

 private:
  void open(const char* name) {
    out += "{\"";
    out += name;
    out += "\":";
  }

  void write_of(const char* name, const Schema& schema) {
    open(name);
    write(schema.elements[0]);
    out += '}';
  }

  void write_elements(const Schema& schema) {
    out += '[';
    for (std::size_t i = 0; i < schema.elements.size(); ++i) {
      if (i > 0) out += ',';
      write(schema.elements[i]);
    }
    out += ']';
  }

  void write_enumeration(const Schema& schema) {
    open("enum");
    json_detail::append_string(out, schema.name);
    out += ",\"of\":";
    write(schema.elements[0]);
    out += ",\"values\":[";
    for (std::size_t i = 0; i < schema.enumerators.size(); ++i) {
      out += i > 0 ? ",[" : "[";
      json_detail::append_string(out, schema.enumerators[i].name);
      out += ',' + std::to_string(schema.enumerators[i].value) + ']';
    }
    out += "]}";
  }

  void write_structure(const Schema& schema) {
    open("struct");
    json_detail::append_string(out, schema.name);
    out += ",\"fields\":[";
    for (std::size_t i = 0; i < schema.fields.size(); ++i) {
      out += i > 0 ? ",[" : "[";
      json_detail::append_string(out, schema.fields[i].name);
      out += ',';
      write(schema.fields[i].schema);
      out += ']';
    }
    out += "]}";
  }
};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

std::string to_text(const Schema& schema) {
  TextWriter writer(true);
  writer.write(schema, 0);
  return std::move(writer.out);
}

std::string describe(const Schema& schema) {
  TextWriter writer(false);
  writer.write(schema, 0);
  return std::move(writer.out);
}

std::string to_json(const Schema& schema) {
  JsonWriter writer;
  writer.write(schema);
  return std::move(writer.out);
}

std::string side_by_side(const Schema& written, const Schema& now) {
  const std::string left_text = "written\n" + to_text(written);
  const std::string right_text = "now\n" + to_text(now);
  const auto left = lines_of(left_text), right = lines_of(right_text);
  std::size_t width = 0;
  for (std::string_view line : left) width = std::max(width, line.size());
  std::string out;
  for (std::size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
    const std::string_view a = i < left.size() ? left[i] : "", b = i < right.size() ? right[i] : "";
    out += "  ";
    out += a;
    out.append(width - a.size(), ' ');
    out += b.empty() ? " |" : " | ";
    out += b;
    out += '\n';
  }
  return out;
}

}  // namespace weir
