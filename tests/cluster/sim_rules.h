// What must hold at every moment, and the shared storage, in which checkpoints are kept: a new
// master claims the next one, so that no older attempt completes one after it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/cluster/sim_loop.h"
#include "weir/cluster/messages.h"
#include "weir/cluster/scheduler.h"

namespace weir::cluster::sim {

class Rules {
 public:
  explicit Rules(Loop& loop) : loop_(loop) {}

  /// A record was written under `epoch` while the leader of `leader` led.
  void written(std::uint64_t epoch, std::uint64_t leader, const std::string& text);
  /// A worker (of that name and incarnation) carries out what the leader of `epoch` ordered.
  void obeyed(const std::string& worker, std::uint64_t epoch);
  void started(const std::string& worker, const Start& start);
  /// What a leader orders after one event: the slots of a new attempt are used evenly.
  void ordered(const Scheduler& scheduler, const Scheduler::Orders& orders);
  /// A user has asked for a job that is over to be started anew.
  void may_start_anew(const std::string& job) { anew_.insert(job); }

  const std::map<std::string, JobRecord>& records() const { return records_; }
  std::size_t attempts() const { return placements_.size(); }

 private:
  Loop& loop_;
  std::uint64_t newest_epoch_ = 0;
  std::map<std::string, JobRecord> records_;
  std::map<std::pair<std::string, std::uint64_t>, std::string> placements_;
  std::map<std::string, std::uint64_t> obeyed_;
  std::set<ProcessId> started_;
  std::set<std::string> anew_;
};

/// The checkpoints of all jobs.
class SharedStorage {
 public:
  explicit SharedStorage(Loop& loop) : loop_(loop) {}
  /// A master is restored. False: a newer attempt has been.
  bool claim(const std::string& job, std::uint64_t attempt, std::uint64_t instance);
  /// The number of the checkpoint that it completed; 0: a newer attempt has taken over.
  std::uint64_t complete(const std::string& job, std::uint64_t attempt, std::uint64_t instance);
  std::uint64_t completed(const std::string& job) const;

 private:
  struct OfJob {
    std::uint64_t claimed = 0, completed = 0;
    std::uint64_t attempt = 0, instance = 0;  ///< which completed the last one
  };
  Loop& loop_;
  std::map<std::string, OfJob> jobs_;
};

}  // namespace weir::cluster::sim
