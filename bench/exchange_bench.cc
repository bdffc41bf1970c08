// Bench `exchange`: what it costs an event to go through a key_by between two subtasks, each on a
// core, over the same pipeline in one subtask. In nanoseconds of a core: two subtasks hold two.
//
//   exchange_bench [--json] [--runs N] [--events MILLIONS] [--keys K]
#include "bench/cost_job.h"
#include "bench/report.h"
#include "bench/scratch.h"

int main(int argc, char** argv) {
  using namespace weir::bench;
  const auto options = parse_report_options(argc, argv);
  CostJob local;
  local.events = number_option(options.rest, "--events", 40) * 1'000'000;
  local.keys = number_option(options.rest, "--keys", 1'000'000);
  Report report("exchange", options);
  for (const bool whole : {false, true}) {
    local.whole_events = whole;
    CostJob exchanged = local;
    exchanged.subtasks = 2;
    const auto core_ns = [](const CostJob& job) {
      return run_cost_job(job).ns_per_event * job.subtasks;
    };
    report.compare(
        whole ? "whole events of 64 bytes (process)" : "combined before (aggregate)",
        "core-ns/event", [&] { return core_ns(exchanged); }, [&] { return core_ns(local); });
  }
}
