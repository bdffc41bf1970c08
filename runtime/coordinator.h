// The coordinator of one job: triggers checkpoints and makes them exist, assigns splits, keeps
// account of dead letters, and knows when the job has ended. Decisions about checkpoints are those
// of CheckpointProtocol; this class carries them out.
//
// Threads: tasks call the TaskListener methods from their threads, anybody may call the requests;
// both only put an event into the inbox. `step` and everything else run on one thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "weir/checkpoint/protocol.h"
#include "weir/checkpoint/store.h"
#include "weir/runtime/checkpoint_history.h"
#include "weir/runtime/environment.h"
#include "weir/runtime/plan.h"
#include "weir/runtime/task.h"

namespace weir {

/// How the coordinator reaches a task, here or elsewhere. Calls return at once.
class TaskGateway {
 public:
  virtual ~TaskGateway() = default;
  virtual void trigger_checkpoint(CheckpointId id, bool last) = 0;
  virtual void checkpoint_complete(CheckpointId id) = 0;
  virtual void add_splits(const std::string& step, std::vector<NewSplit> splits, bool complete) = 0;
  virtual void limit_event_time(const std::string& step, EventTime limit) = 0;
  virtual void confirm_idle(std::int64_t after_ns) = 0;
  virtual void replay(const std::string& step, std::vector<DeadLetter> letters) = 0;
  virtual void drop_letters(const std::string& step, std::vector<DeadLetter> letters) = 0;
};

/// A task as the coordinator knows it.
struct TaskEntry {
  TaskId id = 0;
  std::uint32_t vertex = 0, subtask = 0;
  std::unique_ptr<TaskGateway> gateway;
  std::vector<Task::StepView> steps;  ///< live counters; empty for tasks elsewhere
};

struct CoordinatorOptions {
  CheckpointProtocol::Options checkpoints;
  std::size_t keep_checkpoints = 3;
  std::uint64_t max_dead_letters = UINT64_MAX;  ///< over this many in one run the job fails
  double max_dead_letter_share = 1.0;           ///< of source records, judged from 1,000 on
  bool folder_may_return = false;  ///< another attempt may find the state folder that is gone here
  bool replay_only = false;        ///< sources are not read; ends when all replays are durable
};

/// What is the same for all checkpoints of a job.
struct JobIdentity {
  std::string job, run_id, attempt_name;
  AttemptId attempt = 1;
  std::uint32_t max_parallelism = 256;
  CheckpointId newest_id = 0;  ///< the newest checkpoint in the state folder, wherever we restore
  CheckpointId claimed_id =
      0;  ///< of the attempt: its checkpoints go above (CheckpointStore::claim)
  std::map<std::string, std::string> config;
};

class Coordinator final : public TaskListener {
 public:
  enum class State : std::uint8_t {
    running,
    finished,  ///< the bounded job has ended; everything is durable, commits have been announced
    stopped,   ///< by request, after its last checkpoint
    failed,
  };

  Coordinator(const Graph& graph, const Plan& plan, JobIdentity identity,
              CoordinatorOptions options, Environment& env, CheckpointStore& store,
              const Manifest* restored);
  ~Coordinator() override;

  void add_task(TaskEntry entry);
  /// Splits that the restored state already has, by source step and subtask.
  void known_splits(const std::string& step, std::uint32_t subtask,
                    const std::vector<std::string>& ids);
  /// Looks for splits and starts the checkpoint clock. All tasks have been added.
  void start();

  /// Handles what has come and what is due; true when it did something.
  bool step();
  /// Waits for an event, or until something is due, but no longer than `limit`.
  void wait(std::chrono::milliseconds limit);
  State state() const { return state_; }
  /// No I/O of the coordinator is under way.
  bool quiescent() const { return io_under_way_ == 0; }
  /// For the simulation of a crash: its I/O has been dropped and never comes back.
  void abandon();
  /// The manifest of a checkpoint is being written, in time or not.
  bool writes_manifest() const { return started_ && protocol_->writing().has_value(); }
  /// Why the job failed.
  const Error& failure() const { return failure_; }
  CheckpointId last_completed() const { return last_completed_.load(); }
  /// The id of the first checkpoint that this attempt may complete.
  CheckpointId first_checkpoint() const { return first_checkpoint_; }
  SteadyTime last_completed_at() const {
    return SteadyTime(SteadyTime::duration(completed_at_.load()));
  }

  /// Checkpoints that failed since the last one that was completed, and why the last of them did.
  /// Thread-safe.
  std::pair<std::uint32_t, std::string> failed_checkpoints() const {
    const std::lock_guard lock(mutex_);
    return failed_checkpoints_;
  }

  /// How its checkpoints went. Thread-safe.
  const CheckpointHistory& history() const { return history_; }
  /// The task whose failure `failure` is, if it is one's.
  const std::optional<TaskId>& failed_task() const { return failed_task_; }

  // ---- requests, from any thread
  // ------------------------------------------------------------------
  using Done = std::function<void(Result<Manifest>)>;
  /// A checkpoint now; `done` is called on the coordinator's thread when it is complete or has
  /// failed.
  void request_checkpoint(CheckpointKind kind, Done done);
  /// Replays letters at their steps. `done` follows the checkpoint that makes their effect durable
  /// and gets that checkpoint, or the first failure among them.
  void request_replay(std::vector<DeadLetter> letters, Done done);
  /// Discards letters; `done` follows the checkpoint without them.
  void request_drop(std::vector<DeadLetter> letters, Done done);

  // ---- TaskListener
  // -------------------------------------------------------------------------------
  void task_restored(TaskId task) override;
  void checkpoint_done(TaskId task, CheckpointId id, std::vector<StepPart> parts,
                       std::vector<std::string> obsolete_files, TaskPhases phases) override;
  void checkpoint_committed(TaskId, CheckpointId id, std::chrono::nanoseconds took) override {
    history_.committed(id, took);
  }
  void checkpoint_declined(TaskId task, CheckpointId id, Error why) override;
  void checkpoint_wanted(TaskId task) override;
  void task_drained(TaskId task) override;
  void task_failed(TaskId task, Error why) override;
  void event_time_in_doubt(std::int64_t after_ns) override;
  void letter_done(const std::string& id, const Status& status) override;

 private:
  struct SourceSplits;
  void post(std::function<void()> event);
  void fail(Error error);
  void answer_all(const Error& why);
  void discover(StepId step);
  void splits_found(StepId step, Result<std::vector<NewSplit>> found);
  void poll_checkpoints(SteadyTime now);
  std::string what_is_late() const;
  void trigger(CheckpointProtocol::Trigger trigger);
  void on_ack(TaskId task, CheckpointId id, std::vector<StepPart> parts, const TaskPhases& phases);
  void assemble_and_write();
  void completed(const std::shared_ptr<Manifest>& manifest, Status status);
  void checkpoint_failed(CheckpointProtocol::FailOutcome outcome, const Error& why);
  void note_failures(const std::string& why);
  void warn_of_failure(const std::string& text);
  void collect_garbage();
  void merge_letters(CheckpointId id);
  void check_dead_letters();
  void align_sources();
  /// Letters to be replayed or dropped.
  struct LetterRequest {
    std::vector<DeadLetter> letters;
    bool drop = false;
    Done done;
  };
  void request_letters(LetterRequest request);
  void begin_letters();
  Status send_letters(const std::vector<DeadLetter>& letters, bool drop);
  void letters_done();
  void finish_if_done();
  static std::optional<std::uint64_t> hash_of(const DeadLetter& letter, const GraphStep& step);
  TaskEntry* owner_of(std::optional<std::uint64_t> hash, const GraphStep& step);
  TaskEntry* task_of(std::uint32_t vertex, std::uint32_t subtask);
  bool has_source(const TaskEntry& task) const;

  const Graph& graph_;
  const Plan& plan_;
  JobIdentity identity_;
  CoordinatorOptions options_;
  Environment& env_;
  CheckpointStore& store_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::function<void()>> inbox_;
  std::pair<std::uint32_t, std::string> failed_checkpoints_;  // behind mutex_ too

  std::vector<TaskEntry> tasks_;
  std::unique_ptr<CheckpointProtocol> protocol_;
  std::map<StepId, std::unique_ptr<SourceSplits>> splits_;
  std::set<TaskId> drained_;
  std::map<TaskId, std::vector<StepPart>> parts_;  // of the checkpoint under way
  CheckpointProtocol::Trigger current_{};
  // Carried from manifest to manifest; letters of a checkpoint that failed join the next one.
  std::vector<RunInfo> letters_;
  std::map<std::string, std::map<std::string, std::uint64_t>> base_counters_;
  bool merging_letters_ = false;
  bool collecting_ = false;  // garbage
  bool collect_again_ = false;
  std::set<std::string> obsolete_files_;
  std::vector<std::pair<CheckpointKind, Done>> waiting_;  // asked for, not triggered yet
  std::vector<Done> current_done_;                        // of the checkpoint under way
  std::set<std::string> letters_sent_;  // to be replayed or dropped, not answered yet
  // What this attempt has replayed or dropped. Asked for again, before a checkpoint holds it or
  // after, it must not take effect twice.
  std::set<std::string> letters_taken_;
  // One at a time: what is parked behind a letter must not be tried before it is known how that one
  // fared. The first is under way.
  std::deque<LetterRequest> letter_requests_;
  std::optional<Error> letter_failure_;  // of that one
  bool final_requested_ = false;
  SteadyTime said_failed_{};     // the last warning of a failed checkpoint
  bool was_finished_ = false;    // when restored
  std::optional<State> ending_;  // what the job becomes once tasks are quiescent
  int io_under_way_ = 0;
  bool started_ = false;
  SteadyTime last_alignment_{};
  bool limits_moved_ = false;                      // of event time, when sources were last aligned
  std::map<TaskId, EventTime> event_time_limits_;  // as last sent

  State state_ = State::running;
  Error failure_;
  std::optional<TaskId> failed_task_;
  CheckpointHistory history_;
  CheckpointId first_checkpoint_ = 1;
  std::atomic<CheckpointId> last_completed_{0};
  std::atomic<SteadyTime::rep> completed_at_{0};
};

}  // namespace weir
