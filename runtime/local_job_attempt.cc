// Attempts of a job in this process: their begin, what is done while they run, and their end.
#include <algorithm>
#include <thread>

#include "weir/base/log.h"
#include "weir/base/s3/s3.h"
#include "weir/runtime/local_job_runner.h"

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

}  // namespace

std::chrono::nanoseconds hung_after(const RunOptions& options) {
  return kHungTimeouts * std::chrono::nanoseconds(std::min(options.checkpoint_timeout, kLongest));
}

LocalJobRunner::LocalJobRunner(Job job, RunOptions options, const AttemptPart* part)
    : job_(std::move(job)),
      options_(std::move(options)),
      part_(part),
      clock_(make_system_clock()),
      storage_(make_storage()),
      io_(make_io_pool(std::max(2u, std::thread::hardware_concurrency()))),
      remote_(make_io_pool(kRemoteThreads)),
      merges_(make_io_pool(merge_threads(), /*background=*/true)) {
  env_ = {clock_.get(), storage_.get(), io_.get(), entropy_seed(), remote_.get(), merges_.get()};
}

LocalJobRunner::~LocalJobRunner() {
  static_cast<void>(end_attempt(kForEver));
  remote_.reset();  // before what its work uses
  merges_.reset();
  io_.reset();
}

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
      env_.merges->wait_idle();
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

/// Another attempt may follow; what is under way gets as long as a checkpoint.
bool LocalJobRunner::end_failed_attempt() {
  return end_attempt(std::max<std::chrono::nanoseconds>(
      kPatience, std::min(options_.checkpoint_timeout, kLongest)));
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

}  // namespace weir
