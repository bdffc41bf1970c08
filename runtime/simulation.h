// Running a job in one thread, from a seed: everything that threads, disks and time decide in
// production is decided here by one Random, so that a run can be repeated exactly.
//
//   - tasks, coordinator and I/O work are stepped one at a time, in random order;
//   - channels say that they are full at random moments, and are short;
//   - I/O work waits for a random time, and another piece may overtake it;
//   - messages between coordinator and tasks may wait too, and tasks be slow;
//   - time stands still but for what the driver lets pass.
//
// The classes that run are those of production: Deployment, Task, Coordinator, CheckpointStore.
// This is what weir/testing.h stands on. Everything here belongs to one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/checkpoint/store.h"
#include "weir/runtime/deployment.h"
#include "weir/runtime/job.h"
#include "weir/runtime/slow_messages.h"

namespace weir {

/// A pool without threads: work waits until the driver runs it.
class SimIoPool final : public IoPool {
 public:
  explicit SimIoPool(Random& random) : random_(random) {}
  void post(std::function<void()> work) override { waiting_.push_back(std::move(work)); }
  /// There is one thread: whoever calls is not within any work.
  void wait_idle() override {}
  /// Runs one piece, chosen at random; false when there is none.
  bool run_one();
  /// What waits now hangs, as in a system call that does not return, until `come_back`.
  void hang();
  void come_back();
  /// The process has died: nothing of what waits or hangs will ever run.
  void drop();
  std::size_t waiting() const { return waiting_.size(); }

 private:
  Random& random_;
  std::vector<std::function<void()>> waiting_, hung_;
};

/// A channel of a random capacity from 1 to `capacity` that also refuses with probability
/// `full`. `in_flight`, which outlives it, counts the elements within.
std::unique_ptr<Channel> make_chaos_channel(std::size_t capacity, double full, Random& random,
                                            std::size_t& in_flight);

struct SimulationOptions {
  std::uint64_t seed = 1;
  std::uint32_t parallelism = 1;
  std::string state_dir = "/state";
  /// By default only those that are asked for.
  Duration checkpoint_interval{std::chrono::hours(24 * 365)};
  CheckpointProtocol::Options checkpoints{};  ///< but for the interval
  std::size_t keep_checkpoints = 3;
  std::uint64_t max_dead_letters = UINT64_MAX;
  double max_dead_letter_share = 1.0;
  bool allow_dropped_state = false;
  bool replay_only = false;
  std::size_t channel_capacity = 4;
  std::uint64_t background_restore_rows = 200'000;
  std::size_t restore_slice_rows = 2048;
  std::uint64_t memory_bytes = 0;  ///< for keyed state; 0: no limit
  double channel_full = 0.2;       ///< how often a channel with room says that it has none
  /// Messages between coordinator and tasks take their time (slow_messages.h).
  bool slow_messages = false;
  /// Wall time passes while the job runs. When false only the owner of the clock moves it.
  bool wall_runs = true;
  /// Sinks lock their folders. When false attempts may overlap, as in a cluster.
  bool lock_output = true;
};

/// One job in a simulated process, which can die and be started again. It builds on a clock and a
/// storage that outlive it, as disks outlive a process.
class Simulation {
 public:
  /// `job` has its graph built and checked, and outlives this.
  Simulation(const Job& job, SimulationOptions options, ManualClock& clock, Storage& storage);
  /// Dies, if it still runs.
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  /// Starts an attempt from `from`: "latest", "none", a checkpoint id, or a savepoint folder. The
  /// job is not running.
  Status start(const std::string& from = "latest");
  /// From now on `step` passes task `index` over so often when its turn has come, from 0 to 1.
  void slow_down(std::size_t index, double share) { slow_[index] = share; }
  /// As by SIGKILL: what is under way never happens, in memory nothing stays. What a disk does
  /// then is MemoryStorage::crash.
  void kill();
  bool running() const { return deployment_ != nullptr; }

  /// Lets one thing happen: a task's step, the coordinator's, a piece of I/O, the passing of time.
  void step();
  /// Steps until `done`, the job has ended or failed, or `max_steps` are over; true when `done`.
  bool run_until(const std::function<bool()>& done, std::uint64_t max_steps = 20'000'000);
  /// Steps until nothing happens any more by itself: all that was read has been carried to its end,
  /// what is due has been committed. False when that did not come within `max_steps`.
  bool settle(std::uint64_t max_steps = 20'000'000);
  /// Takes a checkpoint and returns its manifest; also commits what it makes due.
  Result<Manifest> checkpoint(CheckpointKind kind = CheckpointKind::periodic);

  /// While running.
  Deployment& deployment() { return *deployment_; }
  Coordinator& coordinator() { return deployment_->coordinator(); }
  Coordinator::State state() const { return deployment_->coordinator().state(); }
  /// The checkpoint that the attempt started from, or null.
  const RestorePoint* restored() const { return restored_ ? &*restored_ : nullptr; }
  /// Null before the first start.
  CheckpointStore* store() { return store_.get(); }
  Random& random() { return random_; }
  SimIoPool& io() { return io_; }
  const Plan& plan() const { return plan_; }

 private:
  Status claim(const std::string& from);
  bool step_task(std::size_t index);
  bool step_all();
  bool at_rest() const;
  void pass_time(std::chrono::milliseconds by);

  const Job& job_;
  SimulationOptions options_;
  ManualClock& clock_;
  Storage& storage_;
  Random random_;
  SimIoPool io_;
  SlowMessages messages_;
  Environment env_;
  Plan plan_;
  JobIdentity identity_;
  std::size_t in_flight_ = 0;  // elements in all channels
  std::unique_ptr<CheckpointStore> store_;
  std::optional<RestorePoint> restored_;
  HeldLocks locks_;
  std::unique_ptr<Deployment> deployment_;
  std::vector<bool> task_done_;
  std::vector<double> slow_;  // by task
};

}  // namespace weir
