// Bench `nexmark`: the queries of the Nexmark suite as Weir jobs, beside what Flink does on the
// same work; see bench/nexmark/README.md.
//
//   nexmark_bench [--json] [--runs N] [--events N] [--rate N] [--seed N] [--start MS]
//                 [--query q5,q7] [--subtasks N] [--dump DIR]
//
// `--dump` writes events.jsonl and a folder of answers for each query into DIR, instead of
// measuring.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "bench/nexmark/arrival.h"
#include "bench/nexmark/generator.h"
#include "bench/nexmark/queries.h"
#include "bench/nexmark/streams.h"
#include "bench/nexmark/table.h"
#include "bench/report.h"
#include "bench/scratch.h"
#include "weir/base/check.h"

namespace {

using namespace weir::bench::nexmark;
using weir::bench::ScratchFolder;

struct Settings {
  std::uint64_t events, rate, seed, start;
  std::string queries;  // comma before and behind each; empty: all
};

std::map<std::string, std::string> config_of(const Settings& settings, unsigned subtasks) {
  return {{"events", std::to_string(settings.events)},
          {"rate", std::to_string(settings.rate)},
          {"seed", std::to_string(settings.seed)},
          {"start", std::to_string(settings.start)},
          {"splits", std::to_string(subtasks)}};
}

bool wanted(const Settings& settings, const Query& query) {
  return settings.queries.empty() ||
         settings.queries.find("," + std::string(query.name) + ",") != std::string::npos;
}

/// Seconds of processor time this process has used, all threads together.
double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Runs a query with a checkpoint each second; `answers` is where its rows go, or empty.
Measured run(const Query& query, const Settings& settings, unsigned subtasks,
             const std::string& answers) {
  const ScratchFolder state("nexmark");
  weir::RunOptions options;
  options.name = query.name;
  options.parallelism = options.threads = subtasks;
  options.state_dir = state.path() + "/state";
  options.checkpoint_interval = std::chrono::seconds(1);
  options.max_dead_letters = 0;  // the disorder stays within what the source allows
  options.config = config_of(settings, subtasks);
  // q10 writes files in any case.
  const bool files = !answers.empty() || std::string(query.name) == "q10";
  options.config["answers"] = answers.empty() && files ? state.path() + "/answers" : answers;
  const std::uint64_t rows = answered;
  const auto begin = std::chrono::steady_clock::now();
  const double processor_begin = processor_seconds();
  const auto result = weir::run(query.build, options);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  WEIR_CHECK(result.ok(), result.ok() ? "" : result.error().message.c_str());
  const auto events = static_cast<double>(settings.events);
  return {events / took.count(), events / (processor_seconds() - processor_begin), answered - rows};
}

void dump(const Settings& settings, unsigned subtasks, const std::string& folder) {
  const Generator generator(
      {.events = settings.events,
       .events_per_second = static_cast<double>(settings.rate),
       .seed = settings.seed,
       .start = weir::from_millis(static_cast<std::int64_t>(settings.start))});
  const Arrival arrival(settings.events, static_cast<double>(settings.rate));
  std::ofstream file(folder + "/events.jsonl");
  for (std::uint64_t position = 0; position < arrival.positions(); ++position) {
    const std::uint64_t number = arrival.event_at(position);
    if (number == Arrival::kNobody) continue;
    Event event;
    generator.make(number, event);
    file << to_line(event);
  }
  file.close();
  if (!file) {
    std::fprintf(stderr, "Cannot write %s/events.jsonl: is the folder there, the disk full?\n",
                 folder.c_str());
    std::exit(1);
  }
  for (const Query& query : queries()) {
    if (wanted(settings, query)) run(query, settings, subtasks, folder + "/" + query.name);
  }
}

void measure(const Settings& settings, const weir::bench::ReportOptions& options,
             std::uint64_t subtasks) {
  Table table(options.json);
  for (const Query& query : queries()) {
    if (!wanted(settings, query)) continue;
    for (unsigned n = 1; n <= 2; ++n) {
      if (subtasks != 0 && n != subtasks) continue;
      std::vector<Measured> runs;
      for (int i = 0; i < options.runs; ++i) runs.push_back(run(query, settings, n, ""));
      table.add(query.name, n, runs, query.flink_total / 2 * 1e6);
    }
  }
  table.finish();
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = weir::bench::parse_report_options(argc, argv);
  const auto number = [&](const char* name, std::uint64_t otherwise) {
    return weir::bench::number_option(options.rest, name, otherwise);
  };
  Settings settings{number("--events", 10'000'000), number("--rate", 100'000), number("--seed", 1),
                    // A minute before midnight: the reports by day see two days.
                    number("--start", 1'772'323'140'000), ""};
  const std::string only = weir::bench::text_option(options.rest, "--query", "");
  if (!only.empty()) settings.queries = "," + only + ",";
  const std::string folder = weir::bench::text_option(options.rest, "--dump", "");
  const std::uint64_t subtasks = number("--subtasks", 0);
  if (!folder.empty())
    dump(settings, static_cast<unsigned>(std::max<std::uint64_t>(subtasks, 1)), folder);
  else
    measure(settings, options, subtasks);
}
