// The binary codec: what it writes, that it reads it back, and that no bytes harm it.
#include "weir/base/codec.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/base/described_types.h"

namespace {

using namespace weir;
using namespace weir::testing_types;

std::string hex(std::string_view bytes) {
  std::string out;
  for (unsigned char c : bytes) {
    out += "0123456789abcdef"[c >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

template <class T>
std::string hex_of(const T& value) {
  return hex(encode_to_string(value));
}

template <class T>
bool reads_back(const T& value) {
  T again{};
  return decode_from(encode_to_string(value), again) && equal(again, value);
}

/// As `reads_back`, for values that may hold NaN.
template <class T>
bool keeps_bytes(const T& value) {
  T again{};
  const std::string bytes = encode_to_string(value);
  return decode_from(bytes, again) && encode_to_string(again) == bytes;
}

struct Opaque {};
struct HoldsOpaque {
  int a;
  Opaque b;
};
WEIR_DESCRIBE(HoldsOpaque, a, b)

TEST(Describe, KnowsWhatCanBeStored) {
  static_assert(Encodable<Everything> && Encodable<std::vector<std::optional<Item>>>);
  static_assert(Encodable<std::chrono::nanoseconds> && Encodable<EventTime>);
  static_assert(!Encodable<Opaque> && !Encodable<std::vector<Opaque>> && !Encodable<HoldsOpaque>);
  static_assert(!Encodable<int*> && !Encodable<std::unique_ptr<int>> && !Encodable<wchar_t>);
  static_assert(!Encodable<std::chrono::steady_clock::time_point> && !Encodable<long double>);
  static_assert(Described<Item> && !Described<int> && !Described<Tier>);
  static_assert(field_count<Item> == 3 && field_count<Empty> == 0);
}

TEST(Describe, VisitsFieldsInOrder) {
  Item item{"x", 1.5, 2};
  std::string names;
  for_each_field(item, [&](const char* name, auto&) { names += std::string(name) + ","; });
  EXPECT_EQ(names, "sku,price,count,");
  EXPECT_STREQ(enumerator_name(Tier::black), "black");
  EXPECT_EQ(enumerator_name(static_cast<Tier>(3)), nullptr);
}

// The bytes are a stored format: a failure here means that old checkpoints cannot be read.
TEST(Codec, KeepsItsBytes) {
  EXPECT_EQ(hex_of(true), "01");
  EXPECT_EQ(hex_of(std::uint8_t{200}), "c8");
  EXPECT_EQ(hex_of(std::int8_t{-1}), "ff");
  EXPECT_EQ(hex_of('a'), "61");
  EXPECT_EQ(hex_of(std::int32_t{-1}), "01");
  EXPECT_EQ(hex_of(std::int32_t{300}), "d804");
  EXPECT_EQ(hex_of(std::uint32_t{300}), "ac02");
  EXPECT_EQ(hex_of(INT64_MIN), "ffffffffffffffffff01");
  EXPECT_EQ(hex_of(1.0f), "0000803f");
  EXPECT_EQ(hex_of(1.0), "000000000000f03f");
  EXPECT_EQ(hex_of(std::string("hi")), "026869");
  EXPECT_EQ(hex_of(Tier::black), "07");
  EXPECT_EQ(hex_of(from_millis(1000)), "d00f");
  EXPECT_EQ(hex_of(std::chrono::seconds(2)), "04");
  EXPECT_EQ(hex_of(std::optional<int>()), "00");
  EXPECT_EQ(hex_of(std::optional<int>(1)), "0102");
  EXPECT_EQ(hex_of(std::vector<int>{1, 2}), "020204");
  EXPECT_EQ(hex_of(std::vector<std::uint8_t>{1, 255}), "0201ff");
  EXPECT_EQ(hex_of(std::array<int, 2>{1, 2}), "0204");
  EXPECT_EQ(hex_of(std::array<int, 0>{}), "00");
  EXPECT_EQ(hex_of(std::pair(1, true)), "0201");
  EXPECT_EQ(hex_of(std::tuple<>()), "00");
  EXPECT_EQ(hex_of(std::map<int, bool>{{2, true}, {1, false}}), "0202000401");
  EXPECT_EQ(hex_of(std::set<int>{2, 1}), "020204");
  EXPECT_EQ(hex_of(std::unordered_set<std::string>{"b", "a", "c"}), "03016101620163");
  EXPECT_EQ(hex_of(Item{"x", 1.0, -1}), "0178000000000000f03f01");
  EXPECT_EQ(hex_of(Empty{}), "00");
}

TEST(Codec, WritesAStructAtOnceAsItWouldFieldByField) {
  for (const bool most : {false, true}) {
    Numbers n;
    if (most) {
      n = {true,       INT8_MIN,   INT16_MIN,  INT32_MIN, INT64_MIN, UINT8_MAX,
           UINT16_MAX, UINT32_MAX, UINT64_MAX, -1.5f,     1e300,     '~'};
    }
    std::string fields;
    for_each_field(n, [&](const char*, const auto& field) { fields += hex_of(field); });
    EXPECT_EQ(hex_of(n), fields);
    EXPECT_LE(fields.size() / 2, codec_detail::most_bytes<Numbers>());
    EXPECT_EQ(hex_of(std::pair(n, std::string("x"))), fields + "0178") << "not bounded";
    EXPECT_EQ(hex_of(std::array<Numbers, 2>{n, n}), fields + fields);
  }
}

TEST(Codec, WritesEqualUnorderedContainersAlike) {
  std::unordered_map<std::string, int> forward, backward;
  for (int i = 0; i < 100; ++i) forward[std::to_string(i)] = i;
  backward.reserve(4096);
  for (int i = 99; i >= 0; --i) backward[std::to_string(i)] = i;
  EXPECT_EQ(encode_to_string(forward), encode_to_string(backward));
}

TEST(Codec, ReadsBackRandomValues) {
  const std::uint64_t seed = entropy_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomValues values(seed);
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(reads_back(values.everything())) << "round " << i;
}

TEST(Codec, RefusesEveryTruncation) {
  const std::uint64_t seed = entropy_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomValues values(seed);
  for (int round = 0; round < 20; ++round) {
    const std::string bytes = encode_to_string(values.everything());
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      Everything out;
      ASSERT_FALSE(decode_from(std::string_view(bytes).substr(0, length), out)) << length;
    }
  }
}

TEST(Codec, SurvivesEveryFlippedByte) {
  const std::uint64_t seed = entropy_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomValues values(seed);
  Everything out;
  for (int round = 0; round < 5; ++round) {
    std::string bytes = encode_to_string(values.everything());
    for (char& byte : bytes) {
      for (int flip : {0x01, 0x80, 0xff}) {
        byte = static_cast<char>(byte ^ flip);
        if (decode_from(bytes, out)) {
          ASSERT_TRUE(keeps_bytes(out));
        }
        byte = static_cast<char>(byte ^ flip);
      }
    }
  }
}

TEST(Codec, BelievesNoCount) {
  std::string bytes;
  ByteWriter(bytes).varint(UINT64_MAX);
  bytes += "abc";
  std::vector<Item> items;
  std::vector<Empty> empties;
  std::map<int, int> map;
  std::vector<std::uint8_t> raw;
  EXPECT_FALSE(decode_from(bytes, items));
  EXPECT_FALSE(decode_from(bytes, empties));
  EXPECT_FALSE(decode_from(bytes, map));
  EXPECT_FALSE(decode_from(bytes, raw));
}

TEST(Codec, RefusesWhatItWouldNotWrite) {
  bool flag;
  std::int16_t small;
  std::uint32_t word;
  std::optional<bool> maybe;
  std::set<int> set;
  Empty empty;
  EXPECT_FALSE(decode_from("\x02", flag));
  EXPECT_FALSE(decode_from("\x02\x01", maybe));
  EXPECT_FALSE(decode_from("\x01", empty));
  EXPECT_FALSE(decode_from(encode_to_string(std::int32_t{40000}), small));
  EXPECT_FALSE(decode_from(encode_to_string(std::uint64_t{1} << 32), word));
  EXPECT_FALSE(decode_from("\x02\x02\x02", set));  // a key twice
}

}  // namespace

namespace shapes {
struct Point {
  int x = 0, y = 0;
};
}  // namespace shapes

// An author's own codec: both coordinates in one string.
template <>
struct weir::Codec<shapes::Point> {
  static void encode(ByteWriter& writer, const shapes::Point& p) {
    writer.u8(2);
    writer.u8(static_cast<std::uint8_t>(p.x));
    writer.u8(static_cast<std::uint8_t>(p.y));
  }
  static void decode(ByteReader& reader, shapes::Point& p) {
    const std::string_view bytes = reader.string();
    if (bytes.size() != 2) return reader.fail();
    p = {bytes[0], bytes[1]};
  }
  static int schema() { return 0; }
};

namespace {

TEST(Codec, UsesTheCodecOfAType) {
  static_assert(Encodable<std::vector<shapes::Point>>);
  EXPECT_EQ(hex_of(std::vector<shapes::Point>{{1, 2}}), "01020102");
  shapes::Point p;
  ASSERT_TRUE(decode_from("\x02\x05\x06", p));
  EXPECT_EQ(p.y, 6);
}

}  // namespace
