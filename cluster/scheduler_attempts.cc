// Attempts: how they begin and how they end. See scheduler.h.
#include <algorithm>
#include <charconv>
#include <utility>

#include "weir/base/check.h"
#include "weir/cluster/failure_rank.h"
#include "weir/cluster/scheduler.h"

namespace weir::cluster {
namespace {

constexpr std::size_t kExceptions = 10;
constexpr std::uint32_t kMaxRestarts = 10;
constexpr std::size_t kMessageBytes = 4096;
constexpr std::uint32_t kUnfitAttempts = 5;

std::uint32_t max_restarts(const JobSpec& spec) {
  const auto option = spec.options.find("max-restarts");
  std::uint32_t number = kMaxRestarts;
  if (option == spec.options.end()) return number;
  const std::string& text = option->second;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && stop == text.data() + text.size() ? number : kMaxRestarts;
}

}  // namespace

/// Puts `failure` among the exceptions, no longer than a record can bear.
void Scheduler::note(Turn& turn, JobRecord& record, Failure failure) {
  if (std::string& message = failure.message; message.size() > kMessageBytes) {
    std::size_t end = kMessageBytes;
    while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0) == 0x80) --end;  // UTF-8
    message.resize(end);
    message += "... (the log has it whole)";
  }
  failure.attempt = record.attempt;
  failure.at = turn.wall;
  record.healed = false;
  record.exceptions.insert(record.exceptions.begin(), std::move(failure));
  if (record.exceptions.size() > kExceptions) record.exceptions.resize(kExceptions);
}

void Scheduler::load(const JobRecord& record) {
  for (const ProcessPlace& place : record.processes) {
    Load& load = loads_[place.worker];
    load.used += place.slots;
    load.jobs.insert(record.id);
  }
}

void Scheduler::unload(const JobRecord& record) {
  for (const ProcessPlace& place : record.processes) {
    Load& load = loads_.at(place.worker);
    load.used -= place.slots;
    load.jobs.erase(record.id);
    if (load.jobs.empty() && !workers_.contains(place.worker)) loads_.erase(place.worker);
  }
}

void Scheduler::start_soon(const std::string& job) { ready_.insert(job); }

void Scheduler::start_ready(Turn& turn) {
  if (!settled_ || ready_.empty()) return;
  std::vector<WorkerView> views = workers();
  for (const std::string& job : std::exchange(ready_, {})) {
    JobRecord& record = records_.at(job);
    WEIR_CHECK(record.processes.empty() && !is_over(record.state),
               "a job is started that runs or is over");
    record.processes = place_job(record, views);
    if (record.processes.empty()) {
      ready_.insert(job);
      if (record.state == JobState::waiting || record.state == JobState::stopping) continue;
      record.state = JobState::waiting;
      changed(turn, record);
      continue;
    }
    begin_attempt(turn, record);
    for (const ProcessPlace& place : record.processes) {
      const auto view = std::lower_bound(
          views.begin(), views.end(), place.worker,
          [](const WorkerView& each, const std::string& id) { return each.id < id; });
      view->used += place.slots;
    }
  }
}

std::vector<ProcessPlace> Scheduler::place_job(const JobRecord& record,
                                               const std::vector<WorkerView>& workers) const {
  const Run& run = runs_.at(record.id);
  Reservations against{run.unfit, "", 0};
  if (run.faulty && !record.exceptions.empty() && failure_rank(record.exceptions[0]) > 1) {
    against.culprit = record.exceptions[0].worker;
    for (const Failure& each : record.exceptions) {
      if (each.worker != against.culprit || against.in_a_row == record.failures) break;
      ++against.in_a_row;
    }
  }
  return place(record.spec.parallelism, eligible(record.spec.parallelism, workers, against),
               run.faulty ? std::set<std::string>{} : run.before);
}

/// Whether a process of the last attempt could not load its library, and other workers may; then it
/// remembers on which it could not.
bool Scheduler::fits_elsewhere(const JobRecord& record, const Failure& failure) {
  Run& run = runs_.at(record.id);
  const auto worker = workers_.find(failure.worker);
  const bool unfit =
      !failure.retryable && !run.listened && failure.code == to_string(ErrorCode::incompatible);
  if (!unfit || worker == workers_.end()) return false;
  run.unfit[failure.worker] = worker->second.build;
  return run.unfit_attempts < kUnfitAttempts &&
         std::any_of(workers_.begin(), workers_.end(),
                     [&](const auto& each) { return !run.unfit.contains(each.first); });
}

/// Of a record whose processes have just been placed.
void Scheduler::begin_attempt(Turn& turn, JobRecord& record) {
  Run& run = runs_.at(record.id);
  record.attempt = std::max(record.attempt, run.highest_attempt) + 1;
  if (record.state != JobState::stopping) record.state = JobState::starting;
  run.processes.assign(record.processes.size(), {});
  run.adopting = run.asked = run.by_savepoint = run.listened = false;
  run.before.clear();
  load(record);
  set_due(record.id, turn.now + options_.listen_within);
  changed(turn, record);
  Start start;
  start.id = {record.id, record.attempt, 0};
  start.spec = record.spec;
  start.processes = record.processes;
  start.last_checkpoint = record.last_checkpoint;
  start.library_path = options_.libraries + "/" + record.spec.library_hash + ".so";
  for (const auto& [id, other] : records_) {
    if (is_over(other.state)) start.over.push_back(id);
  }
  for (const ProcessPlace& place : record.processes) {
    send(turn, record.id, place.worker, start);
    ++start.id.process;
    start.over.clear();  // only the master asks
  }
}

/// The attempt, if there is one, is over: nothing of it may go on.
void Scheduler::release(Turn& turn, JobRecord& record) {
  Run& run = runs_.at(record.id);
  set_due(record.id, SteadyTime::max());
  ready_.erase(record.id);
  if (record.processes.empty()) return;
  unload(record);
  for (const ProcessPlace& place : record.processes) {
    run.before.insert(place.worker);
    send(turn, record.id, place.worker, Kill{record.id, record.attempt});
  }
  record.processes.clear();
  run.processes.clear();
  run.adopting = run.asked = false;
  changed(turn, record);
}

void Scheduler::fail(Turn& turn, JobRecord& record, Failure failure, bool lost_worker) {
  Run& run = runs_.at(record.id);
  release(turn, record);
  run.failures_before = record.failures;
  const bool unfit = fits_elsewhere(record, failure);
  if (unfit) {
    ++run.unfit_attempts;
    failure.retryable = true;
  }
  run.faulty = !lost_worker;
  run.telling = failure_rank(failure);
  if (!lost_worker && !unfit) ++record.failures;
  note(turn, record, std::move(failure));
  give_up_or_restart(turn, record, lost_worker);
}

void Scheduler::give_up_or_restart(Turn& turn, JobRecord& record, bool lost_worker) {
  Failure& failure = record.exceptions.front();
  if (!failure.retryable) return give_up(turn, record);
  const std::uint32_t most = max_restarts(record.spec);
  if (!lost_worker && record.failures > most) {
    failure.message += " Given up: " + std::to_string(record.failures) +
                       " failures in a row without a checkpoint between; max-restarts is " +
                       std::to_string(most) + ".";
    return give_up(turn, record);
  }
  if (record.state != JobState::stopping) record.state = JobState::restarting;
  changed(turn, record);
  if (lost_worker) {
    start_soon(record.id);
  } else {
    set_due(record.id, turn.now + pause_after(std::max(record.failures, 1u)));
  }
}

/// Another attempt would fail, too. What the job was to go on with may be what mends it.
void Scheduler::give_up(Turn& turn, JobRecord& record) {
  if (!is_to_change(record)) return end(turn, record, JobState::failed);
  record.exceptions.front().message +=
      " The change that was asked for took effect then, without a last checkpoint.";
  JobSpec next = std::move(record.next.front());
  go_on_with(turn, record, std::move(next));
}

void Scheduler::end(Turn& turn, JobRecord& record, JobState state) {
  release(turn, record);
  if (state == JobState::finished && is_to_change(record)) {
    record.notice = "It finished before the change that was asked for took effect.";
  }
  record.state = state;
  record.healed = record.healed || state == JobState::finished || state == JobState::stopped;
  record.then = JobState::stopped;
  record.next.clear();
  changed(turn, record);
}

/// Starts anew with `spec`, from where the job is.
void Scheduler::go_on_with(Turn& turn, JobRecord& record, JobSpec spec) {
  release(turn, record);
  spec.from = record.last_checkpoint > 0 ? "latest" : record.spec.from;
  record.spec = std::move(spec);
  record.notice.clear();
  record.then = JobState::stopped;
  record.next.clear();
  record.failures = 0;
  Run& run = runs_.at(record.id);
  run.unfit.clear();
  run.unfit_attempts = 0;
  run.faulty = false;
  record.state = JobState::waiting;
  changed(turn, record);
  start_soon(record.id);
}

SteadyTime::duration Scheduler::pause_after(std::uint32_t failures) const {
  if (failures == 0) return {};
  std::chrono::milliseconds pause = options_.first_pause;
  for (std::uint32_t n = 1; n < failures && pause < options_.longest_pause; ++n) pause *= 2;
  return std::min(pause, options_.longest_pause);
}

}  // namespace weir::cluster
