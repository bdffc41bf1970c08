// The worker of a host: it starts the processes of jobs as the leading coordinator says, watches
// over them, tells the leader how they stand, and ends them when it must.
//
// What runs goes on without a leader, so that a coordinator may die. But when none has been reached
// for `isolation`, by the steady clock, the worker takes itself for cut off, and ends all
// processes: they may have been started elsewhere by then. A leader with an epoch below the highest
// that was seen is not obeyed. However the worker itself ends, its processes end with it.
//
//   leader    LeaderLink (worker_leader.h), a thread: connects, registers, heartbeats
//      | orders                  ^ reports, answers
//      v                         |
//   run()     Processes (worker_processes.h): all changes, in one thread; greets processes
//      |                         ^ copies
//      v                         |
//   files     LibraryCache (worker_files.h), a thread: copies job libraries from shared storage
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/cluster/messages.h"
#include "weir/net/tls.h"

namespace weir::cluster {

struct WorkerOptions {
  std::string name;                   ///< letters, digits, '-', '_' and '.'; for people
  std::string host = "127.0.0.1";     ///< where its processes listen for those of other workers
  std::uint32_t slots = 0;            ///< how many subtasks it is made for; 0: one for each core
  std::vector<Address> coordinators;  ///< tried in turn
  std::string token;                  ///< of the cluster; may only be empty on loopback
  std::shared_ptr<net::Tls> tls;      ///< for all that leaves this host; null: none is spoken
  std::string work;                   ///< a folder of this host, for this worker alone
  std::string program = "/proc/self/exe";  ///< the `weir` command, for processes of jobs
  std::chrono::milliseconds isolation{60'000};
  /// A process that has said nothing for so long is frozen, and ended. One beats every 500 ms.
  std::chrono::milliseconds frozen{10'000};
  /// What processes of jobs leave behind becomes a child of this process (`adopt_orphans`), is
  /// killed when the process that started it ends, and waited for; so are all other children.
  bool adopts = false;
};

class ClusterWorker {
 public:
  /// Prepares; nothing is connected yet. Errors: invalid_argument for options that cannot be;
  /// already_exists when another worker uses the folder; io.
  static Result<std::unique_ptr<ClusterWorker>> create(WorkerOptions options);
  ~ClusterWorker();
  ClusterWorker(const ClusterWorker&) = delete;
  ClusterWorker& operator=(const ClusterWorker&) = delete;

  /// Name and incarnation: "host-1.5f3a0b1c".
  const std::string& id() const;
  /// Works until `stop`, then ends all processes and leaves the cluster. Once.
  void run();
  /// Any thread.
  void stop();

 private:
  struct Impl;
  explicit ClusterWorker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::cluster
