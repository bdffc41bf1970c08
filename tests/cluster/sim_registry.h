// The registry of cluster/registry.h as etcd keeps it: a lease that ends by itself, writes that
// compare the epoch. What may go wrong on the way to it is the caller's (sim_coordinator.cc).
#pragma once

#include "tests/cluster/sim_loop.h"
#include "weir/cluster/registry.h"

namespace weir::cluster::sim {

class Rules;

class SimRegistry : public Registry {
 public:
  SimRegistry(Loop& loop, Rules& rules) : loop_(loop), rules_(rules) {}

  Result<Leader> campaign(const std::string& address) override;
  Status renew(std::uint64_t epoch) override;
  std::chrono::milliseconds term() const override { return Millis(2000); }
  void resign(std::uint64_t epoch) override;
  Result<std::optional<Leader>> leader() override;
  Result<Listing> read(const std::string& prefix) override;
  Status put(std::uint64_t epoch, const std::string& key, const std::string& value) override;
  Status erase(std::uint64_t epoch, const std::string& key) override;

 private:
  bool leads(std::uint64_t epoch);

  Loop& loop_;
  Rules& rules_;
  std::optional<Leader> leader_;
  SteadyTime until_{};
  std::uint64_t epoch_ = 0;
  std::map<std::string, std::string> values_;
};

}  // namespace weir::cluster::sim
