// The checkpoint protocol as pure decisions: no I/O, no clock, no threads, so that it is tested as
// a table. The coordinator (runtime/coordinator.h) feeds it events and carries out what it answers.
//
// Rules: one checkpoint at a time; ids grow for ever; an acknowledgement counts once for (task,
// attempt) (H12); nothing is triggered before every task has reported restored (H13); a declined or
// timed-out checkpoint fails alone and the job goes on, and after each further one in a row the
// next waits twice as long, up to a second, since the disk may need time; completion of N commits
// everything up to N (H7). Once a stop or final checkpoint has been triggered nothing else is: when
// it fails it is tried again at the next due time, since its sources have nothing left to send. A
// failed savepoint is not retried; when the job was to stop with it, it goes on, by another
// checkpoint at once, at whose barrier its sources go on.
//
// A manifest that is not written in time fails its checkpoint as well, but nobody can take back the
// write that hangs: it may still come to its end and make that checkpoint exist. So nothing is
// triggered until it does (but what sources go on by); then the checkpoint is complete, late, and
// once.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/checkpoint/manifest.h"

namespace weir {

using TaskId = std::uint32_t;
using AttemptId = std::uint64_t;

enum class CheckpointKind : std::uint8_t {
  periodic,
  savepoint,       ///< also exported; the job goes on
  savepoint_stop,  ///< also exported; as `stop` when it is complete, and as if not asked for if not
  stop,            ///< sources stop after this barrier; the job ends when it is complete
  final_,          ///< a bounded input has ended and all its timers have fired
};

/// Nothing follows such a checkpoint when it is complete.
constexpr bool ends_the_job(CheckpointKind kind) { return kind >= CheckpointKind::savepoint_stop; }

class CheckpointProtocol {
 public:
  struct Options {
    std::chrono::nanoseconds interval{std::chrono::seconds(1)};
    std::chrono::nanoseconds timeout{std::chrono::minutes(10)};
    std::uint32_t tolerated_failures = UINT32_MAX;  ///< in a row, before the job fails
    /// The job fails when a manifest is not written for so long, counted as the time-out is.
    std::chrono::nanoseconds give_up_after = std::chrono::nanoseconds::max();
  };
  struct Trigger {
    CheckpointId id = 0;
    CheckpointKind kind = CheckpointKind::periodic;
  };
  enum class AckOutcome { ignored, waiting, complete };
  enum class FailOutcome { ignored, checkpoint_failed, job_must_fail, storage_hangs };

  CheckpointProtocol(Options options, std::set<TaskId> tasks, AttemptId attempt,
                     CheckpointId last_id);

  void task_restored(TaskId task, AttemptId attempt);
  bool all_restored() const { return waiting_for_restore_.empty(); }

  /// Asks for a checkpoint out of turn; it is triggered as soon as none is under way, in the order
  /// of the requests. One of a kind that is waiting to be triggered changes nothing, since that one
  /// comes later than both; nor does a second request to stop, or a final one, once that can no
  /// longer be called off.
  void request(CheckpointKind kind);
  /// Asks for a periodic one out of turn, at `now`, or a second after one that failed. The next of
  /// any kind will do.
  void hasten(SteadyTime now);
  /// What to trigger now, if anything: a requested one, or a periodic one when `now` is due.
  /// Periodic ones are due one interval after the last trigger (the first: after every task has
  /// restored), but never before half an interval has passed since the last one ended, so that slow
  /// checkpoints leave the job time to work.
  std::optional<Trigger> poll(SteadyTime now);
  /// When `poll` or `expire` next has something to do by time alone: SteadyTime::min() for at once,
  /// SteadyTime::max() for never.
  SteadyTime next_deadline() const;

  /// `complete` once, when the last task has acknowledged: write the manifest then. What is late,
  /// twice or of another attempt is ignored.
  AckOutcome acknowledge(TaskId task, AttemptId attempt, CheckpointId id);
  FailOutcome decline(TaskId task, AttemptId attempt, CheckpointId id, SteadyTime now);
  /// Declines the one under way if it has outlived its time-out; `storage_hangs` when the manifest
  /// of an earlier one has outlived Options::give_up_after.
  FailOutcome expire(SteadyTime now);
  /// The manifest of `id` is durable (or writing it failed): the next one may start. Also of one
  /// that was declined meanwhile, whose failure is then `ignored`.
  void manifest_written(CheckpointId id, SteadyTime now);
  FailOutcome manifest_failed(CheckpointId id, SteadyTime now);

  std::optional<CheckpointId> in_progress() const;
  /// The one of which the manifest is being written, in time or not.
  std::optional<CheckpointId> writing() const;
  /// The one of which the manifest is overdue. No other can be written before that is.
  std::optional<CheckpointId> overdue() const;
  /// One that ends the job is complete.
  bool ended() const { return ended_; }
  CheckpointId last_completed() const { return last_completed_; }
  /// Failures since the last one that was completed.
  std::uint32_t failures_in_a_row() const { return failures_in_a_row_; }
  /// Tasks that the one under way still waits for, for people.
  std::vector<TaskId> waiting_for() const;

 private:
  struct InProgress {
    Trigger trigger;
    SteadyTime started;
    std::set<TaskId> missing;
    bool writing_manifest = false;
  };
  bool concerns_current(AttemptId attempt, CheckpointId id) const;
  Trigger trigger(CheckpointKind kind, SteadyTime now);
  FailOutcome fail_current(SteadyTime now);
  void pause_after(SteadyTime now);

  Options options_;
  std::set<TaskId> tasks_;
  std::set<TaskId> waiting_for_restore_;
  AttemptId attempt_;
  CheckpointId next_id_;
  CheckpointId last_completed_;
  SteadyTime next_due_{}, hastened_ = SteadyTime::max();
  SteadyTime hasten_from_{};  ///< a failure that is too recent to hasten the next
  bool started_ = false;
  std::uint32_t failures_in_a_row_ = 0;
  std::vector<CheckpointKind> requested_;
  std::optional<CheckpointKind> ending_;  ///< one that ends the job, once triggered
  bool ended_ = false;                    ///< that one is complete
  bool resume_ = false;                   ///< sources rest behind one that was called off
  std::optional<InProgress> current_;
  std::optional<InProgress> overdue_;  ///< declined while its manifest was being written
};

}  // namespace weir
