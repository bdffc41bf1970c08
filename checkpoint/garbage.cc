// Mark and sweep over the retained manifests (hazard H10). Whatever is in doubt stays: a file too
// many costs space, a file too few costs the job.
#include <algorithm>

#include "weir/base/failpoint.h"
#include "weir/base/log.h"
#include "weir/checkpoint/store.h"
#include "weir/checkpoint/store_layout.h"

namespace weir {
namespace {

using namespace store_layout;

constexpr std::string_view kRunSuffix = ".run";

/// True when `file`, STEP-SUBTASK-ID-ATTEMPT-NUMBER-KIND.run, was written by `attempt`. Attempts
/// have random names, so wherever that part stands it means the attempt.
bool belongs_to(std::string_view file, const std::string& attempt) {
  return file.find("-" + attempt + "-") != std::string_view::npos;
}

/// Removes manifests beyond the newest `keep` for good. A temporary file that a crash left needs no
/// care: there is one writer, which reaches the same id again and overwrites it.
Status drop_manifests(Storage& storage, const std::string& root, std::vector<CheckpointId>& ids,
                      std::size_t keep) {
  const std::size_t drop = ids.size() > keep ? ids.size() - keep : 0;
  if (drop == 0) return {};
  for (std::size_t i = 0; i < drop; ++i) WEIR_TRY(storage.remove(manifest_path(root, ids[i])));
  // Not durable yet, a manifest would come back after a crash without its runs.
  WEIR_TRY(storage.sync_dir(checkpoints_folder(root)));
  ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(drop));
  return {};
}

Result<std::set<std::string>> mark(Storage& storage, const std::string& root,
                                   const std::vector<CheckpointId>& ids) {
  std::set<std::string> needed;
  for (const CheckpointId id : ids) {
    // One that cannot be read may need any file.
    WEIR_ASSIGN(const Manifest manifest, load_manifest(storage, manifest_path(root, id), id));
    for (std::string& file : manifest.files()) needed.insert(std::move(file));
  }
  return needed;
}

Status sweep(Storage& storage, const std::string& folder, const std::set<std::string>& needed,
             const std::string& attempt, const std::set<std::string>& dropped,
             std::set<std::string>& gone) {
  WEIR_ASSIGN(const std::vector<StorageEntry> entries, storage.list(folder));
  for (const StorageEntry& entry : entries) {
    if (entry.is_directory || !entry.name.ends_with(kRunSuffix)) continue;
    if (needed.contains(entry.name)) continue;
    if (belongs_to(entry.name, attempt) && !dropped.contains(entry.name)) continue;
    WEIR_TRY(WEIR_FAILPOINT_STATUS("checkpoint.mid_gc"));
    WEIR_TRY(storage.remove(folder + "/" + entry.name));
    if (dropped.contains(entry.name)) gone.insert(entry.name);
  }
  return {};
}

Status collect(Storage& storage, const std::string& root, std::size_t keep,
               const std::string& attempt, const std::set<std::string>& dropped,
               std::set<std::string>& gone) {
  WEIR_TRY(WEIR_FAILPOINT_STATUS("checkpoint.before_gc"));
  WEIR_ASSIGN(std::vector<CheckpointId> ids, list_ids(storage, root));
  // Without any manifest this may be a folder whose manifests are merely out of sight; runs of a
  // job that never completed a checkpoint are few.
  if (ids.empty()) return {};
  WEIR_TRY(drop_manifests(storage, root, ids, std::max<std::size_t>(keep, 1)));
  WEIR_ASSIGN(const std::set<std::string> needed, mark(storage, root, ids));
  return sweep(storage, runs_folder(root), needed, attempt, dropped, gone);
}

}  // namespace

std::set<std::string> CheckpointStore::collect_garbage(std::size_t keep, const std::string& attempt,
                                                       const std::set<std::string>& dropped) {
  std::set<std::string> gone;
  const Status status = collect(storage_, root_, keep, attempt, dropped, gone);
  if (!status.ok()) {
    log_warn(
        "checkpoint store",
        "Old files in " + root_ +
            " were not all removed, which only costs space; the next checkpoint tries again. " +
            status.error().message);
  }
  return gone;
}

}  // namespace weir
