// Reading old bytes into today's types: one test for each kind of change.
#include "weir/base/evolve.h"

#include <gmock/gmock.h>

#include "tests/base/described_types.h"

namespace {

using namespace weir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Writes `old` and reads it as New, through a decoder made from the parsed text of Old's schema,
/// as a restore does.
template <class New, class Old>
New reread(const Old& old, New out = {}) {
  StateDecoder<New> decoder;
  const Status status = decoder.create(*parse_schema(to_json(schema_of<Old>())));
  EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().message);
  const std::string bytes = encode_to_string(old) + "rest";
  ByteReader reader(bytes);
  EXPECT_TRUE(decoder.decode(reader, out));
  EXPECT_EQ(reader.rest(), "rest");
  return out;
}

struct LineV1 {
  std::string sku;
  std::int32_t count = 0;
};
WEIR_DESCRIBE(LineV1, sku, count)

struct CartV1 {
  std::string user;
  std::vector<LineV1> lines;
  float sum = 0;
  std::uint32_t visits = 0;
  std::map<std::string, std::int32_t> tags;
  std::string note;
};
WEIR_DESCRIBE(CartV1, user, lines, sum, visits, tags, note)

struct Line {
  std::int64_t quantity = 1;
  std::string sku;
  std::string currency = "EUR";
  static void evolve(Evolution<Line>& e) { e.renamed("count", "quantity"); }
};
WEIR_DESCRIBE(Line, quantity, sku, currency)

struct Cart {
  std::optional<std::string> user;
  double total = 0;
  std::vector<Line> lines;
  std::int64_t visits = 0;
  std::map<std::string, std::int64_t> tags;
  std::vector<int> added{1, 2};
  static void evolve(Evolution<Cart>& e) { e.renamed("sum", "total"); }
};
WEIR_DESCRIBE(Cart, user, total, lines, visits, tags, added)

TEST(Evolve, ReadsAddedRemovedRenamedWidenedNestedAndOptionalFieldsAtOnce) {
  const CartV1 old{"ann", {{"apple", 3}, {"pear", -4}}, 1.5f, 4'000'000'000, {{"a", -1}}, "gone"};
  Cart stale;
  stale.added = {9, 9, 9};
  stale.lines.resize(7);
  const Cart cart = reread<Cart>(old, stale);
  EXPECT_EQ(cart.user, "ann");
  EXPECT_EQ(cart.total, 1.5);
  EXPECT_EQ(cart.visits, 4'000'000'000);
  EXPECT_EQ(cart.tags.at("a"), -1);
  EXPECT_THAT(cart.added, ElementsAre(1, 2));
  ASSERT_EQ(cart.lines.size(), 2u);
  EXPECT_EQ(cart.lines[1].quantity, -4);
  EXPECT_EQ(cart.lines[1].sku, "pear");
  EXPECT_EQ(cart.lines[1].currency, "EUR");
}

TEST(Evolve, UsesThePlainDecoderForTodaysSchema) {
  StateDecoder<Cart> decoder;
  EXPECT_TRUE(decoder.is_current());
  ASSERT_TRUE(decoder.create(schema_of<Cart>()).ok());
  EXPECT_TRUE(decoder.is_current());
  ASSERT_TRUE(decoder.create(schema_of<CartV1>()).ok());
  EXPECT_FALSE(decoder.is_current());
}

TEST(Evolve, KeepsTheDecoderWhenItIsMoved) {
  StateDecoder<Cart> first;
  ASSERT_TRUE(first.create(schema_of<CartV1>()).ok());
  const StateDecoder<Cart> second = std::move(first);
  const std::string bytes = encode_to_string(CartV1{"u", {}, 2, 3, {}, ""});
  ByteReader reader(bytes);
  Cart cart;
  ASSERT_TRUE(second.decode(reader, cart));
  EXPECT_EQ(cart.total, 2);
}

TEST(Evolve, SurvivesDamagedOldBytes) {
  StateDecoder<Cart> decoder;
  ASSERT_TRUE(decoder.create(schema_of<CartV1>()).ok());
  std::string bytes = encode_to_string(CartV1{"ann", {{"a", 3}, {"b", 4}}, 1, 2, {{"a", 1}}, "n"});
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    ByteReader reader(std::string_view(bytes).substr(0, length));
    Cart cart;
    EXPECT_FALSE(decoder.decode(reader, cart)) << length;
  }
  for (char& byte : bytes) {
    for (int flip = 1; flip < 256; ++flip) {
      byte = static_cast<char>(byte ^ flip);
      ByteReader reader(bytes);
      Cart cart;
      static_cast<void>(decoder.decode(reader, cart));
      byte = static_cast<char>(byte ^ flip);
    }
  }
}

struct OnlyName {
  std::string name;
};
WEIR_DESCRIBE(OnlyName, name)
struct NothingLeft {};
WEIR_DESCRIBE(NothingLeft)

TEST(Evolve, ReadsStructsWithoutFields) {
  reread<NothingLeft>(OnlyName{"x"});
  EXPECT_EQ(reread<OnlyName>(NothingLeft{}, OnlyName{"stale"}).name, "");
}

struct Reused {
  std::string sum;
  double total = 0;
  static void evolve(Evolution<Reused>& e) { e.renamed("sum", "total"); }
};
WEIR_DESCRIBE(Reused, sum, total)
struct ReusedV1 {
  double sum = 0;
};
WEIR_DESCRIBE(ReusedV1, sum)
struct ReusedV2 {
  std::string sum;
  float total = 0;
};
WEIR_DESCRIBE(ReusedV2, sum, total)

TEST(Evolve, AppliesARenameOnlyToRecordsFromBeforeIt) {
  EXPECT_EQ(reread<Reused>(ReusedV1{4}).total, 4);
  EXPECT_EQ(reread<Reused>(ReusedV1{4}).sum, "");
  EXPECT_EQ(reread<Reused>(ReusedV2{"s", 5}).sum, "s");
  EXPECT_EQ(reread<Reused>(ReusedV2{"s", 5}).total, 5);
}

// ---- enumerations ----

namespace v1 {
enum class Color : std::uint8_t { red = 0, green = 1 };
WEIR_DESCRIBE_ENUM(Color, red, green)
}  // namespace v1
namespace renumbered {
enum class Color : std::int32_t { blue = 0, green = 500, red = -1 };
WEIR_DESCRIBE_ENUM(Color, blue, green, red)
}  // namespace renumbered
namespace grown {
enum class Color : std::uint8_t { red = 0, green = 1, blue = 2 };
WEIR_DESCRIBE_ENUM(Color, red, green, blue)
}  // namespace grown

TEST(Evolve, MatchesEnumeratorsByName) {
  EXPECT_EQ(reread<renumbered::Color>(v1::Color::red), renumbered::Color::red);
  EXPECT_EQ(reread<renumbered::Color>(v1::Color::green), renumbered::Color::green);
  EXPECT_EQ(reread<grown::Color>(v1::Color::green), grown::Color::green);
  EXPECT_FALSE(check_evolution<v1::Color>(schema_of<grown::Color>()).ok());
}

TEST(Evolve, PassesUnnamedEnumValuesOnlyWhereNumbersKeptTheirMeaning) {
  EXPECT_EQ(reread<grown::Color>(static_cast<v1::Color>(9)), static_cast<grown::Color>(9));
  StateDecoder<renumbered::Color> decoder;
  ASSERT_TRUE(decoder.create(schema_of<v1::Color>()).ok());
  ByteReader reader("\x09");
  renumbered::Color color;
  EXPECT_FALSE(decoder.decode(reader, color));
}

// ---- every container, element by element ----

struct BoxV1 {
  std::optional<std::int32_t> maybe;
  std::array<std::uint8_t, 2> array{};
  std::set<std::int16_t> set;
  std::pair<std::int32_t, float> pair;
  std::unordered_map<std::uint16_t, LineV1> map;
  std::chrono::duration<std::int32_t> pause{};
  std::vector<bool> same;
};
WEIR_DESCRIBE(BoxV1, maybe, array, set, pair, map, pause, same)
struct Box {
  std::optional<std::int64_t> maybe;
  std::array<std::int16_t, 2> array{};
  std::set<std::int64_t> set;
  std::tuple<std::int64_t, double> pair;
  std::unordered_map<std::uint32_t, Line> map;
  std::chrono::duration<std::int64_t> pause{};
  std::vector<bool> same;
};
WEIR_DESCRIBE(Box, maybe, array, set, pair, map, pause, same)

TEST(Evolve, WidensInsideEveryContainer) {
  BoxV1 old{-5, {200, 1}, {-3, 4}, {-7, 0.5f}, {{60000, {"a", 2}}}, {}, {true, false}};
  old.pause = std::chrono::duration<std::int32_t>(-30);
  const Box box = reread<Box>(old);
  EXPECT_EQ(box.maybe, -5);
  EXPECT_THAT(box.array, ElementsAre(200, 1));
  EXPECT_THAT(box.set, ElementsAre(-3, 4));
  EXPECT_EQ(box.pair, std::tuple(-7, 0.5));
  EXPECT_EQ(box.map.at(60000).quantity, 2);
  EXPECT_EQ(box.pause.count(), -30);
  EXPECT_THAT(box.same, ElementsAre(true, false));
  EXPECT_EQ(reread<Box>(BoxV1{}).maybe, std::nullopt);
}

// ---- migrations ----

struct PriceV1 {
  std::string text;  // "12.50"
};
WEIR_DESCRIBE(PriceV1, text)
struct PriceV2 {
  double amount = 0;
  static void evolve(Evolution<PriceV2>& e) {
    e.migrate<PriceV1>([](const PriceV1& old) { return PriceV2{std::stod(old.text)}; });
  }
};
WEIR_DESCRIBE(PriceV2, amount)
struct Price {
  std::int64_t cents = 0;
  static void evolve(Evolution<Price>& e) {
    e.migrate<PriceV2>([](const PriceV2& old) {
      return Price{static_cast<std::int64_t>(old.amount * 100 + 0.5)};
    });
  }
};
WEIR_DESCRIBE(Price, cents)

struct OrderV1 {
  std::string id;
  std::vector<PriceV1> prices;
};
WEIR_DESCRIBE(OrderV1, id, prices)
struct Order {
  std::string id;
  std::optional<std::vector<Price>> prices;
  int rank = 3;
};
WEIR_DESCRIBE(Order, id, prices, rank)

TEST(Evolve, MigratesAStructWrittenExactlyAsTheOldOne) {
  EXPECT_EQ(reread<Price>(PriceV2{12.5}).cents, 1250);
}

TEST(Evolve, MigratesNestedStructs) {
  const Order order = reread<Order>(OrderV1{"o", {{"1.25"}, {"3"}}});
  ASSERT_TRUE(order.prices.has_value());
  EXPECT_EQ(order.prices->at(0).cents, 125);
  EXPECT_EQ(order.prices->at(1).cents, 300);
  EXPECT_EQ(order.rank, 3);
}

struct FloatPrice {
  float amount = 0;
};
WEIR_DESCRIBE(FloatPrice, amount)
struct Tagged {
  std::string amount;
  static void evolve(Evolution<Tagged>& e) {
    e.migrate<OnlyName>([](const OnlyName& old) { return Tagged{old.name}; });
    e.migrate<PriceV2>([](const PriceV2& old) { return Tagged{std::to_string(old.amount)}; });
  }
};
WEIR_DESCRIBE(Tagged, amount)

TEST(Evolve, MigratesWhatFitsOnlyTheOldStructByName) {
  // OnlyName fits too, if `amount` were skipped; that would be a loss.
  EXPECT_EQ(reread<Tagged>(FloatPrice{2}).amount, "2.000000");  // float widens to PriceV2's double
  EXPECT_EQ(reread<Tagged>(OnlyName{"x"}).amount, "x");
}

struct Chained {
  std::int64_t amount = 0;
  static void evolve(Evolution<Chained>& e) {
    e.migrate<Tagged>([](const Tagged& t) { return Chained{std::stoll(t.amount)}; });
  }
};
WEIR_DESCRIBE(Chained, amount)

TEST(Evolve, ChainsMigrations) { EXPECT_EQ(reread<Chained>(PriceV2{7}).amount, 7); }

struct Ping;
struct Pong {
  std::vector<int> value;
  static void evolve(Evolution<Pong>& e);
};
WEIR_DESCRIBE(Pong, value)
struct Ping {
  std::set<int> value;
  static void evolve(Evolution<Ping>& e) {
    e.migrate<Pong>([](const Pong&) { return Ping{}; });
  }
};
WEIR_DESCRIBE(Ping, value)
void Pong::evolve(Evolution<Pong>& e) {
  e.migrate<Ping>([](const Ping&) { return Pong{}; });
}
struct Unrelated {
  std::string value;
};
WEIR_DESCRIBE(Unrelated, value)

TEST(Evolve, StopsAtCircularMigrations) {
  EXPECT_FALSE(check_evolution<Ping>(schema_of<Unrelated>()).ok());
  reread<Ping>(Pong{{1}});
}

// ---- refusals ----

TEST(Evolve, RefusesWithThePathAndBothSchemas) {
  const std::string bad(R"({"struct":"Order","fields":[["id","string"],["prices",{"list":)"
                        R"({"struct":"Price","fields":[["cents","string"]]}}]]})");
  const Status status = check_evolution<Order>(*parse_schema(bad));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::incompatible);
  EXPECT_THAT(status.error().message,
              HasSubstr("field 'prices[].cents' was written as string and is now i64"));
  EXPECT_THAT(status.error().message, HasSubstr("rank: i32"));
  EXPECT_THAT(status.error().message, HasSubstr("migration function"));
  ByteReader reader("x");
  Order out;
  decode_evolved(reader, *parse_schema(bad), out);
  EXPECT_TRUE(reader.failed());
}

TEST(Evolve, RefusesARenameToAFieldThatDoesNotExist) {
  const Status status =
      check_compatible(schema_of<CartV1>(), schema_of<Cart>(), {{"Cart", "sum", "totals"}});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("\"totals\""));
}

}  // namespace

// ---- types with their own Codec ----

namespace shapes {
struct Money {
  std::int64_t cents = 0;
};
struct Kept {  // stands for state whose entries are elsewhere
  int bound = 0;
};
}  // namespace shapes
template <>
struct weir::Codec<shapes::Money> {
  static void encode(ByteWriter& w, const shapes::Money& m) { w.zigzag(m.cents); }
  static void decode(ByteReader& r, shapes::Money& m) { m.cents = r.zigzag(); }
  static Schema schema() { return Schema(SchemaKind::i64); }
};
template <>
struct weir::Codec<shapes::Kept> {
  static void encode(ByteWriter& w, const shapes::Kept&) { w.string(""); }
  static void decode(ByteReader& r, shapes::Kept&) { r.string(); }
  static Schema schema() { return schema_build::external("Kept", {schema_of<std::int64_t>()}); }
};

namespace {

struct Wallet {
  shapes::Money money;
  shapes::Kept kept;
  int added = 4;
};
WEIR_DESCRIBE(Wallet, money, kept, added)
struct PlainWallet {
  std::int64_t money = 0;
};
WEIR_DESCRIBE(PlainWallet, money)
struct NarrowWallet {
  std::int32_t money = 0;
};
WEIR_DESCRIBE(NarrowWallet, money)

TEST(Evolve, ReadsTypesWithTheirOwnCodecOnlyFromTheirOwnBytes) {
  Wallet wallet;
  wallet.kept.bound = 42;
  wallet = reread<Wallet>(PlainWallet{99}, wallet);
  EXPECT_EQ(wallet.money.cents, 99);
  EXPECT_EQ(wallet.kept.bound, 42);  // what its owner bound is not overwritten by a default
  const Status status = check_evolution<Wallet>(schema_of<NarrowWallet>());
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("own Codec"));
}

TEST(Evolve, LetsExternalElementsEvolve) {
  Schema written = schema_of<Wallet>();
  const auto kept = static_cast<std::size_t>(written.find_field("kept"));
  written.fields[kept].schema = schema_build::external("Kept", {Schema(SchemaKind::i32)});
  EXPECT_TRUE(check_evolution<Wallet>(written).ok());
  written.fields[kept].schema = schema_build::external("Kept", {Schema(SchemaKind::string)});
  EXPECT_FALSE(check_evolution<Wallet>(written).ok());
}

}  // namespace
