// JSON: of values, of encoded rows by schema alone, and back.
#include "weir/base/json.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "tests/base/described_types.h"

namespace {

using namespace weir;
using namespace weir::testing_types;
using ::testing::HasSubstr;

template <class T>
std::string json_of(const T& value) {
  std::string out;
  to_json(out, value);
  return out;
}

template <class T>
std::string row_json_of(const T& value) {
  const std::string bytes = encode_to_string(value);
  ByteReader reader(bytes);
  std::string out;
  row_to_json(out, reader, schema_of<T>());
  EXPECT_TRUE(!reader.failed() && reader.at_end());
  return out;
}

template <class T>
T read(std::string_view json) {
  T value{};
  const Status status = from_json(json, value);
  EXPECT_TRUE(status.ok()) << json << ": " << (status.ok() ? "" : status.error().message);
  return value;
}

template <class T>
std::string refusal(std::string_view json) {
  T value{};
  const Status status = from_json(json, value);
  EXPECT_FALSE(status.ok()) << json;
  if (status.ok()) return "";
  EXPECT_EQ(status.error().code, ErrorCode::invalid_argument);
  return status.error().message;
}

TEST(Json, EscapesStrings) {
  EXPECT_EQ(json_of(std::string("a\"\\\b\f\n\r\t\x01\x1f/\x7f")),
            "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f/\x7f\"");
  EXPECT_EQ(json_of(std::string("é€😀")), "\"é€😀\"");
  EXPECT_EQ(json_of(std::string("a\0b", 3)), "\"a\\u0000b\"");
}

TEST(Json, ReplacesWhatIsNotUtf8) {
  for (const char* bad :
       {"\x80", "\xc0\xaf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82"}) {
    const std::string json = json_of("x" + std::string(bad) + "y");
    EXPECT_THAT(json, HasSubstr("\xef\xbf\xbd"));
    read<std::string>(json);
  }
}

TEST(Json, WritesNumbersInFull) {
  EXPECT_EQ(json_of(INT64_MIN), "-9223372036854775808");
  EXPECT_EQ(json_of(UINT64_MAX), "18446744073709551615");
  EXPECT_EQ(json_of(std::int8_t{-5}), "-5");
  EXPECT_EQ(json_of(0.1), "0.1");
  EXPECT_EQ(json_of(0.1f), "0.1");
  EXPECT_EQ(json_of(-0.0), "-0");
  EXPECT_EQ(json_of(1e300), "1e+300");
  EXPECT_EQ(json_of(std::nan("")), "null");
  EXPECT_EQ(json_of(-std::numeric_limits<float>::infinity()), "null");
}

TEST(Json, WritesEveryShape) {
  EXPECT_EQ(json_of(Item{"x", 1.5, -2}), R"({"sku":"x","price":1.5,"count":-2})");
  EXPECT_EQ(json_of(Empty{}), "{}");
  EXPECT_EQ(json_of(std::optional<Item>()), "null");
  EXPECT_EQ(json_of(Tier::gold), R"("gold")");
  EXPECT_EQ(json_of(static_cast<Tier>(99)), "99");
  EXPECT_EQ(json_of(from_millis(1291191960000)), R"("2010-12-01T08:26:00Z")");
  EXPECT_EQ(json_of(kEndOfTime), R"("+infinity")");
  EXPECT_EQ(json_of(std::chrono::milliseconds(1500)), "1500");
  EXPECT_EQ(json_of(std::vector<bool>{true, false}), "[true,false]");
  EXPECT_EQ(json_of(std::vector<int>{}), "[]");
  EXPECT_EQ(json_of(std::tuple(1, std::string("a"))), R"([1,"a"])");
  EXPECT_EQ(json_of(std::map<std::string, int>{{"b", 2}, {"a", 1}}), R"({"a":1,"b":2})");
  EXPECT_EQ(json_of(std::map<int, int>{{1, 2}, {3, 4}}), "[[1,2],[3,4]]");
  EXPECT_EQ(json_of(std::unordered_map<std::string, int>{{"b", 2}, {"a", 1}}), R"({"a":1,"b":2})");
  EXPECT_EQ(json_of(std::array<char, 2>{'a', -1}), "[97,-1]");
}

TEST(Json, OfARowIsThatOfItsValue) {
  const std::uint64_t seed = entropy_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomValues values(seed);
  for (int i = 0; i < 200; ++i) {
    const Everything value = values.everything();
    const std::string json = json_of(value);
    ASSERT_EQ(row_json_of(value), json);
    ASSERT_EQ(read<Everything>(json), value) << json;
    ASSERT_EQ(json_of(read<Everything>(json)), json);
  }
}

TEST(Json, RowsSurviveDamage) {
  RandomValues values(7);
  std::string bytes = encode_to_string(values.everything());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    ByteReader reader(std::string_view(bytes).substr(0, length));
    std::string out = "before";
    row_to_json(out, reader, schema_of<Everything>());
    EXPECT_TRUE(reader.failed());
    EXPECT_EQ(out, "before");
  }
  for (char& byte : bytes) {
    for (int flip = 1; flip < 256; flip += 7) {
      byte = static_cast<char>(byte ^ flip);
      ByteReader reader(bytes);
      std::string out;
      row_to_json(out, reader, schema_of<Everything>());
      byte = static_cast<char>(byte ^ flip);
    }
  }
}

TEST(Json, ReadsEscapesAndSpace) {
  EXPECT_EQ(read<std::string>(R"("\u0041\u00e9\ud83d\ude00\/\n")"), "Aé😀/\n");
  EXPECT_EQ(read<std::vector<int>>(" [ 1 ,\n\t2 ] "), (std::vector<int>{1, 2}));
  EXPECT_EQ(read<double>("1E2"), 100);
  EXPECT_EQ(read<double>("-0.5e-1"), -0.05);
  EXPECT_EQ(read<EventTime>("\"2010-12-01T08:26:00Z\""), from_millis(1291191960000));
  EXPECT_EQ(read<EventTime>("\"-infinity\""), kBeginningOfTime);
  EXPECT_EQ(read<EventTime>("12"), from_millis(12));
  EXPECT_EQ(read<Tier>("7"), Tier::black);
  EXPECT_EQ(read<Item>(R"({"count":1,"sku":"x","price":2})"), (Item{"x", 2, 1}));
}

struct Order {
  std::string id;
  std::optional<int> rank;
  std::vector<Item> items;
};
WEIR_DESCRIBE(Order, id, rank, items)

TEST(Json, LetsOptionalFieldsBeMissing) {
  const Order order = read<Order>(R"({"id":"o","items":[]})");
  EXPECT_EQ(order.id, "o");
  EXPECT_FALSE(order.rank.has_value());
}

TEST(Json, NamesTheFieldThatDoesNotFit) {
  EXPECT_THAT(refusal<Order>(R"({"id":"o"})"), HasSubstr("lacks the field 'items'"));
  EXPECT_THAT(refusal<Order>(R"({"id":"o","items":[],"x":1})"), HasSubstr("unknown field 'x'"));
  EXPECT_THAT(refusal<Order>(R"({"id":1,"items":[]})"),
              HasSubstr("field 'id' is a number where a string"));
  EXPECT_THAT(refusal<Order>(R"({"id":"o","items":[{"sku":"a","price":"1","count":1}]})"),
              HasSubstr("field 'items[0].price' is a string where a number is needed"));
  EXPECT_THAT(refusal<Order>(R"({"id":"o","id":"p","items":[]})"), HasSubstr("name twice"));
  EXPECT_THAT(refusal<Tier>(R"("silver")"), HasSubstr("none of: basic, gold, black"));
  EXPECT_THAT((refusal<std::array<int, 2>>("[1]")), HasSubstr("has 1 elements where 2"));
  EXPECT_THAT((refusal<std::map<int, int>>("[[1,2],[1,3]]")), HasSubstr("has a key twice"));
  EXPECT_THAT((refusal<std::map<int, int>>("[[1]]")), HasSubstr("not [key, value]"));
}

TEST(Json, RefusesNumbersThatDoNotFit) {
  EXPECT_THAT(refusal<std::int8_t>("128"), HasSubstr("outside -128 to 127"));
  EXPECT_THAT(refusal<std::uint8_t>("-1"), HasSubstr("outside 0 to 255"));
  EXPECT_THAT(refusal<std::int64_t>("9223372036854775808"), HasSubstr("outside"));
  EXPECT_THAT(refusal<std::int32_t>("1.5"), HasSubstr("whole number"));
  EXPECT_THAT(refusal<double>("1e999"), HasSubstr("no f64 can hold"));
  EXPECT_THAT(refusal<float>("1e300"), HasSubstr("no f32 can hold"));
  EXPECT_EQ(read<std::int64_t>("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(read<std::uint64_t>("18446744073709551615"), UINT64_MAX);
}

TEST(Json, RefusesMalformedText) {
  for (const char* bad : {"",
                          " ",
                          "[",
                          "[1,]",
                          "[1 2]",
                          "01",
                          "-",
                          "1.",
                          ".5",
                          "1e",
                          "+1",
                          "nul",
                          "tru",
                          "\"",
                          "\"\\x\"",
                          "\"\\u12\"",
                          "\"\\ud800\"",
                          "\"\\udc00\"",
                          "\"\\ud800\\u0041\"",
                          "\"\n\"",
                          "\"\xff\"",
                          "{\"a\"}",
                          "{a:1}",
                          "{\"a\":1,}",
                          "1 2",
                          "[1]]"}) {
    refusal<std::vector<int>>(bad);
    refusal<std::string>(bad);
  }
  refusal<std::string>(std::string(100'000, '['));
  refusal<double>(std::string(1000, '1'));
  std::string bytes = "kept";
  ByteWriter writer(bytes);
  EXPECT_FALSE(row_from_json(writer, R"({"sku":"x","price":1})", schema_of<Item>()).ok());
  EXPECT_EQ(bytes, "kept");
}

TEST(Json, ShowsOpaqueBytesAsHexadecimal) {
  const Schema schema = schema_build::opaque("Sketch");
  std::string bytes, json;
  ASSERT_TRUE([&] {
    ByteWriter writer(bytes);
    return row_from_json(writer, "\"00ff7a\"", schema).ok();
  }());
  EXPECT_EQ(bytes, std::string("\x03\x00\xff\x7a", 4));
  ByteReader reader(bytes);
  row_to_json(json, reader, schema);
  EXPECT_EQ(json, "\"00ff7a\"");
  std::string none;
  ByteWriter writer(none);
  EXPECT_FALSE(row_from_json(writer, "\"0\"", schema).ok());
  EXPECT_FALSE(row_from_json(writer, "\"zz\"", schema).ok());
}

}  // namespace
