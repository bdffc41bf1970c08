// Metrics of jobs; see job_metrics.h.
#include "weir/cluster/job_metrics.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <map>

namespace weir::cluster {
namespace {

namespace json = boost::json;
using Labels = PrometheusText::Labels;

struct Named {
  const char *field, *metric, *type, *help;
};
constexpr Named kCounters[] = {
    {"records_in", "weir_step_records_in_total", "counter", "Records that came to a step."},
    {"records_out", "weir_step_records_out_total", "counter", "Records that a step sent on."},
    {"late", "weir_step_late_total", "counter", "Records that came too late for a step."},
    {"dead_letters", "weir_step_dead_letters_total", "counter",
     "Records that became dead letters."},
    {"duplicates", "weir_step_duplicates_total", "counter", "Records that had been seen before."},
    {"timers_fired", "weir_step_timers_fired_total", "counter", "Timers that were due."},
};
constexpr Named kGauges[] = {
    {"parallelism", "weir_step_parallelism", "gauge", "Subtasks of a step."},
    {"state_entries", "weir_step_state_entries", "gauge",
     "Keys whose state a step has in memory, at its newest checkpoint."},
    {"state_bytes", "weir_step_state_bytes", "gauge",
     "Size of the files that hold the state of a step, at its newest checkpoint."},
    {"lag", "weir_step_source_lag_records", "gauge", "Records that a source has still to read."},
};
constexpr Named kTimes[] = {
    {"busy", "weir_step_busy_seconds_total", "counter",
     "Time at work of a step's subtasks together. Steps of one task share it, as the next three."},
    {"waiting", "weir_step_waiting_seconds_total", "counter",
     "Time in which they could have gone on, but their threads were at other tasks."},
    {"backpressured", "weir_step_backpressured_seconds_total", "counter",
     "Time in which they could not go on, since what they send out was not taken."},
    {"idle", "weir_step_idle_seconds_total", "counter", "Time without anything to do."},
};

std::optional<double> number_of(const json::object& object, const char* name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

std::string text_of(const json::object& object, const char* name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

/// How far the watermark is behind the clock, in seconds.
std::optional<double> watermark_lag(const json::object& object, EventTime wall) {
  const auto watermark = parse_iso8601(text_of(object, "watermark"));
  if (!watermark.ok() || *watermark == kBeginningOfTime || *watermark == kEndOfTime) return {};
  return static_cast<double>(to_millis(wall) - to_millis(*watermark)) / 1000;
}

void add(PrometheusText& out, const Named& named, const Labels& labels,
         std::optional<double> value) {
  if (!value) return;
  out.family(named.metric, named.type, named.help);
  out.sample(labels, *value);
}

void add_step(PrometheusText& out, const json::object& step, Labels labels, EventTime wall) {
  labels.emplace_back("step", text_of(step, "name"));
  labels.emplace_back("kind", text_of(step, "kind"));
  for (const Named& named : kGauges) add(out, named, labels, number_of(step, named.field));
  if (const json::value* counters = step.if_contains("counters");
      counters != nullptr && counters->is_object()) {
    for (const Named& named : kCounters) {
      add(out, named, labels, number_of(counters->get_object(), named.field));
    }
  }
  add(out,
      {"", "weir_step_watermark_lag_seconds", "gauge",
       "How far the event time of a step is behind the clock."},
      labels, watermark_lag(step, wall));
  if (const json::value* times = step.if_contains("times_ns");
      times != nullptr && times->is_object()) {
    for (const Named& named : kTimes) {
      auto time = number_of(times->get_object(), named.field);
      if (time) *time /= 1e9;
      add(out, named, labels, time);
    }
  }
}

constexpr const char* kPhases[] = {"alignment", "pause", "write", "manifest", "commit"};

/// How the checkpoints of a job's attempt went.
void add_checkpoints(PrometheusText& out, const json::object& totals, const Labels& labels) {
  add(out,
      {"", "weir_job_checkpoints_completed_total", "counter",
       "Checkpoints that a job's attempt has completed."},
      labels, number_of(totals, "completed"));
  add(out,
      {"", "weir_job_checkpoints_failed_total", "counter",
       "Checkpoints that a job's attempt has given up."},
      labels, number_of(totals, "failed"));
  auto duration = number_of(totals, "duration_ms");
  if (duration) *duration /= 1000;
  add(out,
      {"", "weir_job_checkpoint_seconds_total", "counter",
       "Time from the trigger of a checkpoint to its completion, of all that were completed."},
      labels, duration);
  add(out,
      {"", "weir_job_checkpoint_size_bytes", "gauge",
       "Size of the newest checkpoint, with the files of earlier ones that it names."},
      labels, number_of(totals, "newest_bytes"));
  const json::value* phases = totals.if_contains("phases_ms");
  if (phases == nullptr || !phases->is_object()) return;
  for (const char* phase : kPhases) {
    auto time = number_of(phases->get_object(), phase);
    if (time) *time /= 1000;
    Labels with = labels;
    with.emplace_back("phase", phase);
    add(out,
        {"", "weir_job_checkpoint_phase_seconds_total", "counter",
         "The same by phase, each as the slowest task took; commits come after the completion."},
        with, time);
  }
}

void add_status(PrometheusText& out, const json::object& status, const Labels& labels,
                EventTime wall) {
  add(out, {"", "weir_job_parallelism", "gauge", "The parallelism of a job."}, labels,
      number_of(status, "parallelism"));
  add(out, {"", "weir_job_checkpoint_id", "gauge", "The newest checkpoint of a job."}, labels,
      number_of(status, "checkpoint"));
  auto age = number_of(status, "checkpoint_age_ms");
  if (age) *age /= 1000;
  add(out,
      {"", "weir_job_checkpoint_age_seconds", "gauge",
       "Time since the newest checkpoint of a job was completed."},
      labels, age);
  add(out,
      {"", "weir_job_failed_checkpoints", "gauge",
       "Checkpoints that failed since the newest one that was completed."},
      labels, number_of(status, "failed_checkpoints"));
  if (const json::value* totals = status.if_contains("checkpoints");
      totals != nullptr && totals->is_object()) {
    add_checkpoints(out, totals->get_object(), labels);
  }
  const json::value* steps = status.if_contains("steps");
  if (steps == nullptr || !steps->is_array()) return;
  for (const json::value& step : steps->get_array()) {
    if (step.is_object()) add_step(out, step.get_object(), labels, wall);
  }
}

}  // namespace

void add_job_metrics(PrometheusText& out, const std::vector<JobSample>& jobs, EventTime wall) {
  std::map<JobState, int> by_state;
  for (int state = 0; state <= static_cast<int>(JobState::failed); ++state) {
    by_state[static_cast<JobState>(state)] = 0;
  }
  for (const JobSample& job : jobs) ++by_state[job.record.state];
  for (const auto& [state, count] : by_state) {
    out.family("weir_jobs", "gauge", "Jobs by state; of those that are over the newest.");
    out.sample({{"state", to_string(state)}}, count);
  }
  for (const JobSample& job : jobs) {
    if (is_over(job.record.state)) continue;
    const Labels labels{{"job", job.record.spec.name}, {"id", job.record.id}};
    const auto attempt = job.record.attempt;
    add(out, {"", "weir_job_restarts_total", "counter", "How often a job was started anew."},
        labels, static_cast<double>(attempt > 0 ? attempt - 1 : 0));
    add(out,
        {"", "weir_job_failures", "gauge",
         "Failures of a job in a row without a checkpoint between."},
        labels, job.record.failures);
    add(out, {"", "weir_job_up", "gauge", "Whether a job's master answered."}, labels,
        job.status.has_value());
    if (!job.status) continue;
    json::error_code failed;
    const json::value status = json::parse(*job.status, failed);
    if (!failed && status.is_object()) add_status(out, status.get_object(), labels, wall);
  }
}

}  // namespace weir::cluster
