// Paths, patterns and folders. Runs on an I/O thread.
#include "weir/connectors/file/discover.h"

#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "weir/base/path.h"
#include "weir/connectors/file/decompress.h"

namespace weir::file::detail {
namespace {

bool is_pattern(std::string_view text) { return text.find_first_of("*?[") != std::string::npos; }
bool is_hidden(std::string_view name) { return name.starts_with('.') || name.starts_with('_'); }

Error missing(const std::string& path, const std::string& what) {
  std::string here(4096, '\0');
  if (::getcwd(here.data(), here.size()) == nullptr) here = "?";
  here.resize(std::min(here.find('\0'), here.size()));
  return {ErrorCode::not_found,
          "input '" + path + "' " + what + " (working directory: " + here +
              "); check the path, or give an absolute one",
          false};
}

/// Collects what matches the components of `pattern` below `folder`.
Status match(Storage& storage, const std::string& folder, std::string_view pattern,
             std::vector<std::string>& found) {
  const std::size_t slash = pattern.find('/');
  const std::string component(pattern.substr(0, slash));
  const bool last = slash == std::string_view::npos;
  const std::string_view rest = last ? std::string_view() : pattern.substr(slash + 1);
  if (!is_pattern(component) && !last) {
    const std::string next =
        component.empty() && folder.empty() ? "/" : join_path(folder, component);
    return match(storage, next, rest, found);
  }
  Result<std::vector<StorageEntry>> entries = storage.list(folder.empty() ? "." : folder);
  if (!entries.ok()) {
    return entries.error().code == ErrorCode::not_found ? Status() : Status(entries.error());
  }
  for (const StorageEntry& entry : *entries) {
    if (::fnmatch(component.c_str(), entry.name.c_str(), FNM_PERIOD) != 0) continue;
    if (last && !entry.is_directory) found.push_back(join_path(folder, entry.name));
    if (!last && entry.is_directory) {
      WEIR_TRY(match(storage, join_path(folder, entry.name), rest, found));
    }
  }
  return {};
}

Result<std::vector<std::string>> find_matches(Storage& storage, const InputSpec& spec) {
  std::vector<std::string> found;
  WEIR_TRY(match(storage, "", spec.path, found));
  if (found.empty() && !spec.follow) return missing(spec.path, "matches no file");
  std::sort(found.begin(), found.end());
  return found;
}

bool is_plain(std::string_view first_bytes) {
  return detect_compression(first_bytes).value_or(Compression::none) == Compression::none;
}

Status cut(Storage& storage, const std::string& path, std::uint64_t split_bytes,
           std::vector<std::string>& splits) {
  WEIR_ASSIGN(const std::unique_ptr<ReadFile> file, storage.open(path));
  char first[4];
  WEIR_ASSIGN(const std::size_t got, file->read_at(0, first, sizeof first));
  if (!is_plain({first, got})) {
    splits.push_back(path);
    return {};
  }
  std::uint64_t begin = 0;
  do {
    splits.push_back(path + "#" + std::to_string(begin) + "-" +
                     std::to_string(begin + split_bytes));
    begin += split_bytes;
  } while (begin < file->size_bytes());
  return {};
}

bool read_number(std::string_view text, std::uint64_t& value) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && stop == text.data() + text.size();
}

}  // namespace

Result<std::vector<std::string>> find_files(Storage& storage, const InputSpec& spec) {
  if (spec.path.empty()) {
    return Error{ErrorCode::invalid_argument,
                 "the path of a file source is empty; set .path to a file, pattern or folder",
                 false};
  }
  WEIR_ASSIGN(const bool exists, storage.exists(spec.path));
  if (!exists && is_pattern(spec.path)) return find_matches(storage, spec);
  if (!exists) return missing(spec.path, "does not exist");
  const Result<std::vector<StorageEntry>> entries = storage.list(spec.path);
  // Not a folder; if it is one that may not be listed, opening it will say so.
  if (!entries.ok()) return std::vector<std::string>{spec.path};
  std::vector<std::string> found;
  for (const StorageEntry& entry : *entries) {
    if (!entry.is_directory && !is_hidden(entry.name))
      found.push_back(join_path(spec.path, entry.name));
  }
  if (found.empty() && !spec.follow) return missing(spec.path, "is a folder without files");
  return found;
}

Result<std::vector<std::string>> find_splits(Storage& storage, const InputSpec& spec) {
  if (spec.split_bytes > 0 && spec.follow) {
    return Error{ErrorCode::invalid_argument,
                 "input '" + spec.path +
                     "': split_bytes cannot be used with follow, since a growing file is read in "
                     "order; leave one of them out",
                 false};
  }
  WEIR_ASSIGN(std::vector<std::string> files, find_files(storage, spec));
  if (spec.split_bytes == 0) return files;
  std::vector<std::string> splits;
  for (const std::string& file : files) WEIR_TRY(cut(storage, file, spec.split_bytes, splits));
  return splits;
}

SplitSetup parse_split(const std::string& split, const InputSpec& spec) {
  SplitSetup setup{split, 0, UINT64_MAX, spec.max_record, spec.format};
  const std::size_t hash = split.rfind('#');
  if (spec.split_bytes == 0 || hash == std::string::npos) return setup;
  const std::string_view range = std::string_view(split).substr(hash + 1);
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos) return setup;
  std::uint64_t begin = 0, end = 0;
  if (!read_number(range.substr(0, dash), begin) || !read_number(range.substr(dash + 1), end)) {
    return setup;
  }
  setup.name = split.substr(0, hash);
  setup.begin = begin;
  setup.end = end;
  return setup;
}

}  // namespace weir::file::detail
