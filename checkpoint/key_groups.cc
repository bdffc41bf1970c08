// Key groups: pure arithmetic on 64-bit hashes, the same on every machine.
#include "weir/base/check.h"
#include "weir/checkpoint/manifest.h"

namespace weir {

KeyGroupRange key_groups_of(std::uint32_t index, std::uint32_t parallelism,
                            std::uint32_t max_parallelism) {
  WEIR_CHECK(index < parallelism, "a subtask's index is below its parallelism");
  const auto bound = [&](std::uint64_t i) {
    return static_cast<std::uint32_t>(i * max_parallelism / parallelism);
  };
  return {bound(index), bound(std::uint64_t{index} + 1)};
}

std::uint64_t first_hash_of(std::uint32_t group, std::uint32_t max_parallelism) {
  WEIR_CHECK(group < max_parallelism, "the end of the last group is beyond every hash");
  // The smallest h with h * max / 2^64 >= group, that is group * 2^64 / max rounded up.
  const unsigned __int128 scaled = static_cast<unsigned __int128>(group) << 64;
  return static_cast<std::uint64_t>((scaled + max_parallelism - 1) / max_parallelism);
}

}  // namespace weir
