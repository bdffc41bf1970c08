// A worker and its processes, each a little state machine: it starts slowly, listens, is restored,
// runs; the master completes checkpoints; it ends by itself, by its master's word, by a failure,
// with its worker, or by an order.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "tests/cluster/sim_link.h"
#include "tests/cluster/sim_world.h"

namespace weir::cluster::sim {

class SimWorker : public Node {
 public:
  SimWorker(World& world, std::string name, std::uint32_t slots)
      : Node(world.loop), world_(world), name_(std::move(name)), slots_(slots) {}

  /// Name and incarnation.
  std::string id() const { return name_ + "." + std::to_string(incarnation_); }
  bool connected() const { return link_ != nullptr && link_->worker.open; }
  std::vector<ProcessId> processes() const;
  bool runs(const ProcessId& id) const;

  /// Without a word to anybody.
  void power_off();
  /// The connection breaks; `silently`: the coordinator does not hear of it, and the worker is back
  /// before it is missed.
  void drop(bool silently);
  /// Nothing gets through: to the coordinators, from them, or both.
  void cut(bool up, bool down, Millis how_long);
  void fail_one();
  void end(ProcessId id, std::optional<Error> failure);

 private:
  struct Process {
    ProcessReport report;
    Start start;
    std::uint64_t instance = 0;
    bool has_peers = false, stopping = false;
    std::uint64_t checkpoints = 0;
  };

  void on_start() override;
  void on_crash() override;
  void on_pause(bool begins) override;
  void connect();
  void connected_to(const std::shared_ptr<Link>& link);
  void disconnected();
  void on_message(const Message& message);
  void on_welcome(const Welcome& welcome);
  void begin(const Start& start);
  void listen(Process& process);
  void meet(const Peers& peers);
  void run(Process& process);
  void checkpoint(Process& process);
  void conclude(Process& process, JobState outcome);
  void kill(const Kill& kill);
  void report(const Process& process);
  void remove(ProcessId id, bool peers_notice);
  void process_later(const Process& process, Millis delay, std::function<void(Process&)> event);
  bool all_run(const Process& process) const;
  SimWorker* worker_named(const std::string& id) const;

  World& world_;
  std::string name_;
  std::uint32_t slots_;
  std::uint64_t incarnation_ = 0, newest_epoch_ = 0, epoch_ = 0;
  bool welcome_ = false;
  std::shared_ptr<Link> link_;
  std::uint64_t alone_ = 0;  ///< counts connections gained and lost
  int cut_up_ = 0, cut_down_ = 0;
  std::map<ProcessId, Process> processes_;
  std::vector<ProcessReport> ended_;  ///< said again to each new leader
};

/// What the settings of a simulated job say of it.
inline constexpr const char* kCheckpoints = "checkpoints";  ///< after so many it has finished
inline constexpr const char* kPoison = "poison";            ///< its library cannot be loaded

}  // namespace weir::cluster::sim
