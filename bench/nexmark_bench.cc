// Bench `nexmark`: the queries of the Nexmark suite as Weir jobs, beside what Flink does on the
// same work; see bench/nexmark/README.md.
//
//   nexmark_bench [--json] [--runs N] [--events N] [--rate N] [--seed N] [--start MS]
//                 [--query q5,q7] [--subtasks N] [--dump DIR [--in-two]]
//
// `--dump` writes events.jsonl and a folder of answers for each query into DIR, instead of
// measuring; with `--in-two` each query is stopped half-way and goes on with one more subtask.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "bench/nexmark/arrival.h"
#include "bench/nexmark/generator.h"
#include "bench/nexmark/run_query.h"
#include "bench/report.h"
#include "bench/scratch.h"

namespace {

using namespace weir::bench::nexmark;

/// What is asked of this run.
struct Wish {
  Workload work;
  std::string queries;    ///< with a comma before and behind each; empty: all
  unsigned subtasks = 0;  ///< 0: 1, and when measuring also 2
  bool in_two = false;    ///< dump: stop each query half-way and go on

  bool has(const Query& query) const {
    return queries.empty() || queries.find("," + std::string(query.name) + ",") != queries.npos;
  }
};

void dump_events(const Workload& work, const std::string& path) {
  const auto rate = static_cast<double>(work.events_per_second);
  const Generator generator({.events = work.events,
                             .events_per_second = rate,
                             .seed = work.seed,
                             .start = weir::from_millis(static_cast<std::int64_t>(work.start_ms))});
  const Arrival arrival(work.events, rate);
  std::ofstream file(path);
  for (std::uint64_t position = 0; position < arrival.positions(); ++position) {
    const std::uint64_t number = arrival.event_at(position);
    if (number == Arrival::kNobody) continue;
    Event event;
    generator.make(number, event);
    file << to_line(event);
  }
  file.close();
  if (file) return;
  std::fprintf(stderr, "Cannot write %s: is the folder there, the disk full?\n", path.c_str());
  std::exit(1);
}

void dump(const Wish& wish, const std::string& folder) {
  dump_events(wish.work, folder + "/events.jsonl");
  const unsigned subtasks = std::max(wish.subtasks, 1u);
  for (const Query& query : queries()) {
    if (!wish.has(query)) continue;
    const std::string answers = folder + "/" + query.name;
    if (!wish.in_two)
      run_query(query, wish.work, subtasks, answers);
    else if (run_in_two(query, wish.work, subtasks, answers))
      std::printf("%s: stopped and resumed\n", query.name);
  }
}

void measure(const Wish& wish, const weir::bench::ReportOptions& options) {
  Table table(options.json);
  for (const Query& query : queries()) {
    if (!wish.has(query)) continue;
    for (unsigned n = 1; n <= 2; ++n) {
      if (wish.subtasks != 0 && n != wish.subtasks) continue;
      std::vector<Measured> runs;
      for (int i = 0; i < options.runs; ++i) runs.push_back(run_query(query, wish.work, n, ""));
      table.add(query.name, n, runs, query.flink_total / 2 * 1e6);
    }
  }
  table.finish();
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = weir::bench::parse_report_options(argc, argv);
  const auto flag = std::find(options.rest.begin(), options.rest.end(), "--in-two");
  const bool in_two = flag != options.rest.end();
  const auto number = [&](const char* name, std::uint64_t otherwise) {
    return weir::bench::number_option(options.rest, name, otherwise);
  };
  const std::string only = weir::bench::text_option(options.rest, "--query", "");
  const Wish wish{
      .work = {.events = number("--events", 10'000'000),
               .events_per_second = number("--rate", 100'000),
               .seed = number("--seed", 1),
               // A minute before midnight: the reports by day see two days.
               .start_ms = number("--start", 1'772'323'140'000)},
      .queries = only.empty() ? "" : "," + only + ",",
      .subtasks = static_cast<unsigned>(number("--subtasks", 0)),
      .in_two = in_two,
  };
  const std::string folder = weir::bench::text_option(options.rest, "--dump", "");
  if (!folder.empty())
    dump(wish, folder);
  else
    measure(wish, options);
}
