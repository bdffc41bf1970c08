// What the nodes of a simulated cluster have in common.
#pragma once

#include <memory>
#include <vector>

#include "tests/cluster/sim_loop.h"
#include "tests/cluster/sim_registry.h"
#include "tests/cluster/sim_rules.h"

namespace weir::cluster::sim {

class SimCoordinator;
class SimWorker;

/// What goes wrong, and how often; drawn from the seed, all zero once the storm is over.
struct Weather {
  double slow_start = 0, hanging_start = 0, failing_start = 0;  ///< of a process that starts
  double lost_answer = 0;    ///< of the registry: half of them after it did what was asked
  double slow_request = 0;   ///< to the registry; it arrives even if who sent it is gone by then
  double crash_at_step = 0;  ///< of a node, before it carries out one step of the protocol
  bool registry_down = false;
};

struct World {
  explicit World(std::uint64_t seed) : loop(seed) {}
  Loop loop;
  Rules rules{loop};
  SharedStorage storage{loop};
  SimRegistry registry{loop, rules};
  Weather weather;
  std::vector<std::unique_ptr<SimCoordinator>> coordinators;
  std::vector<std::unique_ptr<SimWorker>> workers;
  std::uint64_t instances = 0;
  Millis alone{8000};  ///< without a leader for so long, a worker ends its processes
};

}  // namespace weir::cluster::sim
