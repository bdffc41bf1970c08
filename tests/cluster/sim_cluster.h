// A whole cluster from a seed: calm, a storm of disasters with requests of users in it, and calm
// again, in which everything must come to rest within a bound of simulated time.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/cluster/sim_coordinator.h"
#include "tests/cluster/sim_worker.h"
#include "tests/cluster/sim_world.h"

namespace weir::cluster::sim {

class SimCluster {
 public:
  explicit SimCluster(std::uint64_t seed);
  /// What went wrong, or nothing.
  std::string run();
  std::uint64_t history() const { return world_.loop.history(); }
  std::uint64_t steps() const { return world_.loop.steps(); }
  /// "60 steps, 12 attempts, ..."
  std::string summary() const;

 private:
  /// A job, and what its users have asked for since.
  struct Wish {
    std::string id;
    bool bounded = false, poison = false;
    bool submitted = false;                             ///< and knows it
    bool stop = false, cancel = false, change = false;  ///< asked for at some time
    enum class Last { submit, stop, cancel, change } last = Last::submit;
    std::uint64_t requests = 0;
    bool last_done = false;  ///< the last one was answered
    std::uint32_t parallelism = 1;
  };

  void build();
  bool run_for(Millis time);
  bool run_until_rest(Millis bound);
  void plan_disaster();
  void disaster();
  void disaster_of_a_worker();
  void disaster_of_a_coordinator();
  void plan_request();
  void request();
  void submit();
  void end_storm();
  SimCoordinator* a_leader();
  SimCoordinator& a_coordinator();
  SimWorker& a_worker();

  /// Why the cluster is not at rest; nothing when it is.
  std::string unrest() const;
  std::string unrest_of(const Wish& wish, const JobRecord* record) const;
  std::string stray_processes() const;
  std::string miscounted_slots(const SimCoordinator& leader) const;

  World world_;
  std::vector<std::unique_ptr<Wish>> wishes_;
  bool storm_ = false;
  bool calm_workers_ = false;  ///< only coordinators and registry have disasters
  double worker_share_ = 0.5;
  std::int64_t pace_ = 300;  ///< between disasters, in ms
  std::size_t disasters_ = 0;
};

}  // namespace weir::cluster::sim
