// Running a job in this process: coordinator and tasks together, as `weir run` does it and as a
// main function or a test may.
//
//   int main() { return weir::run_main(word_count, {.config = {{"input", "book.txt"}}}); }
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/base/time.h"
#include "weir/checkpoint/manifest.h"
#include "weir/runtime/checkpoint_history.h"
#include "weir/runtime/dead_letter.h"
#include "weir/runtime/environment.h"
#include "weir/runtime/job.h"
#include "weir/runtime/plan.h"
#include "weir/runtime/rates.h"

namespace weir {

/// What builds the graph of a job.
using JobFunction = void (*)(Job&);

struct RunOptions {
  std::string name = "job";                     ///< of the job, unless it names itself
  std::map<std::string, std::string> config{};  ///< what Job::config answers
  std::uint32_t parallelism = 1;                ///< subtasks of each step that does not say its own
  unsigned threads = 0;                         ///< 0: one for each core, at most the parallelism
  /// Where checkpoints are kept. Empty: in a temporary folder that is removed at the end.
  std::string state_dir;
  /// "latest", "none", a checkpoint id, or the path of a savepoint. "none" refuses a used state
  /// folder.
  std::string from = "latest";
  Duration checkpoint_interval{1000};
  Duration checkpoint_timeout{std::chrono::minutes(10)};
  /// So many checkpoints may fail in a row before the attempt ends.
  std::uint32_t tolerated_checkpoint_failures = UINT32_MAX;
  std::size_t keep_checkpoints = 3;
  std::uint64_t max_dead_letters = UINT64_MAX;
  double max_dead_letter_share = 1.0;
  bool allow_dropped_state = false;  ///< go on without the state of steps that are gone
  /// The id of a job of a cluster that holds the state folder and, by the user's word, is over.
  std::string take_over = {};
  bool replay_only = false;    ///< do not read sources; for replaying dead letters
  unsigned max_restarts = 10;  ///< in a row without a checkpoint between, for retryable failures
  std::string job_version;     ///< build id of the library
  /// Memory for the keyed state of all steps together, in bytes; 0: all that it needs. What does
  /// not fit stays in the state folder's files and is read back when its key is met.
  std::uint64_t memory_bytes = 0;
  Duration batch_timeout{2};  ///< how long a record may wait for its batch to fill
};

/// Whether steps of a job of that `max_parallelism` may have `wanted` subtasks. Error:
/// invalid_argument.
Status check_parallelism(std::uint32_t wanted, std::uint32_t max_parallelism);

/// After so long, three time-outs of checkpoints, a write that belongs to one hangs: the attempt
/// ends, since another one may reach the storage.
std::chrono::nanoseconds hung_after(const RunOptions& options);

/// How the job stands.
struct JobStatus {
  struct Step {
    std::string name, kind;
    std::uint32_t parallelism = 1;
    std::uint32_t task = 0;  ///< vertex of the plan: steps of one task run as one
    std::map<std::string, std::uint64_t> counters;  ///< since the job first began
    std::int64_t watermark_ms = INT64_MIN;
    std::int64_t lag = -1;  ///< records that a source has still to read; -1: not known
    std::uint64_t state_entries = 0, state_bytes = 0;  ///< as StepMetrics
    /// Of all its subtasks together, since this attempt began. Steps of one task share theirs.
    TaskTimes times;
    StepRates rates;
  };
  CheckpointId last_checkpoint = 0;
  std::chrono::nanoseconds checkpoint_age{0};
  std::uint32_t failed_checkpoints = 0;  ///< in a row since the last one that was completed
  std::string checkpoint_failure;        ///< why the last of those failed
  CheckpointTotals checkpoints;          ///< of this attempt
  unsigned restarts = 0;
  std::vector<Step> steps;
};

/// Why an attempt ended, and where.
struct AttemptFailure {
  EventTime at{};  ///< wall time
  AttemptId attempt = 0;
  Error why;
  /// Of the task that failed, if it was one: its steps, and which of its subtasks, of the process.
  std::string task;
  std::optional<std::uint32_t> subtask, process;
};

/// How a step stands in one subtask. Counters are of this attempt.
struct SubtaskStatus {
  StepId step = 0;
  std::uint32_t subtask = 0, process = 0;  ///< of the attempt; 0 outside of clusters
  std::map<std::string, std::uint64_t> counters;
  std::int64_t watermark_ms = INT64_MIN;
  std::int64_t lag = -1;  ///< as of JobStatus::Step
  bool idle = false;      ///< a source that has nothing, which event time does not wait for
  std::uint64_t state_entries = 0, state_bytes = 0;
  TaskTimes times;
  StepRates rates;
};

struct RunResult {
  enum class Outcome : std::uint8_t {
    finished,          ///< a bounded job has ended, everything is committed
    stopped,           ///< by request, with a last checkpoint
    cancelled,         ///< by request, at once
    already_finished,  ///< the state folder holds a job that had ended before
  };
  Outcome outcome = Outcome::finished;
  CheckpointId last_checkpoint = 0;
  CheckpointId restored_from = 0;  ///< 0: started fresh
  /// When it had finished before: the settings it then had.
  std::map<std::string, std::string> finished_config;
  JobStatus status;
};

struct AttemptPart;

/// A job in this process. `create` builds and checks it, `run` runs it to its end on the calling
/// thread; the requests may come from any thread while it runs.
class JobRunner {
 public:
  /// Builds the graph, opens and locks the state folder, finds what to restore and checks that it
  /// fits. `part`, which outlives it, for an attempt of a cluster (runtime/placement.h).
  static Result<std::unique_ptr<JobRunner>> create(JobFunction function, RunOptions options,
                                                   const AttemptPart* part = nullptr);
  virtual ~JobRunner() = default;

  virtual const Job& job() const = 0;
  virtual const RunOptions& options() const = 0;
  virtual const Plan& plan() const = 0;
  /// The checkpoint that `run` will start from, or null.
  virtual const Manifest* restored_from() const = 0;

  /// Runs until the job ends, is stopped, or fails for good. Calls `on_begin` once, on this thread,
  /// when everything is restored and opened and the first record is about to be read; never for a
  /// job that had finished in this state folder: of that no more than commits can be left,
  /// which go where the settings of then say.
  virtual Result<RunResult> run(std::function<void()> on_begin = nullptr) = 0;
  /// After `run`: an operation on the storage, begun for this job, has not come back. The
  /// destructor waits for it, so who does not want to must let the process end without it.
  virtual bool hangs() const = 0;

  // ---- from any thread
  // ----------------------------------------------------------------------------
  /// Ends the job after a last checkpoint.
  virtual void stop() = 0;
  /// Ends the job at once; it can resume from its last checkpoint.
  virtual void cancel() = 0;
  using Done = std::function<void(Result<Manifest>)>;
  /// Takes a checkpoint now and copies it to `path` as a savepoint; with `stop` the job then ends.
  virtual void savepoint(const std::string& path, bool stop, Done done) = 0;
  /// Replays or discards letters; `done` follows the checkpoint that makes it durable.
  virtual void replay(std::vector<DeadLetter> letters, Done done) = 0;
  virtual void drop(std::vector<DeadLetter> letters, Done done) = 0;
  virtual JobStatus status() const = 0;
  /// By step, then subtask; none while no attempt runs.
  virtual std::vector<SubtaskStatus> subtasks() const = 0;
  /// Of the attempt that runs: the newest fifty, newest first.
  virtual std::vector<CheckpointRecord> checkpoints() const = 0;
  /// The newest ten, newest first.
  virtual std::vector<AttemptFailure> failures() const = 0;
};

/// Calls `function` and checks the graph it built and the settings it was given. Errors:
/// invalid_argument, or user_code when the function threw.
Result<Job> build_job(JobFunction function, const RunOptions& options);

/// Builds, runs and waits. Failures of the graph or the run come back as an Error.
Result<RunResult> run(JobFunction function, RunOptions options);
/// The same for a main function: says on standard error how it ended (see `end_lines`), and returns
/// an exit status.
int run_main(JobFunction function, RunOptions options);

/// What all steps together say.
struct JobTotals {
  std::uint64_t records = 0;  ///< read by sources
  std::uint64_t dead_letters = 0;
  std::int64_t watermark_ms = INT64_MIN;  ///< of the source that is furthest back
};
JobTotals totals_of(const JobStatus& status);

/// For people, a sentence a line: how a run ended, how much it read, where its dead letters are,
/// and how to go on.
std::vector<std::string> end_lines(const RunResult& result, const std::string& state_dir,
                                   const std::map<std::string, std::string>& config);

}  // namespace weir
