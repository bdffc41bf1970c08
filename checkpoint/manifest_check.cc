// See manifest_check.h. Run when a manifest is written and when it is read: what cannot be restored
// is not committed in the first place.
#include "weir/checkpoint/manifest_check.h"

#include <array>

namespace weir {
namespace {

constexpr std::size_t kMaxNameBytes = 255;  // of a file, on every file system of Linux

using RunsByName = std::map<std::string_view, const RunInfo*>;

bool is_plain_file_name(const std::string& name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name[0] != '.' &&
         name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

std::string check_runs(const std::vector<RunInfo>& runs, RunsByName& seen) {
  for (const RunInfo& run : runs) {
    if (!is_plain_file_name(run.file)) return "'" + run.file + "' is no name of a run file";
    const auto [known, is_new] = seen.emplace(run.file, &run);
    if (!is_new && *known->second != run)
      return "run file " + run.file + " is listed with two contents";
  }
  return {};
}

std::string check_key_groups(const StepManifest& step, std::uint32_t max_parallelism) {
  std::uint32_t covered = 0;
  bool keyed = false;
  for (const SubtaskManifest& subtask : step.subtasks) {
    const KeyGroupRange groups = subtask.groups;
    if (groups.begin > groups.end) return "a range of key groups ends before it begins";
    if (groups.begin == groups.end) {
      if (!subtask.state.empty()) return "a subtask without key groups has keyed state";
      continue;
    }
    if (groups.begin != covered) return "key groups are missing or listed twice";
    keyed = true;
    covered = groups.end;
  }
  return keyed && covered != max_parallelism ? "key groups do not reach max_parallelism" : "";
}

std::string check_step(const StepManifest& step, std::uint32_t max_parallelism, RunsByName& seen) {
  const SubtaskManifest* last = nullptr;
  for (const SubtaskManifest& subtask : step.subtasks) {
    if (subtask.index >= step.parallelism) return "a subtask's index is not below the parallelism";
    if (last != nullptr && subtask.index <= last->index) return "subtasks are not in order";
    if (subtask.items.size() > 1) return "a subtask has more than one run of items";
    for (const auto* runs : std::array{&subtask.state, &subtask.items}) {
      if (auto problem = check_runs(*runs, seen); !problem.empty()) return problem;
    }
    last = &subtask;
  }
  return check_key_groups(step, max_parallelism);
}

}  // namespace

std::string find_manifest_problem(const Manifest& manifest) {
  if (manifest.format != kManifestFormat)
    return "its format is not " + std::to_string(kManifestFormat);
  if (manifest.max_parallelism == 0) return "max_parallelism is 0";
  RunsByName seen;
  if (auto problem = check_runs(manifest.dead_letters, seen); !problem.empty()) return problem;
  const StepManifest* last = nullptr;
  for (const StepManifest& step : manifest.steps) {
    if (last != nullptr && step.name <= last->name)
      return "steps are not sorted by name, each once";
    if (auto problem = check_step(step, manifest.max_parallelism, seen); !problem.empty()) {
      return "step '" + step.name + "': " + problem;
    }
    last = &step;
  }
  return {};
}

}  // namespace weir
