// The connections of one process of an attempt to the others, and with them where the attempt's
// tasks run (runtime/placement.h). Every two processes share one link: the one with the higher
// number calls the other. All channels of the plan between the two are on it, and beside them the
// messages of task_messages.h between process 0, the master, which has the coordinator of the
// attempt, and the tasks of the others.
//
// A connection that breaks ends the attempt: `on_failure` is called, on the network thread.
//
// Threads: the main thread of the process, but for what says something else.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "weir/cluster/messages.h"
#include "weir/cluster/task_messages.h"
#include "weir/net/link.h"
#include "weir/net/network.h"
#include "weir/runtime/placement.h"
#include "weir/runtime/task_group.h"

namespace weir::cluster {

class AttemptLinks final : public Placement, private PeerMessages {
 public:
  struct Options {
    ProcessId id;  ///< of this process
    /// The process that runs each slot. Subtask i of any step runs in slot i, counted round.
    std::vector<std::uint32_t> slots;
    std::string host;                           ///< on which this process listens
    std::string token;                          ///< of the cluster
    std::string build;                          ///< of the library: all processes have the same
    std::shared_ptr<net::Tls> tls;              ///< for all links; null: none speaks it
    std::chrono::milliseconds patience{10000};  ///< with processes that do not call or answer
    /// The one thread that runs tasks drives the network as well (runtime/worker.h).
    bool driven = false;
  };
  /// `graph` and `plan` outlive this.
  AttemptLinks(const Graph& graph, const Plan& plan, Options options,
               std::function<void(Error)> on_failure);
  ~AttemptLinks() override;

  /// Opens the door for processes of higher numbers; returns where. Error: io.
  Result<Address> listen();
  /// Connects with all others, which listen at these addresses, by number; blocks until all are
  /// there. Errors: io, retryable; incompatible when one of them is of another attempt or build.
  Status connect(const std::vector<Address>& all);

  /// What the thread that runs tasks is to drive; null when the network has a thread of its own.
  Driven* driven();

  // ---- the master
  /// The job has ended well: the others stop. No task runs any more.
  void end();

  // ---- the others
  /// Waits for the master to prepare the attempt; nothing when the job has ended before.
  std::optional<Deploy> wait_for_deploy();
  /// The coordinator, as tasks here see it.
  TaskListener& coordinator() { return *to_coordinator_; }
  /// Messages for these tasks, which outlive this, reach them from now on.
  void tasks_built(const TaskGroup& tasks);
  void send_counts(const std::vector<TaskCounts>& counts);
  /// Whether the master has said that the job has ended. Thread-safe.
  bool ended() const { return ended_.load(); }

  // ---- Placement
  std::uint32_t process_of(std::uint32_t subtask) const override;
  bool here(std::uint32_t vertex, std::uint32_t subtask) const override;
  Channel& open_out(std::uint32_t number, std::uint32_t vertex, std::uint32_t subtask) override;
  Channel& open_in(std::uint32_t number, std::uint32_t vertex, std::uint32_t subtask,
                   std::function<std::unique_ptr<BatchBase>()> make_batch) override;
  void prepared(TaskListener& coordinator, const JobIdentity& identity,
                const RestorePoint* restore) override;
  RemoteTask& task(TaskId id, const PlanVertex& vertex) override;
  void detach() override;

 private:
  class Elsewhere;
  net::Hello hello() const;
  Status call_lower(const std::vector<Address>& all);
  Status wait_for_callers(std::size_t count);
  void open_channels();
  void start();
  void received(std::string_view bytes);
  SendBytes sender_to(std::uint32_t process);

  // PeerMessages; with the mutex held
  TaskGateway* gateway(TaskId task) override;
  TaskListener* listener() override { return attached_; }
  void counts(const std::vector<TaskCounts>& counts) override;
  void deploy(Deploy deploy) override;
  void end_received() override;

  const Graph& graph_;
  const Plan& plan_;
  const Options options_;
  const std::function<void(Error)> on_failure_;
  net::Network network_;
  class Drive;
  std::unique_ptr<Drive> drive_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint32_t, std::unique_ptr<net::Link>> links_;  // by process
  std::set<std::uint32_t> greeted_;                            // processes that were let in
  std::map<std::uint32_t, Channel*> outs_, ins_;               // by number; main thread
  std::unique_ptr<TaskListener> to_coordinator_;
  TaskListener* attached_ = nullptr;                        // the coordinator, where it is here
  std::map<TaskId, std::unique_ptr<Elsewhere>> elsewhere_;  // likewise
  std::optional<Deploy> deploy_;
  std::map<TaskId, std::unique_ptr<TaskGateway>> gateways_;  // of the tasks here
  bool built_ = false;
  std::vector<std::string> early_;  // messages for tasks that are being built
  std::atomic<bool> ended_{false};
};

}  // namespace weir::cluster
