// What a worker keeps on its host:
//
//   WORK/lock                            held while the worker lives
//   WORK/libraries/HASH.so               copies of job libraries, by content; for this user alone
//   WORK/logs/JOB/ATTEMPT-PROCESS.log    standard output and error of a process (process_log.h)
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "weir/base/result.h"
#include "weir/base/storage.h"
#include "weir/cluster/messages.h"

namespace weir::cluster {

/// Letters, digits, '-' and '_', at most 100: it can be a file name and part of a command line.
bool is_plain_name(std::string_view name);

/// Copies job libraries from shared storage, which may be slow, on a thread of its own; the twenty
/// that were used last are kept. Any thread.
class LibraryCache {
 public:
  /// The path of the copy, or why there is none: not_found, io, or corrupt when the bytes are not
  /// what the hash says. Called on the cache's thread.
  using Done = std::function<void(Result<std::string>)>;

  explicit LibraryCache(std::string folder);
  /// Forgets what waits, and waits for what is being copied.
  ~LibraryCache();
  LibraryCache(const LibraryCache&) = delete;
  LibraryCache& operator=(const LibraryCache&) = delete;

  /// Copies the file `from`, whose content hash is `hash` (32 hexadecimal digits), unless a copy is
  /// there.
  void fetch(std::string hash, std::string from, Done done);

 private:
  struct Wanted {
    std::string hash, from;
    Done done;
  };
  void loop();
  Result<std::string> copy(const Wanted& wanted);
  void remove_old() const;

  const std::string folder_;
  std::unique_ptr<Storage> storage_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Wanted> wanted_;
  bool ending_ = false;
  std::thread thread_;
};

/// The logs of processes. One thread at a time.
class ProcessLogs {
 public:
  explicit ProcessLogs(std::string folder);
  /// Where a process's log is, an absolute path if that of the folder is.
  std::string path_of(const ProcessId& id) const;
  /// A descriptor, the caller's to close, to which a process may write; and removes the logs of all
  /// but the newest five attempts of its job, and of all but the newest fifty jobs besides those of
  /// `running`. Error: io.
  Result<int> open(const ProcessId& id, const std::set<std::string>& running);
  /// The last `bytes` of a process's log, from the beginning of a line if one begins there. Errors:
  /// not_found, io.
  Result<std::string> tail(const ProcessId& id, std::uint64_t bytes) const;

 private:
  std::string folder_of(const std::string& job) const;
  void remove_old(const std::string& job) const;
  void remove_old_jobs(const std::set<std::string>& running) const;

  const std::string folder_;
  std::unique_ptr<Storage> storage_;
};

}  // namespace weir::cluster
