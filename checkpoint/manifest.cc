// Looking things up in a manifest. Its bytes: manifest_encode.cc and manifest_decode.cc.
#include "weir/checkpoint/manifest.h"

#include <algorithm>

namespace weir {

const StepManifest* Manifest::find(std::string_view step) const {
  for (const StepManifest& candidate : steps) {
    if (candidate.name == step) return &candidate;
  }
  return nullptr;
}

std::vector<std::string> Manifest::files() const {
  std::vector<std::string> names;
  const auto add = [&names](const std::vector<RunInfo>& runs) {
    for (const RunInfo& run : runs) names.push_back(run.file);
  };
  add(dead_letters);
  for (const StepManifest& step : steps) {
    for (const SubtaskManifest& subtask : step.subtasks) {
      add(subtask.state);
      add(subtask.items);
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace weir
