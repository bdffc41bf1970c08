// Mark and sweep over the retained manifests (hazard H10). Whatever is in doubt stays: a file too
// many costs space, a file too few costs the job.
#include <algorithm>

#include "weir/base/failpoint.h"
#include "weir/base/log.h"
#include "weir/checkpoint/attempt.h"
#include "weir/checkpoint/mark.h"
#include "weir/checkpoint/store.h"
#include "weir/checkpoint/store_layout.h"

namespace weir {
namespace {

using namespace store_layout;

constexpr std::string_view kRunSuffix = ".run", kTemporarySuffix = ".tmp";

/// Whose turn it is to delete.
struct Sweeper {
  const std::string& attempt;
  std::optional<CheckpointId> number;  // of the attempt, if its name has one

  /// True when a file that nothing needs belongs to an attempt that has ended, or can make no
  /// checkpoint any more. Names without an attempt are those of older versions.
  bool may_remove(std::string_view file) const {
    // The name of an attempt without a number is random: wherever it stands it means the attempt.
    if (file.find("-" + attempt + "-") != std::string_view::npos) return false;
    const auto writer = attempt_number(file);
    return !writer || !number || *writer < *number;
  }
  bool is_overtaken(const std::vector<Slot>& slots) const {
    return number && std::any_of(slots.begin(), slots.end(), [this](const Slot& slot) {
             return slot.is_claim() && slot.id > *number;
           });
  }
};

/// Removes manifests beyond the newest `keep` for good, and what marks of failed ones lie among
/// them.
Status drop_manifests(Storage& storage, const std::string& root, const std::vector<Slot>& slots,
                      std::vector<CheckpointId>& ids, std::size_t keep) {
  const std::size_t drop = ids.size() > keep ? ids.size() - keep : 0;
  for (std::size_t i = 0; i < drop; ++i) WEIR_TRY(storage.remove(manifest_path(root, ids[i])));
  ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(drop));
  for (const Slot& slot : slots) {
    if (!slot.mark || slot.is_claim() || slot.last() >= ids.front()) continue;
    WEIR_TRY(storage.remove(manifest_path(root, slot.id)));
  }
  if (drop == 0) return {};
  // Not durable yet, a manifest would come back after a crash without its runs.
  WEIR_TRY(storage.sync_dir(checkpoints_folder(root)));
  return {};
}

/// Removes what attempts before this one did not get to rename. One that still tries is fenced.
Status drop_temporaries(Storage& storage, const std::string& root, const Sweeper& sweeper) {
  if (!sweeper.number) return {};
  WEIR_ASSIGN(const auto entries, storage.list(checkpoints_folder(root)));
  for (const StorageEntry& entry : entries) {
    if (entry.is_directory || !entry.name.ends_with(kTemporarySuffix)) continue;
    const auto id = parse_id(std::string_view(entry.name).substr(0, entry.name.find('.')));
    if (!id || *id >= *sweeper.number) continue;
    WEIR_TRY(storage.remove(checkpoints_folder(root) + "/" + entry.name));
  }
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
             const Sweeper& sweeper, const std::set<std::string>& dropped,
             std::set<std::string>& gone) {
  WEIR_ASSIGN(const std::vector<StorageEntry> entries, storage.list(folder));
  for (const StorageEntry& entry : entries) {
    const bool temporary =
        entry.name.ends_with(kTemporarySuffix) && attempt_number(entry.name).has_value();
    if (entry.is_directory || !(temporary || entry.name.ends_with(kRunSuffix))) continue;
    if (needed.contains(entry.name)) continue;
    if (!sweeper.may_remove(entry.name) && !dropped.contains(entry.name)) continue;
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
  const Sweeper sweeper{attempt, attempt_number(attempt)};
  WEIR_ASSIGN(const std::vector<Slot> slots, list_slots(storage, root));
  // What has been listed is needed, or can be needed by nobody: if a newer attempt begins now, it
  // goes on from the newest of these checkpoints, and from nothing of this attempt that is not in
  // it.
  if (sweeper.is_overtaken(slots)) return {};
  std::vector<CheckpointId> ids;
  for (const Slot& slot : slots) {
    if (!slot.mark) ids.push_back(slot.id);
  }
  // Without any manifest this may be a folder whose manifests are merely out of sight; runs of a
  // job that never completed a checkpoint are few.
  if (ids.empty()) return {};
  WEIR_TRY(drop_manifests(storage, root, slots, ids, std::max<std::size_t>(keep, 1)));
  WEIR_TRY(drop_temporaries(storage, root, sweeper));
  WEIR_ASSIGN(const std::set<std::string> needed, mark(storage, root, ids));
  return sweep(storage, runs_folder(root), needed, sweeper, dropped, gone);
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
