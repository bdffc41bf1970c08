// Reading what an older version of a job wrote: whether a schema fits is decided before the first
// record, reading ends where passing over the record by its schema does, and what was read is a
// value of today.
//
// Input := 0, text of the written schema, byte 0, record | 1, bytes a schema is made of, record
#include <map>
#include <optional>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/schema_values.h"
#include "weir/base/evolve.h"

namespace weir::fuzz {

enum class Tier : std::uint16_t { gold = 300, basic = 1, black = 7 };
WEIR_DESCRIBE_ENUM(Tier, gold, basic, black)

struct LineV1 {
  std::string sku;
  std::int32_t count = 0;
};
WEIR_DESCRIBE(LineV1, sku, count)

struct Line {
  std::int64_t quantity = 1;
  std::string sku;
  static void evolve(Evolution<Line>& e) { e.renamed("count", "quantity"); }
};
WEIR_DESCRIBE(Line, quantity, sku)

struct CartV1 {
  std::string user;
  std::vector<LineV1> lines;
  float sum = 0;
};
WEIR_DESCRIBE(CartV1, user, lines, sum)

struct Cart {
  std::optional<std::string> user;
  double total = 0;
  std::vector<Line> lines;
  std::map<std::string, std::optional<Tier>> note;
  std::chrono::milliseconds count{};
  std::array<std::pair<std::int64_t, double>, 2> sku{};
  static void evolve(Evolution<Cart>& e) {
    e.renamed("sum", "total");
    e.migrate<CartV1>([](const CartV1& old) {
      Cart cart;
      cart.user = old.user;
      cart.total = old.sum;
      return cart;
    });
  }
};
WEIR_DESCRIBE(Cart, user, total, lines, note, count, sku)

namespace {

void check(const Schema& written, std::string_view record) {
  StateDecoder<Cart> decoder;
  const bool fits = decoder.create(written).ok();
  WEIR_CHECK(fits == check_evolution<Cart>(written).ok(), "asking first tells the truth");
  if (!fits) return;
  Cart cart;
  ByteReader reader(record), skipped(record);
  if (!decoder.decode(reader, cart)) return;
  skip_value(skipped, written);
  WEIR_CHECK(!skipped.failed() && skipped.remaining() == reader.remaining(),
             "reading a record ends where passing over it does");
  Cart today;
  const std::string bytes = encode_to_string(cart);
  WEIR_CHECK(decode_from(bytes, today), "what was read is a value of today");
  check_same(bytes, encode_to_string(today), "what was read is written in one way");
  if (decoder.is_current()) {
    Cart plain;
    ByteReader again(record);
    decode(again, plain);
    check_same(bytes, encode_to_string(plain), "of today's schema both readers read the same");
  }
}

template <class T>
std::string seed(const T& value) {
  const std::string zero(1, '\0');
  return zero + to_json(schema_of<T>()) + zero + encode_to_string(value);
}

}  // namespace

void run(std::string_view input) {
  ByteReader in(input);
  if (in.u8() % 2 == 1) {
    Schema row = schema_build::structure("Row");
    for (const char* name : {"user", "lines", "total", "note"}) {
      if (in.u8() % 4 != 0) schema_build::add_field(row, name, take_schema(in, 3));
    }
    return check(row, in.rest());
  }
  const std::string_view text = in.rest().substr(0, in.rest().find('\0'));
  const auto schema = parse_schema(text);
  if (!schema.ok()) return;
  in.raw(text.size());
  in.u8();
  check(*schema, in.rest());
}

std::vector<std::string> seeds() {
  Cart cart;
  cart.user = "ann";
  cart.lines = {{3, "pear"}, {-1, "apple"}};
  cart.note = {{"a", Tier::gold}, {"b", std::nullopt}, {"c", static_cast<Tier>(9)}};
  return {seed(cart), seed(CartV1{"bob", {{"pear", 4}}, 1.5f}), seed(Line()), seed(LineV1()),
          std::string("\x01\x01\x0b\x00\x00\x00\x03xyz", 9)};
}

}  // namespace weir::fuzz
