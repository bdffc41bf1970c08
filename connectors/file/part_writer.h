// Writes the staged files of one subtask of a file sink; the protocol is in part_files.h.
//
// Invariant: at each barrier every byte written before it is in an item of that checkpoint, once.
// Used by one task thread; what it returns in Staged::durable runs on an I/O thread at the same
// time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/clock.h"
#include "weir/connectors/file/part_files.h"
#include "weir/runtime/sink.h"

namespace weir::file::detail {

struct PartOptions {
  std::string folder;
  std::string extension;  ///< "jsonl"
  std::string header;     ///< each file begins with it
  std::uint64_t roll_bytes = 0;
  std::chrono::milliseconds roll_interval{};
};

/// One staged file. The task thread adds bytes while an I/O thread may be syncing, which it does
/// not wait for.
class StagedFile {
 public:
  StagedFile(Storage& storage, std::string folder, std::string name);
  /// Fails when the name is taken.
  Status create();
  const std::string& name() const { return name_; }
  /// Bytes added so far. Task thread.
  std::uint64_t size_bytes() const { return size_; }
  /// Task thread. After an error the file is unusable for good.
  Status add(std::string_view bytes);
  /// Writes and syncs all that was added, and the file's name. I/O thread. May be repeated.
  Status make_durable(bool close);
  /// Closed, and all of it durable. Any thread.
  bool finished() const { return finished_.load(std::memory_order_acquire); }
  /// Why the file is unusable, if it is. Any thread.
  Status failure();

 private:
  /// Writes what waits. The caller holds `file_mutex_`.
  Status drain();
  /// Remembers a failure, after which the file must be thrown away. The caller holds `file_mutex_`.
  Status remember(Status status);

  Storage& storage_;
  std::string folder_, name_;
  std::uint64_t size_ = 0;
  std::mutex file_mutex_;
  std::unique_ptr<AppendFile> file_;
  Status failed_;
  std::atomic<bool> broken_{false};  // `failed_` is an error
  std::atomic<bool> finished_{false};
  bool name_durable_ = false;
  std::mutex queue_mutex_;
  std::string queue_;    // added, not yet written
  std::string writing_;  // being written; guarded by file_mutex_
};

class PartWriter {
 public:
  PartWriter(const SinkContext& context, PartOptions options,
             const std::vector<std::string>& carried_over);
  /// Adds whole lines.
  Status write(std::string_view lines);
  Result<Staged> stage(std::uint64_t checkpoint, bool last);
  std::vector<std::string> carried_over() const { return carried_over_; }

 private:
  Status open_file();
  void close_file();
  bool should_roll() const;
  Status check_unfinished();

  SinkContext context_;
  PartOptions options_;
  std::string canonical_folder_;
  std::uint64_t next_file_ = 0;
  std::shared_ptr<StagedFile> current_;  // shared with what makes it durable
  SteadyTime opened_at_{};
  std::vector<std::shared_ptr<StagedFile>> closed_;  // since the last barrier
  // Committables of earlier barriers that may not be durable yet: their checkpoints may have
  // failed, and then the next one answers for them.
  std::vector<std::shared_ptr<StagedFile>> unfinished_;
  std::vector<std::string> adopted_;  // carried over by earlier subtasks
  std::vector<std::string> carried_over_;
};

}  // namespace weir::file::detail
