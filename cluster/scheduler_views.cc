// Looking: what there is, which job is meant, what a job waits for. See scheduler.h.
#include <algorithm>
#include <utility>

#include "weir/cluster/scheduler.h"

namespace weir::cluster {
namespace {

constexpr std::size_t kNamed = 10;

/// With commas between; of many only the first.
std::string list_of(const std::vector<std::string>& names) {
  std::string list;
  for (std::size_t i = 0; i < names.size() && i < kNamed; ++i) list += (i ? ", " : "") + names[i];
  return list + (names.size() > kNamed ? " and others" : "");
}

Error ambiguous(const std::string& text, const std::vector<std::string>& ids) {
  return {ErrorCode::invalid_argument, "'" + text + "' may be any of these jobs: " + list_of(ids) +
                                           ". Say which by its id, or the beginning of it."};
}

/// In whole seconds, of which one has begun.
std::string seconds_until(SteadyTime due, SteadyTime now) {
  const auto left = std::chrono::ceil<std::chrono::seconds>(std::max(due, now) - now);
  return std::to_string(left.count()) + " s";
}

}  // namespace

Error no_such_job(const std::string& text) {
  return {ErrorCode::not_found, "There is no job '" + text + "'. `weir jobs` lists them."};
}

Error left_alone(const UnreadableRecord& record) {
  return {ErrorCode::incompatible,
          "Job " + record.id + " is left alone, and what runs of it goes on: " + record.why};
}

Error over_already(const JobRecord& record) {
  std::string message = "The job " + record.id + " '" + record.spec.name +
                        "' is over: " + to_string(record.state) + " since " +
                        to_iso8601(record.changed_at) + ", with ";
  message += record.last_checkpoint > 0 ? "checkpoint " + std::to_string(record.last_checkpoint)
                                        : "no checkpoint";
  if (record.state == JobState::finished) {
    return {ErrorCode::invalid_argument, message + ". It has read all its input."};
  }
  return {ErrorCode::invalid_argument,
          message + ". `weir update " + record.id + " LIBRARY.so` starts it anew from there."};
}

const std::map<std::string, JobRecord>& Scheduler::jobs() const { return records_; }

std::vector<WorkerView> Scheduler::workers() const {
  std::vector<WorkerView> views;
  views.reserve(workers_.size());
  for (const auto& [id, worker] : workers_) {
    const auto load = loads_.find(id);
    views.push_back({id, worker.host, worker.slots, load == loads_.end() ? 0 : load->second.used,
                     worker.build});
  }
  return views;
}

Result<std::string> Scheduler::find(const std::string& text) const {
  if (records_.contains(text)) return text;
  std::vector<std::string> named, begun;
  const JobRecord* ended = nullptr;
  for (const auto& [id, left] : unreadable_) {
    if (id == text) return left_alone(left);
    if (left.name == text) named.push_back(id);
    if (!text.empty() && id.starts_with(text)) begun.push_back(id);
  }
  for (const auto& [id, record] : records_) {
    if (!text.empty() && id.starts_with(text)) begun.push_back(id);
    if (record.spec.name != text) continue;
    if (!is_over(record.state)) {
      named.push_back(id);
    } else if (ended == nullptr || record.changed_at > ended->changed_at) {
      ended = &record;
    }
  }
  if (named.empty() && ended != nullptr) return ended->id;
  const std::vector<std::string>& ids = named.empty() ? begun : named;
  if (ids.empty()) return no_such_job(text);
  if (ids.size() > 1) return ambiguous(text, ids);
  const auto left = unreadable_.find(ids.front());
  if (left != unreadable_.end()) return left_alone(left->second);
  return ids.front();
}

std::optional<std::pair<std::string, ProcessId>> Scheduler::master_of(
    const std::string& job) const {
  const auto found = records_.find(job);
  if (found == records_.end() || found->second.processes.empty()) return std::nullopt;
  const JobRecord& record = found->second;
  const std::string& worker = record.processes[0].worker;
  const bool runs = runs_.at(job).processes[0].phase == ProcessPhase::running;
  if (!runs || !workers_.contains(worker)) return std::nullopt;
  return std::pair{worker, ProcessId{job, record.attempt, 0}};
}

std::vector<std::string> Scheduler::late_workers(const JobRecord& record) const {
  const Run& run = runs_.at(record.id);
  const auto awaited = run.listened ? ProcessPhase::running : ProcessPhase::listening;
  std::vector<std::string> late;
  for (std::size_t i = 0; i < run.processes.size(); ++i) {
    const auto& phase = run.processes[i].phase;
    if (run.adopting ? phase.has_value() : phase >= awaited) continue;
    late.push_back(record.processes[i].worker);
  }
  return late;
}

std::string Scheduler::awaits(SteadyTime now) const {
  if (settled_ || now >= settled_at_) return "";
  const std::string limit = " for up to " + seconds_until(settled_at_, now) +
                            ", since this coordinator has just begun to lead";
  if (awaited_.empty()) return "workers to come," + limit;
  return "the workers of before to say what they run," + limit + ": " +
         list_of({awaited_.begin(), awaited_.end()});
}

std::string Scheduler::waits_for(const std::string& job, SteadyTime now) const {
  const auto found = records_.find(job);
  if (found == records_.end() || is_over(found->second.state)) return "";
  const JobRecord& record = found->second;
  const Run& run = runs_.at(job);
  if (record.processes.empty()) {
    if (const std::string workers = awaits(now); !workers.empty()) return workers;
    if (ready_.contains(job)) return "a worker; none is connected";
    return "the end of the pause after the last failure, " + seconds_until(run.due, now);
  }
  if (run.adopting) return awaits(now);
  if (const auto late = late_workers(record); !late.empty()) {
    return std::string("its processes to ") + (run.listened ? "restore their state" : "start") +
           ", on " + list_of(late);
  }
  return record.state == JobState::stopping ? "its last checkpoint" : "";
}

}  // namespace weir::cluster
