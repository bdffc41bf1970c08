// Finds rows in a run by the leading word of their keys, for state whose cold part stays on disk.
// Filter and index are held in memory, about 1.5 bytes a row; a look-up that the filter lets pass
// reads one block.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "weir/checkpoint/run.h"
#include "weir/checkpoint/run_format.h"

namespace weir {

/// One run, open for look-ups. Used by one thread.
class RunLookup {
 public:
  /// Opens a run that this process has written, or whose file it has verified: its hash is not
  /// checked again, those of its blocks are with each look-up.
  static Result<std::unique_ptr<RunLookup>> open(Storage& storage, const std::string& folder,
                                                 const RunInfo& info);

  /// False: no row has this leading word.
  bool may_hold(std::uint64_t word) const { return filter_.may_hold(word); }
  /// Brings what `may_hold` looks at towards the cache.
  [[gnu::always_inline]] void prefetch(std::uint64_t word) const { filter_.prefetch(word); }

  /// Stands on the first row whose leading word is `word`; `valid` says whether there is one.
  Status find(std::uint64_t word);
  bool valid() const { return valid_; }
  /// On to the next row with that word.
  Status next();
  /// Stands on the first row whose leading word is `word` or above; `step` goes on to any row.
  Status seek(std::uint64_t word);
  Status step();
  std::string_view key() const { return walk_.key(); }
  std::string_view value() const { return walk_.value(); }
  bool tombstone() const { return walk_.tombstone(); }

  const RunInfo& info() const { return info_; }
  std::size_t memory_bytes() const;

 private:
  RunLookup(std::string path, RunInfo info) : path_(std::move(path)), info_(std::move(info)) {}
  std::size_t block_of(std::uint64_t word) const;
  Status enter(std::size_t block);
  Status land();
  Status forward();
  Error corrupt(const std::string& what) const;

  std::string path_;
  RunInfo info_;
  std::unique_ptr<ReadFile> file_;
  run_format::Index index_;
  run_format::Filter filter_;
  std::string bytes_;  // of block `block_`
  std::size_t block_ = 0;
  run_format::RowWalk walk_;
  std::uint64_t word_ = 0;
  bool valid_ = false;
};

}  // namespace weir
