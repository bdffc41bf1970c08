// JSON to encoded bytes by schema, without the C++ type: repaired dead letters. See json.h.
#include <algorithm>
#include <bit>
#include <charconv>

#include "weir/base/json.h"
#include "weir/base/json_tree.h"
#include "weir/base/schema_names.h"

namespace weir {
namespace {

using Kind = JsonValue::Kind;

template <class N>
std::errc parse_number(const std::string& text, N& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc()) return error;
  return stop == end ? std::errc() : std::errc::invalid_argument;
}

class RowReader {
 public:
  explicit RowReader(std::string& out) : writer_(out) {}

  bool read(const JsonValue& json, const Schema& schema) {
    if (is_integer(schema.kind)) return read_integer(json, schema.kind);
    switch (schema.kind) {
      case SchemaKind::boolean:
        if (!expect(json, Kind::boolean)) return false;
        writer_.u8(json.boolean ? 1 : 0);
        return true;
      case SchemaKind::f32:
      case SchemaKind::f64:
        return read_real(json, schema.kind);
      case SchemaKind::string:
        if (!expect(json, Kind::string)) return false;
        writer_.string(json.text);
        return true;
      case SchemaKind::time:
        return read_time(json);
      case SchemaKind::duration:
        return read(json, schema.elements[0]);
      case SchemaKind::enumeration:
        return read_enumeration(json, schema);
      case SchemaKind::optional:
        writer_.u8(json.is(Kind::null) ? 0 : 1);
        return json.is(Kind::null) || read(json, schema.elements[0]);
      case SchemaKind::list:
        return read_list(json, schema.elements[0]);
      case SchemaKind::set:
        return read_keyed(json, schema);
      case SchemaKind::map:
        return read_keyed(json, schema);
      case SchemaKind::array:
        return read_fixed(json, schema.size, schema);
      case SchemaKind::tuple:
        return read_fixed(json, schema.elements.size(), schema);
      case SchemaKind::structure:
        return read_structure(json, schema);
      case SchemaKind::opaque:
      case SchemaKind::external:
        return read_hex(json);
      default:
        return fail("has a schema of unknown kind");
    }
  }

  std::string problem() const {
    return (where_.empty() ? std::string("the value") : "field '" + where_ + "'") + " " + why_;
  }

 private:
  bool fail(std::string why) {
    if (!why_.empty()) return false;
    where_ = path_;
    why_ = std::move(why);
    return false;
  }

  bool expect(const JsonValue& json, Kind kind) {
    return json.is(kind) || fail(std::string("is ") + to_string(json.kind) + " where " +
                                 to_string(kind) + " is needed");
  }

  /// Reads something below, `step` further along the path.
  bool read_below(const std::string& step, const JsonValue& json, const Schema& schema) {
    const std::size_t length = path_.size();
    if (!path_.empty() && step[0] != '[') path_ += '.';
    path_ += step;
    const bool good = read(json, schema);
    path_.resize(length);
    return good;
  }
  bool read_below(std::size_t index, const JsonValue& json, const Schema& schema) {
    return read_below("[" + std::to_string(index) + "]", json, schema);
  }

  /// Reads a whole number between `low` and `high`; false after saying why not.
  template <class N>
  bool read_whole(const JsonValue& json, N low, N high, N& value) {
    if (!expect(json, Kind::number)) return false;
    const std::errc error = parse_number(json.text, value);
    if (error == std::errc::invalid_argument && json.text[0] != '-')
      return fail("is " + json.text + " where a whole number is needed");
    if (error == std::errc::invalid_argument && std::is_signed_v<N>)
      return fail("is " + json.text + " where a whole number is needed");
    if (error != std::errc() || value < low || value > high)
      return fail("is " + json.text + ", which is outside " + std::to_string(low) + " to " +
                  std::to_string(high));
    return true;
  }

  bool read_integer(const JsonValue& json, SchemaKind kind) {
    const int bits = 8 * integer_bytes(kind);
    std::uint64_t bytes = 0;
    if (is_signed_integer(kind)) {
      const std::int64_t high = static_cast<std::int64_t>(~0ull >> (65 - bits));
      std::int64_t value = 0;
      if (!read_whole<std::int64_t>(json, -high - 1, high, value)) return false;
      if (bits > 8) {
        writer_.zigzag(value);
        return true;
      }
      bytes = static_cast<std::uint64_t>(value);
    } else {
      if (!read_whole<std::uint64_t>(json, 0, ~0ull >> (64 - bits), bytes)) return false;
      if (bits > 8) {
        writer_.varint(bytes);
        return true;
      }
    }
    writer_.u8(static_cast<std::uint8_t>(bytes));
    return true;
  }

  bool read_real(const JsonValue& json, SchemaKind kind) {
    if (!expect(json, Kind::number)) return false;
    float single = 0;
    double real = 0;
    const std::errc error =
        kind == SchemaKind::f32 ? parse_number(json.text, single) : parse_number(json.text, real);
    if (error != std::errc())
      return fail("is " + json.text + ", which no " + simple_kind_name(kind) + " can hold");
    if (kind == SchemaKind::f32) {
      writer_.little_endian32(std::bit_cast<std::uint32_t>(single));
    } else {
      writer_.little_endian64(std::bit_cast<std::uint64_t>(real));
    }
    return true;
  }

  bool read_time(const JsonValue& json) {
    if (json.is(Kind::number)) return read_integer(json, SchemaKind::i64);
    if (!expect(json, Kind::string)) return false;
    EventTime time = json.text == "-infinity" ? kBeginningOfTime : kEndOfTime;
    if (json.text != "-infinity" && json.text != "+infinity") {
      auto parsed = parse_iso8601(json.text);
      if (!parsed.ok()) return fail("is no time: " + parsed.error().message);
      time = *parsed;
    }
    writer_.zigzag(to_millis(time));
    return true;
  }

  void write_enumerator(std::int64_t value, SchemaKind kind) {
    if (kind == SchemaKind::boolean || integer_bytes(kind) == 1) {
      writer_.u8(static_cast<std::uint8_t>(value));
    } else if (is_signed_integer(kind)) {
      writer_.zigzag(value);
    } else {
      writer_.varint(static_cast<std::uint64_t>(value));
    }
  }

  bool read_enumeration(const JsonValue& json, const Schema& schema) {
    if (!json.is(Kind::string)) return read(json, schema.elements[0]);
    std::string known;
    for (const SchemaEnumerator& each : schema.enumerators) {
      if (each.name == json.text) {
        write_enumerator(each.value, schema.elements[0].kind);
        return true;
      }
      known += (known.empty() ? "" : ", ") + each.name;
    }
    return fail("is '" + json.text + "', which is none of: " + known);
  }

  bool read_list(const JsonValue& json, const Schema& element) {
    if (!expect(json, Kind::array)) return false;
    writer_.varint(json.elements.size());
    for (std::size_t i = 0; i < json.elements.size(); ++i) {
      if (!read_below(i, json.elements[i], element)) return false;
    }
    return true;
  }

  bool read_fixed(const JsonValue& json, std::uint64_t size, const Schema& schema) {
    if (!expect(json, Kind::array)) return false;
    if (json.elements.size() != size)
      return fail("has " + std::to_string(json.elements.size()) + " elements where " +
                  std::to_string(size) + " are needed");
    if (size == 0) writer_.u8(0);
    for (std::size_t i = 0; i < size; ++i) {
      const Schema& element = schema.elements[schema.kind == SchemaKind::tuple ? i : 0];
      if (!read_below(i, json.elements[i], element)) return false;
    }
    return true;
  }

  /// Reads entries and keeps the order in which they stand: `encode` wrote them so, and a container
  /// that sorts otherwise takes any order. Repeated keys are refused.
  bool read_keyed(const JsonValue& json, const Schema& schema) {
    const bool object =
        schema.kind == SchemaKind::map && schema.elements[0].kind == SchemaKind::string;
    if (!expect(json, object ? Kind::object : Kind::array)) return false;
    std::vector<std::string> keys;
    writer_.varint(json.elements.size());
    for (std::size_t i = 0; i < json.elements.size(); ++i) {
      const std::size_t from = writer_.out().size();
      std::size_t key_end = 0;
      if (!(object ? read_member(json, i, schema)
                   : read_entry(json.elements[i], i, schema, key_end)))
        return false;
      if (!object) keys.push_back(writer_.out().substr(from, key_end - from));
    }
    std::sort(keys.begin(), keys.end());
    return std::adjacent_find(keys.begin(), keys.end()) == keys.end() || fail("has a key twice");
  }

  bool read_member(const JsonValue& json, std::size_t index, const Schema& schema) {
    writer_.string(json.names[index]);
    return read_below(json.names[index].empty() ? "''" : json.names[index], json.elements[index],
                      schema.elements[1]);
  }

  bool read_entry(const JsonValue& entry, std::size_t index, const Schema& schema,
                  std::size_t& key_end) {
    const bool is_map = schema.kind == SchemaKind::map;
    if (is_map && !(entry.is(Kind::array) && entry.elements.size() == 2))
      return fail("has an entry that is not [key, value]");
    if (!read_below(index, is_map ? entry.elements[0] : entry, schema.elements[0])) return false;
    key_end = writer_.out().size();
    return !is_map || read_below(index, entry.elements[1], schema.elements[1]);
  }

  bool read_structure(const JsonValue& json, const Schema& schema) {
    if (!expect(json, Kind::object)) return false;
    for (const std::string& name : json.names) {
      if (schema.find_field(name) < 0) return fail("has an unknown field '" + name + "'");
    }
    if (schema.fields.empty()) writer_.u8(0);
    for (const SchemaField& field : schema.fields) {
      const JsonValue* value = json.find(field.name);
      if (value == nullptr && field.schema.kind == SchemaKind::optional) {
        writer_.u8(0);
      } else if (value == nullptr) {
        return fail("lacks the field '" + field.name + "' (" + describe(field.schema) + ")");
      } else if (!read_below(field.name, *value, field.schema)) {
        return false;
      }
    }
    return true;
  }

  bool read_hex(const JsonValue& json) {
    if (!expect(json, Kind::string)) return false;
    constexpr std::string_view digits = "0123456789abcdef";
    std::string bytes;
    bool good = json.text.size() % 2 == 0;
    for (std::size_t i = 0; good && i < json.text.size(); i += 2) {
      const std::size_t high = digits.find(json.text[i]), low = digits.find(json.text[i + 1]);
      good = high != digits.npos && low != digits.npos;
      bytes.push_back(static_cast<char>(high * 16 + low));
    }
    if (!good) return fail("is not hexadecimal text");
    writer_.string(bytes);
    return true;
  }

  ByteWriter writer_;
  std::string path_, where_, why_;
};

}  // namespace

Status row_from_json(ByteWriter& writer, std::string_view json, const Schema& schema) {
  auto tree = parse_json(json);
  if (!tree.ok()) return tree.error();
  std::string bytes;
  RowReader reader(bytes);
  if (!reader.read(*tree, schema))
    return Error{ErrorCode::invalid_argument,
                 "The JSON does not fit " + describe(schema) + ": " + reader.problem() + "."};
  writer.raw(bytes);
  return {};
}

}  // namespace weir
