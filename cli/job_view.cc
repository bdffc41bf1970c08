// JSON of a running job; see job_view.h.
#include "cli/job_view.h"

#include <boost/json/array.hpp>
#include <chrono>
#include <cmath>

#include "cli/output.h"

namespace weir::cli {
namespace {

namespace json = boost::json;

constexpr const char* kActivities[kTaskActivities] = {"busy", "waiting", "backpressured", "idle"};

/// A rate with three digits behind the point: more are noise.
double rounded(double rate) { return std::round(rate * 1000) / 1000; }

json::object counters_json(const std::map<std::string, std::uint64_t>& counters) {
  json::object object;
  for (const auto& [name, value] : counters) object[name] = value;
  return object;
}

/// Where the time went since the attempt began, in nanoseconds.
json::object times_json(const TaskTimes& times) {
  json::object object;
  for (std::size_t i = 0; i < kTaskActivities; ++i) object[kActivities[i]] = times.spent[i].count();
  return object;
}

/// Of the last seconds.
json::object rates_json(const StepRates& rates) {
  json::object object{{"records_in_per_second", rounded(rates.records_in)},
                      {"records_out_per_second", rounded(rates.records_out)}};
  for (std::size_t i = 0; i < kTaskActivities; ++i) {
    object[std::string(kActivities[i]) + "_ms_per_second"] = rounded(rates.share[i] * 1000);
  }
  return object;
}

/// What steps and subtasks have in common.
template <class T>
void add_numbers(json::object& object, const T& from) {
  object["watermark"] = time_json(from.watermark_ms);
  object["counters"] = counters_json(from.counters);
  object["rates"] = rates_json(from.rates);
  object["times_ns"] = times_json(from.times);
  object["state_entries"] = from.state_entries;
  object["state_bytes"] = from.state_bytes;
  if (from.lag >= 0) object["lag"] = from.lag;
}

json::object step_json(const JobStatus::Step& step) {
  json::object object{{"name", step.name},
                      {"kind", step.kind},
                      {"parallelism", step.parallelism},
                      {"task", step.task}};
  add_numbers(object, step);
  return object;
}

}  // namespace

json::object status_view(const JobRunner& runner) {
  const JobStatus status = runner.status();
  const JobTotals totals = totals_of(status);
  json::array steps;
  for (const JobStatus::Step& step : status.steps) steps.push_back(step_json(step));
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(status.checkpoint_age);
  return json::object{{"job", runner.job().name()},
                      {"running", true},
                      {"parallelism", runner.options().parallelism},
                      {"records", totals.records},
                      {"dead_letters", totals.dead_letters},
                      {"watermark", time_json(totals.watermark_ms)},
                      {"checkpoint", status.last_checkpoint},
                      {"checkpoint_age_ms", age.count()},
                      {"failed_checkpoints", status.failed_checkpoints},
                      {"checkpoint_failure", status.checkpoint_failure},
                      {"restarts", status.restarts},
                      {"steps", std::move(steps)}};
}

Result<json::object> subtasks_view(const JobRunner& runner, const std::string& step) {
  const Graph& graph = runner.job().graph();
  if (!step.empty() && graph.find(step) == nullptr) {
    return Error{ErrorCode::not_found, "The job has no step '" + step + "'"};
  }
  json::array list;
  for (const SubtaskStatus& subtask : runner.subtasks()) {
    const GraphStep& of = graph.step(subtask.step);
    if (!step.empty() && of.name != step) continue;
    json::object object{{"step", of.name},
                        {"subtask", subtask.subtask},
                        {"task", runner.plan().vertex_of[of.id]},
                        {"process", subtask.process},
                        {"idle_source", subtask.idle}};
    add_numbers(object, subtask);
    list.push_back(std::move(object));
  }
  return json::object{{"subtasks", std::move(list)}};
}

}  // namespace weir::cli
