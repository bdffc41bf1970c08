// The part of a keyed state that is not in memory: the rows of its runs, found by the hash of their
// key. Used by the thread of the task; the runs are opened on I/O threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/checkpoint/run_lookup.h"
#include "weir/runtime/hash_set.h"

namespace weir {

/// One stored row, taken apart as far as its type does not matter.
struct StoredRow {
  std::uint64_t hash;
  std::string_view key_and_rest;  ///< encoded key, name of the collection, key within it
  std::string_view value;
};

/// What the table throws through an operator when its rows cannot be read back; ends the attempt.
struct StateFailure {
  Error error;
};

class ColdRows {
 public:
  /// `one_row`: no two keys have one hash, and a key has one row.
  explicit ColdRows(bool one_row) : one_row_(one_row) {}

  /// What the state now consists of, beside what is in memory.
  void set_runs(const std::vector<std::shared_ptr<RunLookup>>& oldest_first) {
    newest_first_.assign(oldest_first.rbegin(), oldest_first.rend());
  }

  /// False: there is no row with this hash.
  bool may_hold(std::uint64_t hash) const {
    for (const auto& run : newest_first_) {
      if (run->may_hold(hash)) return true;
    }
    return false;
  }
  /// Brings what `may_hold` looks at towards the cache.
  void prefetch(std::uint64_t hash) const {
    for (const auto& run : newest_first_) run->prefetch(hash);
  }

  using Visit = std::function<Status(const StoredRow&)>;
  /// Calls `visit` for each live row with this hash, in the order of keys, until one fails.
  Status find(std::uint64_t hash, const Visit& visit);

  /// All live rows; stands on the first whose hash is not below `hash`. `find` moves it elsewhere.
  Result<std::unique_ptr<RowCursor>> rows_from(std::uint64_t hash) const;

  /// Held for look-ups.
  std::size_t memory_bytes() const;

 private:
  Status merge(std::uint64_t hash, const Visit& visit);

  bool one_row_;
  std::vector<std::shared_ptr<RunLookup>> newest_first_;
  std::vector<RunLookup*> holding_;  // rows of the hash at hand, the newest first
};

/// Moves `rows` behind those with this hash.
Status skip(RowCursor& rows, std::uint64_t hash);

/// What a table that may let entries leave memory knows of those.
struct ColdState {
  explicit ColdState(bool one_row) : rows(one_row) {}

  ColdRows rows;
  std::uint64_t budget_bytes = 0;
  /// Hashes of erased entries whose tombstones are in no run yet, so that what runs still hold of
  /// them counts for nothing: those since the last barrier, and those before it.
  HashSet erased, erased_before;
  bool partial = false;     ///< runs may hold what is not in memory
  bool all_stored = false;  ///< runs hold all that was not changed since the last barrier
  bool storing = false;     ///< a snapshot is on its way there
  bool loading = false;     ///< nothing may leave
  bool wants_snapshot = false;
  bool full = false;                 ///< of what cannot leave yet
  std::size_t passed = 0;            ///< hashes of the runs that slices have brought in, or met
  std::size_t hand = 0;              ///< the slot where the search for cold entries goes on
  std::uint64_t heap_per_entry = 0;  ///< as the last snapshot found it

  bool is_erased(std::uint64_t hash) const {
    return erased.contains(hash) || erased_before.contains(hash);
  }
};

}  // namespace weir
