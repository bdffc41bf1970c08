// Bench `hot`: two subtasks, nine events of ten on one key, beside the same with keys that are
// spread evenly. Equal is the aim: an aggregate combines before the exchange.
//
//   hot_bench [--json] [--runs N] [--events MILLIONS] [--keys K]
#include "bench/cost_job.h"
#include "bench/report.h"
#include "bench/scratch.h"

int main(int argc, char** argv) {
  using namespace weir::bench;
  const auto options = parse_report_options(argc, argv);
  CostJob even;
  even.events = number_option(options.rest, "--events", 40) * 1'000'000;
  even.keys = number_option(options.rest, "--keys", 1'000'000);
  even.subtasks = 2;
  CostJob hot = even;
  hot.hot_percent = 90;
  Report report("hot", options);
  report.compare(
      "90 % on one key beside even keys, 2 subtasks", "ns/event",
      [&] { return run_cost_job(hot).ns_per_event; },
      [&] { return run_cost_job(even).ns_per_event; });
}
