// What `weir checkpoints list` shows. Looks at names and sizes only: `verify` reads the bytes.
#include <unordered_map>

#include "weir/checkpoint/mark.h"
#include "weir/checkpoint/store.h"
#include "weir/checkpoint/store_layout.h"

namespace weir {
namespace {

using SizeByName = std::unordered_map<std::string, std::uint64_t>;

SizeByName list_runs(Storage& storage, const std::string& folder) {
  SizeByName sizes;
  const auto entries = storage.list(folder);
  if (!entries.ok()) return sizes;  // each checkpoint then says which of its runs is missing
  for (const StorageEntry& entry : *entries) sizes.emplace(entry.name, entry.size_bytes);
  return sizes;
}

std::string find_run_problem(const RunInfo& run, const SizeByName& sizes) {
  const auto found = sizes.find(run.file);
  if (found == sizes.end()) return "The run file " + run.file + " is missing.";
  if (found->second == run.size_bytes) return {};
  return "The run file " + run.file + " has " + std::to_string(found->second) +
         " bytes instead of " + std::to_string(run.size_bytes) + ".";
}

void describe(const Manifest& manifest, const SizeByName& sizes, CheckpointSummary& summary) {
  summary.completed_at = manifest.completed_at;
  summary.finished = manifest.finished;
  summary.savepoint = manifest.savepoint;
  for (const auto& [file, run] : store_layout::distinct_runs(manifest)) {
    summary.size_bytes += run.size_bytes;
    if (summary.problem.empty()) summary.problem = find_run_problem(run, sizes);
  }
}

}  // namespace

std::vector<CheckpointSummary> CheckpointStore::list() {
  std::vector<CheckpointSummary> summaries;
  const auto names = store_layout::list_names(storage_, root_);
  if (!names.ok()) {
    summaries.emplace_back();
    summaries.back().path = store_layout::checkpoints_folder(root_);
    summaries.back().problem = names.error().message;
    return summaries;
  }
  const SizeByName sizes = list_runs(storage_, runs_folder());
  for (const auto& [id, size] : *names) {
    const auto mark = read_mark(storage_, root_, id, size);
    if (mark.ok() ? mark->has_value() : mark.error().code == ErrorCode::not_found) continue;
    CheckpointSummary& summary = summaries.emplace_back();
    summary.id = id;
    summary.path = store_layout::manifest_path(root_, id);
    const auto manifest = store_layout::load_manifest(storage_, summary.path, id);
    if (manifest.ok()) {
      describe(*manifest, sizes, summary);
    } else {
      summary.problem = manifest.error().message;
    }
  }
  return summaries;
}

}  // namespace weir
