// See store_layout.h. Thread-safe: no state.
#include "weir/checkpoint/store_layout.h"

#include <algorithm>
#include <charconv>

#include "weir/base/path.h"
#include "weir/checkpoint/mark.h"

namespace weir::store_layout {
namespace {

constexpr std::size_t kIdDigits = 8;
constexpr std::string_view kSuffix = ".json";
constexpr std::uint64_t kMaxManifestBytes = 256ull << 20;

/// The id in the name of a file, as far as it is like that of a manifest.
std::optional<CheckpointId> id_in(std::string_view name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  return parse_id(name);
}

bool is_mark(std::string_view bytes, const std::string& path) {
  const auto id = id_in(file_name(path));
  return id && decode_mark(bytes, *id);
}

}  // namespace

std::string checkpoints_folder(const std::string& root) { return root + "/checkpoints"; }
std::string runs_folder(const std::string& root) { return root + "/runs"; }

std::string manifest_path(const std::string& root, CheckpointId id) {
  std::string digits = std::to_string(id);
  if (digits.size() < kIdDigits) digits.insert(0, kIdDigits - digits.size(), '0');
  return checkpoints_folder(root).append("/").append(digits).append(kSuffix);
}

std::optional<CheckpointId> parse_id(std::string_view text) {
  CheckpointId id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

Result<std::vector<std::pair<CheckpointId, std::uint64_t>>> list_names(Storage& storage,
                                                                       const std::string& root) {
  std::vector<std::pair<CheckpointId, std::uint64_t>> found;
  auto entries = storage.list(checkpoints_folder(root));
  if (!entries.ok()) {
    if (entries.error().code == ErrorCode::not_found) return found;
    return entries.error();
  }
  for (const StorageEntry& entry : *entries) {
    if (entry.is_directory) continue;
    const auto id = id_in(entry.name);
    if (id && manifest_path(root, *id) == checkpoints_folder(root) + "/" + entry.name)
      found.emplace_back(*id, entry.size_bytes);
  }
  std::sort(found.begin(), found.end());
  return found;
}

Result<std::vector<CheckpointId>> list_ids(Storage& storage, const std::string& root) {
  WEIR_ASSIGN(const std::vector<Slot> slots, list_slots(storage, root));
  std::vector<CheckpointId> ids;
  for (const Slot& slot : slots) {
    if (!slot.mark) ids.push_back(slot.id);
  }
  return ids;
}

Result<Manifest> load_manifest(Storage& storage, const std::string& path,
                               std::optional<CheckpointId> id) {
  WEIR_ASSIGN(const std::string bytes, read_file(storage, path, kMaxManifestBytes));
  if (is_mark(bytes, path)) {
    return Error{ErrorCode::not_found,
                 path +
                     " is no checkpoint: an attempt of the job took that id when it began, or gave "
                     "it up. `weir checkpoints list` shows the checkpoints.",
                 false};
  }
  WEIR_ASSIGN(Manifest manifest, decode_manifest(bytes, path));
  if (id && manifest.id != *id) {
    return Error{ErrorCode::corrupt,
                 "The manifest " + path + " is that of checkpoint " + std::to_string(manifest.id) +
                     ": somebody has renamed it. Give it back its name.",
                 false};
  }
  return manifest;
}

Result<std::optional<Manifest>> load_newest(Storage& storage, const std::string& root) {
  WEIR_ASSIGN(const std::vector<CheckpointId> ids, list_ids(storage, root));
  if (ids.empty()) return std::optional<Manifest>();
  auto manifest = load_manifest(storage, manifest_path(root, ids.back()), ids.back());
  if (manifest.ok()) return std::optional<Manifest>(std::move(manifest).value());
  if (manifest.error().code == ErrorCode::not_found) {
    // An attempt that is at work deletes old checkpoints, but only when there is a newer one.
    WEIR_ASSIGN(const std::vector<CheckpointId> now, list_ids(storage, root));
    if (!now.empty() && now.back() > ids.back()) return load_newest(storage, root);
  }
  Error error = manifest.error();
  error.message = "The newest checkpoint cannot be used. " + error.message;
  if (ids.size() > 1) {
    error.message +=
        " Older ones are not taken by themselves, since output may have been committed "
        "after them; to take the one before, at the risk of doubled output, say --from " +
        std::to_string(ids[ids.size() - 2]) + ".";
  } else {
    error.message += " There is no other checkpoint here; --from none starts from the beginning.";
  }
  return error;
}

std::map<std::string, RunInfo> distinct_runs(const Manifest& manifest) {
  std::map<std::string, RunInfo> runs;
  for_each_run(manifest, [&runs](const RunInfo& run) { runs.emplace(run.file, run); });
  return runs;
}

Status make_durable_dirs(Storage& storage, const std::string& path) {
  if (storage.holds_objects(path)) return storage.make_dirs(path);  // says if it is no path
  std::vector<std::string> to_sync;  // parents of what we create, the deepest first
  for (std::string folder = path;;) {
    WEIR_ASSIGN(const bool exists, storage.exists(folder));
    const std::string parent = parent_path(folder);
    if (exists || folder == parent) break;
    to_sync.push_back(parent);
    folder = parent;
  }
  WEIR_TRY(storage.make_dirs(path));
  for (auto folder = to_sync.rbegin(); folder != to_sync.rend(); ++folder) {
    WEIR_TRY(storage.sync_dir(*folder));
  }
  return {};
}

}  // namespace weir::store_layout
