// What workers say of processes. See scheduler.h.
#include <algorithm>
#include <utility>

#include "weir/cluster/failure_rank.h"
#include "weir/cluster/scheduler.h"
#include "weir/runtime/may_heal.h"

namespace weir::cluster {
namespace {

/// How long a process that ended by its master's word may be ahead of that word.
constexpr std::chrono::seconds kQuietEnd{5};

/// Why a process ended, of which a failure is all that can be said.
Failure failure_of(const ProcessReport& report, const JobRecord& record,
                   const std::string& worker) {
  if (report.failure) {
    Failure failure = to_failure(*report.failure, worker);
    failure.retryable = failure.retryable || may_heal(*report.failure, report.id.attempt == 1);
    failure.process = report.id.process;
    if (!report.failed_task) return failure;
    failure.task = report.failed_task->steps;
    failure.subtask = report.failed_task->subtask;
    failure.process = report.failed_task->process;
    if (*failure.process < record.processes.size()) {
      failure.worker = record.processes[*failure.process].worker;
    }
    return failure;
  }
  const bool for_good = report.outcome == JobState::failed;
  return to_failure({ErrorCode::io,
                     for_good ? "The master says that the job has failed, but not why. Its log may."
                              : "The master ended without a word. Its log may say why.",
                     !for_good},
                    worker);
}

bool concludes(const ProcessReport& report) {
  return report.id.process == 0 &&
         (report.outcome == JobState::finished || report.outcome == JobState::stopped ||
          report.outcome == JobState::cancelled);
}

}  // namespace

void Scheduler::take(Turn& turn, const std::string& worker, const ProcessReport& report) {
  const ProcessId& id = report.id;
  const bool gone = report.phase == ProcessPhase::ended;
  if (unreadable_.contains(id.job)) return;  // who can read the record knows what it is for
  const auto found = records_.find(id.job);
  if (found == records_.end()) {
    if (!gone) turn.first.emplace_back(Send{worker, Kill{id.job, id.attempt}});
    return;
  }
  JobRecord& record = found->second;
  Run& run = runs_.at(id.job);
  run.highest_attempt = std::max(run.highest_attempt, id.attempt);
  if (!is_over(record.state)) take_checkpoint(turn, record, report);
  if (id.attempt != record.attempt || record.processes.empty()) {
    if (!gone) turn.first.emplace_back(Send{worker, Kill{id.job, id.attempt}});
    if (gone && id.attempt == record.attempt) take_late(turn, record, worker, report);
    return;
  }
  const auto& places = record.processes;
  if (id.process >= places.size() || places[id.process].worker != worker) {
    const bool stray = std::none_of(places.begin(), places.end(), [&](const ProcessPlace& place) {
      return place.worker == worker;
    });
    if (stray && !gone) turn.first.emplace_back(Send{worker, Kill{id.job, id.attempt}});
    return;
  }
  if (gone) {
    take_end(turn, record, worker, report);
  } else {
    take_phase(turn, record, report);
  }
}

/// A checkpoint of an older attempt is where the next one begins, too, but it is no sign that the
/// present one gets on.
void Scheduler::take_checkpoint(Turn& turn, JobRecord& record, const ProcessReport& report) {
  const ProcessId& id = report.id;
  if (id.process != 0 || id.attempt > record.attempt) return;
  if (report.checkpoint <= record.last_checkpoint) return;
  record.last_checkpoint = report.checkpoint;  // by itself not worth a write: it is reported anew
  if (record.spec.from != "latest") {
    record.spec.from = "latest";
    changed(turn, record);
  }
  const bool ails = !record.exceptions.empty() && !record.healed;
  if (id.attempt != record.attempt || record.processes.empty() || !(ails || record.failures > 0)) {
    return;
  }
  record.failures = 0;
  record.healed = true;
  changed(turn, record);
}

void Scheduler::take_phase(Turn& turn, JobRecord& record, const ProcessReport& report) {
  Process& process = runs_.at(record.id).processes[report.id.process];
  if (process.phase && *process.phase > report.phase) return;  // it overtook itself
  process.phase = report.phase;
  if (report.address.port != 0) process.address = report.address;
  advance(turn, record);
}

void Scheduler::take_end(Turn& turn, JobRecord& record, const std::string& worker,
                         const ProcessReport& report) {
  if (take_word(turn, record, report)) return;
  if (report.id.process == 0 || report.failure) {
    return fail(turn, record, failure_of(report, record, worker), false);
  }
  Run& run = runs_.at(record.id);
  run.processes[report.id.process].phase = ProcessPhase::ended;
  set_due(record.id, std::min(run.due, turn.now + kQuietEnd));
  advance(turn, record);
}

/// Of the newest attempt, which was given up before. A job that waits may have gone on from it with
/// another spec, so that what its end meant is done with: each new leader hears of it once more.
void Scheduler::take_late(Turn& turn, JobRecord& record, const std::string& worker,
                          const ProcessReport& report) {
  const bool between = record.state == JobState::restarting || record.state == JobState::stopping;
  if (!between && record.state != JobState::failed) return;
  Run& run = runs_.at(record.id);
  const bool known = !record.exceptions.empty() && record.exceptions[0].attempt == record.attempt;
  if (between && concludes(report)) {
    if (known && run.telling == 1) record.exceptions.erase(record.exceptions.begin());
    take_word(turn, record, report);
    return;
  }
  // A master that was told to end, since another process had failed, says nothing.
  const bool says =
      report.failure || (report.id.process == 0 && report.outcome == JobState::failed);
  if (!known || !says) return;
  Failure failure = failure_of(report, record, worker);
  failure.retryable = failure.retryable || (between && fits_elsewhere(record, failure));
  const int telling = failure_rank(failure);
  if (telling <= run.telling) return;
  run.telling = telling;
  record.exceptions.erase(record.exceptions.begin());
  note(turn, record, std::move(failure));
  changed(turn, record);
  if (between && !record.exceptions[0].retryable) give_up(turn, record);
}

/// The master's last word; false when it did not say any that concludes.
bool Scheduler::take_word(Turn& turn, JobRecord& record, const ProcessReport& report) {
  if (!concludes(report)) return false;
  if (report.outcome == JobState::stopped && is_to_change(record)) {
    JobSpec next = std::move(record.next.front());
    record.spec.from = "latest";  // there is a checkpoint now, the one that was asked for
    go_on_with(turn, record, std::move(next));
  } else {
    end(turn, record, report.outcome);
  }
  return true;
}

/// After some process of the attempt got further.
void Scheduler::advance(Turn& turn, JobRecord& record) {
  Run& run = runs_.at(record.id);
  const auto all = [&](auto&& holds) {
    return std::all_of(run.processes.begin(), run.processes.end(), holds);
  };
  const bool running = all([](const Process& p) { return p.phase == ProcessPhase::running; });
  if (run.adopting) {
    if (!all([](const Process& p) { return p.phase.has_value(); })) return;
    run.adopting = false;
    const bool quiet = !all([](const Process& p) { return p.phase != ProcessPhase::ended; });
    const SteadyTime::duration limit =
        quiet ? kQuietEnd : SteadyTime::duration(options_.listen_within);
    set_due(record.id, turn.now + limit);
  }
  const bool listened = all([](const Process& p) {
    return p.phase == ProcessPhase::listening || p.phase == ProcessPhase::running;
  });
  if (listened && !run.listened) set_due(record.id, turn.now + options_.start_within);
  run.listened = run.listened || listened;
  if (listened) run.unfit_attempts = 0;
  if (all([](const Process& p) {
        return (p.phase == ProcessPhase::listening || p.phase == ProcessPhase::running) &&
               p.address.port != 0;
      })) {
    send_peers(turn, record);
  }
  if (!running) return;
  set_due(record.id, SteadyTime::max());
  if (record.state == JobState::starting) {
    record.state = JobState::running;
    changed(turn, record);
  }
  if (record.state == JobState::stopping && !run.asked) ask_to_stop(turn, record);
}

/// To whom still waits for them: after a change of leader some may have them already.
void Scheduler::send_peers(Turn& turn, const JobRecord& record) {
  Run& run = runs_.at(record.id);
  Peers peers{record.id, record.attempt, {}};
  for (const Process& process : run.processes) peers.addresses.push_back(process.address);
  for (std::size_t i = 0; i < run.processes.size(); ++i) {
    Process& process = run.processes[i];
    if (process.phase != ProcessPhase::listening || process.has_peers) continue;
    process.has_peers = true;
    send(turn, record.id, record.processes[i].worker, peers);
  }
}

void Scheduler::ask_to_stop(Turn& turn, const JobRecord& record) {
  runs_.at(record.id).asked = true;
  send(turn, record.id, record.processes[0].worker,
       Ask{0, {record.id, record.attempt, 0}, "{\"request\":\"stop\"}"});
}

/// `worker` has said all that it runs: what else it should run is lost.
void Scheduler::fail_missing(Turn& turn, const std::string& worker,
                             const std::set<ProcessId>& reported) {
  const std::set<std::string> jobs = loads_[worker].jobs;
  for (const std::string& job : jobs) {
    JobRecord& record = records_.at(job);
    const auto place =
        std::find_if(record.processes.begin(), record.processes.end(),
                     [&](const ProcessPlace& each) { return each.worker == worker; });
    const auto process = static_cast<std::uint32_t>(place - record.processes.begin());
    if (reported.contains({job, record.attempt, process})) continue;
    Failure failure;
    failure.code = to_string(ErrorCode::io);
    failure.message = "The worker " + worker + " connected anew, without process " +
                      std::to_string(process) + ", which it should run.";
    failure.retryable = true;
    failure.worker = worker;
    fail(turn, record, std::move(failure), true);
  }
}

/// Attempts that pause since a process missed a peer on this worker need not pause any longer.
void Scheduler::explain_by_loss(Turn& turn, const std::string& worker, const Failure& failure) {
  std::vector<std::string> explained;
  for (const auto& [due, job] : due_) {
    const JobRecord& record = records_.at(job);
    const Run& run = runs_.at(job);
    if (record.processes.empty() && run.telling == 1 && run.before.contains(worker) &&
        !record.exceptions.empty()) {
      explained.push_back(job);
    }
  }
  for (const std::string& job : explained) {
    JobRecord& record = records_.at(job);
    Run& run = runs_.at(job);
    const std::uint64_t attempt = record.attempt;
    record.failures = run.failures_before;
    record.exceptions[0] = failure;
    record.exceptions[0].attempt = attempt;
    run.telling = failure_rank(failure);
    run.faulty = false;
    changed(turn, record);
    set_due(job, SteadyTime::max());
    start_soon(job);
  }
}

}  // namespace weir::cluster
