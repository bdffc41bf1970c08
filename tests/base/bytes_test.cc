// ByteWriter and ByteReader: round trips, the limits of varints, and malformed input.
#include "weir/base/bytes.h"

#include <gtest/gtest.h>

#include <string>

#include "weir/base/clock.h"

namespace weir {
namespace {

std::string varint(std::uint64_t v) {
  std::string out;
  ByteWriter(out).varint(v);
  return out;
}

TEST(Bytes, VarintIsAsLongAsItMustBe) {
  EXPECT_EQ(varint(0), std::string(1, '\0'));
  EXPECT_EQ(varint(127), "\x7f");
  EXPECT_EQ(varint(128), "\x80\x01");
  EXPECT_EQ(varint(300), "\xac\x02");
  EXPECT_EQ(varint((1ull << 63) - 1).size(), 9u);
  EXPECT_EQ(varint(1ull << 63).size(), 10u);
  EXPECT_EQ(varint(UINT64_MAX), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

TEST(Bytes, VarintRoundTripsAroundEveryPowerOfTwo) {
  for (int bit = 0; bit < 64; ++bit) {
    for (const std::uint64_t v : {(1ull << bit) - 1, 1ull << bit, (1ull << bit) + 1}) {
      const std::string bytes = varint(v);
      ByteReader in(bytes);
      EXPECT_EQ(in.varint(), v);
      EXPECT_TRUE(in.at_end());
      EXPECT_FALSE(in.failed());
    }
  }
}

TEST(Bytes, VarintThatIsTooLongOrCutFails) {
  for (const std::string& bytes :
       {std::string(), std::string("\x80"), std::string(9, '\xff'), std::string(10, '\xff'),
        std::string(9, '\xff') + '\x02', std::string(10, '\x80') + '\x01'}) {
    ByteReader in(bytes);
    EXPECT_EQ(in.varint(), 0u);
    EXPECT_TRUE(in.failed()) << bytes.size();
  }
}

TEST(Bytes, ZigzagKeepsSmallMagnitudesShort) {
  for (const std::int64_t v : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1},
                               std::int64_t{-64}, std::int64_t{63}, INT64_MIN, INT64_MAX}) {
    std::string bytes;
    ByteWriter(bytes).zigzag(v);
    EXPECT_LE(bytes.size(), v >= -64 && v < 64 ? 1u : 10u);
    ByteReader in(bytes);
    EXPECT_EQ(in.zigzag(), v);
    EXPECT_FALSE(in.failed());
  }
}

TEST(Bytes, BigEndianSortsAsBytes) {
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t a = random.next() >> random.below(64), b = random.next();
    std::string x, y;
    ByteWriter(x).big_endian64(a);
    ByteWriter(y).big_endian64(b);
    EXPECT_EQ(a < b, x < y);
    EXPECT_EQ(ByteReader(x).big_endian64(), a);
  }
}

TEST(Bytes, ARecordRoundTrips) {
  std::string bytes;
  ByteWriter out(bytes);
  out.u8(200);
  out.little_endian64(0x0102030405060708ull);
  out.little_endian32(0xdeadbeef);
  out.string("key");
  out.string("");
  out.raw("tail");
  ByteReader in(bytes);
  EXPECT_EQ(in.u8(), 200);
  EXPECT_EQ(in.little_endian64(), 0x0102030405060708ull);
  EXPECT_EQ(in.little_endian32(), 0xdeadbeefu);
  EXPECT_EQ(in.string(), "key");
  EXPECT_EQ(in.string(), "");
  EXPECT_EQ(in.rest(), "tail");
  EXPECT_EQ(in.raw(4), "tail");
  EXPECT_TRUE(in.at_end());
  EXPECT_FALSE(in.failed());
}

TEST(Bytes, EveryTruncationFailsAndStaysFailed) {
  std::string bytes;
  ByteWriter out(bytes);
  out.varint(300);
  out.little_endian64(1);
  out.little_endian32(2);
  out.string("hello");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ByteReader in(std::string_view(bytes).substr(0, size));
    in.varint();
    in.little_endian64();
    in.little_endian32();
    EXPECT_EQ(in.string(), "");
    EXPECT_TRUE(in.failed()) << size;
    EXPECT_EQ(in.u8(), 0);
    EXPECT_EQ(in.raw(1), "");
    EXPECT_TRUE(in.failed());
  }
}

TEST(Bytes, AStringThatClaimsMoreThanThereIsFails) {
  for (const std::uint64_t claim : {std::uint64_t{4}, std::uint64_t{1} << 40, UINT64_MAX}) {
    const std::string bytes = varint(claim) + "abc";
    ByteReader in(bytes);
    EXPECT_EQ(in.string(), "");
    EXPECT_TRUE(in.failed());
  }
}

}  // namespace
}  // namespace weir
