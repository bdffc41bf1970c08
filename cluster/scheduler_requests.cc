// Requests of users. See scheduler.h.
#include <filesystem>
#include <utility>

#include "weir/cluster/job_names.h"
#include "weir/cluster/scheduler.h"

namespace weir::cluster {
namespace {

Status check(const JobSpec& spec) {
  if (spec.parallelism == 0) {
    return Error{ErrorCode::invalid_argument, "A job needs a parallelism of at least 1."};
  }
  WEIR_TRY(check_names(spec));
  return check_size(spec);
}

/// As folders are compared: without looking at them.
std::string folder(const std::string& path) {
  std::string plain = std::filesystem::path(path).lexically_normal().string();
  while (plain.size() > 1 && plain.back() == '/') plain.pop_back();
  return plain;
}

}  // namespace

Result<JobRecord*> Scheduler::to_change(const std::string& job) {
  if (const auto left = unreadable_.find(job); left != unreadable_.end()) {
    return left_alone(left->second);
  }
  const auto found = records_.find(job);
  if (found == records_.end()) return no_such_job(job);
  return &found->second;
}

/// Says early what their claims would say in the end (checkpoint/claim.cc): two jobs cannot share a
/// state folder.
Status Scheduler::check_folder(const std::string& job, const JobSpec& spec) const {
  if (spec.state_dir.empty()) return {};
  const std::string wanted = folder(spec.state_dir);
  for (const auto& [id, other] : records_) {
    if (id == job || is_over(other.state) || other.spec.state_dir.empty()) continue;
    const bool same_place = !spec.state_at.empty() && spec.state_at == other.spec.state_at;
    if (folder(other.spec.state_dir) != wanted && !same_place) continue;
    return Error{ErrorCode::invalid_argument,
                 "The state folder " + spec.state_dir + " belongs to job " + id + " '" +
                     other.spec.name + "', which is " + to_string(other.state) +
                     ". Stop or cancel that job first, or name another folder."};
  }
  for (const auto& [id, left] : unreadable_) {
    const bool its_own = left.state_dir.empty() ? wanted.substr(wanted.rfind('/') + 1) == id
                                                : folder(left.state_dir) == wanted;
    if (!its_own) continue;
    return Error{ErrorCode::invalid_argument, "The state folder " + spec.state_dir +
                                                  " belongs to job " + id + ". " + left.why +
                                                  " Or name another folder."};
  }
  return {};
}

Result<Scheduler::Orders> Scheduler::submit(JobRecord record, SteadyTime now, EventTime wall) {
  WEIR_TRY(check(record.spec));
  WEIR_TRY(check_folder(record.id, record.spec));
  if (record.id.empty() || records_.contains(record.id) || unreadable_.contains(record.id)) {
    return Error{ErrorCode::invalid_argument,
                 "There is a job '" + record.id + "' already. Submit it under another id."};
  }
  Turn turn{now, wall};
  const std::string id = record.id;
  record.state = JobState::waiting;
  record.processes.clear();
  record.submitted_at = wall;
  runs_[id] = {};
  changed(turn, records_[id] = std::move(record));
  start_soon(id);
  return finish(turn);
}

Result<Scheduler::Orders> Scheduler::cancel(const std::string& job, SteadyTime now,
                                            EventTime wall) {
  WEIR_ASSIGN(JobRecord * record, to_change(job));
  if (is_over(record->state)) return over_already(*record);
  Turn turn{now, wall};
  end(turn, *record, JobState::cancelled);
  return finish(turn);
}

Result<Scheduler::Orders> Scheduler::stop(const std::string& job, SteadyTime now, EventTime wall) {
  WEIR_ASSIGN(JobRecord * record, to_change(job));
  if (is_over(record->state)) return over_already(*record);
  Turn turn{now, wall};
  if (record->attempt == 0) {
    end(turn, *record, JobState::stopped);
    return finish(turn);
  }
  runs_.at(job).by_savepoint = false;
  record->state = JobState::stopping;
  record->then = JobState::stopped;
  record->next.clear();
  changed(turn, *record);
  if (!record->processes.empty()) advance(turn, *record);
  return finish(turn);
}

Result<Scheduler::Orders> Scheduler::change(const std::string& job, JobSpec spec, SteadyTime now,
                                            EventTime wall) {
  WEIR_ASSIGN(JobRecord * record, to_change(job));
  WEIR_TRY(check(spec));
  WEIR_TRY(check_folder(job, spec));
  Turn turn{now, wall};
  if (record->processes.empty()) {
    go_on_with(turn, *record, std::move(spec));
    return finish(turn);
  }
  runs_.at(job).by_savepoint = false;
  record->state = JobState::stopping;
  record->then = JobState::waiting;
  record->next.assign(1, std::move(spec));
  changed(turn, *record);
  advance(turn, *record);
  return finish(turn);
}

Result<Scheduler::Orders> Scheduler::stop_by_savepoint(const std::string& job, SteadyTime now,
                                                       EventTime wall) {
  WEIR_ASSIGN(JobRecord * record, to_change(job));
  if (is_over(record->state)) return over_already(*record);
  if (!master_of(job)) {
    return Error{ErrorCode::not_found, "Job " + job + " does not run now; it is " +
                                           to_string(record->state) + ". Try again once it runs."};
  }
  if (is_to_change(*record)) {
    return Error{ErrorCode::invalid_argument,
                 "Job " + job + " takes a last checkpoint to go on with a change that was asked " +
                     "for. Try again once it runs with that, or stop it without a savepoint."};
  }
  Turn turn{now, wall};
  Run& run = runs_.at(job);
  run.by_savepoint = record->state != JobState::stopping;
  run.asked = true;
  record->state = JobState::stopping;
  record->then = JobState::stopped;
  record->next.clear();
  changed(turn, *record);
  return finish(turn);
}

Scheduler::Orders Scheduler::savepoint_refused(const std::string& job, SteadyTime now,
                                               EventTime wall) {
  const auto found = records_.find(job);
  if (found == records_.end() || found->second.state != JobState::stopping) return {};
  JobRecord& record = found->second;
  Run& run = runs_.at(job);
  const bool is_over = record.processes.empty();  // the attempt that refused
  if (!is_over && !run.asked) return {};          // it is asked once more
  Turn turn{now, wall};
  run.asked = false;
  if (std::exchange(run.by_savepoint, false)) {
    record.state = is_over ? JobState::restarting : JobState::running;
    changed(turn, record);
  } else if (!is_over) {
    advance(turn, record);
  }
  return finish(turn);
}

void Scheduler::forget(const std::string& job) {
  const auto found = records_.find(job);
  if (found == records_.end() || !is_over(found->second.state)) return;
  set_due(job, SteadyTime::max());
  ready_.erase(job);
  runs_.erase(job);
  records_.erase(found);
}

}  // namespace weir::cluster
