// Judging a restore; see restore_check.h.
#include "cli/restore_check.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <cstdio>
#include <vector>

#include "cli/output.h"
#include "cli/state_folder.h"
#include "weir/runtime/deployment.h"

namespace weir::cli {
namespace {

namespace json = boost::json;

/// What a restore would do with one step, in a word and a sentence.
struct StepVerdict {
  std::string step, verdict, detail;
};

bool has_state(const StepManifest& step) {
  return std::any_of(step.subtasks.begin(), step.subtasks.end(),
                     [](const SubtaskManifest& s) { return !s.state.empty() || !s.items.empty(); });
}

StepVerdict judge(const GraphStep& step, const StepManifest* written) {
  if (written == nullptr) return {step.name, "new", "begins empty"};
  if (step.kind != written->kind && has_state(*written)) {
    return {step.name, "incompatible", "was a " + written->kind + ", is a " + step.kind};
  }
  if (step.check_state && !written->state_schema.empty()) {
    if (Status fits = step.check_state(written->key_schema, written->state_schema); !fits.ok()) {
      return {step.name, "incompatible", fits.error().message};
    }
    if (step.key_schema != written->key_schema || step.state_schema != written->state_schema) {
      return {step.name, "changed", "its state is read by the old schema and written by the new"};
    }
  }
  return {step.name, "kept", ""};
}

std::vector<StepVerdict> judge_all(const Graph& graph, const Manifest& manifest,
                                   bool allow_dropped) {
  std::vector<StepVerdict> verdicts;
  for (const GraphStep& step : graph.steps()) {
    verdicts.push_back(judge(step, manifest.find(step.name)));
  }
  for (const StepManifest& written : manifest.steps) {
    if (graph.find(written.name) != nullptr) continue;
    const bool refused = has_state(written) && !allow_dropped;
    verdicts.push_back(
        {written.name, refused ? "incompatible" : "dropped",
         refused ? "has state, but the job no longer has the step" : "the job no longer has it"});
  }
  return verdicts;
}

}  // namespace

std::string indented(const std::string& text, const std::string& by) {
  std::string out = by;
  for (const char c : text) {
    out += c;
    if (c == '\n') out += by;
  }
  while (!out.empty() && (out.back() == ' ' || out.back() == '\n')) out.pop_back();
  return out + "\n";
}

Result<Against> read_against(const std::string& dir, const std::string& checkpoint) {
  WEIR_ASSIGN(auto folder, StateFolder::open(dir));
  std::optional<Manifest> manifest;
  Status intact = folder.read_checkpoint(checkpoint, [&](const Manifest& read) {
    manifest = read;
    return folder.store().verify(read);
  });
  if (!manifest) return intact.error();
  return Against{*std::move(manifest), std::move(intact)};
}

Status print_restore(const Job& job, const Against& against, bool allow_dropped, bool as_json) {
  const Manifest& manifest = against.manifest;
  Status fits = check_restore(job, manifest, allow_dropped);
  const auto verdicts = judge_all(job.graph(), manifest, allow_dropped);
  if (as_json) {
    json::array steps;
    for (const StepVerdict& v : verdicts) {
      steps.push_back({{"step", v.step}, {"verdict", v.verdict}, {"detail", v.detail}});
    }
    json::object object{{"checkpoint", manifest.id},
                        {"compatible", fits.ok()},
                        {"intact", against.intact.ok()},
                        {"steps", steps}};
    if (!against.intact.ok()) object["problem"] = against.intact.error().message;
    if (!fits.ok()) object["problem"] = fits.error().message;
    print_json(object);
  } else {
    std::printf("\na restore from checkpoint %llu of %s:\n",
                static_cast<unsigned long long>(manifest.id),
                to_iso8601(manifest.completed_at).c_str());
    for (const StepVerdict& v : verdicts) {
      std::printf("  %-24s %s\n", v.step.c_str(), v.verdict.c_str());
      if (!v.detail.empty()) std::fputs(indented(v.detail, "      ").c_str(), stdout);
    }
  }
  if (fits.ok()) return against.intact;
  const auto refused = std::count_if(verdicts.begin(), verdicts.end(), [](const StepVerdict& v) {
    return v.verdict == "incompatible";
  });
  if (refused == 0 || as_json) return fits;
  return Error{ErrorCode::incompatible,  // the reasons have been listed
               "The job cannot be restored from it: " + std::to_string(refused) +
                   (refused == 1 ? " step does not fit" : " steps do not fit")};
}

}  // namespace weir::cli
