// A job that runs in this process with threads, whole or as a part of an attempt of a cluster; see
// run.h. Its attempts are in local_job_attempt.cc, all else in job_runner.cc.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "weir/runtime/deployment.h"
#include "weir/runtime/job_status.h"
#include "weir/runtime/placement.h"
#include "weir/runtime/run.h"
#include "weir/runtime/run_folder.h"
#include "weir/runtime/worker.h"

namespace weir {

/// `run` on one thread; requests from any, as of JobRunner.
class LocalJobRunner final : public JobRunner {
 public:
  LocalJobRunner(Job job, RunOptions options, const AttemptPart* part);
  ~LocalJobRunner() override;

  /// Opens the state folder and checks that it fits the job. Errors: those of RunFolder::open.
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
  bool end_failed_attempt();
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
  std::unique_ptr<IoPool> remote_, merges_;
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

}  // namespace weir
