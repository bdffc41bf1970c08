// Running a job with threads, restarting it after failures that may heal; see run.h.
#include <algorithm>

#include "weir/base/log.h"
#include "weir/runtime/local_job_runner.h"
#include "weir/runtime/may_heal.h"

namespace weir {

Status LocalJobRunner::commit_by(Job job) {
  WEIR_TRY(check_restore(job, restore()->manifest, options_.allow_dropped_state));
  job_ = std::move(job);
  plan_ = make_plan(job_.graph(), options_.parallelism);
  return {};
}

/// The job had ended before. All that can be left are commits that its process did not get to; no
/// checkpoint is written, since one that holds nothing new would push out one that does. They go
/// where the settings of then said, whatever those of now are.
Result<RunResult> LocalJobRunner::stay_finished() {
  RunResult result;
  result.outcome = RunResult::Outcome::already_finished;
  result.last_checkpoint = result.restored_from = restore()->manifest.id;
  result.finished_config = restore()->manifest.config;
  result.status = status_when_restored();
  WEIR_TRY(begin_attempt());
  Coordinator& coordinator = deployment_->coordinator();
  for (bool quiet = false; !quiet && !cancelled_;) {
    coordinator.step();
    if (coordinator.state() == Coordinator::State::failed) return coordinator.failure();
    quiet = true;
    // On this thread: there is nothing to read, and only who steps a task may ask how it stands.
    for (const auto& task : deployment_->tasks()) {
      task->step();
      quiet = quiet && task->quiescent();
    }
    if (!quiet) std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
  end_last_attempt();
  if (cancelled_) {
    result.outcome = RunResult::Outcome::cancelled;
  } else {
    folder_.release_as_finished();
  }
  return result;
}

Result<RunResult> LocalJobRunner::run(std::function<void()> on_begin) {
  if (folder_.already_finished()) return stay_finished();
  RunResult result;
  result.restored_from = restore() ? restore()->manifest.id : 0;
  // Of a savepoint; see stay_finished for a job that had finished in this very folder.
  const bool was_finished = restore() && restore()->manifest.finished && !options_.replay_only;
  if (was_finished) result.finished_config = restore()->manifest.config;
  const CheckpointId newest_at_start = folder_.identity().newest_id;
  CheckpointId last_progress = newest_at_start;
  unsigned failures = 0;
  for (;;) {
    Status begun = begin_attempt();
    Error failure;
    if (begun.ok()) {
      if (on_begin) std::exchange(on_begin, nullptr)();
      worker_->start();
      Coordinator::State state = drive();
      // Commits that the last checkpoint made due belong to a clean end.
      if (state != Coordinator::State::failed && !cancelled_) wait_for_commits();
      state = deployment_->coordinator().state();
      const CheckpointId reached = deployment_->coordinator().last_completed();
      if (state == Coordinator::State::failed) {
        failure = deployment_->coordinator().failure();
        note_failure(failure);
      }
      // The process ends with the attempt: what its I/O threads still do need not be waited for,
      // and may hang.
      if (state == Coordinator::State::failed && part_ != nullptr) {
        if (part_->placement != nullptr) part_->placement->detach();
        return failure;
      }
      if (state != Coordinator::State::failed) {
        result.status = status();
        result.last_checkpoint = reached;
        end_last_attempt();
        if (!cancelled_) folder_.release();
        result.outcome = cancelled_     ? RunResult::Outcome::cancelled
                         : was_finished ? RunResult::Outcome::already_finished
                         : state == Coordinator::State::finished ? RunResult::Outcome::finished
                                                                 : RunResult::Outcome::stopped;
        return result;
      }
      result.status = status();
      result.last_checkpoint = reached;
      if (!end_failed_attempt()) return hung(failure.message);
      if (reached > last_progress) failures = 0;
      last_progress = reached;
    } else {
      failure = begun.error();
      note_failure(failure);
    }
    failure.retryable = may_heal(failure, restarts_ == 0);
    if (!failure.retryable || ++failures > options_.max_restarts) return failure;
    ++restarts_;
    const auto time = std::chrono::milliseconds(100) * (1 << std::min(failures, 7u));
    log_warn("job " + job_.name(), failure.message + " Restarting from the last checkpoint in " +
                                       format_duration(std::chrono::duration_cast<Duration>(time)) +
                                       ".");
    pause(time);
    if (cancelled_) {
      result.outcome = RunResult::Outcome::cancelled;
      return result;
    }
    // Until this run has made a checkpoint it begins where it was told to.
    const auto checkpoints = folder_.store().list();
    const bool made_one = !checkpoints.empty() && checkpoints.back().id > newest_at_start;
    const std::string from = made_one ? "latest" : options_.from;
    if (Status found = folder_.find_restore_point(job_, from); !found.ok()) return found.error();
  }
}

void LocalJobRunner::savepoint(const std::string& path, bool stop, Done done) {
  if (Status ready = folder_.store().prepare_savepoint(path); !ready.ok())
    return done(ready.error());
  const auto kind = stop ? CheckpointKind::savepoint_stop : CheckpointKind::savepoint;
  const bool asked = ask([&](Coordinator& c) {
    c.request_checkpoint(kind, [this, path, stop, done](Result<Manifest> manifest) {
      if (!manifest.ok()) return done(manifest);
      // Before anything else: afterwards its files may be collected.
      if (Status status = folder_.store().export_savepoint(*manifest, path); !status.ok()) {
        Error error = status.error();
        if (stop) {
          error.message += " The job stops all the same; its last checkpoint is " +
                           std::to_string(manifest->id) + ".";
        }
        return done(std::move(error));
      }
      done(manifest);
    });
  });
  if (!asked) not_running(done);
}

/// What was counted before this run.
JobStatus LocalJobRunner::status_when_restored() const {
  JobStatus status;
  for (const GraphStep& step : job_.graph().steps()) {
    JobStatus::Step& said = status.steps.emplace_back();
    said.name = step.name;
    said.kind = step.kind;
    said.parallelism = plan_.parallelism_of[step.id];
    said.task = plan_.vertex_of[step.id];
    said.watermark_ms = INT64_MAX;
    const StepManifest* base = restore() ? restore()->manifest.find(step.name) : nullptr;
    if (base != nullptr) said.counters = base->counters;
  }
  return status;
}

JobStatus LocalJobRunner::status() const {
  const std::lock_guard lock(mutex_);
  JobStatus status;
  if (deployment_) {
    status = status_when_restored();
    Coordinator& coordinator = deployment_->coordinator();
    status.last_checkpoint = coordinator.last_completed();
    status.checkpoints = coordinator.history().totals();
    status.checkpoint_age = env_.clock->steady_now() - coordinator.last_completed_at();
    std::tie(status.failed_checkpoints, status.checkpoint_failure) =
        coordinator.failed_checkpoints();
    add_parts(*deployment_, rates_, env_.clock->steady_now(), status);
  }
  status.restarts = restarts_;
  return status;
}

std::vector<CheckpointRecord> LocalJobRunner::checkpoints() const {
  const std::lock_guard lock(mutex_);
  if (!deployment_) return {};
  return deployment_->coordinator().history().newest(env_.clock->steady_now());
}

std::vector<SubtaskStatus> LocalJobRunner::subtasks() const {
  const std::lock_guard lock(mutex_);
  if (!deployment_) return {};
  return subtasks_of(*deployment_, rates_, env_.clock->steady_now());
}

namespace {

/// Gives `runner` the job as it was when it finished.
Status commit_as_it_finished(JobFunction function, LocalJobRunner& runner) {
  RunOptions then = runner.options();
  then.config = runner.restored_from()->config;
  auto job = build_job(function, then);
  Status done = job.ok() ? runner.commit_by(std::move(*job)) : Status(job.error());
  if (done.ok()) return {};
  return Error{done.error().code,
               "The job has finished with other settings, and cannot be built with those to commit "
               "what it may have left: " +
                   done.error().message + " Give its new settings a state folder of their own.",
               false};
}

}  // namespace

Result<std::unique_ptr<JobRunner>> JobRunner::create(JobFunction function, RunOptions options,
                                                     const AttemptPart* part) {
  WEIR_ASSIGN(Job job, build_job(function, options));
  auto runner = std::make_unique<LocalJobRunner>(std::move(job), std::move(options), part);
  WEIR_TRY(runner->open());
  if (runner->finished_otherwise()) WEIR_TRY(commit_as_it_finished(function, *runner));
  return std::unique_ptr<JobRunner>(std::move(runner));
}

}  // namespace weir
