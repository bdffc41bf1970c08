// Connecting the processes of an attempt; see attempt_links.h.
#include "weir/cluster/attempt_links.h"

#include <algorithm>

#include "weir/base/check.h"
#include "weir/cluster/link_options.h"

namespace weir::cluster {

/// What the master knows of a task in another process.
class AttemptLinks::Elsewhere final : public RemoteTask {
 public:
  Elsewhere(TaskId id, SendBytes send, const Graph& graph, const PlanVertex& vertex)
      : id_(id), send_(std::move(send)), metrics_(vertex.steps.size()) {
    for (const StepId step : vertex.steps) steps_.push_back(&graph.step(step));
  }
  std::unique_ptr<TaskGateway> gateway() override { return make_remote_gateway(id_, send_); }
  std::vector<Task::StepView> steps() const override {
    std::vector<Task::StepView> views;
    for (std::size_t i = 0; i < steps_.size(); ++i)
      views.push_back({steps_[i], &metrics_[i], &times_});
    return views;
  }
  CheckpointId settled() const override { return settled_.load(); }
  /// Network thread.
  void take(const TaskCounts& counts) {
    const std::size_t known = std::min(counts.steps.size(), metrics_.size());
    for (std::size_t i = 0; i < known; ++i) write_counts(counts.steps[i], metrics_[i]);
    times_.set(counts.times);
    settled_.store(counts.settled);
  }

 private:
  const TaskId id_;
  const SendBytes send_;
  std::vector<const GraphStep*> steps_;
  std::vector<StepMetrics> metrics_;
  TaskClock times_;
  std::atomic<CheckpointId> settled_{0};
};

/// A network that the thread of the tasks drives while they run, and a thread of its own whenever
/// that one has not come by for a while: before and after the tasks, and when a function of the job
/// takes its time. Otherwise such a process would look dead to its peers.
class AttemptLinks::Drive final : public Driven {
 public:
  explicit Drive(net::Network& network) : network_(network), thread_([this] { stand_in(); }) {}
  ~Drive() override {
    ending_.store(true);
    network_.interrupt();
    thread_.join();
  }

  // ---- the thread of the tasks
  bool poll() override {
    polls_.fetch_add(1, std::memory_order_relaxed);
    const std::unique_lock lock(driving_, std::try_to_lock);
    if (lock.owns_lock()) return network_.poll();
    network_.interrupt();
    return false;
  }
  void wait(std::chrono::nanoseconds limit) override {
    polls_.fetch_add(1, std::memory_order_relaxed);
    const std::unique_lock<std::mutex> lock = alone();
    network_.wait(limit);
  }
  void interrupt() override { network_.interrupt(); }

  /// Keeps others from driving while it exists. Interrupts nobody but another who drives: an
  /// interrupt that nobody takes would end the next wait, the caller's own.
  std::unique_lock<std::mutex> alone() {
    std::unique_lock lock(driving_, std::try_to_lock);
    if (lock.owns_lock()) return lock;
    wanted_.fetch_add(1);
    network_.interrupt();
    lock.lock();
    wanted_.fetch_sub(1);
    return lock;
  }

 private:
  void stand_in() {
    for (std::uint64_t seen = 0; !ending_.load();) {
      const std::uint64_t now = polls_.load(std::memory_order_relaxed);
      if (now != seen) {  // the thread of the tasks is at it
        seen = now;
        std::this_thread::sleep_for(kLook);
        continue;
      }
      if (wanted_.load() > 0) {  // a mutex need not be fair
        std::this_thread::sleep_for(std::chrono::microseconds(100));
        continue;
      }
      const std::lock_guard lock(driving_);
      network_.wait(kLook / 10);
    }
  }

  static constexpr std::chrono::milliseconds kLook{500};
  net::Network& network_;
  std::mutex driving_;
  std::atomic<std::uint64_t> polls_{0};
  std::atomic<int> wanted_{0};  // by others, who wait for it
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

AttemptLinks::AttemptLinks(const Graph& graph, const Plan& plan, Options options,
                           std::function<void(Error)> on_failure)
    : graph_(graph),
      plan_(plan),
      options_(std::move(options)),
      on_failure_(std::move(on_failure)),
      network_(options_.driven ? net::Network::Drive::by_caller : net::Network::Drive::own_thread) {
  if (options_.driven) drive_ = std::make_unique<Drive>(network_);
  WEIR_CHECK(!options_.slots.empty(), "an attempt has slots");
  to_coordinator_ = make_remote_listener(sender_to(0));
}

AttemptLinks::~AttemptLinks() {
  std::map<std::uint32_t, std::unique_ptr<net::Link>> links;
  {
    const std::lock_guard lock(mutex_);
    links.swap(links_);
  }
}

std::uint32_t AttemptLinks::process_of(std::uint32_t subtask) const {
  return options_.slots[subtask % options_.slots.size()];
}

bool AttemptLinks::here(std::uint32_t, std::uint32_t subtask) const {
  return process_of(subtask) == options_.id.process;
}

SendBytes AttemptLinks::sender_to(std::uint32_t process) {
  return [this, process](std::string_view bytes) { links_.at(process)->send(bytes); };
}

// ---- connecting
// -----------------------------------------------------------------------------------

net::Hello AttemptLinks::hello() const {
  return {options_.build, options_.id.job, options_.id.attempt, options_.id.process,
          options_.token};
}

Result<Address> AttemptLinks::listen() {
  const auto greet = [this](const net::Hello& theirs) -> Result<net::Hello> {
    WEIR_TRY(net::check_hello(hello(), theirs));
    const std::uint32_t most = *std::max_element(options_.slots.begin(), options_.slots.end());
    const bool expected = theirs.process > options_.id.process && theirs.process <= most;
    const std::lock_guard lock(mutex_);
    if (expected && greeted_.insert(theirs.process).second) return hello();
    return Error{ErrorCode::incompatible, "process " + std::to_string(theirs.process) +
                                              " of this attempt is connected already"};
  };
  const auto arrived = [this](const net::Hello& theirs, std::unique_ptr<net::Link> link) {
    const std::lock_guard lock(mutex_);
    links_.try_emplace(theirs.process, std::move(link));
    changed_.notify_all();
  };
  WEIR_ASSIGN(const std::uint16_t port,
              network_.listen(options_.host, 0, link_options(options_.tls), greet, arrived));
  return Address{options_.host, port};
}

Status AttemptLinks::connect(const std::vector<Address>& all) {
  {
    std::unique_lock<std::mutex> alone;  // while it connects this thread drives
    if (drive_) alone = drive_->alone();
    WEIR_TRY(call_lower(all));
  }
  WEIR_TRY(wait_for_callers(all.size() - 1));
  network_.close_door();
  open_channels();
  start();
  return {};
}

Status AttemptLinks::call_lower(const std::vector<Address>& all) {
  for (std::uint32_t process = 0; process < options_.id.process; ++process) {
    WEIR_ASSIGN(auto link,
                network_.connect(all[process].host, all[process].port, link_options(options_.tls),
                                 hello(), options_.patience));
    const std::lock_guard lock(mutex_);
    links_[process] = std::move(link);
  }
  return {};
}

Status AttemptLinks::wait_for_callers(std::size_t count) {
  std::unique_lock lock(mutex_);
  if (changed_.wait_for(lock, options_.patience, [&] { return links_.size() >= count; })) {
    return {};
  }
  std::uint32_t missing = options_.id.process + 1;
  while (links_.contains(missing)) ++missing;
  return Error{ErrorCode::io,
               "Process " + std::to_string(missing) + " of the attempt has not connected within " +
                   std::to_string(options_.patience.count() / 1000) + " s",
               true};
}

/// Before there are tasks, so that the links can carry messages meanwhile.
void AttemptLinks::open_channels() {
  const std::uint32_t me = options_.id.process;
  for (const PlanChannel& channel : channels_of(plan_)) {
    const std::uint32_t from = process_of(channel.from), to = process_of(channel.to);
    if (from == to) continue;
    if (from == me) outs_[channel.number] = &links_.at(to)->open_out(channel.number);
    if (to == me) {
      ins_[channel.number] =
          &links_.at(from)->open_in(channel.number, batch_maker(graph_, *channel.edge));
    }
  }
}

void AttemptLinks::start() {
  for (auto& [process, link] : links_) {
    link->start(
        [this, process = process](const Error& why) {
          // Behind the end of the job processes go as they like.
          if (ended()) return;
          on_failure_(
              {why.code,
               "Process " + std::to_string(process) + " of the attempt is gone: " + why.message,
               true});
        },
        [this](std::string_view bytes) { received(bytes); });
  }
}

Channel& AttemptLinks::open_out(std::uint32_t number, std::uint32_t, std::uint32_t) {
  return *outs_.at(number);
}
Channel& AttemptLinks::open_in(std::uint32_t number, std::uint32_t, std::uint32_t,
                               std::function<std::unique_ptr<BatchBase>()>) {
  return *ins_.at(number);
}

// ---- messages
// -------------------------------------------------------------------------------------

void AttemptLinks::received(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (deploy_ && !built_) {
    early_.emplace_back(bytes);
    return;
  }
  if (const Status read = read_peer_message(bytes, *this); !read.ok()) on_failure_(read.error());
}

TaskGateway* AttemptLinks::gateway(TaskId task) {
  const auto found = gateways_.find(task);
  return found == gateways_.end() ? nullptr : found->second.get();
}

void AttemptLinks::counts(const std::vector<TaskCounts>& counts) {
  for (const TaskCounts& task : counts) {
    if (const auto found = elsewhere_.find(task.task); found != elsewhere_.end()) {
      found->second->take(task);
    }
  }
}

void AttemptLinks::deploy(Deploy deploy) {
  deploy_ = std::move(deploy);
  changed_.notify_all();
}

void AttemptLinks::end_received() {
  ended_.store(true);
  changed_.notify_all();
}

// ---- the master
// -----------------------------------------------------------------------------------

void AttemptLinks::prepared(TaskListener& coordinator, const JobIdentity& identity,
                            const RestorePoint* restore) {
  {
    const std::lock_guard lock(mutex_);
    attached_ = &coordinator;
  }
  Deploy deploy{identity.run_id, identity.attempt_name, identity.newest_id, identity.claimed_id,
                ""};
  if (restore != nullptr) deploy.restore = manifest_path_of(*restore);
  const std::string bytes = encode_deploy(deploy);
  for (auto& [process, link] : links_) link->send(bytes);
}

RemoteTask& AttemptLinks::task(TaskId id, const PlanVertex& vertex) {
  const std::uint32_t subtask = id - first_task_of(plan_, vertex.id);
  const std::lock_guard lock(mutex_);
  auto& task = elsewhere_[id];
  task = std::make_unique<Elsewhere>(id, sender_to(process_of(subtask)), graph_, vertex);
  return *task;
}

void AttemptLinks::detach() {
  const std::lock_guard lock(mutex_);
  attached_ = nullptr;
}

void AttemptLinks::end() {
  ended_.store(true);
  const std::string bytes = encode_end();
  for (auto& [process, link] : links_) link->send(bytes);
}

Driven* AttemptLinks::driven() { return drive_.get(); }

// ---- the others
// -----------------------------------------------------------------------------------

std::optional<Deploy> AttemptLinks::wait_for_deploy() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return deploy_ || ended(); });
  return ended() ? std::nullopt : deploy_;
}

void AttemptLinks::tasks_built(const TaskGroup& tasks) {
  const std::lock_guard lock(mutex_);
  for (const auto& task : tasks.tasks()) {
    gateways_[task->setup().id] = TaskGroup::gateway_of(*task);
  }
  built_ = true;
  for (const std::string& bytes : std::exchange(early_, {})) {
    if (const Status read = read_peer_message(bytes, *this); !read.ok()) on_failure_(read.error());
  }
}

void AttemptLinks::send_counts(const std::vector<TaskCounts>& counts) {
  links_.at(0)->send(encode_counts(counts));
}

}  // namespace weir::cluster
