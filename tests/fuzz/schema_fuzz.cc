// Schemas as text, and stored bytes read by schema alone: a text that parses is the one that would
// be written; passing over a value and showing it end at the same byte; what is shown reads back.
//
// Input := 0, text of a schema, byte 0, value | 1, bytes a schema is made of, value
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/schema_values.h"
#include "weir/base/json.h"

namespace weir::fuzz {
namespace {

void check_text(const Schema& schema) {
  const std::string text = to_json(schema);
  const auto again = parse_schema(text);
  WEIR_CHECK(again.ok() && *again == schema, "what is written parses");
  WEIR_CHECK(check_compatible(*again, schema).ok(), "a schema fits itself");
  WEIR_CHECK(!describe(schema).empty() && !to_text(schema).empty(), "a schema can be shown");
}

void check_value(const Schema& schema, std::string_view value) {
  ByteReader shown(value), skipped(value);
  std::string json;
  row_to_json(json, shown, schema);
  skip_value(skipped, schema);
  WEIR_CHECK(!shown.failed() || json.empty(), "of damaged bytes nothing is shown");
  if (shown.failed()) return;
  WEIR_CHECK(!skipped.failed() && skipped.remaining() == shown.remaining(),
             "passing over a value ends where showing it does");
  std::string bytes, again;
  ByteWriter writer(bytes);
  if (!row_from_json(writer, json, schema).ok()) {
    WEIR_CHECK(bytes.empty(), "of JSON that does not fit nothing is written");
    return;
  }
  ByteReader reader(bytes);
  row_to_json(again, reader, schema);
  WEIR_CHECK(reader.at_end() && !reader.failed(), "what JSON says can be shown");
  check_same(json, again, "what is shown reads back");
}

}  // namespace

void run(std::string_view input) {
  ByteReader in(input);
  if (in.u8() % 2 == 1) {
    const Schema schema = take_schema(in, 4);
    check_text(schema);
    check_value(schema, in.rest());
    return;
  }
  const std::string_view text = in.rest().substr(0, in.rest().find('\0'));
  const auto schema = parse_schema(text);
  if (!schema.ok()) return;
  check_same(to_json(*schema), text, "a text that parses is the one that would be written");
  check_text(*schema);
  in.raw(text.size());
  in.u8();
  check_value(*schema, in.rest());
}

std::vector<std::string> seeds() {
  const std::string zero(1, '\0');
  return {zero + R"({"struct":"Cart","fields":[["user",{"optional":"string"}],["sum","f64"]]})" +
              zero + "\x01\x03xyz" + std::string(8, '\x40'),
          zero + R"({"map":["string",{"array":"u16","size":2}]})" + zero + "\x01\x01k\x05\x06",
          zero + R"({"enum":"Tier","of":"u8","values":[["basic",1],["gold",2]]})" + zero + "\x02",
          zero + R"({"tuple":[{"duration":"i64","unit":[1,1000]},)" +
              R"({"set":"time"},{"opaque":"b","of":[]}]})" + zero +
              std::string("\x04\x01\x08\x01x"),
          zero + R"({"external":"map","of":["string",{"list":"bool"}]})" + zero + "\x01z",
          std::string("\x01\x16\x00\x03\x0b\x0c\x0f\x0b\x02", 9) + "hi" +
              std::string("\x08\x01\x02ho", 5)};
}

}  // namespace weir::fuzz
