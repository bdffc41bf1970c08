// Schemas: their text, their canonical form, and which changes of a type are compatible.
#include "weir/base/schema.h"

#include <gmock/gmock.h>

#include "tests/base/described_types.h"
#include "weir/base/codec.h"

namespace {

using namespace weir;
using namespace weir::testing_types;
using ::testing::HasSubstr;

struct Cart {
  std::string user;
  std::vector<Item> items;
  std::optional<EventTime> at;
  Tier tier = Tier::basic;
};
WEIR_DESCRIBE(Cart, user, items, at, tier)

TEST(Schema, ReadsAsText) {
  EXPECT_EQ(to_text(schema_of<Cart>()),
            "struct Cart {\n"
            "  user: string\n"
            "  items: list of struct weir::testing_types::Item {\n"
            "    sku: string\n"
            "    price: f64\n"
            "    count: i32\n"
            "  }\n"
            "  at: optional time\n"
            "  tier: enum weir::testing_types::Tier (u8: basic=1 gold=2 black=7)\n"
            "}");
  EXPECT_EQ(describe(schema_of<std::map<int, Cart>>()), "map of i32 to struct Cart");
  EXPECT_EQ(describe(schema_of<std::chrono::milliseconds>()), "duration in milliseconds (i64)");
}

// A stored format, like the bytes of the codec.
TEST(Schema, KeepsItsCanonicalForm) {
  EXPECT_EQ(to_json(schema_of<Item>()),
            R"({"struct":"weir::testing_types::Item",)"
            R"("fields":[["sku","string"],["price","f64"],["count","i32"]]})");
  EXPECT_EQ(to_json(schema_of<std::map<std::string, std::vector<bool>>>()),
            R"({"map":["string",{"list":"bool"}]})");
  EXPECT_EQ(to_json(schema_of<std::array<char, 3>>()), R"({"array":"i8","size":3})");
  EXPECT_EQ(to_json(schema_of<std::pair<std::uint8_t, std::set<float>>>()),
            R"({"tuple":["u8",{"set":"f32"}]})");
  EXPECT_EQ(to_json(schema_of<std::chrono::seconds>()), R"({"duration":"i64","unit":[1,1]})");
  EXPECT_EQ(to_json(schema_of<Tier>()), R"({"enum":"weir::testing_types::Tier","of":"u8",)"
                                        R"("values":[["basic",1],["gold",2],["black",7]]})");
  EXPECT_EQ(to_json(schema_build::external("MapState", {schema_of<int>(), schema_of<Empty>()})),
            R"({"external":"MapState","of":["i32",)"
            R"({"struct":"weir::testing_types::Empty","fields":[]}]})");
}

TEST(Schema, ReadsItsCanonicalFormBack) {
  for (const Schema* schema : {&schema_of<Everything>(), &schema_of<Cart>(), &schema_of<bool>()}) {
    auto again = parse_schema(to_json(*schema));
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(*again, *schema);
    EXPECT_EQ(to_json(*again), to_json(*schema));
  }
}

TEST(Schema, RefusesEveryOtherText) {
  for (const char* bad : {"",
                          "1",
                          "null",
                          "\"i7\"",
                          "{}",
                          "[]",
                          "\"i32\" ",
                          " \"i32\"",
                          R"({"list":"i32","x":1})",
                          R"({"map":["i32"]})",
                          R"({"array":"i32"})",
                          R"({"array":"i32","size":-1})",
                          R"({"array":"i32","size":01})",
                          R"({"enum":"E","of":"f64","values":[]})",
                          R"({"duration":"i64","unit":[0,1]})",
                          R"({"duration":"string","unit":[1,1]})",
                          R"({"struct":"S","fields":[["a","i32"],["a","i32"]]})",
                          R"({"fields":[],"struct":"S"})",
                          R"({"struct":"S","fields":[["a"]]})",
                          R"({"list": "i32"})",
                          R"({"opaque":"x"})"}) {
    auto parsed = parse_schema(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(parsed.error().code, ErrorCode::corrupt);
  }
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += R"({"list":)";
  EXPECT_FALSE(parse_schema(deep).ok());
}

TEST(Schema, SurvivesDamage) {
  std::string json = to_json(schema_of<Everything>());
  for (std::size_t length = 0; length < json.size(); ++length)
    EXPECT_FALSE(parse_schema(std::string_view(json).substr(0, length)).ok());
  for (char& c : json) {
    const char before = c;
    for (char put : {'\0', '"', '[', '}', '9', '\xff'}) {
      c = put;
      auto parsed = parse_schema(json);
      if (parsed.ok()) {
        EXPECT_EQ(to_json(*parsed), json);
      }
    }
    c = before;
  }
}

TEST(Schema, SkipsExactlyOneValue) {
  const std::uint64_t seed = entropy_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomValues values(seed);
  for (int i = 0; i < 100; ++i) {
    const std::string bytes = encode_to_string(values.everything()) + "rest";
    ByteReader reader(bytes);
    skip_value(reader, schema_of<Everything>());
    ASSERT_EQ(reader.rest(), "rest");
  }
  ByteReader empty("");
  skip_value(empty, *parse_schema(R"({"array":"i32","size":18446744073709551615})"));
  EXPECT_TRUE(empty.failed());
}

template <class From, class To>
bool compatible() {
  return check_compatible(schema_of<From>(), schema_of<To>()).ok();
}

TEST(Schema, WidensNumbersWithoutLoss) {
  static_assert(sizeof(long) == 8);
  EXPECT_TRUE((compatible<std::int32_t, std::int64_t>()));
  EXPECT_TRUE((compatible<std::int8_t, std::int16_t>()));
  EXPECT_TRUE((compatible<std::uint32_t, std::uint64_t>()));
  EXPECT_TRUE((compatible<std::uint32_t, std::int64_t>()));
  EXPECT_TRUE((compatible<float, double>()));
  EXPECT_TRUE((compatible<std::vector<std::uint8_t>, std::vector<std::int16_t>>()));
  EXPECT_FALSE((compatible<std::int64_t, std::int32_t>()));
  EXPECT_FALSE((compatible<std::uint64_t, std::int64_t>()));
  EXPECT_FALSE((compatible<std::int32_t, std::uint64_t>()));
  EXPECT_FALSE((compatible<double, float>()));
  EXPECT_FALSE((compatible<std::int32_t, double>()));
  EXPECT_FALSE((compatible<bool, std::int32_t>()));
}

TEST(Schema, AllowsWhatKeepsTheMeaning) {
  EXPECT_TRUE((compatible<int, std::optional<int>>()));
  EXPECT_TRUE((compatible<int, std::optional<long>>()));
  EXPECT_FALSE((compatible<std::optional<int>, int>()));
  EXPECT_FALSE((compatible<std::string, int>()));
  EXPECT_FALSE((compatible<std::vector<int>, std::set<int>>()));
  EXPECT_FALSE((compatible<std::array<int, 2>, std::array<int, 3>>()));
  EXPECT_FALSE((compatible<std::chrono::seconds, std::chrono::milliseconds>()));
  EXPECT_FALSE((compatible<std::tuple<int>, std::tuple<int, int>>()));
  EXPECT_TRUE((compatible<std::tuple<int, int>, std::pair<long, int>>()));
  EXPECT_FALSE((compatible<std::int64_t, EventTime>()));
}

struct OldCart {
  std::string user;
  std::vector<std::pair<std::string, std::string>> items;
};
WEIR_DESCRIBE(OldCart, user, items)
struct NewCart {
  std::string user;
  std::vector<std::pair<std::string, double>> items;
};
WEIR_DESCRIBE(NewCart, user, items)

TEST(Schema, ShowsBothSchemasAndTheFieldThatDoesNotFit) {
  const Status status = check_compatible(schema_of<OldCart>(), schema_of<NewCart>());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::incompatible);
  EXPECT_THAT(status.error().message,
              HasSubstr("field 'items[][1]' was written as string and is now f64"));
  EXPECT_THAT(status.error().message, HasSubstr("written"));
  EXPECT_THAT(status.error().message, HasSubstr("struct OldCart {"));
  EXPECT_THAT(status.error().message, HasSubstr("| struct NewCart {"));
  EXPECT_THAT(status.error().message, HasSubstr("items: list of tuple(string, f64)"));
}

TEST(Schema, FollowsRenames) {
  const Schema written = *parse_schema(R"({"struct":"Cart","fields":[["sum","i32"]]})");
  const Schema now = *parse_schema(R"({"struct":"Cart","fields":[["total","string"]]})");
  EXPECT_FALSE(check_compatible(written, now, {{"Cart", "sum", "total"}}).ok());
  const Status bad = check_compatible(written, now, {{"Cart", "sum", "totl"}});
  ASSERT_FALSE(bad.ok());
  EXPECT_THAT(bad.error().message, HasSubstr("names a field that 'Cart' does not have"));
}

TEST(Schema, RefusesToDropEverything) {
  const Schema written = *parse_schema(R"({"struct":"Cart","fields":[["sum","i32"]]})");
  const Schema now = *parse_schema(R"({"struct":"Cart","fields":[["total","i32"]]})");
  EXPECT_TRUE(check_compatible(written, now, {{"Cart", "sum", "total"}}).ok());
  const Status status = check_compatible(written, now);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("not one field has kept its name"));
}

TEST(Schema, MatchesEnumeratorsByName) {
  const Schema written = *parse_schema(R"({"enum":"E","of":"u8","values":[["a",0],["b",1]]})");
  const auto check = [&](const char* now) {
    return check_compatible(written, *parse_schema(now)).ok();
  };
  EXPECT_TRUE(check(R"({"enum":"E","of":"u8","values":[["a",0],["b",1],["c",2]]})"));
  EXPECT_TRUE(check(R"({"enum":"E","of":"i16","values":[["b",0],["a",1]]})"));
  EXPECT_FALSE(check(R"({"enum":"E","of":"u8","values":[["a",0]]})"));
  EXPECT_FALSE(check(R"({"enum":"E","of":"i8","values":[["a",0],["b",1]]})"));
}

}  // namespace
