// Manifests: what decodes is exactly what encodes, holds together, and can be restored at any
// parallelism with each key group read once.
//
// The input is the JSON of a manifest; its hash is put right here, or nothing would get past it.
#include "tests/fuzz/fuzz.h"
#include "weir/checkpoint/manifest_check.h"
#include "weir/checkpoint/store.h"

namespace weir::fuzz {
namespace {

std::string with_hash(std::string_view text) {
  return std::string(text) + "\nweir-manifest-hash " + content_hash(text).hex() + "\n";
}

void check_restore(const StepManifest& step, std::uint32_t max_parallelism) {
  std::uint64_t kept = 0;
  for (const SubtaskManifest& subtask : step.subtasks) {
    kept += subtask.groups.end - subtask.groups.begin;
  }
  for (std::uint32_t parallelism = 1; parallelism <= 3; ++parallelism) {
    std::uint64_t taken = 0;
    for (std::uint32_t i = 0; i < parallelism; ++i) {
      const KeyGroupRange groups = key_groups_of(i, parallelism, max_parallelism);
      for (const RestoreSlice& slice : plan_state_restore(step, groups)) {
        taken += slice.take.end - slice.take.begin;
      }
    }
    WEIR_CHECK(taken == kept, "a restore reads each key group once");
  }
}

bool check(const std::string& bytes) {
  const auto manifest = decode_manifest(bytes, "m");
  if (!manifest.ok()) return false;
  WEIR_CHECK(encode_manifest(*manifest) == bytes, "a manifest has one encoding");
  WEIR_CHECK(find_manifest_problem(*manifest).empty(), "what decodes holds together");
  for (const StepManifest& step : manifest->steps) {
    check_restore(step, manifest->max_parallelism);
  }
  return true;
}

Manifest example() {
  Manifest manifest;
  manifest.job = "shop";
  manifest.run_id = "run-1";
  manifest.id = 17;
  manifest.attempt = "a1";
  manifest.completed_at = from_millis(1'600'000'000'123);
  manifest.config["input"] = "/data/\xff*.csv";
  StepManifest step;
  step.name = "carts";
  step.kind = "process";
  step.key_schema = "\"string\"";
  step.state_schema = R"({"struct":"Cart","fields":[["total","f64"]]})";
  step.parallelism = 2;
  step.counters["in"] = UINT64_MAX;
  step.subtasks.resize(2);
  for (std::uint32_t i = 0; i < 2; ++i) {
    step.subtasks[i].index = i;
    step.subtasks[i].groups = key_groups_of(i, 2, manifest.max_parallelism);
    step.subtasks[i].state = {{"carts-" + std::to_string(i) + ".sst", 4096, 10, {i, 2}}};
  }
  manifest.steps = {step};
  manifest.dead_letters = {{"letters.sst", 1, 1, {3, 4}}};
  return manifest;
}

}  // namespace

void run(std::string_view input) {
  check(std::string(input));
  check(with_hash(input));
}

std::vector<std::string> seeds() {
  std::vector<std::string> texts;
  for (const Manifest& manifest : {Manifest(), example()}) {
    const std::string bytes = encode_manifest(manifest);
    texts.push_back(bytes.substr(0, bytes.find('\n')));
    WEIR_CHECK(check(with_hash(texts.back())), "a seed decodes");
  }
  return texts;
}

}  // namespace weir::fuzz
