// Encoded bytes to JSON by their schema, without the C++ type. See json.h.
#include <bit>

#include "weir/base/json.h"
#include "weir/base/read_plan.h"
#include "weir/base/schema_names.h"

namespace weir {
namespace {

namespace jd = json_detail;

class RowWriter {
 public:
  RowWriter(std::string& out, ByteReader& reader) : out_(out), reader_(reader) {}

  void write(const Schema& schema) {
    if (is_integer(schema.kind)) return write_integer(schema.kind);
    switch (schema.kind) {
      case SchemaKind::boolean:
        out_.append(codec_detail::decode_flag(reader_) ? "true" : "false");
        return;
      case SchemaKind::f32:
        return jd::append_float(out_, std::bit_cast<float>(reader_.little_endian32()));
      case SchemaKind::f64:
        return jd::append_double(out_, std::bit_cast<double>(reader_.little_endian64()));
      case SchemaKind::string:
        return jd::append_string(out_, reader_.string());
      case SchemaKind::time:
        return jd::append_time(out_, from_millis(reader_.zigzag()));
      case SchemaKind::duration:
        return write(schema.elements[0]);
      case SchemaKind::enumeration:
        return write_enumeration(schema);
      case SchemaKind::optional:
        if (codec_detail::decode_flag(reader_)) return write(schema.elements[0]);
        out_.append("null");
        return;
      case SchemaKind::list:
      case SchemaKind::set:
        return write_list(codec_detail::read_count(reader_), schema.elements[0]);
      case SchemaKind::array:
        if (schema.size == 0) codec_detail::decode_nothing(reader_);
        return write_list(schema.size, schema.elements[0]);
      case SchemaKind::map:
        return write_map(schema);
      case SchemaKind::tuple:
        return write_tuple(schema.elements);
      case SchemaKind::structure:
        return write_structure(schema);
      case SchemaKind::opaque:
      case SchemaKind::external:
        return write_hex(reader_.string());
      default:
        reader_.fail();
    }
  }

 private:
  void write_integer(SchemaKind kind) {
    const std::int64_t value = read_plan_detail::read_integer(reader_, kind);
    if (kind == SchemaKind::u64)
      return jd::append_unsigned(out_, static_cast<std::uint64_t>(value));
    jd::append_signed(out_, value);
  }

  void write_enumeration(const Schema& schema) {
    const SchemaKind kind = schema.elements[0].kind;
    ByteReader ahead = reader_;
    const std::int64_t value =
        kind == SchemaKind::boolean ? ahead.u8() : read_plan_detail::read_integer(ahead, kind);
    for (const SchemaEnumerator& each : schema.enumerators) {
      if (each.value != value || ahead.failed()) continue;
      reader_ = ahead;
      return jd::append_string(out_, each.name);
    }
    write(schema.elements[0]);
  }

  /// Puts `open`, then a comma before each further element.
  void separate(std::uint64_t index, char open) { out_.push_back(index == 0 ? open : ','); }

  void write_list(std::uint64_t count, const Schema& element) {
    for (std::uint64_t i = 0; i < count && !reader_.failed(); ++i) {
      separate(i, '[');
      write(element);
    }
    out_.append(count == 0 ? "[]" : "]");
  }

  void write_tuple(const std::vector<Schema>& elements) {
    if (elements.empty()) codec_detail::decode_nothing(reader_);
    for (std::size_t i = 0; i < elements.size() && !reader_.failed(); ++i) {
      separate(i, '[');
      write(elements[i]);
    }
    out_.append(elements.empty() ? "[]" : "]");
  }

  void write_map(const Schema& schema) {
    const bool object = schema.elements[0].kind == SchemaKind::string;
    const std::size_t count = codec_detail::read_count(reader_);
    for (std::size_t i = 0; i < count && !reader_.failed(); ++i) {
      separate(i, object ? '{' : '[');
      if (!object) out_.push_back('[');
      write(schema.elements[0]);
      out_.push_back(object ? ':' : ',');
      write(schema.elements[1]);
      if (!object) out_.push_back(']');
    }
    out_.append(object ? (count == 0 ? "{}" : "}") : (count == 0 ? "[]" : "]"));
  }

  void write_structure(const Schema& schema) {
    if (schema.fields.empty()) codec_detail::decode_nothing(reader_);
    for (std::size_t i = 0; i < schema.fields.size() && !reader_.failed(); ++i) {
      separate(i, '{');
      jd::append_string(out_, schema.fields[i].name);
      out_.push_back(':');
      write(schema.fields[i].schema);
    }
    out_.append(schema.fields.empty() ? "{}" : "}");
  }

  void write_hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    out_.push_back('"');
    for (char c : bytes) {
      out_.push_back(digits[static_cast<unsigned char>(c) >> 4]);
      out_.push_back(digits[static_cast<unsigned char>(c) & 15]);
    }
    out_.push_back('"');
  }

  std::string& out_;
  ByteReader& reader_;
};

}  // namespace

void row_to_json(std::string& out, ByteReader& reader, const Schema& schema) {
  const std::size_t before = out.size();
  RowWriter(out, reader).write(schema);
  if (reader.failed()) out.resize(before);
}

}  // namespace weir
