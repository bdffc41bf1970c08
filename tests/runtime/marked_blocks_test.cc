// The stretches of a table with marked entries, against a set.
#include "weir/runtime/marked_blocks.h"

#include <gtest/gtest.h>

#include <set>

#include "weir/base/clock.h"

namespace weir {
namespace {

TEST(MarkedBlocks, FindsTheNextMarkedBlockAsASetDoes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::size_t bytes = 1 + random.below(200'000);
    MarkedBlocks blocks;
    blocks.reset(bytes);
    std::set<std::size_t> model;
    EXPECT_EQ(blocks.next(0), MarkedBlocks::kNone);
    for (std::size_t i = random.below(60); i > 0; --i) {
      const std::size_t offset = random.below(bytes);
      blocks.mark(offset);
      model.insert(offset / MarkedBlocks::kBytes);
    }
    for (int i = 0; i < 200; ++i) {
      const std::size_t offset = random.below(bytes);
      const auto found = model.lower_bound(offset / MarkedBlocks::kBytes);
      const std::size_t expected = found == model.end() ? MarkedBlocks::kNone
                                   : *found == offset / MarkedBlocks::kBytes
                                       ? offset
                                       : *found * MarkedBlocks::kBytes;
      EXPECT_EQ(blocks.next(offset), expected);
    }
    blocks.mark(bytes - 1);
    EXPECT_EQ(blocks.next(MarkedBlocks::end_of_block(bytes - 1)), MarkedBlocks::kNone);
    blocks.clear();
    EXPECT_EQ(blocks.next(0), MarkedBlocks::kNone);
  }
}

}  // namespace
}  // namespace weir
