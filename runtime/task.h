// A task: the chain of operators of one plan vertex in one subtask, its input channels and the
// partitioners at its outputs. It is stepped by its worker's thread and never blocks.
//
// The order of things, which every step keeps:
//   1. what others asked for (mailbox), 2. output that waits for room, 3. a slice of the snapshot
//   under way, 4. a slice of due timers, 5. one input element or one source batch.
// Invariants: an element is taken only when the watermark before it has been carried out by all
// operators; a barrier only when the snapshot before it has left the table; and nothing is taken
// while output waits.
//
// Threads: `post` and `listener` calls may cross threads; all else belongs to the stepping thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "weir/checkpoint/protocol.h"
#include "weir/checkpoint/store.h"
#include "weir/runtime/channel.h"
#include "weir/runtime/checkpoint_history.h"
#include "weir/runtime/letter_log.h"
#include "weir/runtime/operator.h"
#include "weir/runtime/partitioner.h"
#include "weir/runtime/plan.h"
#include "weir/runtime/run_list.h"
#include "weir/runtime/task_clock.h"

namespace weir {

/// What one step of a task contributes to a checkpoint.
struct StepPart {
  std::string step;
  SubtaskManifest manifest;
  std::vector<RunInfo> dead_letters;              ///< new ones; at most one run
  std::map<std::string, std::uint64_t> counters;  ///< of this attempt
};

/// What a task tells the coordinator. Called on the task's thread; must not block.
class TaskListener {
 public:
  virtual ~TaskListener() = default;
  virtual void task_restored(TaskId task) = 0;
  virtual void checkpoint_done(TaskId task, CheckpointId id, std::vector<StepPart> parts,
                               std::vector<std::string> obsolete_files, TaskPhases phases) = 0;
  /// The sinks of the task have committed all up to `id`, so long after they were told to.
  virtual void checkpoint_committed(TaskId task, CheckpointId id,
                                    std::chrono::nanoseconds took) = 0;
  virtual void checkpoint_declined(TaskId task, CheckpointId id, Error why) = 0;
  /// A checkpoint is wanted soon, so that memory can be given back.
  virtual void checkpoint_wanted(TaskId task) = 0;
  /// All input has ended, all timers have fired; only a last checkpoint is left to do.
  virtual void task_drained(TaskId task) = 0;
  virtual void task_failed(TaskId task, Error why) = 0;
  /// Have the sources that are idle say so again, as of a time after `after_ns`, a `since_ns` of
  /// ChannelElement: whether they still are when another has woken up, or when all seem to be.
  virtual void event_time_in_doubt(std::int64_t after_ns) = 0;
  /// Dead letter `id` has been replayed or dropped; an error: it failed again and stays.
  virtual void letter_done(const std::string& id, const Status& status) = 0;
};

/// What a task is made of.
struct TaskSetup {
  TaskId id = 0;
  AttemptId attempt = 1;
  std::uint32_t vertex = 0, subtask = 0, parallelism = 1;
  std::uint32_t max_parallelism = 256;
  std::string job, run_id, attempt_name, job_version;
  std::string runs_folder;
  std::uint64_t first_checkpoint = 1;
  Duration batch_timeout{2};  ///< how long a record may wait in an open batch
  /// A state of so many rows is restored in the background.
  std::uint64_t background_restore_rows = UINT64_MAX;
  std::uint64_t state_budget_bytes = 0;   ///< memory for the keyed state of a step; 0: no limit
  std::size_t restore_slice_rows = 2048;  ///< in the background, at a time
  /// The task fails when a write of its part of a checkpoint takes longer.
  std::chrono::nanoseconds give_up_after = std::chrono::nanoseconds::max();
};

/// How the state of one step in this subtask is restored.
struct StepRestore {
  std::string step;
  std::string runs_folder;
  std::vector<StateItem> items;
  std::vector<RestoreSlice> slices;
  std::vector<RunInfo> own_runs;  ///< set when one old subtask had exactly these key groups
  std::string key_schema, state_schema;
  EventTime watermark = kBeginningOfTime;
};

class Task final : public TaskServices {
 public:
  enum class Step : std::uint8_t {
    progress,  ///< call again soon
    idle,      ///< nothing to do until something arrives
    blocked,   ///< output waits for room
    done,      ///< stopped or failed: never call again
  };

  Task(TaskSetup setup, Environment& env, TaskListener& listener);
  ~Task() override;

  // ---- building, before the first step
  // -----------------------------------------------------------
  /// Adds the next operator of the chain.
  void add_operator(const GraphStep& step);
  /// Connects output `port` of step `from` to input `input` of step `to`, both in this task.
  void chain(StepId from, std::uint32_t port, StepId to, std::uint32_t input,
             std::shared_ptr<const KeyHasher> hasher);
  /// Connects output `edge.port` of step `edge.from` to other tasks. `make_batch` is of plan.h.
  void connect_out(const PlanEdge& edge, const GraphStep& to, std::vector<Channel*> targets,
                   std::function<std::unique_ptr<BatchBase>()> make_batch);
  /// Adds a channel that feeds input `input` of the first operator.
  void connect_in(Channel* channel, std::uint32_t input);
  Status open(bool restored);
  Status restore(StepRestore& from, Storage& storage);
  /// Who steps the task; set after all connections, before the first step.
  void set_waker(Waker* waker);

  // ---- stepping ---------------------------------------------------------------------------------
  Step step();
  /// The same, and keeps account of the task's time. `mark` is when the stepping thread was last
  /// known to be done with something else; it moves on if the step takes time.
  Step step(SteadyTime& mark);
  /// When the task wants to be stepped again although nothing arrived.
  std::optional<std::chrono::nanoseconds> wants_step_in();

  // ---- requests, to be made through `post`
  // ----------------------------------------------------------
  void trigger_checkpoint(CheckpointId id, bool last);
  void checkpoint_complete(CheckpointId id);
  void add_splits(const std::string& step, const std::vector<NewSplit>& splits, bool complete);
  void limit_event_time(const std::string& step, EventTime limit);
  /// A source that is idle says so again, as of later than `after_ns`.
  void confirm_idle(std::int64_t after_ns) {
    confirm_after_ns_ = std::max(confirm_after_ns_, after_ns);
  }
  void replay(const std::string& step, const std::vector<DeadLetter>& letters);
  void drop_letters(const std::string& step, const std::vector<DeadLetter>& letters);
  /// Stops reading, for runs that only replay dead letters.
  void pause_sources() { sources_paused_ = true; }
  void stop() { stopping_ = true; }

  // ---- TaskServices
  // ---------------------------------------------------------------------------------
  Environment& env() override { return env_; }
  void post(TaskCallback callback) override;
  void async_begin() override { ++async_; }
  void async_end() override { --async_; }

  // ---- looking
  // ------------------------------------------------------------------------------------
  const TaskSetup& setup() const { return setup_; }
  bool has_source() const { return source_ != nullptr; }
  bool quiescent() const;
  /// Where its time has gone so far. Thread-safe.
  TaskTimes times() const { return times_.at(env_.clock->steady_now()); }
  /// The last completed checkpoint of which everything has been committed here. Thread-safe.
  CheckpointId settled() const { return settled_.load(); }
  /// After the worker has stopped: runs what I/O threads send back; true when none is under way.
  bool finish_async();
  struct StepView {
    const GraphStep* step;
    const StepMetrics* metrics;
    const TaskClock* clock;  ///< of the task: all its steps share it
    /// All counters by name, of this attempt.
    std::map<std::string, std::uint64_t> counters() const;
  };
  std::vector<StepView> steps() const;

 private:
  struct Node;
  struct Input;
  struct SnapshotPart;
  struct SnapshotJob;
  struct Merge;

  Node& node(StepId step);
  Node* find(const std::string& step);
  Status prepare_cold_restore(Node& node, const StepRestore& from, RestoreRequest& request,
                              Storage& storage);
  Step fail(Error error);
  Status run_mailbox(bool& progressed);
  Step step_once();
  TaskActivity after(Step step) const;
  SteadyTime look();
  bool advance();
  void advance_again();
  void merge_watermark();
  bool all_surely_idle(std::int64_t idle_ns);
  void announce_time();
  void note_idleness();
  Step take_input();
  Step poll_source();
  void deliver(Input& input, ChannelElement& element);
  void on_barrier(Input& input, ChannelElement& element);
  void release_barrier(CheckpointId id, bool last);
  void begin_checkpoint(CheckpointId id, bool last);
  void send_letters(const SnapshotJob& job);
  void restore_slice();
  bool snapshot_slice(bool may_wait);
  bool must_wait(SteadyTime now);
  void write_piece(SnapshotPart& part);
  void write_snapshot();
  void write_next();
  Status snapshot_written(SnapshotJob& job);
  Status check_writing(SteadyTime now) const;
  void start_merges();
  void carry_on(const std::shared_ptr<Merge>& merge);
  void runs_changed(Node& node);
  void ask_for_checkpoint();
  void flush_outputs();
  bool drain_outputs();
  void idle_work(SteadyTime now);
  void note_commits();
  bool refuse_letters(const std::vector<DeadLetter>& letters);

  TaskSetup setup_;
  Environment& env_;
  TaskListener& listener_;
  Waker* waker_ = nullptr;

  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Receiver>> receivers_;  // of chained edges and combiners
  std::vector<std::unique_ptr<Partitioner>> outputs_;
  std::vector<Partitioner*> live_outputs_;
  Partitioner* letters_out_ = nullptr;  // one of them, if a step takes the dead letters
  std::vector<std::unique_ptr<Input>> inputs_;
  SourceOperator* source_ = nullptr;

  std::mutex mailbox_mutex_;
  std::vector<TaskCallback> mailbox_;
  std::atomic<bool> mailbox_full_{false};

  EventTime watermark_ = kBeginningOfTime;  // that all operators have been advanced to
  EventTime target_watermark_ = kBeginningOfTime;
  std::size_t advancing_ = 0;  // next operator to advance; nodes_.size(): none
  bool restoring_ = false;     // some operator, in the background; event time and barriers wait
  std::optional<std::pair<CheckpointId, bool>> held_barrier_;  // for that
  bool active_ = true;
  std::int64_t since_ns_ = 0;     // of ChannelElement, for what this task says
  std::int64_t asked_ns_ = 0;     // the waking up after which it has asked who is still idle
  std::int64_t all_idle_ns_ = 0;  // when it asked because all are idle; 0: not, or no longer so
  static constexpr std::int64_t kNotAsked = -1;
  std::int64_t confirm_after_ns_ = kNotAsked;
  bool input_ended_ = false;
  bool drained_ = false;
  bool last_barrier_ = false;  // no record follows
  bool sources_paused_ = false;
  bool stopping_ = false;
  bool failed_ = false;
  std::size_t turn_ = 0;
  std::size_t barriers_in_ = 0;  // channels blocked by the barrier being aligned
  SteadyTime first_barrier_{};   // when the first of them came
  CheckpointId aligning_ = 0;
  SteadyTime last_flush_{}, last_idle_work_{};
  TaskClock times_;
  SteadyTime looked_at_{};  // the last look at the clock
  bool looked_ = false;     // at the end of this step's work
  bool worked_ = false;     // also where the step found nothing to take

  std::shared_ptr<SnapshotJob> snapshot_;  // the one whose rows are still in tables
  bool piece_out_ = false;                 // an I/O thread writes a piece of it
  bool slices_wait_ = false;               // for that
  // Shared with the I/O thread that writes the first of them.
  std::deque<std::shared_ptr<SnapshotJob>> to_write_;
  // When an I/O thread got the first of them, or the piece, or has since come to the end of one of
  // its files.
  std::atomic<SteadyTime> wrote_at_{};
  std::optional<std::pair<CheckpointId, bool>> pending_trigger_;
  bool checkpoint_wanted_ = false;  // asked for since the last barrier
  bool holding_ = false;            // takes no input: a step's memory is full
  SteadyTime last_reluctant_{};     // when it took some all the same
  // Files that nothing needs any more, until a checkpoint tells the coordinator.
  std::vector<std::string> obsolete_files_;
  int async_ = 0;
  CheckpointId completed_ = 0;
  // Checkpoints that sinks here were told to commit, and when.
  std::deque<std::pair<CheckpointId, SteadyTime>> committing_;
  std::atomic<CheckpointId> settled_{0};
};

}  // namespace weir
