// The disk inside MemoryStorage: what is there now, what would be there after a crash, and the
// crash. Internal to base. Not thread-safe: MemoryStorage locks around it.
//
// Invariant: `files_` is `durable_` with all of `pending_` applied in order. A sync of a folder
// moves changes from `pending_` into `durable_`; a crash keeps a random part of them and drops the
// rest.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/base/storage.h"

namespace weir {

/// The bytes of one file, which may outlive its name while the file is open.
struct MemoryInode {
  std::string bytes;
  std::size_t synced_bytes = 0;  ///< this many from the start survive a crash
  /// What was durable before the file was emptied, until the next sync: emptying may be undone.
  std::optional<std::string> before_truncation;
};
using MemoryInodePtr = std::shared_ptr<MemoryInode>;  // names, open files and pending changes share

/// See the top of this file. Operations mean what Storage says.
class MemoryDisk {
 public:
  MemoryDisk();

  Result<MemoryInodePtr> create(const std::string& path);
  Result<MemoryInodePtr> open(const std::string& path) const;
  /// Appends what fits; disk_full when that is not all.
  Status append(MemoryInode& inode, const std::string& path, std::string_view bytes);
  static void sync(MemoryInode& inode);
  Status rename(const std::string& from, const std::string& to);
  Status rename_new(const std::string& from, const std::string& to);
  Status remove(const std::string& path);
  void remove_all(const std::string& path);
  Status make_dirs(const std::string& path);
  Status sync_dir(const std::string& path);
  Result<std::vector<StorageEntry>> list(const std::string& path) const;
  bool exists(const std::string& path) const;

  void crash(std::uint64_t seed);
  void set_capacity(std::uint64_t bytes) { capacity_bytes_ = bytes; }
  std::uint64_t used_bytes() const;

  /// Collapses repeated and trailing slashes and "." parts, so that a file has one name.
  static std::string normalize(std::string_view path);

 private:
  using Names = std::map<std::string, MemoryInodePtr>;

  /// A change of names that a crash keeps or drops as a whole.
  struct NameChange {
    std::vector<std::string> folders;  // a sync of any of these makes it durable
    std::vector<std::string> erased;
    Names set;

    bool touches(const std::set<std::string>& names) const;
    void add_names_to(std::set<std::string>& names) const;
    void apply_to(Names& names) const;
  };

  void change(NameChange change);
  Status rename_folder(const std::string& from, const std::string& to);
  bool has_folder(const std::string& path) const { return folders_.count(path) > 0; }
  bool is_empty_folder(const std::string& path) const;
  void add_folder_and_parents(const std::string& path);

  Names files_;
  Names durable_;
  std::vector<NameChange> pending_;
  std::set<std::string> folders_;
  std::uint64_t capacity_bytes_ = UINT64_MAX;
};

}  // namespace weir
