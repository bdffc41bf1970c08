// Building, comparing and passing over by schema. See schema.h.
#include "weir/base/schema.h"

#include "weir/base/schema_names.h"

namespace weir {

Schema::Schema(SchemaKind k) : kind(k) {}
Schema::Schema(SchemaKind k, std::vector<Schema> below) : kind(k), elements(std::move(below)) {}
Schema::Schema(const Schema&) = default;
Schema::Schema(Schema&&) noexcept = default;
Schema& Schema::operator=(const Schema&) = default;
Schema& Schema::operator=(Schema&&) noexcept = default;
Schema::~Schema() = default;

int Schema::find_field(std::string_view field_name) const {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name == field_name) return static_cast<int>(i);
  }
  return -1;
}

bool operator==(const Schema& a, const Schema& b) {
  if (a.kind != b.kind || a.size != b.size || a.unit != b.unit) return false;
  if (a.enumerators != b.enumerators || a.elements != b.elements) return false;
  const bool owned = a.kind == SchemaKind::opaque || a.kind == SchemaKind::external;
  if (owned && a.name != b.name) return false;
  if (a.fields.size() != b.fields.size()) return false;
  for (std::size_t i = 0; i < a.fields.size(); ++i) {
    if (a.fields[i].name != b.fields[i].name || a.fields[i].schema != b.fields[i].schema)
      return false;
  }
  return true;
}

namespace {

/// Bytes of a kind that always takes the same number of them; 0 of any other.
std::size_t fixed_bytes(SchemaKind kind) {
  switch (kind) {
    case SchemaKind::boolean:
    case SchemaKind::i8:
    case SchemaKind::u8:
      return 1;
    case SchemaKind::f32:
      return 4;
    case SchemaKind::f64:
      return 8;
    default:
      return 0;
  }
}

/// Passes over `count` times one value of each of `schemas`.
void skip_elements(ByteReader& reader, std::uint64_t count, const std::vector<Schema>& schemas) {
  for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
    for (const Schema& schema : schemas) skip_value(reader, schema);
  }
}

void skip_fields(ByteReader& reader, const std::vector<SchemaField>& fields) {
  if (fields.empty()) reader.u8();
  for (const SchemaField& field : fields) {
    if (reader.failed()) return;
    skip_value(reader, field.schema);
  }
}

void skip_counted(ByteReader& reader, const Schema& schema) {
  const std::uint64_t count = reader.varint();
  if (count > reader.remaining()) return reader.fail();
  skip_elements(reader, count, schema.elements);
}

}  // namespace

void skip_value(ByteReader& reader, const Schema& schema) {
  if (const std::size_t bytes = fixed_bytes(schema.kind)) {
    reader.raw(bytes);
    return;
  }
  if (is_integer(schema.kind) || schema.kind == SchemaKind::time) {
    reader.varint();
    return;
  }
  switch (schema.kind) {
    case SchemaKind::string:
    case SchemaKind::opaque:
    case SchemaKind::external:
      reader.string();
      return;
    case SchemaKind::duration:
    case SchemaKind::enumeration:
      return skip_value(reader, schema.elements[0]);
    case SchemaKind::optional:
      if (reader.u8() != 0) skip_value(reader, schema.elements[0]);
      return;
    case SchemaKind::list:
    case SchemaKind::set:
    case SchemaKind::map:
      return skip_counted(reader, schema);
    case SchemaKind::array:
      if (schema.size == 0) reader.u8();
      return skip_elements(reader, schema.size, schema.elements);
    case SchemaKind::tuple:
      if (schema.elements.empty()) reader.u8();
      return skip_elements(reader, 1, schema.elements);
    default:
      return skip_fields(reader, schema.fields);
  }
}

namespace schema_build {

Schema integer(bool is_signed, std::size_t size_bytes) {
  const SchemaKind kind = size_bytes == 1   ? SchemaKind::i8
                          : size_bytes == 2 ? SchemaKind::i16
                          : size_bytes == 4 ? SchemaKind::i32
                                            : SchemaKind::i64;
  const int to_unsigned = static_cast<int>(SchemaKind::u8) - static_cast<int>(SchemaKind::i8);
  return Schema(is_signed ? kind : static_cast<SchemaKind>(static_cast<int>(kind) + to_unsigned));
}

Schema duration(Schema rep, std::int64_t numerator, std::int64_t denominator) {
  Schema schema = of(SchemaKind::duration, rep);
  schema.unit = {numerator, denominator};
  return schema;
}

Schema array(Schema element, std::uint64_t size) {
  Schema schema = of(SchemaKind::array, element);
  schema.size = size;
  return schema;
}

Schema enumeration(std::string name, Schema underlying, std::vector<SchemaEnumerator> enumerators) {
  Schema schema = of(SchemaKind::enumeration, underlying);
  schema.name = std::move(name);
  schema.enumerators = std::move(enumerators);
  return schema;
}

Schema structure(std::string name) {
  Schema schema(SchemaKind::structure);
  schema.name = std::move(name);
  return schema;
}

void add_field(Schema& structure, const char* name, const Schema& field) {
  structure.fields.push_back({name, field});
}

Schema of(SchemaKind kind, const Schema& element) { return Schema(kind, {element}); }

Schema of(SchemaKind kind, const Schema& first, const Schema& second) {
  return Schema(kind, {first, second});
}

Schema opaque(std::string name, std::vector<Schema> elements) {
  Schema schema(SchemaKind::opaque, std::move(elements));
  schema.name = std::move(name);
  return schema;
}

Schema external(std::string name, std::vector<Schema> elements) {
  Schema schema = opaque(std::move(name), std::move(elements));
  schema.kind = SchemaKind::external;
  return schema;
}

Schema custom(Schema schema) {
  schema.custom = true;
  return schema;
}

}  // namespace schema_build
}  // namespace weir
