// Names within a state folder or savepoint, and reading what lies there without changing anything.
// Internal to checkpoint/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/checkpoint/store.h"

namespace weir::store_layout {

std::string checkpoints_folder(const std::string& root);
std::string runs_folder(const std::string& root);
/// `root`/checkpoints/NNNNNNNN.json
std::string manifest_path(const std::string& root, CheckpointId id);

/// Reads a decimal checkpoint id; nothing when `text` is anything else.
std::optional<CheckpointId> parse_id(std::string_view text);

/// The ids in the names of all files under names of manifests in `root`, ascending, with the size
/// of each in bytes: manifests and marks (mark.h). A missing folder has none.
Result<std::vector<std::pair<CheckpointId, std::uint64_t>>> list_names(Storage& storage,
                                                                       const std::string& root);

/// Ids of all manifests in `root`, ascending, readable or not. A missing folder has none.
Result<std::vector<CheckpointId>> list_ids(Storage& storage, const std::string& root);

/// Reads one manifest file; the id in it must be `id` when that is given. Error: not_found, too,
/// when an attempt has marked that id as taken and there is no checkpoint.
Result<Manifest> load_manifest(Storage& storage, const std::string& path,
                               std::optional<CheckpointId> id);

/// The manifest with the highest id in `root`, or nothing when there is none. If it cannot be read
/// the error tells the operator how to choose another (hazard H8).
Result<std::optional<Manifest>> load_newest(Storage& storage, const std::string& root);

/// Calls `visit(run)` for each run of `manifest`, shared ones each time.
template <class Visit>
void for_each_run(const Manifest& manifest, Visit visit) {
  for (const RunInfo& run : manifest.dead_letters) visit(run);
  for (const StepManifest& step : manifest.steps) {
    for (const SubtaskManifest& subtask : step.subtasks) {
      for (const auto* runs : {&subtask.state, &subtask.items}) {
        for (const RunInfo& run : *runs) visit(run);
      }
    }
  }
}

/// The runs of `manifest`, each file once, by name.
std::map<std::string, RunInfo> distinct_runs(const Manifest& manifest);

/// Creates folder `path` with those above it so that all their names are durable.
Status make_durable_dirs(Storage& storage, const std::string& path);

}  // namespace weir::store_layout
