// Checkpoints as the coordinator carries them out; see coordinator.h and checkpoint/protocol.h.
#include <algorithm>

#include "weir/base/failpoint.h"
#include "weir/base/log.h"
#include "weir/runtime/coordinator.h"
#include "weir/runtime/source_splits.h"

namespace weir {
namespace {

constexpr std::chrono::seconds kSayAgain{10};  // between two warnings of failures in a row
constexpr std::size_t kMaxLetterRuns = 24;     // then those of a step are merged into one

/// Whether a request for `asked` is answered by a checkpoint of kind `comes`.
bool serves(CheckpointKind comes, CheckpointKind asked) {
  return asked == comes || asked == CheckpointKind::periodic ||
         (comes == CheckpointKind::stop && asked == CheckpointKind::savepoint_stop);
}

/// `text` as a sentence, and what becomes of the job after a checkpoint of that kind has failed.
std::string with_what_follows(std::string text, CheckpointKind kind) {
  if (!text.ends_with('.')) text += '.';
  if (kind == CheckpointKind::savepoint_stop) return text + " The job does not stop, it goes on.";
  return text + (ends_the_job(kind)
                     ? " The job ends when this last checkpoint is written, and tries again."
                     : " The job goes on and will try again.");
}

/// Of all files that it names.
std::uint64_t size_of(const Manifest& manifest) {
  std::uint64_t bytes = 0;
  const auto add = [&bytes](const std::vector<RunInfo>& runs) {
    for (const RunInfo& run : runs) bytes += run.size_bytes;
  };
  for (const StepManifest& step : manifest.steps) {
    for (const SubtaskManifest& subtask : step.subtasks) {
      add(subtask.state);
      add(subtask.items);
    }
  }
  add(manifest.dead_letters);
  return bytes;
}

}  // namespace

void Coordinator::request_checkpoint(CheckpointKind kind, Done done) {
  post([this, kind, done = std::move(done)] {
    if (state_ != State::running) {
      done(Error{ErrorCode::cancelled, "The job is no longer running"});
      return;
    }
    waiting_.emplace_back(kind, done);
    protocol_->request(kind);
  });
}

void Coordinator::poll_checkpoints(SteadyTime now) {
  if (ending_) return;
  const bool due = now >= protocol_->next_deadline();
  const std::string late = due ? what_is_late() : "";  // before it is declined
  if (const auto outcome = protocol_->expire(now);
      outcome != CheckpointProtocol::FailOutcome::ignored) {
    checkpoint_failed(outcome, {ErrorCode::io, late, true});
  }
  if (ending_ || state_ != State::running) return;
  if (const auto next = protocol_->poll(now)) trigger(*next);
}

/// What the checkpoint under way waits for, as the reason why it was not complete in time.
std::string Coordinator::what_is_late() const {
  if (const auto writing = protocol_->writing()) {
    return "its manifest " + store_.manifest_path(*writing) +
           " has not been written in time; the storage does not answer";
  }
  std::set<std::string> steps;
  for (const TaskId late : protocol_->waiting_for()) {
    for (const TaskEntry& task : tasks_) {
      if (task.id != late) continue;
      for (const StepId step : plan_.vertices[task.vertex].steps) {
        steps.insert("'" + graph_.step(step).name + "'");
      }
    }
  }
  std::string text = "it took longer than its time-out; these steps have not written their part:";
  for (const std::string& step : steps) text += " " + step;
  return text;
}

void Coordinator::trigger(CheckpointProtocol::Trigger next) {
  current_ = next;
  history_.begin(next.id, next.kind, static_cast<std::uint32_t>(tasks_.size()),
                 env_.clock->wall_now(), env_.clock->steady_now());
  parts_.clear();
  auto wanted = std::stable_partition(waiting_.begin(), waiting_.end(),
                                      [&](const auto& w) { return !serves(next.kind, w.first); });
  for (auto it = wanted; it != waiting_.end(); ++it) current_done_.push_back(std::move(it->second));
  waiting_.erase(wanted, waiting_.end());
  WEIR_FAILPOINT("coordinator.trigger");
  for (TaskEntry& task : tasks_) {
    if (has_source(task)) task.gateway->trigger_checkpoint(next.id, ends_the_job(next.kind));
  }
}

void Coordinator::checkpoint_done(TaskId task, CheckpointId id, std::vector<StepPart> parts,
                                  std::vector<std::string> obsolete_files, TaskPhases phases) {
  post([this, task, id, parts = std::move(parts), obsolete = std::move(obsolete_files),
        phases]() mutable {
    obsolete_files_.insert(obsolete.begin(), obsolete.end());
    on_ack(task, id, std::move(parts), phases);
  });
}

void Coordinator::on_ack(TaskId task, CheckpointId id, std::vector<StepPart> parts,
                         const TaskPhases& phases) {
  // Letters have left their task, so they are kept even when this checkpoint has been given up.
  for (StepPart& part : parts) {
    for (RunInfo& run : part.dead_letters) letters_.push_back(std::move(run));
  }
  if (state_ != State::running || id != current_.id) return;
  parts_[task] = std::move(parts);
  const auto outcome = protocol_->acknowledge(task, identity_.attempt, id);
  if (outcome != CheckpointProtocol::AckOutcome::ignored) {
    history_.acknowledged(phases, env_.clock->steady_now());
  }
  switch (outcome) {
    case CheckpointProtocol::AckOutcome::complete:
      assemble_and_write();
      return;
    case CheckpointProtocol::AckOutcome::ignored:
    case CheckpointProtocol::AckOutcome::waiting:
      return;
  }
}

void Coordinator::assemble_and_write() {
  if (protocol_->overdue()) {
    const Error why{ErrorCode::io, what_is_late(), true};
    return checkpoint_failed(protocol_->manifest_failed(current_.id, env_.clock->steady_now()),
                             why);
  }
  auto manifest = std::make_shared<Manifest>();
  manifest->job = identity_.job;
  manifest->run_id = identity_.run_id;
  manifest->id = current_.id;
  manifest->attempt = identity_.attempt_name;
  manifest->completed_at = env_.clock->wall_now();
  manifest->max_parallelism = identity_.max_parallelism;
  // Letters replayed after the end of a job do not begin it again; but until the last checkpoint of
  // the replay, what they did may lie in files that sinks carry on.
  manifest->finished = current_.kind == CheckpointKind::final_ ||
                       (options_.replay_only && was_finished_ && ends_the_job(current_.kind));
  manifest->config = identity_.config;
  manifest->dead_letters = letters_;
  std::map<std::string, StepManifest> steps;
  for (auto& [task, parts] : parts_) {
    for (StepPart& part : parts) {
      StepManifest& step = steps[part.step];
      step.subtasks.push_back(std::move(part.manifest));
      for (const auto& [name, value] : part.counters) step.counters[name] += value;
    }
  }
  for (auto& [name, step] : steps) {
    const GraphStep& graph_step = *graph_.find(name);
    step.name = name;
    step.kind = graph_step.kind;
    step.key_schema = graph_step.key_schema;
    step.state_schema = graph_step.state_schema;
    step.parallelism = plan_.parallelism_of[graph_step.id];
    for (const auto& [counter, value] : base_counters_[name]) step.counters[counter] += value;
    std::sort(step.subtasks.begin(), step.subtasks.end(),
              [](const auto& a, const auto& b) { return a.index < b.index; });
    manifest->steps.push_back(std::move(step));
  }
  ++io_under_way_;
  env_.io->post([this, manifest] {
    WEIR_FAILPOINT("coordinator.before_manifest");
    Status status = store_.commit(*manifest);
    WEIR_FAILPOINT("coordinator.after_manifest");
    post([this, manifest, status] {
      --io_under_way_;
      completed(manifest, status);
    });
  });
}

void Coordinator::completed(const std::shared_ptr<Manifest>& manifest, Status status) {
  const SteadyTime now = env_.clock->steady_now();
  const bool late = protocol_->overdue() == manifest->id;
  if (late) {
    log_warn("coordinator",
             "the write of " + store_.manifest_path(manifest->id) + " has come back, late: " +
                 (status.ok() ? "the checkpoint is complete after all" : status.error().message));
  }
  if (!status.ok()) {
    const ErrorCode code = status.error().code;
    if (code == ErrorCode::fsync_failed || code == ErrorCode::fenced) {
      history_.failed(status.error().message, now);
      fail(status.error());
      return;
    }
    checkpoint_failed(protocol_->manifest_failed(manifest->id, now), status.error());
    return;
  }
  protocol_->manifest_written(manifest->id, now);
  history_.completed(manifest->id, size_of(*manifest), now);
  note_failures("");
  last_completed_ = manifest->id;
  completed_at_ = now.time_since_epoch().count();
  WEIR_FAILPOINT("coordinator.before_complete");
  for (TaskEntry& task : tasks_) task.gateway->checkpoint_complete(manifest->id);
  if (manifest->id == current_.id) {  // who asked for a late one has been told that it failed
    for (Done& done : std::exchange(current_done_, {})) done(*manifest);
  }
  if (protocol_->ended()) {
    ending_ = current_.kind == CheckpointKind::final_ ? State::finished : State::stopped;
  }
  collect_garbage();
}

void Coordinator::checkpoint_declined(TaskId task, CheckpointId id, Error why) {
  post([this, task, id, why = std::move(why)] {
    if (state_ != State::running) return;
    checkpoint_failed(protocol_->decline(task, identity_.attempt, id, env_.clock->steady_now()),
                      why);
  });
}

void Coordinator::checkpoint_wanted(TaskId) {
  post([this] {
    if (state_ != State::running) return;
    protocol_->hasten(env_.clock->steady_now());
  });
}

void Coordinator::checkpoint_failed(CheckpointProtocol::FailOutcome outcome, const Error& why) {
  if (outcome == CheckpointProtocol::FailOutcome::ignored) return;
  note_failures(why.message);
  history_.failed(why.message, env_.clock->steady_now());
  const std::string text =
      "checkpoint " + std::to_string(current_.id) + " was given up: " + why.message;
  if (outcome == CheckpointProtocol::FailOutcome::storage_hangs) {
    fail({why.code,
          "The storage hangs: of checkpoint " + std::to_string(*protocol_->overdue()) + " " +
              why.message + ". Another attempt may reach it.",
          true});
    return;
  }
  if (outcome == CheckpointProtocol::FailOutcome::job_must_fail) {
    fail({why.code, "Too many checkpoints failed in a row; " + text, true});
    return;
  }
  if (why.code == ErrorCode::not_found) {  // a folder was taken away: no later try finds it
    fail({why.code, text, options_.folder_may_return});
    return;
  }
  warn_of_failure(text);
  for (Done& done : std::exchange(current_done_, {})) {
    done(Error{why.code, with_what_follows(text, current_.kind), why.retryable});
  }
  if (current_.kind == CheckpointKind::final_) final_requested_ = false;
}

void Coordinator::note_failures(const std::string& why) {
  const std::lock_guard lock(mutex_);
  failed_checkpoints_ = {protocol_->failures_in_a_row(), why};
}

void Coordinator::warn_of_failure(const std::string& text) {
  const SteadyTime now = env_.clock->steady_now();
  const std::uint32_t failures = protocol_->failures_in_a_row();
  if (failures > 1 && now - said_failed_ < kSayAgain) return;
  said_failed_ = now;
  const std::string many =
      failures == 1 ? ""
                    : " " + std::to_string(failures) + " have failed since the last was written.";
  log_warn("coordinator", with_what_follows(text, current_.kind) + many);
}

/// Deletes old checkpoints, and merges the runs of dead letters when there are many.
void Coordinator::collect_garbage() {
  const CheckpointId id = last_completed_.load();
  if (letters_.size() >= kMaxLetterRuns && !merging_letters_) merge_letters(id);
  if (collecting_) {  // two at once would miss what the other has deleted
    collect_again_ = true;
    return;
  }
  collecting_ = true;
  auto dropped = std::make_shared<std::set<std::string>>(obsolete_files_);
  ++io_under_way_;
  env_.io->post([this, dropped] {
    auto gone = store_.collect_garbage(options_.keep_checkpoints, identity_.attempt_name, *dropped);
    post([this, gone = std::move(gone)] {
      --io_under_way_;
      collecting_ = false;
      for (const std::string& file : gone) obsolete_files_.erase(file);
      if (std::exchange(collect_again_, false)) collect_garbage();
    });
  });
}

void Coordinator::merge_letters(CheckpointId id) {
  merging_letters_ = true;
  const std::vector<RunInfo> inputs = letters_;
  const std::string file =
      "letters-" + std::to_string(id) + "-" + identity_.attempt_name + "-merged.run";
  ++io_under_way_;
  env_.io->post([this, inputs, file] {
    auto merged = merge_runs(store_.storage(), store_.runs_folder(), inputs, file, true);
    post([this, inputs, merged = std::move(merged)]() mutable {
      --io_under_way_;
      merging_letters_ = false;
      if (!merged.ok()) return;  // the inputs are still there
      for (const RunInfo& input : inputs) obsolete_files_.insert(input.file);
      letters_.erase(letters_.begin(),
                     letters_.begin() + static_cast<std::ptrdiff_t>(inputs.size()));
      letters_.insert(letters_.begin(), std::move(*merged));
    });
  });
}

}  // namespace weir
