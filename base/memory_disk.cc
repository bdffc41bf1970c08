// Names and bytes of the disk in memory; its crash is in memory_disk_crash.cc. Runs under the lock
// of MemoryStorage.
#include "weir/base/memory_disk.h"

#include <algorithm>

#include "weir/base/path.h"

namespace weir {
namespace {

Error no_such(const char* action, const std::string& path) {
  return {ErrorCode::not_found,
          std::string("cannot ") + action + " " + path + ": no such file or folder"};
}

Error in_the_way(const char* action, const std::string& path, const char* what) {
  return {ErrorCode::already_exists, std::string("cannot ") + action + " " + path + ": " + what};
}

/// What every path inside `folder` begins with.
std::string inside_prefix(const std::string& folder) {
  if (folder == ".") return "";
  return folder == "/" ? folder : folder + "/";
}

bool is_inside(const std::string& path, const std::string& folder) {
  const std::string prefix = inside_prefix(folder);
  if (prefix.empty()) return !path.empty() && path.front() != '/' && path != ".";
  return path.size() > prefix.size() && path.compare(0, prefix.size(), prefix) == 0;
}

}  // namespace

MemoryDisk::MemoryDisk() : folders_{".", "/"} {}

std::string MemoryDisk::normalize(std::string_view path) {
  std::string out(path.substr(0, 1) == "/" ? "/" : "");
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (!part.empty() && part != ".") out = join_path(out, part);
  }
  return out.empty() ? "." : out;
}

void MemoryDisk::change(NameChange change) {
  change.apply_to(files_);
  pending_.push_back(std::move(change));
}

Result<MemoryInodePtr> MemoryDisk::create(const std::string& path) {
  if (has_folder(path)) return in_the_way("create", path, "it is a folder");
  if (!has_folder(parent_path(path))) return no_such("create", path);
  const auto found = files_.find(path);
  if (found == files_.end()) {
    auto inode = std::make_shared<MemoryInode>();
    change({{parent_path(path)}, {}, {{path, inode}}});
    return inode;
  }
  MemoryInode& inode = *found->second;
  if (!inode.before_truncation) inode.before_truncation = inode.bytes.substr(0, inode.synced_bytes);
  inode.bytes.clear();
  inode.synced_bytes = 0;
  return found->second;
}

Result<MemoryInodePtr> MemoryDisk::open(const std::string& path) const {
  if (has_folder(path)) {
    return Error{ErrorCode::invalid_argument, "cannot open " + path + ": it is not a file"};
  }
  const auto found = files_.find(path);
  if (found == files_.end()) return no_such("open", path);
  return found->second;
}

Status MemoryDisk::append(MemoryInode& inode, const std::string& path, std::string_view bytes) {
  std::uint64_t room = UINT64_MAX;
  if (capacity_bytes_ != UINT64_MAX)
    room = capacity_bytes_ - std::min(capacity_bytes_, used_bytes());
  inode.bytes.append(bytes.substr(0, room));
  if (bytes.size() <= room) return {};
  return Error{ErrorCode::disk_full,
               "cannot append to " + path + ": no space left; free space on that disk", true};
}

void MemoryDisk::sync(MemoryInode& inode) {
  inode.synced_bytes = inode.bytes.size();
  inode.before_truncation.reset();
}

Status MemoryDisk::rename(const std::string& from, const std::string& to) {
  if (!has_folder(parent_path(to))) return no_such("rename to", to);
  if (has_folder(from)) return rename_folder(from, to);
  const auto found = files_.find(from);
  if (found == files_.end()) return no_such("rename", from);
  if (has_folder(to)) return in_the_way("rename to", to, "it is a folder");
  if (from == to) return {};
  change({{parent_path(from), parent_path(to)}, {from}, {{to, found->second}}});
  return {};
}

Status MemoryDisk::rename_new(const std::string& from, const std::string& to) {
  if (has_folder(from)) {
    return Error{ErrorCode::invalid_argument, "cannot rename " + from + ": it is a folder"};
  }
  if (files_.count(from) == 0) return no_such("rename", from);
  if (exists(to)) return in_the_way("rename to", to, "that name is taken");
  return rename(from, to);
}

Status MemoryDisk::rename_folder(const std::string& from, const std::string& to) {
  if (from == to) return {};
  if (is_inside(to, from)) {
    return Error{ErrorCode::invalid_argument, "cannot rename " + from + " into itself"};
  }
  if (files_.count(to) > 0) return in_the_way("rename to", to, "it is a file");
  if (has_folder(to) && !is_empty_folder(to)) return in_the_way("rename to", to, "it is not empty");
  const auto moved = [&](const std::string& path) { return to + path.substr(from.size()); };
  NameChange renaming{{parent_path(from), parent_path(to)}, {}, {}};
  for (const auto& [path, inode] : files_) {
    if (!is_inside(path, from)) continue;
    renaming.erased.push_back(path);
    renaming.set[moved(path)] = inode;
  }
  change(std::move(renaming));
  std::set<std::string> folders;
  for (const std::string& path : folders_) {
    folders.insert(path == from || is_inside(path, from) ? moved(path) : path);
  }
  folders_ = std::move(folders);
  return {};
}

Status MemoryDisk::remove(const std::string& path) {
  if (has_folder(path)) {
    return Error{ErrorCode::io, "cannot remove " + path + ": it is a folder"};
  }
  if (files_.count(path) > 0) change({{parent_path(path)}, {path}, {}});
  return {};
}

void MemoryDisk::remove_all(const std::string& path) {
  std::vector<std::string> doomed;
  for (const auto& [name, inode] : files_) {
    if (name == path || is_inside(name, path)) doomed.push_back(name);
  }
  for (const std::string& name : doomed) change({{parent_path(name)}, {name}, {}});
  std::erase_if(folders_, [&](const std::string& folder) {
    return (folder == path || is_inside(folder, path)) && folder != "." && folder != "/";
  });
}

Status MemoryDisk::make_dirs(const std::string& path) {
  for (std::string folder = path; !has_folder(folder); folder = parent_path(folder)) {
    if (files_.count(folder) > 0) return in_the_way("create folder", path, "a file has that name");
  }
  add_folder_and_parents(path);
  return {};
}

void MemoryDisk::add_folder_and_parents(const std::string& path) {
  for (std::string folder = path; folders_.insert(folder).second;) folder = parent_path(folder);
}

Result<std::vector<StorageEntry>> MemoryDisk::list(const std::string& path) const {
  if (!has_folder(path)) return no_such("list", path);
  std::vector<StorageEntry> entries;
  for (const auto& [name, inode] : files_) {
    if (parent_path(name) == path) {
      entries.push_back({std::string(file_name(name)), false, inode->bytes.size()});
    }
  }
  for (const std::string& folder : folders_) {
    if (folder != path && folder != "." && parent_path(folder) == path) {
      entries.push_back({std::string(file_name(folder)), true, 0});
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const StorageEntry& a, const StorageEntry& b) { return a.name < b.name; });
  return entries;
}

bool MemoryDisk::exists(const std::string& path) const {
  return has_folder(path) || files_.count(path) > 0;
}

bool MemoryDisk::is_empty_folder(const std::string& path) const {
  const auto inside = [&](const auto& name) { return is_inside(name, path); };
  return std::none_of(folders_.begin(), folders_.end(), inside) &&
         std::none_of(files_.begin(), files_.end(),
                      [&](const auto& file) { return inside(file.first); });
}

std::uint64_t MemoryDisk::used_bytes() const {
  std::uint64_t used = 0;
  for (const auto& [path, inode] : files_) used += inode->bytes.size();
  return used;
}

}  // namespace weir
