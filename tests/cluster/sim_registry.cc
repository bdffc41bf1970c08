#include "tests/cluster/sim_registry.h"

#include "tests/cluster/sim_rules.h"

namespace weir::cluster::sim {

bool SimRegistry::leads(std::uint64_t epoch) {
  if (loop_.now() >= until_) leader_.reset();
  return leader_ && leader_->epoch == epoch;
}

Result<Leader> SimRegistry::campaign(const std::string& address) {
  leads(0);
  if (!leader_) {
    leader_ = Leader{++epoch_, address};
    until_ = loop_.now() + term();
    loop_.tell(address + " leads with epoch " + std::to_string(epoch_));
  } else if (leader_->address == address) {
    until_ = loop_.now() + term();
  }
  return *leader_;
}

Status SimRegistry::renew(std::uint64_t epoch) {
  if (!leads(epoch)) return Error{ErrorCode::not_found, "the lead is lost"};
  until_ = loop_.now() + term();
  return {};
}

void SimRegistry::resign(std::uint64_t epoch) {
  if (leads(epoch)) leader_.reset();
}

Result<std::optional<Leader>> SimRegistry::leader() {
  leads(0);
  return leader_;
}

Result<Listing> SimRegistry::read(const std::string& prefix) {
  Listing found;
  for (const auto& [key, value] : values_) {
    if (key.starts_with(prefix)) found.values.emplace(key, value);
  }
  return found;
}

Status SimRegistry::put(std::uint64_t epoch, const std::string& key, const std::string& value) {
  if (!leads(epoch)) return Error{ErrorCode::not_found, "the lead is lost"};
  values_[key] = value;
  rules_.written(epoch, leader_->epoch, value);
  return {};
}

Status SimRegistry::erase(std::uint64_t epoch, const std::string& key) {
  if (!leads(epoch)) return Error{ErrorCode::not_found, "the lead is lost"};
  values_.erase(key);
  return {};
}

}  // namespace weir::cluster::sim
