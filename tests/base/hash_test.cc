// Hashes: known vectors, and golden values that pin what stored formats depend on.
#include "weir/base/hash.h"

#include <gtest/gtest.h>

#include <string>
#include <unordered_set>

#include "weir/base/clock.h"

namespace weir {
namespace {

std::string random_bytes(Random& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random.next());
  return bytes;
}

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
TEST(Crc32c, KnownVectors) {
  std::string ascending(32, '\0'), descending(32, '\0');
  for (std::size_t i = 0; i < 32; ++i) {
    ascending[i] = static_cast<char>(i);
    descending[i] = static_cast<char>(31 - i);
  }
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c(ascending), 0x46dd794eu);
  EXPECT_EQ(crc32c(descending), 0x113fdb5cu);
}

TEST(Crc32c, ContinuesAndEqualsTheTableAtEveryLengthAndAlignment) {
  Random random(3);
  const std::string bytes = random_bytes(random, 200);
  for (std::size_t size = 0; size <= 100; ++size) {
    const std::string_view part = std::string_view(bytes).substr(size % 9, size);
    const std::uint32_t whole = crc32c(part);
    EXPECT_EQ(whole, hash_detail::crc32c_by_table(part, 0));
    const std::size_t cut = size / 3;
    EXPECT_EQ(crc32c(part.substr(cut), crc32c(part.substr(0, cut))), whole);
  }
}

TEST(Crc32c, LongInputsInLanesEqualTheTable) {
  Random random(4);
  const std::string bytes = random_bytes(random, 20'000);
  for (std::size_t i = 0; i < 200; ++i) {
    const std::size_t begin = random.below(100), size = random.below(bytes.size() - begin);
    const std::string_view part = std::string_view(bytes).substr(begin, size);
    const auto seed = static_cast<std::uint32_t>(random.next());
    EXPECT_EQ(crc32c(part, seed), hash_detail::crc32c_by_table(part, seed)) << size;
  }
}

TEST(Crc32c, SeesEverySingleFlippedBit) {
  std::string bytes(64, 'x');
  const std::uint32_t good = crc32c(bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(crc32c(bytes), good);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  }
}

// Key groups are made from these: a changed value would send keys to other subtasks than the ones
// that hold their state.
TEST(Hash, GoldenValues) {
  EXPECT_EQ(mix64(0), 0u);
  EXPECT_EQ(mix64(1), 0x5692161d100b05e5ull);
  EXPECT_EQ(hash_bytes(""), 0xb1c541b3ad2a11b4ull);
  EXPECT_EQ(hash_bytes("a"), 0xf1588848c890d865ull);
  EXPECT_EQ(hash_bytes("17850"), 0xb3e754a2610609c5ull);
  EXPECT_EQ(hash_bytes("12345678"), 0x2749ff5a72c99426ull);
  EXPECT_EQ(hash_bytes("1234567890123456"), 0x1b8cc03679cb2129ull);
  EXPECT_EQ(hash_bytes("The quick brown fox jumps over the lazy dog"), 0x54017e23377dd74cull);
  EXPECT_EQ(hash_bytes("a", 1), 0xe2c828381d11eaabull);
}

TEST(Hash, NoCollisionsAmongSimilarKeysOfEveryLength) {
  std::unordered_set<std::uint64_t> seen;
  std::size_t keys = 0;
  for (std::size_t size = 0; size <= 40; ++size) {
    for (int c = 0; c < 256; ++c) {
      if (size == 0 && c > 0) continue;
      std::string key(size, 'k');
      if (size > 0) key[size / 2] = static_cast<char>(c);
      if (c == 'k' && size > 0) continue;
      seen.insert(hash_bytes(key));
      ++keys;
    }
    if (size > 0) {
      seen.insert(hash_bytes(std::string(size, 'k')));
      ++keys;
    }
  }
  EXPECT_EQ(seen.size(), keys);
}

TEST(Hash, LowBitsSpreadCountersEvenly) {
  int groups[256] = {};
  for (int i = 0; i < 256'000; ++i) ++groups[hash_bytes(std::to_string(i)) % 256];
  for (const int count : groups) EXPECT_NEAR(count, 1000, 180);
}

// Check values of XXH3 with 64 bits and no seed, as its author publishes the first.
TEST(Hash, Xxh3GoldenValues) {
  EXPECT_EQ(hash_bytes_xxh3(""), 0x2d06800538d394c2ull);
  EXPECT_EQ(hash_bytes_xxh3("node-next-1768463991488-1"), 17192069996167888863ull);
}

TEST(ContentHash, GoldenValueAndHex) {
  EXPECT_EQ(content_hash("").hex(), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ((Hash128{0x0123456789abcdefull, 0xfedcba9876543210ull}).hex(),
            "0123456789abcdeffedcba9876543210");
}

TEST(ContentHash, PiecesEqualTheWhole) {
  Random random(5);
  const std::string bytes = random_bytes(random, 10'000);
  for (int round = 0; round < 20; ++round) {
    ContentHasher hasher;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t size = std::min<std::size_t>(random.below(700), bytes.size() - at);
      hasher.update(std::string_view(bytes).substr(at, size));
      at += size;
    }
    ContentHasher moved = std::move(hasher);
    EXPECT_EQ(moved.digest(), content_hash(bytes));
  }
}

}  // namespace
}  // namespace weir
