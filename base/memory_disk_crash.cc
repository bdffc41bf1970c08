// What a disk in memory keeps across a crash. Runs under the lock of MemoryStorage.
//
// The model is a journaling file system: a change of names happens as a whole or not at all, a name
// never sees a later change without the earlier ones, and otherwise nothing is promised before a
// sync.
#include <algorithm>

#include "weir/base/memory_disk.h"
#include "weir/base/path.h"

namespace weir {
namespace {

/// Cuts the unsynced end at a random place. Now and then the last part of what stays reads as
/// zeroes, as where a disk grew the file before it wrote the data.
void tear(MemoryInode& inode, Random& random) {
  const std::size_t unsynced = inode.bytes.size() - inode.synced_bytes;
  const std::size_t kept = random.below(unsynced + 1);
  inode.bytes.resize(inode.synced_bytes + kept);
  if (kept > 0 && random.chance(0.25)) {
    const std::size_t zeroes = random.below(kept + 1);
    std::fill(inode.bytes.end() - static_cast<std::ptrdiff_t>(zeroes), inode.bytes.end(), '\0');
  }
}

void survive(MemoryInode& inode, Random& random) {
  if (inode.before_truncation && random.chance(0.5)) {
    inode.bytes = std::move(*inode.before_truncation);
  } else {
    tear(inode, random);
  }
  MemoryDisk::sync(inode);
}

}  // namespace

bool MemoryDisk::NameChange::touches(const std::set<std::string>& names) const {
  return std::any_of(erased.begin(), erased.end(),
                     [&](const std::string& name) { return names.count(name) > 0; }) ||
         std::any_of(set.begin(), set.end(),
                     [&](const auto& file) { return names.count(file.first) > 0; });
}

void MemoryDisk::NameChange::add_names_to(std::set<std::string>& names) const {
  names.insert(erased.begin(), erased.end());
  for (const auto& [name, inode] : set) names.insert(name);
}

void MemoryDisk::NameChange::apply_to(Names& names) const {
  for (const std::string& name : erased) names.erase(name);
  for (const auto& [name, inode] : set) names[name] = inode;
}

Status MemoryDisk::sync_dir(const std::string& path) {
  if (!has_folder(path)) {
    return Error{ErrorCode::not_found, "cannot open folder " + path + ": no such folder"};
  }
  // Backwards, since a change drags with it the earlier changes of the same names.
  std::set<std::string> needed;
  std::vector<NameChange> durable, rest;
  for (auto change = pending_.rbegin(); change != pending_.rend(); ++change) {
    const auto& folders = change->folders;
    const bool here = std::find(folders.begin(), folders.end(), path) != folders.end();
    if (here || change->touches(needed)) {
      change->add_names_to(needed);
      durable.push_back(std::move(*change));
    } else {
      rest.push_back(std::move(*change));
    }
  }
  for (auto change = durable.rbegin(); change != durable.rend(); ++change) {
    change->apply_to(durable_);
  }
  pending_.assign(std::make_move_iterator(rest.rbegin()), std::make_move_iterator(rest.rend()));
  return {};
}

void MemoryDisk::crash(std::uint64_t seed) {
  Random random(seed);
  std::set<std::string> dropped;
  for (const NameChange& change : pending_) {
    if (!change.touches(dropped) && random.chance(0.5)) {
      change.apply_to(durable_);
    } else {
      change.add_names_to(dropped);
    }
  }
  pending_.clear();
  files_ = durable_;
  for (const auto& [path, inode] : files_) {
    survive(*inode, random);
    add_folder_and_parents(parent_path(path));
  }
}

}  // namespace weir
