// See protocol.h. Called by the coordinator alone, on its thread.
#include "weir/checkpoint/protocol.h"

#include <algorithm>
#include <utility>

#include "weir/base/check.h"

namespace weir {
namespace {

/// The longest time that failures by themselves keep the next checkpoint waiting.
constexpr std::chrono::seconds kAfterFailure{1};

/// `t + d` that stays at the end of time: intervals may be "never".
SteadyTime add(SteadyTime t, std::chrono::nanoseconds d) {
  return d >= SteadyTime::max() - t ? SteadyTime::max() : t + d;
}

}  // namespace

CheckpointProtocol::CheckpointProtocol(Options options, std::set<TaskId> tasks, AttemptId attempt,
                                       CheckpointId last_id)
    : options_(options),
      tasks_(std::move(tasks)),
      waiting_for_restore_(tasks_),
      attempt_(attempt),
      next_id_(last_id + 1),
      last_completed_(last_id) {
  WEIR_CHECK(!tasks_.empty(), "a checkpoint needs a task");
}

void CheckpointProtocol::task_restored(TaskId task, AttemptId attempt) {
  if (attempt == attempt_) waiting_for_restore_.erase(task);
}

void CheckpointProtocol::request(CheckpointKind kind) {
  const bool queued = std::count(requested_.begin(), requested_.end(), kind) > 0;
  const bool for_good = ending_ && ending_ != CheckpointKind::savepoint_stop;
  if (queued || (ends_the_job(kind) && for_good)) return;
  requested_.push_back(kind);
}

void CheckpointProtocol::hasten(SteadyTime now) {
  hastened_ = std::min(hastened_, std::max(now, hasten_from_));
}

std::optional<CheckpointProtocol::Trigger> CheckpointProtocol::poll(SteadyTime now) {
  if (!all_restored() || current_ || ended_ || (overdue_ && !resume_)) return std::nullopt;
  if (!started_) {
    started_ = true;
    next_due_ = add(now, options_.interval);
  }
  if (!ending_ && !requested_.empty() && !overdue_) {
    const CheckpointKind kind = requested_.front();
    requested_.erase(requested_.begin());
    return trigger(kind, now);
  }
  if (!resume_ && now < std::min(next_due_, hastened_)) return std::nullopt;
  return trigger(ending_.value_or(CheckpointKind::periodic), now);
}

CheckpointProtocol::Trigger CheckpointProtocol::trigger(CheckpointKind kind, SteadyTime now) {
  if (ends_the_job(kind)) ending_ = kind;
  resume_ = false;
  current_ = InProgress{{next_id_++, kind}, now, tasks_, false};
  hastened_ = SteadyTime::max();
  next_due_ = add(now, options_.interval);
  return current_->trigger;
}

SteadyTime CheckpointProtocol::next_deadline() const {
  if (!all_restored() || ended_) return SteadyTime::max();
  if (current_) return add(current_->started, options_.timeout);
  if (overdue_ && !resume_) return add(overdue_->started, options_.give_up_after);
  const bool at_once = !started_ || resume_ || (!ending_ && !requested_.empty());
  return at_once ? SteadyTime::min() : std::min(next_due_, hastened_);
}

bool CheckpointProtocol::concerns_current(AttemptId attempt, CheckpointId id) const {
  return attempt == attempt_ && current_ && current_->trigger.id == id &&
         !current_->writing_manifest;
}

CheckpointProtocol::AckOutcome CheckpointProtocol::acknowledge(TaskId task, AttemptId attempt,
                                                               CheckpointId id) {
  if (!concerns_current(attempt, id)) return AckOutcome::ignored;
  if (current_->missing.erase(task) == 0) return AckOutcome::ignored;
  if (!current_->missing.empty()) return AckOutcome::waiting;
  current_->writing_manifest = true;
  return AckOutcome::complete;
}

CheckpointProtocol::FailOutcome CheckpointProtocol::decline(TaskId task, AttemptId attempt,
                                                            CheckpointId id, SteadyTime now) {
  if (!concerns_current(attempt, id) || !tasks_.contains(task)) return FailOutcome::ignored;
  return fail_current(now);
}

CheckpointProtocol::FailOutcome CheckpointProtocol::expire(SteadyTime now) {
  if (overdue_ && now >= add(overdue_->started, options_.give_up_after)) {
    return FailOutcome::storage_hangs;
  }
  if (!current_ || now < add(current_->started, options_.timeout)) return FailOutcome::ignored;
  if (current_->writing_manifest) {
    WEIR_CHECK(!overdue_, "two manifests are written at a time");
    overdue_ = current_;
  }
  return fail_current(now);
}

void CheckpointProtocol::manifest_written(CheckpointId id, SteadyTime now) {
  WEIR_CHECK(writing() == id, "a manifest was written for a checkpoint that is not complete");
  last_completed_ = id;
  failures_in_a_row_ = 0;
  if (overdue_) {
    ended_ = overdue_->trigger.kind == ending_;  // not one that was called off
    overdue_.reset();
  } else {
    ended_ = ends_the_job(current_->trigger.kind);
    current_.reset();
  }
  pause_after(now);
}

CheckpointProtocol::FailOutcome CheckpointProtocol::manifest_failed(CheckpointId id,
                                                                    SteadyTime now) {
  if (current_ && current_->writing_manifest && current_->trigger.id == id) {
    return fail_current(now);
  }
  WEIR_CHECK(overdue() == id, "a manifest failed for a checkpoint that is not complete");
  overdue_.reset();
  return FailOutcome::ignored;
}

CheckpointProtocol::FailOutcome CheckpointProtocol::fail_current(SteadyTime now) {
  // After the first the next one comes in its turn.
  std::chrono::nanoseconds pause =
      std::min<std::chrono::nanoseconds>(options_.interval, kAfterFailure);
  for (std::uint32_t n = 0; n < failures_in_a_row_ && pause < kAfterFailure; ++n) pause *= 2;
  pause = std::min<std::chrono::nanoseconds>(pause, kAfterFailure);
  const SteadyTime in_turn = ending_ ? SteadyTime::min() : next_due_;  // the job waits for its last
  next_due_ = std::max(in_turn, add(current_->started, pause));
  if (current_->trigger.kind == CheckpointKind::savepoint_stop) {
    ending_.reset();
    resume_ = true;
  }
  current_.reset();
  pause_after(now);
  hasten_from_ = now + kAfterFailure;
  ++failures_in_a_row_;
  return failures_in_a_row_ > options_.tolerated_failures ? FailOutcome::job_must_fail
                                                          : FailOutcome::checkpoint_failed;
}

void CheckpointProtocol::pause_after(SteadyTime now) {
  std::chrono::nanoseconds rest = options_.interval / 2;
  if (ending_) rest = std::min<std::chrono::nanoseconds>(rest, kAfterFailure);
  next_due_ = std::max(next_due_, add(now, rest));
}

std::optional<CheckpointId> CheckpointProtocol::in_progress() const {
  if (!current_) return std::nullopt;
  return current_->trigger.id;
}

std::optional<CheckpointId> CheckpointProtocol::writing() const {
  if (overdue_) return overdue_->trigger.id;
  if (current_ && current_->writing_manifest) return current_->trigger.id;
  return std::nullopt;
}

std::optional<CheckpointId> CheckpointProtocol::overdue() const {
  if (!overdue_) return std::nullopt;
  return overdue_->trigger.id;
}

std::vector<TaskId> CheckpointProtocol::waiting_for() const {
  if (!current_) return {};
  return {current_->missing.begin(), current_->missing.end()};
}

}  // namespace weir
