// The life of a job's process; see job_process.h.
#include "weir/cluster/job_process.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "weir/base/clock.h"
#include "weir/base/s3/s3.h"
#include "weir/checkpoint/store.h"
#include "weir/cluster/attempt_links.h"
#include "weir/cluster/worker_line.h"
#include "weir/runtime/sink_setup.h"
#include "weir/runtime/worker.h"

namespace weir::cluster {
namespace {

/// Between two looks at what tasks have counted: alignment of sources waits for these counts.
constexpr std::chrono::milliseconds kCounts{50}, kCountsAligned{2}, kCountsAnyway{500};
/// Between two words to the leader about the newest checkpoint.
constexpr std::chrono::milliseconds kSayCheckpoint{500};
/// They wait for other systems, so there may be more of them than cores.
constexpr unsigned kRemoteThreads = 8;

std::vector<std::uint32_t> slots_of(const Start& start) {
  std::vector<std::uint32_t> slots;
  for (std::uint32_t process = 0; process < start.processes.size(); ++process) {
    slots.insert(slots.end(), std::max(1u, start.processes[process].slots), process);
  }
  return slots;
}

JobState state_of(RunResult::Outcome outcome) {
  switch (outcome) {
    case RunResult::Outcome::finished:
    case RunResult::Outcome::already_finished:
      return JobState::finished;
    case RunResult::Outcome::stopped:
      return JobState::stopped;
    case RunResult::Outcome::cancelled:
      break;
  }
  return JobState::cancelled;
}

/// The newest checkpoint there was before the job, as the file STATE/began-JOB holds it. The job
/// begins where it was told to until an attempt of it has made a checkpoint; then `options` are
/// changed to begin from the newest, whether or not the leader has heard of that one.
Result<CheckpointId> newest_before(const std::string& job, RunOptions& options) {
  const auto storage = make_storage();
  WEIR_ASSIGN(const auto store, CheckpointStore::open(*storage, options.state_dir));
  const auto checkpoints = store->list();
  const CheckpointId newest = checkpoints.empty() ? 0 : checkpoints.back().id;
  if (newest == 0 && !checkpoints.empty()) {  // the folder could not be listed
    return Error{ErrorCode::io, checkpoints.back().problem, true};
  }
  const std::string path = options.state_dir + "/began-" + job;
  WEIR_ASSIGN(const bool begun, storage->exists(path));
  if (!begun) {
    WEIR_TRY(write_file_atomically(*storage, path, std::to_string(newest) + "\n"));
    return newest;
  }
  WEIR_ASSIGN(const std::string text, read_file(*storage, path, 64));
  const CheckpointId before = std::strtoull(text.c_str(), nullptr, 10);
  if (newest > before) options.from = "latest";
  return before;
}

class JobProcess {
 public:
  JobProcess(const JobProcessOptions& options, WorkerLine& line) : options_(options), line_(line) {}
  [[noreturn]] void run();

 private:
  [[noreturn]] void run_master(const std::vector<Address>& all);
  [[noreturn]] void run_others();
  void watch_checkpoints(JobRunner& runner);
  CheckpointId newest_of(const JobRunner& runner) const;
  void say(ProcessPhase phase, CheckpointId checkpoint = 0);
  template <class T>
  T must(Result<T> result) {
    if (!result.ok()) line_.die(options_.id, result.error(), 0);
    return std::move(result).value();
  }
  void must(const Status& status) {
    if (!status.ok()) line_.die(options_.id, status.error(), 0);
  }

  const JobProcessOptions& options_;
  WorkerLine& line_;
  Assignment assignment_;
  LoadedJob loaded_;
  Address address_;
  CheckpointId before_ = UINT64_MAX;  // the newest checkpoint when the attempt began to run
  std::unique_ptr<Job> job_;
  Plan plan_;
  std::unique_ptr<AttemptLinks> links_;
};

void JobProcess::say(ProcessPhase phase, CheckpointId checkpoint) {
  ProcessReport report;
  report.id = options_.id;
  report.phase = phase;
  report.address = address_;
  report.checkpoint = checkpoint;
  line_.report(report);
}

void JobProcess::run() {
  assignment_ = line_.wait_for_assignment();
  loaded_ = must(options_.load(assignment_));
  job_ = std::make_unique<Job>(must(build_job(loaded_.function, loaded_.options)));
  plan_ = make_plan(job_->graph(), loaded_.options.parallelism);
  const std::vector<std::uint32_t> slots = slots_of(assignment_.start);
  const auto here =
      static_cast<unsigned>(std::count(slots.begin(), slots.end(), options_.id.process));
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  if (loaded_.options.threads == 0) loaded_.options.threads = std::clamp(here, 1u, cores);
  links_ = std::make_unique<AttemptLinks>(
      job_->graph(), plan_,
      AttemptLinks::Options{options_.id, slots, assignment_.host, assignment_.token, loaded_.build,
                            options_.tls, std::chrono::seconds(10), loaded_.options.threads == 1},
      [this](const Error& why) { line_.die(options_.id, why, 0); });
  address_ = must(links_->listen());
  say(ProcessPhase::listening);
  const std::vector<Address> all = line_.wait_for_peers();
  must(links_->connect(all));
  if (options_.id.process == 0) run_master(all);
  run_others();
}

// ---- the master
// -----------------------------------------------------------------------------------

/// Tells the leader of new checkpoints, since those show that the job gets on.
void JobProcess::watch_checkpoints(JobRunner& runner) {
  for (CheckpointId said = 0;;) {
    std::this_thread::sleep_for(kSayCheckpoint);
    const CheckpointId now = newest_of(runner);
    if (now > said) say(ProcessPhase::running, now);
    said = now;
  }
}

/// The newest checkpoint of this attempt; 0 when it has made none.
CheckpointId JobProcess::newest_of(const JobRunner& runner) const {
  const CheckpointId newest = runner.status().last_checkpoint;
  return newest > before_ ? newest : 0;
}

/// Where the last attempt failed, if in a task.
std::optional<FailedTask> failed_task_of(const JobRunner& runner) {
  const std::vector<AttemptFailure> failures = runner.failures();
  if (failures.empty() || !failures.front().subtask) return std::nullopt;
  const AttemptFailure& last = failures.front();
  return FailedTask{last.task, *last.subtask, last.process.value_or(0)};
}

void JobProcess::run_master(const std::vector<Address>& all) {
  loaded_.options.max_restarts = 0;
  AttemptPart part;
  if (loaded_.options.from != "latest") {
    part.began = must(newest_before(options_.id.job, loaded_.options));
  }
  part.attempt = options_.id.attempt;
  part.job = options_.id.job;
  part.over.insert(assignment_.start.over.begin(), assignment_.start.over.end());
  part.completed = assignment_.start.last_checkpoint;
  if (all.size() > 1) {
    part.placement = links_.get();
    part.driven = links_->driven();
  }
  // Until the process ends: other threads may look at them at any time.
  auto* runner = must(JobRunner::create(loaded_.function, loaded_.options, &part)).release();
  auto* requests = options_.make_requests(*runner, loaded_).release();
  line_.serve([requests](const std::string& json) { return requests->answer(json); });
  const Result<RunResult> result = runner->run([&] {
    say(ProcessPhase::running);
    before_ = runner->status().last_checkpoint;
    std::thread([this, runner] { watch_checkpoints(*runner); }).detach();
  });
  if (!result.ok()) {
    requests->ended("failed", 0);
    line_.die(options_.id, result.error(), newest_of(*runner), failed_task_of(*runner));
  }
  links_->end();
  const JobState outcome = state_of(result->outcome);
  requests->ended(to_string(outcome), result->last_checkpoint);
  line_.stop_serving();
  ProcessReport last;
  last.id = options_.id;
  last.phase = ProcessPhase::ended;
  last.address = address_;
  last.outcome = outcome;
  last.checkpoint = result->last_checkpoint;
  line_.leave(last);
}

// ---- the others
// -----------------------------------------------------------------------------------

bool has_aligned_sources(const Graph& graph) {
  return std::any_of(graph.steps().begin(), graph.steps().end(), [](const GraphStep& step) {
    return step.source && !step.source->alignment_group.empty();
  });
}

/// What tasks have counted; their times, which always change, are those of `before` if it has any.
std::vector<TaskCounts> counts_of(const TaskGroup& group, const std::vector<TaskCounts>& before) {
  std::vector<TaskCounts> counts;
  for (const auto& task : group.tasks()) {
    counts.push_back({task->setup().id, task->settled(), {}});
    const std::size_t i = counts.size() - 1;
    counts[i].times = i < before.size() ? before[i].times : task->times();
    for (const Task::StepView& view : task->steps()) {
      counts[i].steps.push_back(read_counts(*view.metrics));
    }
  }
  return counts;
}

void JobProcess::run_others() {
  line_.serve([](const std::string&) -> Result<std::string> {
    return Error{ErrorCode::invalid_argument, "Only the master of an attempt answers requests"};
  });
  const std::optional<Deploy> deploy = links_->wait_for_deploy();
  if (!deploy) WorkerLine::wait_for_end();
  const auto clock = make_system_clock();
  const auto storage = make_storage();
  const auto io = make_io_pool(std::max(2u, std::thread::hardware_concurrency()));
  const auto remote = make_io_pool(kRemoteThreads);
  const auto merges = make_io_pool(merge_threads(), /*background=*/true);
  Environment env{clock.get(), storage.get(), io.get(), entropy_seed(), remote.get(), merges.get()};
  const auto store = must(CheckpointStore::open(*storage, loaded_.options.state_dir));
  std::optional<RestorePoint> restore;
  if (!deploy->restore.empty()) restore = must(resolve_restore(*store, deploy->restore));
  JobIdentity identity;
  identity.job = job_->name();
  identity.run_id = deploy->run_id;
  identity.attempt_name = deploy->attempt_name;
  identity.attempt = options_.id.attempt;
  identity.max_parallelism = job_->max_parallelism();
  identity.newest_id = deploy->newest_id;
  identity.claimed_id = deploy->claimed_id;
  identity.config = loaded_.options.config;
  TaskGroupOptions options;
  options.job_version = loaded_.options.job_version;
  options.batch_timeout = loaded_.options.batch_timeout;
  options.give_up_after = hung_after(loaded_.options);
  options.memory_bytes = loaded_.options.memory_bytes;
  options.placement = links_.get();
  const AttemptView attempt{job_->graph(), plan_,  identity,
                            env,           *store, restore ? &*restore : nullptr};
  must(attach_sinks(attempt, *links_));
  const auto group = must(TaskGroup::create(attempt, options, links_->coordinator()));
  for (const auto& task : group->tasks()) links_->coordinator().task_restored(task->setup().id);
  Worker worker(loaded_.options.threads, links_->driven());
  for (const auto& task : group->tasks()) worker.add(task.get(), task->setup().subtask);
  links_->tasks_built(*group);
  worker.start();
  say(ProcessPhase::running);
  const auto pause = has_aligned_sources(job_->graph()) ? kCountsAligned : kCounts;
  std::vector<TaskCounts> said;
  auto said_at = std::chrono::steady_clock::time_point();
  while (!links_->ended()) {
    const auto time = std::chrono::steady_clock::now();
    // Now and then in any case: the master drops what comes before it knows of these tasks.
    const bool anyway = time - said_at > kCountsAnyway;
    std::vector<TaskCounts> now = counts_of(*group, anyway ? std::vector<TaskCounts>() : said);
    if (anyway || now != said) links_->send_counts(now);
    if (anyway) said_at = time;  // a job that counts all the time tells its times too
    said = std::move(now);
    std::this_thread::sleep_for(pause);
  }
  worker.stop();
  WorkerLine::wait_for_end();
}

}  // namespace

Error run_job_process(const JobProcessOptions& options) {
  auto line = WorkerLine::connect(options.worker, options.id, options.token, options.tls);
  if (!line.ok()) return line.error();
  JobProcess(options, **line).run();
}

}  // namespace weir::cluster
