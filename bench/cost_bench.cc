// Bench `cost`: what the engine costs over a plain loop that does the same work; see cost_job.h for
// the work and twins/cost_twin.h for the loop.
//
//   cost_bench [--json] [--runs N] [--events MILLIONS] [--keys K] [--operators N] [--subtasks N]
//              [--case NAME]
//
// `--operators`: so many further maps in the chain; `--subtasks`: of case `two`.
#include "bench/cost_job.h"
#include "bench/report.h"
#include "bench/scratch.h"
#include "bench/twins/cost_twin.h"
#include "weir/base/check.h"

int main(int argc, char** argv) {
  using namespace weir::bench;
  const auto options = parse_report_options(argc, argv);
  const std::uint64_t events = number_option(options.rest, "--events", 60) * 1'000'000;
  const std::uint64_t keys = number_option(options.rest, "--keys", 1'000'000);
  const auto operators = static_cast<std::uint32_t>(number_option(options.rest, "--operators", 0));
  const auto many = static_cast<std::uint32_t>(number_option(options.rest, "--subtasks", 2));
  const std::string only = text_option(options.rest, "--case", "");
  const auto wanted = [&](const char* name) { return only.empty() || only == name; };
  std::string text = keys < 1'000'000 ? std::to_string(keys / 1'000) + " K keys"
                                      : std::to_string(keys / 1'000'000) + " M keys";
  if (operators > 0) text += ", " + std::to_string(operators) + " more maps";
  Report report("cost", options);
  CostRun last;
  const auto weir = [&](std::uint32_t subtasks, weir::Duration interval) {
    last = run_cost_job({events, keys, subtasks, interval, 0, false, operators});
    return last.ns_per_event;
  };
  const auto twin = [&] {
    const CostResult result = run_cost_twin(events, keys, operators);
    WEIR_CHECK(result.checksum == last.checksum && result.users == last.users,
               "the job's table differs from the twin's");
    return result.ns_per_event;
  };
  const weir::Duration never = std::chrono::hours(1), each_second = std::chrono::seconds(1);
  if (wanted("plain")) {
    report.compare(
        "1 subtask, " + text, "ns/event", [&] { return weir(1, never); }, twin);
  }
  if (wanted("checkpoints")) {
    report.compare(
        "1 subtask, " + text + ", checkpoint 1 s", "ns/event", [&] { return weir(1, each_second); },
        twin);
  }
  if (wanted("two")) {
    report.compare(
        std::to_string(many) + " subtasks beside 1 subtask, " + text, "ns/event",
        [&] { return weir(many, never); }, [&] { return weir(1, never); });
  }
}
