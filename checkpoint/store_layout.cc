// See store_layout.h. Thread-safe: no state.
#include "weir/checkpoint/store_layout.h"

#include <algorithm>
#include <charconv>

#include "weir/base/path.h"

namespace weir::store_layout {
namespace {

constexpr std::size_t kIdDigits = 8;
constexpr std::string_view kSuffix = ".json";
constexpr std::uint64_t kMaxManifestBytes = 256ull << 20;

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

Result<std::vector<CheckpointId>> list_ids(Storage& storage, const std::string& root) {
  auto entries = storage.list(checkpoints_folder(root));
  if (!entries.ok()) {
    if (entries.error().code == ErrorCode::not_found) return std::vector<CheckpointId>();
    return entries.error();
  }
  std::vector<CheckpointId> ids;
  for (const StorageEntry& entry : *entries) {
    std::string_view name = entry.name;
    if (entry.is_directory || !name.ends_with(kSuffix)) continue;
    name.remove_suffix(kSuffix.size());
    const auto id = parse_id(name);
    if (id && name.size() >= kIdDigits) ids.push_back(*id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

Result<Manifest> load_manifest(Storage& storage, const std::string& path,
                               std::optional<CheckpointId> id) {
  WEIR_ASSIGN(const std::string bytes, read_file(storage, path, kMaxManifestBytes));
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
  std::vector<std::string> to_sync;  // parents of what we create, the deepest first
  for (std::string folder = path;;) {
    WEIR_ASSIGN(const bool exists, storage.exists(folder));
    const std::string parent = parent_path(folder);
    if (exists || folder == "." || folder == "/") break;
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
