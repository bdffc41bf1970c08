// Writes the JSON of a manifest. Members always come in the same order and none is left out, so
// that one manifest has one encoding: the decoder relies on it to refuse everything else.
#include <boost/json.hpp>

#include "weir/checkpoint/manifest.h"

namespace weir {
namespace {

namespace json = boost::json;

json::array encode_runs(const std::vector<RunInfo>& runs) {
  json::array out;
  out.reserve(runs.size());
  for (const RunInfo& run : runs) {
    out.push_back(json::object{{"file", run.file},
                               {"size", run.size_bytes},
                               {"rows", run.rows},
                               {"hash", run.hash.hex()}});
  }
  return out;
}

json::object encode_subtask(const SubtaskManifest& subtask) {
  return json::object{{"index", subtask.index},
                      {"groups", json::array{subtask.groups.begin, subtask.groups.end}},
                      {"state", encode_runs(subtask.state)},
                      {"items", encode_runs(subtask.items)},
                      {"watermark_ms", subtask.watermark_ms}};
}

template <class Value>
json::object encode_map(const std::map<std::string, Value>& map) {
  json::object out;
  for (const auto& [name, value] : map) out.emplace(name, value);
  return out;
}

json::object encode_step(const StepManifest& step) {
  json::array subtasks;
  for (const SubtaskManifest& subtask : step.subtasks) subtasks.push_back(encode_subtask(subtask));
  return json::object{{"name", step.name},
                      {"kind", step.kind},
                      {"key_schema", step.key_schema},
                      {"state_schema", step.state_schema},
                      {"parallelism", step.parallelism},
                      {"counters", encode_map(step.counters)},
                      {"subtasks", std::move(subtasks)}};
}

json::object encode_json(const Manifest& manifest) {
  json::array steps;
  for (const StepManifest& step : manifest.steps) steps.push_back(encode_step(step));
  return json::object{{"format", manifest.format},
                      {"job", manifest.job},
                      {"run_id", manifest.run_id},
                      {"id", manifest.id},
                      {"attempt", manifest.attempt},
                      {"completed_at_ms", to_millis(manifest.completed_at)},
                      {"max_parallelism", manifest.max_parallelism},
                      {"finished", manifest.finished},
                      {"savepoint", manifest.savepoint},
                      {"config", encode_map(manifest.config)},
                      {"steps", std::move(steps)},
                      {"dead_letters", encode_runs(manifest.dead_letters)}};
}

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
  std::string bytes = json::serialize(encode_json(manifest));
  const std::string hash = content_hash(bytes).hex();
  return bytes.append("\nweir-manifest-hash ").append(hash).append("\n");
}

}  // namespace weir
