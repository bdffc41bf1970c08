// Key hashes are stored in the placement of state: their values never change.
#include "weir/base/key.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/base/described_types.h"

namespace {

using namespace weir;

struct Place {
  std::string city;
  std::int32_t number = 0;
};
WEIR_DESCRIBE(Place, city, number)

struct Street {
  std::optional<Place> place;
  std::vector<Place> others;
};
WEIR_DESCRIBE(Street, place, others)

TEST(Key, HashesByValueAndNotByWidth) {
  EXPECT_EQ(hash_key(std::int32_t{5}), mix64(5));
  EXPECT_EQ(hash_key(std::uint64_t{5}), hash_key(std::int8_t{5}));
  EXPECT_EQ(hash_key(-1), mix64(UINT64_MAX));
  EXPECT_EQ(hash_key(true), mix64(1));
  EXPECT_EQ(hash_key(testing_types::Tier::black), mix64(7));
  EXPECT_EQ(hash_key(from_millis(9)), mix64(9));
  EXPECT_EQ(hash_key(static_cast<char>(-3)), hash_key(-3));
  EXPECT_EQ(hash_key(std::string("abc")), hash_bytes("abc"));
  EXPECT_EQ(hash_key(std::string_view("abc")), hash_bytes("abc"));
}

TEST(Key, KeepsItsValues) {
  EXPECT_EQ(hash_key(std::int64_t{1}), 0x5692161d100b05e5ull);
  EXPECT_EQ(hash_key(std::string("weir")), 0x782d7fa7de5ce05cull);
  EXPECT_EQ(hash_key(Place{"Ulm", 7}), 0x4bc12f61f584f358ull);
  EXPECT_EQ(hash_key(std::optional<int>()), 0x484ca134d98807a3ull);
  EXPECT_EQ(hash_key(std::optional<int>(0)), 0x07fa177631e4fa1bull);
  EXPECT_EQ(hash_key(std::vector<int>{1, 2}), 0xebe4623587567be0ull);
}

TEST(Key, HashesStructPairAndTupleOfTheSameFieldsAlike) {
  const Place place{"Ulm", 7};
  EXPECT_EQ(hash_key(place), hash_key(std::pair(place.city, place.number)));
  EXPECT_EQ(hash_key(place), hash_key(std::tuple(place.city, place.number)));
  EXPECT_NE(hash_key(std::pair(1, 2)), hash_key(std::pair(2, 1)));
  EXPECT_NE(hash_key(std::vector<int>{}), hash_key(std::vector<int>{0}));
}

TEST(Key, SpreadsSmallPairs) {
  std::set<std::uint64_t> hashes, low_bits;
  for (int i = 0; i < 100; ++i) {
    for (int j = 0; j < 100; ++j) {
      hashes.insert(hash_key(std::pair(i, j)));
      low_bits.insert(hash_key(std::pair(i, j)) % 256);
    }
  }
  EXPECT_EQ(hashes.size(), 10000u);
  EXPECT_EQ(low_bits.size(), 256u);
}

TEST(Key, ComparesDescribedStructsFieldByField) {
  const Street a{Place{"Ulm", 7}, {{"Bonn", 1}}};
  Street b = a;
  EXPECT_TRUE(equal(a, b));
  b.others[0].number = 2;
  EXPECT_FALSE(equal(a, b));
  b = a;
  b.place.reset();
  EXPECT_FALSE(equal(a, b));
  EXPECT_TRUE(equal(std::pair(a, 1), std::pair(a, 1)));
}

}  // namespace
