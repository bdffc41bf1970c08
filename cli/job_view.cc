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

double milliseconds(std::chrono::nanoseconds time) {
  return rounded(std::chrono::duration<double, std::milli>(time).count());
}

json::object phases_json(const CheckpointPhases& phases) {
  return {{"alignment", milliseconds(phases.alignment)},
          {"pause", milliseconds(phases.pause)},
          {"write", milliseconds(phases.write)},
          {"manifest", milliseconds(phases.manifest)},
          {"commit", milliseconds(phases.commit)}};
}

json::object totals_json(const CheckpointTotals& totals) {
  return {{"completed", totals.completed},
          {"failed", totals.failed},
          {"duration_ms", milliseconds(totals.duration)},
          {"phases_ms", phases_json(totals.phases)},
          {"newest_bytes", totals.newest_bytes}};
}

json::object record_json(const CheckpointRecord& record) {
  json::object object{{"id", record.id},
                      {"kind", to_string(record.kind)},
                      {"state", to_string(record.state)},
                      {"triggered_at", to_iso8601(record.triggered_at, true)},
                      {"duration_ms", milliseconds(record.duration)},
                      {"phases_ms", phases_json(record.phases)},
                      {"tasks", record.tasks},
                      {"acknowledged", record.acknowledged},
                      {"size_bytes", record.size_bytes}};
  if (!record.failure.empty()) object["failure"] = record.failure;
  return object;
}

json::object edge_json(const GraphStep& from, const GraphEdge& edge, const GraphStep& to,
                       const Plan& plan) {
  const bool chained = plan.vertex_of[from.id] == plan.vertex_of[to.id];
  bool combined = false;
  for (const PlanEdge& crossing : plan.edges) {
    if (crossing.letters || crossing.from != from.id || crossing.to != to.id) continue;
    combined |= crossing.edge.input == edge.input && crossing.combined;
  }
  return {{"from", from.name},
          {"port", from.outputs[edge.port].name},
          {"to", to.name},
          {"input", edge.input},
          {"type", from.outputs[edge.port].type},
          {"exchange", to_string(edge.exchange)},
          {"chained", chained},
          {"combined", combined},
          {"dead_letters", false}};
}

/// From each task to the step that takes the dead letters of all.
json::object letters_edge_json(const GraphStep& from, const GraphStep& to) {
  return {{"from", from.name},     {"port", ""},
          {"to", to.name},         {"input", 0},
          {"type", "dead letter"}, {"exchange", to_string(Exchange::rebalance)},
          {"chained", false},      {"combined", false},
          {"dead_letters", true}};
}

}  // namespace

json::object graph_view(const JobRunner& runner) {
  const Graph& graph = runner.job().graph();
  const Plan& plan = runner.plan();
  json::array steps, edges, tasks;
  for (const GraphStep& step : graph.steps()) {
    steps.push_back({{"name", step.name},
                     {"kind", step.kind},
                     {"description", step.description},
                     {"parallelism", plan.parallelism_of[step.id]},
                     {"task", plan.vertex_of[step.id]},
                     {"keyed", step.keyed}});
    for (const GraphEdge& edge : step.inputs) {
      edges.push_back(edge_json(graph.step(edge.from), edge, step, plan));
    }
  }
  for (const PlanEdge& edge : plan.edges) {
    if (!edge.letters) continue;
    const StepId first = plan.vertices[edge.from_vertex].steps.front();
    edges.push_back(letters_edge_json(graph.step(first), graph.step(edge.to)));
  }
  for (const PlanVertex& vertex : plan.vertices) {
    json::array names;
    for (const StepId step : vertex.steps) names.push_back(json::string(graph.step(step).name));
    tasks.push_back(
        {{"id", vertex.id}, {"parallelism", vertex.parallelism}, {"steps", std::move(names)}});
  }
  return {{"job", runner.job().name()},
          {"parallelism", runner.options().parallelism},
          {"max_parallelism", runner.job().max_parallelism()},
          {"steps", std::move(steps)},
          {"edges", std::move(edges)},
          {"tasks", std::move(tasks)}};
}

json::object history_view(const JobRunner& runner) {
  json::array history;
  for (const CheckpointRecord& record : runner.checkpoints()) {
    history.push_back(record_json(record));
  }
  return {{"history", std::move(history)}, {"totals", totals_json(runner.status().checkpoints)}};
}

json::object exceptions_view(const JobRunner& runner) {
  json::array list;
  for (const AttemptFailure& failure : runner.failures()) {
    json::object object{{"code", to_string(failure.why.code)},
                        {"message", failure.why.message},
                        {"retryable", failure.why.retryable},
                        {"attempt", failure.attempt},
                        {"worker", ""},
                        {"process", nullptr},
                        {"task", failure.task},
                        {"subtask", nullptr},
                        {"at", to_iso8601(failure.at, true)}};
    if (failure.process) object["process"] = *failure.process;
    if (failure.subtask) object["subtask"] = *failure.subtask;
    list.push_back(std::move(object));
  }
  return {{"exceptions", std::move(list)}};
}

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
                      {"checkpoints", totals_json(status.checkpoints)},
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
