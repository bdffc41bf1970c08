// `weir plan`: what a job would do, without running it.
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <cstdio>

#include "cli/commands.h"
#include "cli/crash.h"
#include "cli/exit_codes.h"
#include "cli/output.h"
#include "cli/restore_check.h"
#include "cli/run_options.h"
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
  if (against) {
    WEIR_TRY(
        print_restore(runner->job(), *against, args.has("allow-dropped-state"), args.has("json")));
  }
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
