// The seam to everything durable. Checkpoints, savepoints and file sinks write through it; a
// simulation replaces it to lose unsynced bytes, fail an fsync or fill the disk.
//
// Durability rules (hazards H14, H15): bytes are durable after `sync`; a name is durable after
// `sync_dir` of its folder; a failed sync means that the file must be thrown away, never synced
// again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"

namespace weir {

/// A file being written from its start to its end. Used by one thread at a time. The destructor
/// closes without syncing.
class AppendFile {
 public:
  virtual ~AppendFile() = default;
  /// Adds bytes at the end: one system call, so gather small records first. After an error the file
  /// is unusable, since part of the bytes may be there; disk_full may heal for a new file.
  virtual Status append(std::string_view bytes) = 0;
  /// Makes all appended bytes durable (fdatasync). After an error the file is unusable.
  virtual Status sync() = 0;
  virtual Status close() = 0;
};

/// A file open for reading at any offset. Thread-safe.
class ReadFile {
 public:
  virtual ~ReadFile() = default;
  virtual std::uint64_t size_bytes() const = 0;
  /// Reads up to `size` bytes at `offset` into `buffer`; returns how many (fewer only at the end).
  virtual Result<std::size_t> read_at(std::uint64_t offset, char* buffer, std::size_t size) = 0;
};

/// A lock that is held; its destructor gives it back.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

/// One entry of a folder listing.
struct StorageEntry {
  std::string name;  ///< without the folder
  bool is_directory = false;
  std::uint64_t size_bytes = 0;
};

/// A file system. Paths are UTF-8, separated by '/'. Thread-safe.
class Storage {
 public:
  virtual ~Storage() = default;
  /// Creates `path`, or empties it when it exists.
  virtual Result<std::unique_ptr<AppendFile>> create(const std::string& path) = 0;
  virtual Result<std::unique_ptr<ReadFile>> open(const std::string& path) = 0;
  /// Atomically gives the file or folder `from` the name `to`, replacing the file that had it.
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  /// Atomically gives the file `from` the name `to` unless something has that name, whoever else
  /// tries the same at the same moment, on this host or, on a shared file system, another. Errors:
  /// already_exists when `to` is taken, and fsync_failed when it cannot be told whether `from` has
  /// got the name; after any other it has not.
  virtual Status rename_new(const std::string& from, const std::string& to) = 0;
  /// Removes a file. A missing file is not an error.
  virtual Status remove(const std::string& path) = 0;
  /// Removes a folder and all in it. A missing folder is not an error.
  virtual Status remove_all(const std::string& path) = 0;
  /// Creates a folder and those above it, durably; existing ones are fine.
  virtual Status make_dirs(const std::string& path) = 0;
  /// Makes the names in folder `path` durable.
  virtual Status sync_dir(const std::string& path) = 0;
  /// Lists a folder, sorted by name. A missing folder is ErrorCode::not_found.
  virtual Result<std::vector<StorageEntry>> list(const std::string& path) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  /// Takes the lock of file `path`, creating the file when it is missing. Held until the result is
  /// destroyed or the process ends in any way; while it is held by anybody, in this process or
  /// another, taking it is ErrorCode::already_exists. Do not rename or remove the file.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;

  /// See write_file_atomically and write_new_file, which say what these promise. They write a
  /// temporary file and rename it; a storage that has better means overrides them.
  virtual Status replace_file(const std::string& path, std::string_view bytes,
                              std::string_view writer);
  virtual Status create_file(const std::string& path, std::string_view bytes,
                             std::string_view writer);
  /// True for objects: a file at `path` exists as a whole, and durably, once it is synced, and not
  /// before; nothing can be appended then. Folders are no more than the beginnings of names: they
  /// need not be made, and one that holds nothing is empty, not missing. There are no locks and no
  /// renames.
  virtual bool holds_objects(const std::string& path) const;
};

/// The operating system's file system.
std::unique_ptr<Storage> make_posix_storage();

/// A file system in memory that behaves like a disk under a crash. Thread-safe.
class MemoryStorage : public Storage {
 public:
  MemoryStorage();
  ~MemoryStorage() override;
  Result<std::unique_ptr<AppendFile>> create(const std::string& path) override;
  Result<std::unique_ptr<ReadFile>> open(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status rename_new(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status remove_all(const std::string& path) override;
  Status make_dirs(const std::string& path) override;
  Status sync_dir(const std::string& path) override;
  Result<std::vector<StorageEntry>> list(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

  /// Loses power: all locks are free; unsynced bytes are cut at a random place (torn writes) and
  /// may read as zeroes before it; names that were not made durable appear or vanish at random, a
  /// rename as a whole; all decided by `seed`. Open files of before fail from now on.
  void crash(std::uint64_t seed);
  /// From now on at most this many bytes fit in all; over that, appends return disk_full.
  void set_capacity(std::uint64_t bytes);
  /// Of all files that have a name.
  std::uint64_t used_bytes() const;
  /// Called before each operation with its name ("append", "sync", "rename", ...) and path; a
  /// returned error is the operation's result.
  void set_fault(std::function<Status(std::string_view operation, const std::string& path)> fault);

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with open files, which may outlive this
};

/// The locks that one process holds, until this goes away. One thread at a time.
class HeldLocks {
 public:
  HeldLocks() = default;
  /// Holds nothing: for attempts of a job that may overlap, where a lock of one that is frozen
  /// would keep the next one out. They are told apart by their claims (checkpoint/store.h).
  static HeldLocks none() {
    HeldLocks locks;
    locks.holds_ = false;
    return locks;
  }
  /// Takes the lock of `path` unless it is held here already.
  Status hold(Storage& storage, const std::string& path);
  void release_all() { held_.clear(); }

 private:
  bool holds_ = true;
  std::map<std::string, std::unique_ptr<FileLock>> held_;  // by path
};

/// Reads a whole file. Refuses more than `limit_bytes`.
Result<std::string> read_file(Storage& storage, const std::string& path,
                              std::uint64_t limit_bytes = 1ull << 30);
/// Writes a whole file so that it is either complete and durable under its name, or not there. On
/// file systems: temporary file `path`.tmp, sync, rename, sync of the folder. One writer of a path
/// at a time, or each with another `writer`, which then is part of the temporary name.
Status write_file_atomically(Storage& storage, const std::string& path, std::string_view bytes,
                             std::string_view writer = {});
/// The same for a name that nothing has yet; of several writers that try it, by names of their own
/// and with bytes of their own, one succeeds: equal bytes may be taken for the writer's own of an
/// earlier try. Durable when it returns. Errors: already_exists when the name is taken, and
/// fsync_failed when it cannot be told whether the file is there and stays; after any other it is
/// not there.
Status write_new_file(Storage& storage, const std::string& path, std::string_view bytes,
                      std::string_view writer);

}  // namespace weir
