// The work of bench `large`: updates of the totals of very many keys, evenly or by Zipf's law, and
// a plain loop over RocksDB that does it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace weir::bench {

/// 32 bytes, and 16 for hash and key.
struct LargeTotals {
  std::uint64_t count = 0, sum = 0, last = 0, most = 0;
};
inline void add(LargeTotals& totals, std::uint64_t value, std::uint64_t at) {
  ++totals.count;
  totals.sum += value;
  totals.last = at;
  if (value > totals.most) totals.most = value;
}

/// Keys from 0 to `keys` - 1: each once, in a mixed order, and then at random.
class LargeKeys {
 public:
  /// `theta` 0: evenly; else by Zipf's law with that exponent, below 1, after Gray et al. (1994).
  LargeKeys(std::uint64_t keys, double theta);
  /// The key of fill `i`, below `keys`.
  std::uint64_t fill(std::uint64_t i) const;
  /// The next key at random; those that come often lie far apart.
  std::uint64_t next();

 private:
  double uniform();
  std::uint64_t rank();

  std::uint64_t keys_, stride_, state_ = 88172645463325252ull;
  double theta_, zeta_ = 0, eta_ = 0;
};

/// A database with all keys filled.
class LargeTwin {
 public:
  /// `budget_bytes` for its caches and write buffers.
  LargeTwin(std::string folder, std::uint64_t keys, std::uint64_t budget_bytes);
  ~LargeTwin();
  /// Gets and puts for each of `updates` keys; returns what `checksum` is in the job.
  std::uint64_t update(LargeKeys keys, std::uint64_t updates);

 private:
  struct Database;
  std::unique_ptr<Database> database_;
};

}  // namespace weir::bench
