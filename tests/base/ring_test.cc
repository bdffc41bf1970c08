// Ring and Boxed: containers of state that are stored as a vector and an optional are.
#include "weir/base/ring.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>

#include "weir/base/boxed.h"
#include "weir/base/clock.h"
#include "weir/base/evolve.h"

namespace weir {
namespace {

std::deque<std::string> content(const Ring<std::string>& ring) {
  std::deque<std::string> all;
  for (const std::string& each : ring) all.push_back(each);
  return all;
}

TEST(Ring, EqualsADeque) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Ring<std::string> ring;
    std::deque<std::string> model;
    for (int i = 0; i < 2000; ++i) {
      const std::string text(random.below(40), static_cast<char>('a' + i % 26));
      const std::uint64_t what = random.below(10);
      if (what < 5) {
        ring.push_back(text);
        model.push_back(text);
      } else if (what == 5) {
        const std::size_t place = random.below(model.size() + 1);
        ring.insert(place, text);
        model.insert(model.begin() + static_cast<std::ptrdiff_t>(place), text);
      } else if (what == 6 && random.chance(0.02)) {
        ring.clear();
        model.clear();
      } else if (!model.empty()) {
        EXPECT_EQ(ring.front(), model.front());
        ring.pop_front();
        model.pop_front();
      }
      ASSERT_EQ(content(ring), model);
    }
    Ring<std::string> other(std::move(ring));
    EXPECT_EQ(content(other), model);
    EXPECT_TRUE(ring.empty());
    ring = std::move(other);
    EXPECT_EQ(content(ring), model);
  }
}

TEST(Ring, IsStoredAsAVectorIs) {
  const std::vector<std::string> vector{"one", "", "three"};
  EXPECT_TRUE(schema_of<Ring<std::string>>() == schema_of<std::vector<std::string>>());
  Ring<std::string> ring;
  ASSERT_TRUE(decode_from(encode_to_string(vector), ring));
  EXPECT_EQ(content(ring), (std::deque<std::string>{"one", "", "three"}));
  EXPECT_EQ(encode_to_string(ring), encode_to_string(vector));
  Ring<std::int64_t> wider;  // the elements evolve as those of a vector
  const std::string narrow = encode_to_string(std::vector<std::int32_t>{7, -7});
  ByteReader reader(narrow);
  decode_evolved(reader, schema_of<std::vector<std::int32_t>>(), wider);
  ASSERT_FALSE(reader.failed());
  ASSERT_EQ(wider.size(), 2u);
  EXPECT_EQ(wider[1], -7);
}

TEST(Boxed, IsStoredAsAnOptionalIs) {
  EXPECT_TRUE(schema_of<Boxed<std::string>>() == schema_of<std::optional<std::string>>());
  Boxed<std::string> box;
  EXPECT_FALSE(box.has_value());
  EXPECT_EQ(encode_to_string(box), encode_to_string(std::optional<std::string>()));
  box.make() = "here";
  EXPECT_EQ(box.make(), "here");
  EXPECT_EQ(encode_to_string(box), encode_to_string(std::optional<std::string>("here")));
  Boxed<std::string> read;
  ASSERT_TRUE(decode_from(encode_to_string(box), read));
  EXPECT_EQ(*read, "here");
  ASSERT_TRUE(decode_from(encode_to_string(std::optional<std::string>()), read));
  EXPECT_EQ(read.get(), nullptr);
}

}  // namespace
}  // namespace weir
