// Building a job, running it in a main function, and what is said at its end; see run.h.
#include "weir/runtime/run.h"

#include <algorithm>
#include <cstdio>
#include <optional>

namespace weir {
namespace {

std::string with_commas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t left = text.size(); left > 3;) text.insert(left -= 3, 1, ',');
  return text;
}

std::string settings_text(const std::map<std::string, std::string>& config) {
  std::string text;
  for (const auto& [key, value] : config) {
    text += (text.empty() ? "" : ", ") + key + "=" + value;
  }
  return text.empty() ? "no settings" : text;
}

}  // namespace

Result<Job> build_job(JobFunction function, const RunOptions& options) {
  Job job(options.name, options.config);
  try {
    function(job);
    job.check();
  } catch (const GraphError& e) {
    return Error{ErrorCode::invalid_argument, std::string("The job's graph is wrong: ") + e.what()};
  } catch (const ConfigError& e) {
    return Error{ErrorCode::invalid_argument, e.what()};
  } catch (const std::exception& e) {
    return Error{ErrorCode::user_code,
                 std::string("The job threw while it built its graph: ") + e.what()};
  } catch (...) {
    return Error{ErrorCode::user_code,
                 "The job threw while it built its graph, and what it threw is no std::exception"};
  }
  WEIR_TRY(check_parallelism(options.parallelism, job.max_parallelism()));
  if (const auto unused = job.unused_config(); !unused.empty()) {
    std::string names;
    for (const std::string& key : unused) names += (names.empty() ? "" : ", ") + key;
    return Error{ErrorCode::invalid_argument,
                 "The job has no setting called " + names + "; check the spelling of --set"};
  }
  return job;
}

Status check_parallelism(std::uint32_t wanted, std::uint32_t max_parallelism) {
  if (1 <= wanted && wanted <= max_parallelism) return {};
  return Error{ErrorCode::invalid_argument, "Parallelism " + std::to_string(wanted) +
                                                " is not from 1 to the job's max_parallelism of " +
                                                std::to_string(max_parallelism)};
}

Result<RunResult> run(JobFunction function, RunOptions options) {
  WEIR_ASSIGN(auto runner, JobRunner::create(function, std::move(options)));
  auto result = runner->run();
  // What hangs on an I/O thread still needs it.
  if (runner->hangs()) static_cast<void>(runner.release());
  return result;
}

int run_main(JobFunction function, RunOptions options) {
  const std::string state = options.state_dir;
  const auto config = options.config;
  const auto result = run(function, std::move(options));
  if (!result.ok()) {
    std::fprintf(stderr, "weir: %s\n", result.error().message.c_str());
    return 1;
  }
  for (const std::string& line : end_lines(*result, state, config)) {
    std::fprintf(stderr, "weir: %s\n", line.c_str());
  }
  return 0;
}

JobTotals totals_of(const JobStatus& status) {
  JobTotals totals;
  std::int64_t watermark = INT64_MAX;
  bool source = false;
  for (const JobStatus::Step& step : status.steps) {
    const auto counter = [&](const char* name) {
      const auto found = step.counters.find(name);
      return found == step.counters.end() ? 0 : found->second;
    };
    totals.dead_letters += counter("dead_letters");
    if (step.kind != "source") continue;
    source = true;
    totals.records += counter("records_in");
    watermark = std::min(watermark, step.watermark_ms);
  }
  if (source) totals.watermark_ms = watermark;
  return totals;
}

namespace {

/// Of a run that took some time: how much of it each task was at work, the busiest first.
std::optional<std::string> busy_line(const JobStatus& status) {
  constexpr std::chrono::seconds kWorthIt{5};
  struct Share {
    std::string steps;
    TaskTimes times;
    std::uint32_t subtasks = 1;
  };
  std::map<std::uint32_t, Share> tasks;
  for (const JobStatus::Step& step : status.steps) {
    auto [place, first] = tasks.try_emplace(step.task);
    place->second.steps += (first ? "" : "+") + step.name;
    place->second.times = step.times;
    place->second.subtasks = step.parallelism;
  }
  std::vector<std::pair<int, std::string>> shares;
  for (const auto& [id, task] : tasks) {
    std::chrono::nanoseconds all{0};
    for (const auto spent : task.times.spent) all += spent;
    if (all < kWorthIt * task.subtasks) return std::nullopt;
    const auto busy = static_cast<double>(task.times.of(TaskActivity::busy).count());
    shares.emplace_back(static_cast<int>(100 * busy / static_cast<double>(all.count()) + 0.5),
                        task.steps);
  }
  std::stable_sort(shares.begin(), shares.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string line = "of their time the tasks were busy: ";
  for (std::size_t i = 0; i < shares.size() && i < 5; ++i) {
    line += (i == 0 ? "" : ", ") + shares[i].second + " " + std::to_string(shares[i].first) + " %";
  }
  return line + (shares.size() > 5 ? ", others less" : "");
}

}  // namespace

std::vector<std::string> end_lines(const RunResult& result, const std::string& state_dir,
                                   const std::map<std::string, std::string>& config) {
  const JobTotals totals = totals_of(result.status);
  const std::string counts = with_commas(totals.records) + " records read, " +
                             with_commas(totals.dead_letters) + " dead letters";
  const std::string checkpoint = "checkpoint " + std::to_string(result.last_checkpoint);
  const std::string again = state_dir.empty() ? ""
                            : result.last_checkpoint == 0
                                ? "; it has no checkpoint yet, run again it begins anew"
                                : "; run it again to resume from " + checkpoint;
  std::vector<std::string> lines;
  switch (result.outcome) {
    case RunResult::Outcome::finished:
      lines.push_back("finished: " + counts + ", all committed with " + checkpoint);
      break;
    case RunResult::Outcome::already_finished:
      lines.push_back("the job had finished before, with " + checkpoint + ": " + counts +
                      ". To run it anew give it another state folder.");
      if (result.finished_config != config) {
        lines.push_back("it finished with " + settings_text(result.finished_config) +
                        "; the settings given now were not looked at");
      }
      break;
    case RunResult::Outcome::stopped:
      lines.push_back("stopped: " + counts + again);
      break;
    case RunResult::Outcome::cancelled:
      lines.push_back("ended at once: " + counts + again);
      return lines;
  }
  if (const auto line = busy_line(result.status)) lines.push_back(*line);
  if (totals.dead_letters == 0) return lines;
  lines.push_back(state_dir.empty() ? "the dead letters were not kept: the job ran without a state "
                                      "folder"
                                    : "'weir dlq list --state " + state_dir +
                                          "' shows the dead letters that are left");
  return lines;
}

}  // namespace weir
