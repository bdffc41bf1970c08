// `weir plan`: what a job would do, without running it.
#include <algorithm>
#include <cstdio>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include "cli/commands.h"
#include "cli/crash.h"
#include "cli/exit_codes.h"
#include "cli/output.h"
#include "cli/run_options.h"
#include "cli/state_folder.h"
#include "weir/runtime/deployment.h"
#include "weir/runtime/plan.h"

namespace weir::cli {
namespace {

namespace json = boost::json;

json::value schema_json(const std::string& schema) {
  if (schema.empty()) return nullptr;
  return json::parse(schema);
}

json::object step_object(const GraphStep& step, const Graph& graph, const Plan& plan) {
  json::array inputs;
  for (const GraphEdge& edge : step.inputs) {
    inputs.push_back({{"from", graph.step(edge.from).name},
                      {"port", graph.step(edge.from).outputs[edge.port].name},
                      {"exchange", to_string(edge.exchange)}});
  }
  json::object object{{"name", step.name},
                      {"kind", step.kind},
                      {"parallelism", plan.parallelism_of[step.id]},
                      {"task", plan.vertex_of[step.id]},
                      {"inputs", std::move(inputs)}};
  if (!step.description.empty()) object["description"] = step.description;
  if (step.keyed) {
    object["key_schema"] = schema_json(step.key_schema);
    object["state_schema"] = schema_json(step.state_schema);
  }
  return object;
}

std::string indented(const std::string& text, const std::string& by) {
  std::string out = by;
  for (const char c : text) {
    out += c;
    if (c == '\n') out += by;
  }
  while (!out.empty() && (out.back() == ' ' || out.back() == '\n')) out.pop_back();
  return out + "\n";
}

std::string schema_text(const std::string& schema) {
  const auto parsed = parse_schema(schema);
  return parsed.ok() ? to_text(*parsed) : schema;
}

void print_text(const Job& job, const Plan& plan) {
  std::printf("job %s, %u key groups\n\nsteps:\n%s\ntasks:\n%s", job.name().c_str(),
              job.max_parallelism(), indented(job.graph().to_text(), "  ").c_str(),
              indented(plan.to_text(job.graph()), "  ").c_str());
  bool first = true;
  for (const GraphStep& step : job.graph().steps()) {
    if (!step.keyed) continue;
    if (std::exchange(first, false)) std::puts("\nkeyed state:");
    std::printf("  %s\n    key\n%s    state\n%s", step.name.c_str(),
                indented(schema_text(step.key_schema), "      ").c_str(),
                indented(schema_text(step.state_schema), "      ").c_str());
  }
}

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

/// A checkpoint, and whether its files are what was written.
struct Against {
  Manifest manifest;
  Status intact;
};

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

/// Prints what a restore would do. Error: it would fail, and why.
Status print_restore(const Args& args, const Job& job, const Against& against) {
  const Manifest& manifest = against.manifest;
  const bool allow_dropped = args.has("allow-dropped-state");
  Status fits = check_restore(job, manifest, allow_dropped);
  const auto verdicts = judge_all(job.graph(), manifest, allow_dropped);
  if (args.has("json")) {
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
  if (refused == 0 || args.has("json")) return fits;
  return Error{ErrorCode::incompatible,  // the reasons have been listed
               "The job cannot be restored from it: " + std::to_string(refused) +
                   (refused == 1 ? " step does not fit" : " steps do not fit")};
}

Result<int> plan(const Args& args) {
  install_crash_handler();
  set_crash_context(args.operands()[0], "");
  std::optional<Against> against;
  if (const std::string* dir = args.value("against")) {
    WEIR_ASSIGN(against, read_against(*dir, args.text("checkpoint", "latest")));
  }
  const ExitGuard guard;
  WEIR_ASSIGN(const JobLibrary library, load_job_library(args.operands()[0]));
  RunOptions options;
  options.name = library.name;
  WEIR_ASSIGN(options.config, settings_of(args));
  if (against && options.config.empty()) options.config = against->manifest.config;
  WEIR_ASSIGN(const auto parallelism, args.number("parallelism", 1, 1, 32768));
  options.parallelism = static_cast<std::uint32_t>(parallelism);
  WEIR_ASSIGN(const auto runner, JobRunner::create(library.entry->function, std::move(options)));
  const Graph& graph = runner->job().graph();
  if (args.has("dot")) {
    std::fputs(graph.to_dot().c_str(), stdout);
    return kOk;
  }
  const Plan made = make_plan(graph, static_cast<std::uint32_t>(parallelism));
  if (args.has("json")) {
    for (const GraphStep& step : graph.steps()) print_json(step_object(step, graph, made));
  } else {
    print_text(runner->job(), made);
  }
  if (against) WEIR_TRY(print_restore(args, runner->job(), *against));
  return kOk;
}

}  // namespace

Command plan_command() {
  return {
      "plan",
      "JOB.so",
      1,
      1,
      "Show a job's graph, keys and state schemas without running it",
      {{"set", "KEY=VALUE", "a setting of the job.", true},
       {"parallelism", "N", "as for run; default 1"},
       {"against", "DIR", "say what a restore from this state folder or savepoint would do"},
       {"checkpoint", "ID", "with --against: of this checkpoint; default the newest"},
       {"allow-dropped-state", nullptr, "with --against: as for run"},
       {"dot", nullptr, "print the graph for Graphviz"},
       {"json", nullptr, "print JSON, one step a line"}},
      "With --against the settings default to those of the checkpoint, whose files are all read\n"
      "and checked. The exit status is 3 when the job cannot be restored from it, 5 when a file "
      "is\n"
      "damaged.\n",
      plan};
}

}  // namespace weir::cli
