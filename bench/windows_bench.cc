// Bench `windows`: tumbling, sliding and session windows over out-of-order events, each beside a
// loop written by hand for just these windows; see windows_job.h and twins/windows_twin.h.
//
//   windows_bench [--json] [--runs N] [--events MILLIONS] [--keys K] [--case NAME]
#include "bench/report.h"
#include "bench/scratch.h"
#include "bench/windows_job.h"
#include "weir/base/check.h"

namespace {

using namespace weir::bench;

/// One kind of windows, and its twin.
struct Case {
  const char* name;
  const char* text;
  weir::WindowSpec spec;
  WindowsResult (*twin)(std::uint64_t events, std::uint64_t keys, std::int64_t ms);
  std::int64_t ms;  // for the twin
};

constexpr weir::Duration kSecond(1000);
const Case kCases[] = {
    {"tumbling", "tumbling, 10 s", weir::tumbling(10 * kSecond), run_tumbling_twin, 10'000},
    {"sliding", "sliding, 60 s by 1 s", weir::sliding(60 * kSecond, kSecond), run_sliding_twin,
     1000},
    {"session", "sessions, gap 3 s", weir::session(3 * kSecond), run_session_twin, 3000},
};

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse_report_options(argc, argv);
  const std::uint64_t events = number_option(options.rest, "--events", 10) * 1'000'000;
  const std::uint64_t keys = number_option(options.rest, "--keys", 100'000);
  const std::string only = text_option(options.rest, "--case", "");
  Report report("windows", options);
  for (const Case& one : kCases) {
    if (!only.empty() && only != one.name) continue;
    WindowsResult last;
    const auto weir = [&](weir::Duration interval) {
      last = run_windows_job({events, keys, one.spec, interval});
      return last.ns_per_event;
    };
    const auto twin = [&] {
      const WindowsResult result = one.twin(events, keys, one.ms);
      WEIR_CHECK(result.checksum == last.checksum && result.results == last.results,
                 "the results of the job differ from those of the twin");
      return result.ns_per_event;
    };
    report.compare(
        one.text, "ns/event", [&] { return weir(std::chrono::hours(1)); }, twin);
    report.compare(
        std::string(one.text) + ", checkpoint 1 s", "ns/event",
        [&] { return weir(std::chrono::seconds(1)); }, twin);
  }
}
