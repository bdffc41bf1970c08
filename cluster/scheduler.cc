// Events: what changes, and the orders that follow. See scheduler.h.
#include "weir/cluster/scheduler.h"

#include <algorithm>
#include <utility>

namespace weir::cluster {
namespace {

bool may_have_attempt(const JobRecord& record) {
  return record.state == JobState::starting || record.state == JobState::running ||
         record.state == JobState::stopping;
}

}  // namespace

Scheduler::Scheduler(SchedulerOptions options, std::vector<JobRecord> records, SteadyTime now,
                     EventTime /*wall*/, std::vector<UnreadableRecord> unreadable)
    : options_(std::move(options)), settled_at_(now), settled_(true) {
  for (UnreadableRecord& each : unreadable) unreadable_[each.id] = std::move(each);
  for (JobRecord& each : records) {
    const std::string id = each.id;
    JobRecord& record = records_[id] = std::move(each);
    Run& run = runs_[id];
    if (is_over(record.state) || !may_have_attempt(record)) record.processes.clear();
    if (is_over(record.state)) continue;
    run.faulty = record.failures > 0;
    settled_ = false;
    settled_at_ = now + options_.adopt_for;
    if (!record.processes.empty()) {
      run.adopting = true;
      run.processes.resize(record.processes.size());
      load(record);
      for (const ProcessPlace& place : record.processes) awaited_.insert(place.worker);
      set_due(id, now + options_.adopt_for);
    } else if (record.state == JobState::waiting) {
      start_soon(id);
    } else {
      set_due(id, now + pause_after(record.failures));
    }
  }
}

// ---- events -----------------------------------------------------------------------------------

Scheduler::Orders Scheduler::worker_joined(const Register& worker, SteadyTime now, EventTime wall) {
  Turn turn{now, wall};
  workers_[worker.worker] = {worker.host, std::max<std::uint32_t>(worker.slots, 1),
                             worker.build_id};
  std::set<ProcessId> reported;
  for (const ProcessReport& report : worker.processes) reported.insert(report.id);
  // What was on its way to it over an earlier connection may be lost.
  for (const std::string& job : loads_[worker.worker].jobs) {
    const JobRecord& record = records_.at(job);
    Run& run = runs_.at(job);
    run.asked = run.asked && record.processes[0].worker != worker.worker;
    for (std::size_t i = 0; i < run.processes.size(); ++i) {
      if (record.processes[i].worker == worker.worker) run.processes[i].has_peers = false;
    }
  }
  for (const ProcessReport& report : worker.processes) take(turn, worker.worker, report);
  fail_missing(turn, worker.worker, reported);
  if (awaited_.erase(worker.worker) > 0) settle_if_all_are_here(now);
  return finish(turn);
}

Scheduler::Orders Scheduler::worker_lost(const std::string& worker, const std::string& why,
                                         SteadyTime now, EventTime wall) {
  Turn turn{now, wall};
  if (workers_.erase(worker) == 0) return {};
  Failure failure;
  failure.code = to_string(ErrorCode::io);
  failure.message = "The worker " + worker + " is lost: " + why;
  failure.retryable = true;
  failure.worker = worker;
  failure.at = wall;
  const std::set<std::string> jobs = loads_[worker].jobs;
  for (const std::string& job : jobs) fail(turn, records_.at(job), failure, true);
  explain_by_loss(turn, worker, failure);
  if (loads_[worker].jobs.empty()) loads_.erase(worker);
  return finish(turn);
}

Scheduler::Orders Scheduler::reported(const std::string& worker, const ProcessReport& report,
                                      SteadyTime now, EventTime wall) {
  Turn turn{now, wall};
  if (!workers_.contains(worker)) return {};  // it will say so again when it registers
  take(turn, worker, report);
  return finish(turn);
}

Scheduler::Orders Scheduler::tick(SteadyTime now, EventTime wall) {
  Turn turn{now, wall};
  while (!due_.empty() && due_.begin()->first <= now) {
    const std::string job = due_.begin()->second;
    set_due(job, SteadyTime::max());
    time_is_up(turn, job);
  }
  return finish(turn);
}

SteadyTime Scheduler::next_deadline() const {
  const SteadyTime job = due_.empty() ? SteadyTime::max() : due_.begin()->first;
  return settled_ ? job : std::min(job, settled_at_);
}

/// A pause, or the time that an attempt had to be adopted, to run, or to hear its master's word.
void Scheduler::time_is_up(Turn& turn, const std::string& job) {
  JobRecord& record = records_.at(job);
  if (record.processes.empty()) return start_soon(job);
  const Run& run = runs_.at(job);
  std::string missing;
  for (const std::string& worker : late_workers(record)) {
    missing += (missing.empty() ? "" : ", ") + worker;
  }
  const bool quiet =
      std::any_of(run.processes.begin(), run.processes.end(),
                  [](const Process& each) { return each.phase == ProcessPhase::ended; });
  Failure failure;
  failure.code = to_string(ErrorCode::io);
  failure.retryable = true;
  if (run.adopting) {
    failure.message =
        "After a change of leader these workers did not come back in time: " + missing;
    return fail(turn, record, failure, true);
  }
  failure.message =
      quiet ? "A process ended, and the master did not say why."
            : "The attempt was not " + std::string(run.listened ? "running" : "listening") +
                  " in time. Processes that were not: on " + missing + ". Their logs may say why.";
  fail(turn, record, failure, false);
}

void Scheduler::settle_if_all_are_here(SteadyTime now) {
  if (awaited_.empty()) settled_at_ = std::min(settled_at_, now);
}

// ---- orders -----------------------------------------------------------------------------------

void Scheduler::changed(Turn& turn, JobRecord& record) {
  record.changed_at = turn.wall;
  turn.jobs[record.id].save = true;
}

void Scheduler::send(Turn& turn, const std::string& job, const std::string& worker,
                     Message message) {
  if (!workers_.contains(worker)) return;
  turn.jobs[job].sends.push_back({worker, std::move(message)});
}

Scheduler::Orders Scheduler::finish(Turn& turn) {
  settled_ = settled_ || turn.now >= settled_at_;
  start_ready(turn);
  Orders orders = std::move(turn.first);
  for (auto& [job, of_job] : turn.jobs) {
    if (of_job.save) orders.emplace_back(Save{records_.at(job)});
    for (Send& each : of_job.sends) orders.emplace_back(std::move(each));
  }
  return orders;
}

void Scheduler::set_due(const std::string& job, SteadyTime due) {
  Run& run = runs_.at(job);
  if (run.due != SteadyTime::max()) due_.erase({run.due, job});
  run.due = due;
  if (due != SteadyTime::max()) due_.insert({due, job});
}

}  // namespace weir::cluster
