// Sorted runs: the one kind of file that holds state. A run is an immutable file of rows in byte
// order of their keys; a state is an ordered list of runs in which a newer row hides an older one
// with the same key, and a tombstone hides it for good. The bytes are described in run_format.h.
//
// A manifest lists runs with size and hash, and a run is verified before it is restored from
// (hazard H22). Called on I/O threads; a writer or cursor belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/hash.h"
#include "weir/base/result.h"
#include "weir/base/storage.h"

namespace weir {

/// What a manifest says of a run.
struct RunInfo {
  std::string file;  ///< name relative to the folder of shared runs
  std::uint64_t size_bytes = 0;
  std::uint64_t rows = 0;  ///< live rows and tombstones
  Hash128 hash;            ///< content_hash of the whole file
  friend bool operator==(const RunInfo&, const RunInfo&) = default;
};

/// Writes one run. Keys must be strictly increasing in byte order.
class RunWriter {
 public:
  /// Starts `folder`/`file`. The folder exists. With `keys`, about how many rows will come at most,
  /// the run gets a filter that tells RunLookup what it does not hold.
  static Result<std::unique_ptr<RunWriter>> create(Storage& storage, const std::string& folder,
                                                   const std::string& file, std::uint64_t keys = 0);
  virtual ~RunWriter() = default;
  virtual Status put(std::string_view key, std::string_view value) = 0;
  virtual Status erase(std::string_view key) = 0;
  /// Completes and syncs the file; the caller syncs the folder once for all files of a checkpoint.
  /// A run without rows is fine.
  virtual Result<RunInfo> finish() = 0;
};

/// Rows in byte order.
class RowCursor {
 public:
  virtual ~RowCursor() = default;
  /// Moves to the first row whose key is not below `key`.
  virtual Status seek(std::string_view key) = 0;
  virtual bool valid() const = 0;
  virtual Status next() = 0;
  virtual std::string_view key() const = 0;    ///< valid until the cursor moves
  virtual std::string_view value() const = 0;  ///< empty for a tombstone
  virtual bool tombstone() const = 0;
};

/// Opens a run for reading after checking its size and hash; any difference is ErrorCode::corrupt
/// with the name of the file. The cursor stands before the first row until `seek`.
Result<std::unique_ptr<RowCursor>> open_run(Storage& storage, const std::string& folder,
                                            const RunInfo& info);

/// One view over several cursors, the newest first: each key once, as the newest has it. With
/// `hide_tombstones`, deleted keys do not appear.
std::unique_ptr<RowCursor> merge_cursors(std::vector<std::unique_ptr<RowCursor>> newest_first,
                                         bool hide_tombstones);

/// Merges adjacent runs (oldest first, as a manifest lists them) into a new one, bit by bit, so
/// that another thread can carry on. Tombstones go only when `is_oldest`: otherwise a run below may
/// still hold what they hide.
class RunMerge {
 public:
  RunMerge(Storage& storage, std::string folder, std::vector<RunInfo> oldest_first,
           std::string output_file, bool is_oldest);
  ~RunMerge();
  /// Opens one run and checks it, or writes up to `rows` rows; true when the new run is whole.
  /// After an error the merge is over.
  Result<bool> step(std::size_t rows);
  /// The new run, once it is whole.
  const RunInfo& merged() const { return merged_; }

 private:
  Status begin();

  Storage& storage_;
  const std::string folder_;
  std::vector<RunInfo> unopened_;  // the newest last
  const std::string output_file_;
  const bool is_oldest_;
  std::vector<std::unique_ptr<RowCursor>> opened_;  // the newest first
  std::uint64_t most_rows_ = 0;
  std::unique_ptr<RowCursor> rows_;  // of all of them, once they are open
  std::unique_ptr<RunWriter> writer_;
  RunInfo merged_;
};

/// The same at once.
Result<RunInfo> merge_runs(Storage& storage, const std::string& folder,
                           const std::vector<RunInfo>& oldest_first, const std::string& output_file,
                           bool is_oldest);

/// Which adjacent runs to merge now: [first, last) of the list, oldest first, empty when all is
/// well. Size-tiered: bounds the number of runs by about log2(total size) and rewrites each byte
/// O(log n) times. A pure function.
struct MergeChoice {
  std::size_t first = 0, last = 0;
  bool empty() const { return first == last; }
};
MergeChoice choose_merge(const std::vector<RunInfo>& oldest_first);

}  // namespace weir
