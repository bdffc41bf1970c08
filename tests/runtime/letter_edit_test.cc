// Repairs of dead letters, by the format of their payload.
#include "weir/runtime/letter_edit.h"

#include <gtest/gtest.h>

#include "weir/base/codec.h"
#include "weir/base/describe.h"
#include "weir/base/schema.h"
#include "weir/runtime/letter_payload.h"

namespace weir {
namespace {

struct Order {
  std::string customer;
  std::int64_t cents = 0;
  std::optional<std::string> note;
};
WEIR_DESCRIBE(Order, customer, cents, note);

DeadLetter letter_of(PayloadFormat format, std::string bytes) {
  DeadLetter letter;
  letter.id = "1.0.0";
  letter.step = "orders";
  letter.format = format;
  letter.bytes = std::move(bytes);
  return letter;
}
DeadLetter csv(std::string bytes, const char* header = "id,name,price") {
  DeadLetter letter = letter_of(PayloadFormat::csv, std::move(bytes));
  if (header != nullptr) letter.headers["csv.header"] = header;
  return letter;
}
DeadLetter json(std::string bytes) { return letter_of(PayloadFormat::json, std::move(bytes)); }

using Edits = std::vector<std::pair<const char*, std::string>>;

/// The bytes after the edits, or "!" and why they were refused.
std::string edited(const DeadLetter& letter, const Edits& edits) {
  std::vector<LetterEdit> list;
  for (const auto& [kind, text] : edits) {
    auto edit = make_letter_edit(kind, text);
    if (!edit.ok()) return "!" + edit.error().message;
    list.push_back(*std::move(edit));
  }
  const auto editor = LetterEditor::create(std::move(list));
  if (!editor.ok()) return "!" + editor.error().message;
  const auto result = editor->apply(letter);
  return result.ok() ? result->bytes : "!" + result.error().message;
}

TEST(LetterEdit, WithoutEditsTheBytesStayAsTheyAre) {
  const std::string broken = "{\"a\": 1,\xff";
  EXPECT_EQ(edited(json(broken), {}), broken);
}

TEST(LetterEdit, SetKeepsTextTextAndTakesJsonElsewhere) {
  EXPECT_EQ(edited(json(R"({"zip":"01","n":1})"), {{"set", "zip=1234"}, {"set", "n=2.50"}}),
            R"({"zip":"1234","n":2.50})");
  EXPECT_EQ(edited(json(R"({"n":1})"), {{"set", "n=abc"}}), R"({"n":"abc"})");
  EXPECT_EQ(edited(json(R"({"s":"x"})"), {{"set", "s=\"q\""}}), R"({"s":"q"})");
  EXPECT_EQ(edited(json(R"({})"), {{"set", "a.b.c=true"}}), R"({"a":{"b":{"c":true}}})");
  EXPECT_EQ(edited(json(R"({"a.b":1})"), {{"set", "a.b=2"}}), R"({"a.b":2})");
  EXPECT_EQ(edited(json(R"({"l":[1,2]})"), {{"set", "/l/1=5"}}), R"({"l":[1,5]})");
}

TEST(LetterEdit, NumbersKeepEveryDigit) {
  EXPECT_EQ(edited(json(R"({"big":18446744073709551615,"price":2.550,"x":1})"), {{"set", "x=2"}}),
            R"({"big":18446744073709551615,"price":2.550,"x":2})");
}

TEST(LetterEdit, RenameKeepsThePlace) {
  EXPECT_EQ(edited(json(R"({"a":1,"b":2})"), {{"rename", "a=z"}}), R"({"z":1,"b":2})");
  EXPECT_EQ(edited(json(R"({"o":{"a":1}})"), {{"rename", "o.a=b"}}), R"({"o":{"b":1}})");
  EXPECT_TRUE(edited(json(R"({"a":1,"b":2})"), {{"rename", "a=b"}}).starts_with("!"));
  EXPECT_TRUE(edited(json(R"({"a":1})"), {{"rename", "x=b"}}).starts_with("!"));
}

TEST(LetterEdit, CastsBetweenTypes) {
  const auto cast = [](const char* value, const char* type) {
    return edited(json("{\"v\":" + std::string(value) + "}"), {{"cast", "v=" + std::string(type)}});
  };
  EXPECT_EQ(cast("\"12\"", "int"), R"({"v":12})");
  EXPECT_EQ(cast("12.0", "int"), R"({"v":12})");
  EXPECT_EQ(cast("true", "int"), R"({"v":1})");
  EXPECT_TRUE(cast("\"12x\"", "int").starts_with("!"));
  EXPECT_TRUE(cast("1.5", "int").starts_with("!"));
  EXPECT_EQ(cast("\"2.50\"", "double"), R"({"v":2.50})");
  EXPECT_TRUE(cast("\"nan\"", "double").starts_with("!"));
  EXPECT_EQ(cast("12", "string"), R"({"v":"12"})");
  EXPECT_EQ(cast("\"Yes\"", "bool"), R"({"v":true})");
  EXPECT_EQ(cast("0", "bool"), R"({"v":false})");
  EXPECT_TRUE(cast("\"maybe\"", "bool").starts_with("!"));
  EXPECT_EQ(cast("0", "time"), R"({"v":"1970-01-01T00:00:00Z"})");
  EXPECT_EQ(cast("\"2024-01-01 10:00\"", "time"), R"({"v":"2024-01-01T10:00:00Z"})");
  EXPECT_TRUE(cast("null", "string").starts_with("!"));
  EXPECT_TRUE(cast("1", "float").starts_with("!'float' is no type"));
}

TEST(LetterEdit, RemovesAndPatches) {
  EXPECT_EQ(edited(json(R"({"a":1,"b":2})"), {{"remove", "a"}}), R"({"b":2})");
  EXPECT_TRUE(edited(json(R"({"a":1})"), {{"remove", "x"}}).starts_with("!"));
  EXPECT_EQ(edited(json(R"({"a":1})"), {{"patch", R"([{"op":"add","path":"/b","value":2}])"}}),
            R"({"a":1,"b":2})");
  EXPECT_TRUE(edited(json("{}"), {{"patch", "{}"}}).starts_with("!"));
}

TEST(LetterEdit, BrokenBytesCanOnlyBeReplaced) {
  const DeadLetter broken = json("{\"a\":");
  EXPECT_TRUE(edited(broken, {{"set", "a=1"}}).starts_with("!Dead letter 1.0.0"));
  EXPECT_EQ(edited(broken, {{"bytes", "{\"a\":0}"}, {"set", "a=1"}}), R"({"a":1})");
}

TEST(LetterEdit, CsvGoesByItsHeader) {
  EXPECT_EQ(edited(csv("1,\"a, \"\"b\"\"\",x"), {{"set", "price=7"}}), "1,\"a, \"\"b\"\"\",7");
  EXPECT_EQ(edited(csv("1,a"), {{"set", "price=7"}}), "1,a,7");
  EXPECT_EQ(edited(csv("1,a,2,3"), {{"remove", "(extra)"}}), "1,a,2");
  EXPECT_EQ(edited(csv("1,a,2,3"), {{"set", "id=9"}}), "9,a,2,3");
  EXPECT_EQ(edited(csv("1,a,2"), {{"remove", "name"}}), "1,,2");
  EXPECT_EQ(edited(csv("1,a,2"), {{"cast", "price=int"}, {"set", "name=x\ny"}}), "1,\"x\ny\",2");
  EXPECT_TRUE(edited(csv("1,a,2"), {{"set", "color=red"}}).starts_with("!"));
  EXPECT_TRUE(edited(csv("1,\"a,2"), {{"set", "id=1"}}).starts_with("!"));
  EXPECT_EQ(edited(csv("1,a", nullptr), {{"set", "2=b"}}), "1,b");
  DeadLetter semicolons = csv("1;a;2", "id;name;price");
  semicolons.headers["csv.delimiter"] = ";";
  EXPECT_EQ(edited(semicolons, {{"set", "name=x;y"}}), "1;\"x;y\";2");
}

TEST(LetterEdit, CsvColumnsOfOneNameAreToldApart) {
  EXPECT_EQ(edited(csv("1,2,3,4", "a,a,a (2),a"), {}), "1,2,3,4");
  EXPECT_EQ(edited(csv("1,2,3", "a,b,a"), {{"set", "b=x"}}), "1,x,3");
  EXPECT_EQ(edited(csv("1,2,3", "a,b,a"), {{"set", "a (2)=x"}}), "1,2,x");
  EXPECT_EQ(edited(csv("1,2,3,4", "a,a,a (2),a"), {{"set", "/a (3)=x"}}), "1,2,3,x");
  EXPECT_EQ(edited(csv("1,2,3", "a,(extra)"), {{"set", "a=x"}}), "x,2,3");
  EXPECT_TRUE(edited(csv("1,2,3", "a,b"), {{"set", "(extra)=x"}}).starts_with("!"));
}

TEST(LetterEdit, RecordsGoByTheirSchema) {
  DeadLetter letter =
      letter_of(PayloadFormat::record, encode_to_string(Order{"ann", -5, std::nullopt}));
  letter.schema = to_json(schema_of<Order>());
  const std::string bytes = edited(letter, {{"set", "cents=7"}, {"set", "note=\"hello\""}});
  Order order;
  ASSERT_TRUE(decode_from(bytes, order)) << bytes;
  EXPECT_EQ(order.customer, "ann");
  EXPECT_EQ(order.cents, 7);
  EXPECT_EQ(order.note, "hello");
  EXPECT_TRUE(edited(letter, {{"set", "cents=many"}}).starts_with("!"));
  EXPECT_TRUE(edited(letter, {{"set", "color=red"}}).starts_with("!"));
  // On the way it need not fit: only what comes out must.
  EXPECT_FALSE(edited(letter, {{"set", "cents=5.0"}, {"cast", "cents=int"}}).starts_with("!"));
  EXPECT_TRUE(edited(letter, {{"set", "cents=5.0"}}).starts_with("!"));
}

TEST(LetterEdit, TextHasOneField) {
  const DeadLetter letter = letter_of(PayloadFormat::text, "helo");
  EXPECT_EQ(edited(letter, {{"set", "text=hello"}}), "hello");
  EXPECT_TRUE(edited(letter, {{"set", "more=1"}}).starts_with("!"));
}

TEST(LetterPayload, IsShownAlsoWhereItsSchemaIsNone) {
  DeadLetter letter = letter_of(PayloadFormat::text, "x");
  letter.schema = "{no schema";
  EXPECT_TRUE(parse_json(letter_to_json(letter, true)).ok());
}

TEST(LetterEdit, SetDoesNotNestWithoutEnd) {
  std::string names = "a";
  for (int i = 0; i < 200; ++i) names += ".a";
  EXPECT_NE(edited(json("{}"), {{"set", names + "=1"}}).find("levels deep"), std::string::npos);
}

TEST(LetterPayload, ShowsBytesThatAreNoText) {
  DeadLetter letter = letter_of(PayloadFormat::text, "\xff\x01");
  EXPECT_NE(letter_to_json(letter, true).find("\"bytes_hex\":\"ff01\""), std::string::npos);
  EXPECT_TRUE(parse_json(letter_to_json(letter, true)).ok());
  letter.bytes = "good";
  EXPECT_NE(letter_to_json(letter, true).find("\"bytes\":\"good\""), std::string::npos);
}

}  // namespace
}  // namespace weir
