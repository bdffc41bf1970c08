// Blocks of the slab hold what is written to them, whatever comes and goes around them.
#include "weir/base/slab.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "weir/base/clock.h"

namespace weir {
namespace {

/// A block filled with one byte.
class Filled {
 public:
  Filled(std::size_t bytes, char fill)
      : data_(static_cast<char*>(allocate_block(bytes))), bytes_(bytes), fill_(fill) {
    std::memset(data_, fill, bytes);
  }
  bool intact() const {
    for (std::size_t i = 0; i < bytes_; ++i) {
      if (data_[i] != fill_) return false;
    }
    return reinterpret_cast<std::uintptr_t>(data_) % 16 == 0;
  }
  void release() const { release_block(data_, bytes_); }

 private:
  char* data_;
  std::size_t bytes_;
  char fill_;
};

/// Sizes around the borders of what lies on one shelf.
std::size_t some_size(Random& random) {
  const std::size_t size = std::size_t{16} << random.below(14);
  return size + random.below(size / 8) - random.below(size / 8);
}

void come_and_go(std::uint64_t seed) {
  Random random(seed);
  std::vector<Filled> blocks;
  for (int i = 0; i < 4000; ++i) {
    const bool more = random.chance(i / 1000 % 2 == 0 ? 0.8 : 0.3);
    if (more || blocks.empty()) {
      blocks.emplace_back(some_size(random), static_cast<char>(i));
      continue;
    }
    const std::size_t at = random.below(blocks.size());
    ASSERT_TRUE(blocks[at].intact()) << "seed " << seed;
    blocks[at].release();
    blocks[at] = blocks.back();
    blocks.pop_back();
  }
  for (const Filled& block : blocks) {
    ASSERT_TRUE(block.intact()) << "seed " << seed;
    block.release();
  }
}

TEST(Slab, BlocksKeepTheirContent) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) come_and_go(seed);
}

TEST(Slab, ServesThreads) {
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 11; seed <= 14; ++seed) threads.emplace_back(come_and_go, seed);
  for (std::thread& thread : threads) thread.join();
}

TEST(Slab, ABlockMayBeReleasedByAnotherThread) {
  const Filled block(5000, 'x');
  std::thread([&] {
    EXPECT_TRUE(block.intact());
    block.release();
  }).join();
  release_block(nullptr, 5000);
}

}  // namespace
}  // namespace weir
