#include "bench/nexmark/run_query.h"

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <string_view>
#include <thread>

#include "bench/nexmark/streams.h"
#include "bench/scratch.h"
#include "weir/base/check.h"

namespace weir::bench::nexmark {
namespace {

RunOptions options_of(const Query& query, const Workload& work, unsigned subtasks,
                      const std::string& answers, const ScratchFolder& scratch) {
  RunOptions options;
  options.name = query.name;
  options.parallelism = options.threads = subtasks;
  options.state_dir = scratch.path() + "/state";
  options.checkpoint_interval = std::chrono::seconds(1);
  options.max_dead_letters = 0;  // the disorder stays within what the source allows
  // q10 writes files in any case.
  const bool counts = answers.empty() && std::string_view(query.name) != "q10";
  options.config = {
      {"events", std::to_string(work.events)},
      {"rate", std::to_string(work.events_per_second)},
      {"seed", std::to_string(work.seed)},
      {"start", std::to_string(work.start_ms)},
      {"splits", std::to_string(subtasks)},
      {"answers", answers.empty() && !counts ? scratch.path() + "/answers" : answers}};
  return options;
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

template <class T>
T must(Result<T> result) {
  WEIR_CHECK(result.ok(), result.ok() ? "" : result.error().message.c_str());
  return std::move(*result);
}

}  // namespace

Measured run_query(const Query& query, const Workload& work, unsigned subtasks,
                   const std::string& answers) {
  const ScratchFolder scratch("nexmark");
  const RunOptions options = options_of(query, work, subtasks, answers, scratch);
  const std::uint64_t rows = answered;
  const auto begin = std::chrono::steady_clock::now();
  const double processor_begin = processor_seconds();
  must(run(query.build, options));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const auto events = static_cast<double>(work.events);
  return {events / took.count(), events / (processor_seconds() - processor_begin), answered - rows};
}

bool run_in_two(const Query& query, const Workload& work, unsigned subtasks,
                const std::string& answers) {
  const ScratchFolder scratch("nexmark");
  RunOptions options = options_of(query, work, subtasks, answers, scratch);
  {
    const auto runner = must(JobRunner::create(query.build, options));
    std::atomic<bool> ended = false;
    std::thread watcher([&] {
      while (!ended && totals_of(runner->status()).records < work.events / 2) {
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
      runner->stop();
    });
    const RunResult first = must(runner->run());
    ended = true;
    watcher.join();
    if (first.outcome != RunResult::Outcome::stopped) return false;
  }
  options.parallelism = options.threads = subtasks + 1;
  const RunResult second = must(run(query.build, options));
  WEIR_CHECK(second.restored_from != 0, "the second run began anew");
  return true;
}

}  // namespace weir::bench::nexmark
