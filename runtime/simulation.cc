// A job in one thread, from a seed; see simulation.h.
#include "weir/runtime/simulation.h"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "weir/base/hash.h"

namespace weir {
namespace {

/// A local channel with whims.
class ChaosChannel final : public Channel {
 public:
  ChaosChannel(std::size_t capacity, double full, Random& random, std::size_t& in_flight)
      : ring_(make_local_channel(capacity)), full_(full), random_(random), in_flight_(in_flight) {}
  ~ChaosChannel() override { in_flight_ -= inside_; }

  bool push(ChannelElement& element) override {
    if (random_.chance(full_) || !ring_->push(element)) return false;
    ++inside_;
    ++in_flight_;
    return true;
  }
  std::unique_ptr<BatchBase> take_recycled() override { return ring_->take_recycled(); }
  bool pop(ChannelElement& element) override {
    if (!ring_->pop(element)) return false;
    --inside_;
    --in_flight_;
    return true;
  }
  void recycle(std::unique_ptr<BatchBase> batch) override { ring_->recycle(std::move(batch)); }

 private:
  std::unique_ptr<Channel> ring_;
  double full_;
  Random& random_;
  std::size_t& in_flight_;
  std::size_t inside_ = 0;
};

// Longer than every pause that the engine makes when nothing happens (naps of splits, idle work,
// alignment of sources).
constexpr int kQuietRounds = 8;
constexpr std::chrono::milliseconds kQuietRound{5};

}  // namespace

bool SimIoPool::run_one() {
  if (waiting_.empty()) return false;
  std::swap(waiting_[random_.below(waiting_.size())], waiting_.back());
  const std::function<void()> work = std::move(waiting_.back());
  waiting_.pop_back();
  work();
  return true;
}

void SimIoPool::hang() {
  std::move(waiting_.begin(), waiting_.end(), std::back_inserter(hung_));
  waiting_.clear();
}

void SimIoPool::come_back() {
  std::move(hung_.begin(), hung_.end(), std::back_inserter(waiting_));
  hung_.clear();
}

void SimIoPool::drop() {
  waiting_.clear();
  hung_.clear();
}

std::unique_ptr<Channel> make_chaos_channel(std::size_t capacity, double full, Random& random,
                                            std::size_t& in_flight) {
  return std::make_unique<ChaosChannel>(1 + random.below(capacity), full, random, in_flight);
}

Simulation::Simulation(const Job& job, SimulationOptions options, ManualClock& clock,
                       Storage& storage)
    : job_(job),
      options_(std::move(options)),
      clock_(clock),
      storage_(storage),
      random_(options_.seed),
      io_(random_),
      messages_(random_) {
  env_ = {&clock_, &storage_, &io_, random_.next()};
  identity_.job = job_.name();
  identity_.max_parallelism = job_.max_parallelism();
  plan_ = make_plan(job_.graph(), options_.parallelism);
  if (!options_.lock_output) locks_ = HeldLocks::none();
}

Simulation::~Simulation() { kill(); }

Status Simulation::claim(const std::string& from) {
  const auto name = [this] { return Hash128{random_.next(), random_.next()}.hex().substr(0, 12); };
  WEIR_ASSIGN(restored_, resolve_restore(*store_, from));
  if (restored_) {
    WEIR_TRY(check_restore(job_, restored_->manifest, options_.allow_dropped_state));
  }
  ClaimRequest request{name(), name(), 0, clock_.wall_now()};
  WEIR_ASSIGN(const Claim claim, claim_restore(*store_, from, std::move(request), restored_));
  identity_.claimed_id = claim.id;
  identity_.attempt_name = claim.attempt;
  identity_.newest_id = claim.newest;
  identity_.run_id = restored_ ? restored_->manifest.run_id : claim.run_id;
  if (!restored_) return {};
  return check_restore(job_, restored_->manifest, options_.allow_dropped_state);
}

Status Simulation::start(const std::string& from) {
  WEIR_CHECK(!running(), "a simulated job was started while it runs");
  ++identity_.attempt;
  WEIR_ASSIGN(store_, CheckpointStore::open(storage_, options_.state_dir));
  WEIR_TRY(claim(from));
  DeploymentOptions options;
  options.coordinator.checkpoints = options_.checkpoints;
  options.coordinator.checkpoints.interval = options_.checkpoint_interval;
  options.coordinator.keep_checkpoints = options_.keep_checkpoints;
  options.coordinator.max_dead_letters = options_.max_dead_letters;
  options.coordinator.max_dead_letter_share = options_.max_dead_letter_share;
  options.coordinator.replay_only = options_.replay_only;
  options.channel_capacity = options_.channel_capacity;
  options.memory_bytes = options_.memory_bytes;
  options.background_restore_rows = options_.background_restore_rows;
  options.restore_slice_rows = options_.restore_slice_rows;
  options.locks = &locks_;
  options.make_channel = [this](std::size_t capacity) {
    return make_chaos_channel(capacity, options_.channel_full, random_, in_flight_);
  };
  messages_.drop();  // of a start that failed
  if (options_.slow_messages) {
    options.to_task = [this](std::unique_ptr<TaskGateway> task) {
      return messages_.to_task(std::move(task));
    };
    options.to_coordinator = [this](TaskListener& coordinator) -> TaskListener& {
      return messages_.to_coordinator(coordinator);
    };
  }
  WEIR_ASSIGN(deployment_, Deployment::create(job_.graph(), plan_, identity_, std::move(options),
                                              env_, *store_, restored()));
  task_done_.assign(deployment_->tasks().size(), false);
  slow_.assign(deployment_->tasks().size(), 0);
  return {};
}

void Simulation::kill() {
  io_.drop();
  if (deployment_) deployment_->abandon();
  deployment_.reset();
  messages_.drop();
  locks_.release_all();
}

void Simulation::pass_time(std::chrono::milliseconds by) {
  clock_.advance(by);
  if (!options_.wall_runs) clock_.step_wall(-by);
}

bool Simulation::step_task(std::size_t index) {
  if (task_done_[index]) return false;
  const Task::Step result = deployment_->tasks()[index]->step();
  if (result == Task::Step::done) task_done_[index] = true;
  return result != Task::Step::idle;
}

void Simulation::step() {
  const std::size_t tasks = task_done_.size();
  // Each task as often as all that is not a task together.
  const std::size_t choice = random_.below(tasks + (options_.slow_messages ? 4 : 3));
  if (choice < tasks) {
    if (slow_[choice] == 0 || !random_.chance(slow_[choice])) step_task(choice);
  } else if (choice == tasks) {
    coordinator().step();
  } else if (choice == tasks + 1) {
    io_.run_one();
  } else if (choice == tasks + 3) {
    messages_.deliver_one();
  } else if (random_.chance(0.2)) {
    pass_time(std::chrono::milliseconds(1));
  }
}

bool Simulation::run_until(const std::function<bool()>& done, std::uint64_t max_steps) {
  for (std::uint64_t i = 0; i < max_steps; ++i) {
    if (done()) return true;
    if (state() != Coordinator::State::running) return false;
    step();
  }
  return false;
}

/// Steps everything once in random order; true when something happened.
bool Simulation::step_all() {
  std::vector<std::size_t> order(task_done_.size());
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_.below(i)]);
  bool progress = false;
  for (const std::size_t task : order) progress |= step_task(task);
  progress |= coordinator().step();
  progress |= messages_.deliver_one();
  if (!random_.chance(0.3)) progress |= io_.run_one();
  return progress;
}

bool Simulation::at_rest() const {
  if (io_.waiting() > 0 || messages_.waiting() > 0) return false;
  if (state() == Coordinator::State::failed) return true;
  const auto& tasks = deployment_->tasks();
  return in_flight_ == 0 &&
         std::all_of(tasks.begin(), tasks.end(), [](const auto& t) { return t->quiescent(); });
}

bool Simulation::settle(std::uint64_t max_steps) {
  int quiet = 0;
  for (std::uint64_t i = 0; i < max_steps; i += task_done_.size() + 2) {
    if (step_all() || !at_rest()) {
      quiet = 0;
      if (random_.chance(0.1)) pass_time(std::chrono::milliseconds(1));
    } else {
      if (state() == Coordinator::State::failed || ++quiet > kQuietRounds) return true;
      pass_time(kQuietRound);
    }
  }
  return false;
}

Result<Manifest> Simulation::checkpoint(CheckpointKind kind) {
  // Shared with the request, which may outlive this call when the job does not come to rest.
  auto result = std::make_shared<std::optional<Result<Manifest>>>();
  coordinator().request_checkpoint(kind, [result](Result<Manifest> r) { *result = std::move(r); });
  while (!*result) {
    if (!settle()) return Error{ErrorCode::io, "The checkpoint did not end"};
    if (!*result && state() == Coordinator::State::failed) return coordinator().failure();
  }
  return std::move(**result);
}

}  // namespace weir
