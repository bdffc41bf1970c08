// Running a job with threads, restarting it after failures that may heal; see run.h.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "weir/base/log.h"
#include "weir/base/s3/s3.h"
#include "weir/runtime/deployment.h"
#include "weir/runtime/job_status.h"
#include "weir/runtime/may_heal.h"
#include "weir/runtime/placement.h"
#include "weir/runtime/run.h"
#include "weir/runtime/run_folder.h"
#include "weir/runtime/worker.h"

namespace weir {
namespace {

/// They wait for other systems, so there may be more of them than cores.
constexpr unsigned kRemoteThreads = 8;
/// After so many time-outs of checkpoints a write of one that is still under way ends an attempt.
constexpr int kHungTimeouts = 3;
/// The clock's nanoseconds do not reach as far as milliseconds.
constexpr Duration kLongest{std::chrono::hours(24 * 365 * 50)};
/// How long what is under way on I/O threads may take at the end of an attempt, at least and when
/// nobody wants to go on.
constexpr std::chrono::seconds kPatience{3};
constexpr auto kForEver = std::chrono::nanoseconds::max();

class LocalJobRunner final : public JobRunner {
 public:
  LocalJobRunner(Job job, RunOptions options, const AttemptPart* part)
      : job_(std::move(job)),
        options_(std::move(options)),
        part_(part),
        clock_(make_system_clock()),
        storage_(make_storage()),
        io_(make_io_pool(std::max(2u, std::thread::hardware_concurrency()))),
        remote_(make_io_pool(kRemoteThreads)) {
    env_ = {clock_.get(), storage_.get(), io_.get(), entropy_seed(), remote_.get()};
  }
  ~LocalJobRunner() override {
    static_cast<void>(end_attempt(kForEver));
    remote_.reset();  // before what its work uses
    io_.reset();
  }

  Status open() {
    plan_ = make_plan(job_.graph(), options_.parallelism);
    return folder_.open(job_);
  }
  /// It had finished, under other settings than those of now.
  bool finished_otherwise() const {
    return folder_.already_finished() && restore()->manifest.config != options_.config;
  }
  /// Commits, in `run`, by `job`, which was built with the settings it had finished with.
  Status commit_by(Job job);
  const Job& job() const override { return job_; }
  const RunOptions& options() const override { return options_; }
  const Plan& plan() const override { return plan_; }
  const Manifest* restored_from() const override {
    return restore() ? &restore()->manifest : nullptr;
  }

  Result<RunResult> run(std::function<void()> on_begin) override;
  bool hangs() const override { return hangs_; }
  void stop() override {
    ask([](Coordinator& c) {
      c.request_checkpoint(CheckpointKind::stop, [](Result<Manifest>) {});
    });
  }
  void cancel() override {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    cancel_.notify_all();  // under the lock: whoever waited may go on to destroy this object
  }
  void savepoint(const std::string& path, bool stop, Done done) override;
  void replay(std::vector<DeadLetter> letters, Done done) override {
    if (!ask([&](Coordinator& c) { c.request_replay(std::move(letters), done); }))
      not_running(done);
  }
  void drop(std::vector<DeadLetter> letters, Done done) override {
    if (!ask([&](Coordinator& c) { c.request_drop(std::move(letters), done); })) not_running(done);
  }
  JobStatus status() const override;
  std::vector<SubtaskStatus> subtasks() const override;
  std::vector<CheckpointRecord> checkpoints() const override;
  std::vector<AttemptFailure> failures() const override {
    const std::lock_guard lock(mutex_);
    return failures_;
  }

 private:
  Status begin_attempt();
  bool end_attempt(std::chrono::nanoseconds limit);
  void end_last_attempt();
  Error hung(const std::string& what);
  Result<RunResult> stay_finished();
  void pause(std::chrono::milliseconds time);
  JobStatus status_when_restored() const;
  Coordinator::State drive();
  void measure_rates();
  void note_failure(const Error& why);
  void wait_for_commits();
  bool wait_quiescent(std::chrono::nanoseconds limit);
  const std::optional<RestorePoint>& restore() const { return folder_.restore(); }
  template <class Request>
  bool ask(Request&& request) {
    const std::lock_guard lock(mutex_);
    if (!deployment_) return false;
    request(deployment_->coordinator());
    return true;
  }
  static void not_running(const Done& done) {
    done(Error{ErrorCode::cancelled, "The job is not running", true});
  }

  Job job_;
  RunOptions options_;
  const AttemptPart* const part_;  // null outside of clusters
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Storage> storage_;
  std::unique_ptr<IoPool> io_;
  std::unique_ptr<IoPool> remote_;
  Environment env_;
  RunFolder folder_{env_, options_, part_};
  Plan plan_;
  // Of sinks; kept between attempts, so that nobody comes in between.
  HeldLocks locks_ = part_ != nullptr ? HeldLocks::none() : HeldLocks();

  mutable std::mutex mutex_;  // guards deployment_ and worker_ against requests from other threads
  std::unique_ptr<Deployment> deployment_;
  std::unique_ptr<Worker> worker_;
  RateMeter rates_;                       // of the parts of deployment_; likewise
  std::vector<AttemptFailure> failures_;  // likewise
  std::atomic<bool> cancelled_{false};
  std::condition_variable cancel_;  // ends a pause
  std::atomic<unsigned> restarts_{0};
  bool hangs_ = false;
};

Status LocalJobRunner::begin_attempt() {
  WEIR_TRY(folder_.begin_attempt(job_));
  DeploymentOptions options;
  options.coordinator.checkpoints.interval = std::min(options_.checkpoint_interval, kLongest);
  options.coordinator.checkpoints.timeout = std::min(options_.checkpoint_timeout, kLongest);
  options.coordinator.checkpoints.tolerated_failures = options_.tolerated_checkpoint_failures;
  options.coordinator.checkpoints.give_up_after = options.give_up_after = hung_after(options_);
  if (part_ != nullptr) {
    options.coordinator.folder_may_return = true;  // check_completed knows whether it has
  }
  options.coordinator.keep_checkpoints = options_.keep_checkpoints;
  options.coordinator.max_dead_letters = options_.max_dead_letters;
  options.coordinator.max_dead_letter_share = options_.max_dead_letter_share;
  options.coordinator.replay_only = options_.replay_only || folder_.already_finished();
  if (folder_.already_finished()) options.coordinator.checkpoints.interval = std::chrono::hours(24);
  options.job_version = options_.job_version;
  options.batch_timeout = options_.batch_timeout;
  options.memory_bytes = options_.memory_bytes;
  options.temporary_state = folder_.temporary();
  options.locks = &locks_;
  // What a job that has finished left to commit is all done here.
  if (part_ != nullptr && !folder_.already_finished()) options.placement = part_->placement;
  WEIR_ASSIGN(auto deployment,
              Deployment::create(job_.graph(), plan_, folder_.identity(), options, env_,
                                 folder_.store(), restore() ? &*restore() : nullptr));
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  const unsigned threads =
      options_.threads ? options_.threads : std::min(cores, options_.parallelism);
  auto worker = std::make_unique<Worker>(threads, part_ != nullptr ? part_->driven : nullptr);
  for (const auto& task : deployment->tasks()) worker->add(task.get(), task->setup().subtask);
  {
    const std::lock_guard lock(mutex_);
    deployment_ = std::move(deployment);
    rates_.clear();
    worker_ = std::move(worker);
  }
  return {};
}

/// Waits for what tasks have under way on I/O threads, stepping them for their mailboxes; no longer
/// than `limit`, and whether it has come to its end.
bool LocalJobRunner::wait_quiescent(std::chrono::nanoseconds limit) {
  worker_->stop();
  const SteadyTime begun = env_.clock->steady_now();
  for (;;) {
    bool quiet = true;
    deployment_->coordinator().step();
    for (const auto& task : deployment_->tasks()) {
      if (!task->finish_async()) quiet = false;
    }
    if (quiet && deployment_->coordinator().quiescent()) {
      env_.remote->wait_idle();
      env_.io->wait_idle();
      return true;
    }
    if (env_.clock->steady_now() - begun > limit) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

/// False when something under way has not come back within `limit`: then all stays as it is, since
/// that may still touch any of it.
bool LocalJobRunner::end_attempt(std::chrono::nanoseconds limit) {
  if (!deployment_) return true;
  if (part_ != nullptr && part_->placement != nullptr) part_->placement->detach();
  if (!wait_quiescent(limit)) {
    hangs_ = true;
    return false;
  }
  const std::lock_guard lock(mutex_);
  worker_.reset();
  deployment_.reset();
  return true;
}

/// Only who has cancelled the job does not wait for what hangs.
void LocalJobRunner::end_last_attempt() {
  if (!end_attempt(cancelled_ ? std::chrono::nanoseconds(kPatience) : kForEver)) {
    log_warn("job " + job_.name(), hung("The job was cancelled.").message);
  }
}

/// Why the job cannot go on in this process.
Error LocalJobRunner::hung(const std::string& what) {
  return {ErrorCode::io,
          what +
              " What it has begun on the storage does not come back, so it cannot go on in this "
              "process. Start it again once the storage answers; it goes on from its newest "
              "checkpoint.",
          false};
}

/// Lets the workers run until every sink has committed what is due.
void LocalJobRunner::wait_for_commits() {
  Coordinator& coordinator = deployment_->coordinator();
  while (!cancelled_ && coordinator.state() != Coordinator::State::failed) {
    std::this_thread::sleep_for(std::chrono::microseconds(500));
    coordinator.step();
    if (deployment_->quiescent()) return;
  }
}

Coordinator::State LocalJobRunner::drive() {
  Coordinator& coordinator = deployment_->coordinator();
  while (!cancelled_ && coordinator.state() == Coordinator::State::running) {
    if (!coordinator.step()) coordinator.wait(std::chrono::milliseconds(20));
    measure_rates();
  }
  return coordinator.state();
}

void LocalJobRunner::measure_rates() {
  const SteadyTime now = env_.clock->steady_now();
  if (!rates_.due(now)) return;  // only this thread adds to them
  auto samples = samples_of(*deployment_, now);
  const std::lock_guard lock(mutex_);
  rates_.add(now, std::move(samples));
}

void LocalJobRunner::note_failure(const Error& why) {
  constexpr std::size_t kKept = 10;
  AttemptFailure failure;
  failure.at = env_.clock->wall_now();
  failure.attempt = folder_.identity().attempt;
  failure.why = why;
  if (deployment_ && deployment_->coordinator().failed_task()) {
    add_place(*deployment_->coordinator().failed_task(), *deployment_, failure);
  }
  const std::lock_guard lock(mutex_);
  failures_.insert(failures_.begin(), std::move(failure));
  if (failures_.size() > kKept) failures_.pop_back();
}

/// Waits, but no longer than until the job is cancelled.
void LocalJobRunner::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  cancel_.wait_for(lock, time, [this] { return cancelled_.load(); });
}

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
      if (!end_attempt(std::max<std::chrono::nanoseconds>(
              kPatience, std::min(options_.checkpoint_timeout, kLongest)))) {
        return hung(failure.message);
      }
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

std::chrono::nanoseconds hung_after(const RunOptions& options) {
  return kHungTimeouts * std::chrono::nanoseconds(std::min(options.checkpoint_timeout, kLongest));
}

Result<std::unique_ptr<JobRunner>> JobRunner::create(JobFunction function, RunOptions options,
                                                     const AttemptPart* part) {
  WEIR_ASSIGN(Job job, build_job(function, options));
  auto runner = std::make_unique<LocalJobRunner>(std::move(job), std::move(options), part);
  WEIR_TRY(runner->open());
  if (runner->finished_otherwise()) WEIR_TRY(commit_as_it_finished(function, *runner));
  return std::unique_ptr<JobRunner>(std::move(runner));
}

}  // namespace weir
