// Who leads a cluster, and the few small records that must outlive whoever leads: pointers, never
// data. In etcd for several coordinators, in a folder for one host.
//
// A leader has an epoch, a number that grows with each change of leader. Every write carries it and
// is carried out only while that leader still leads (hazard H26): who has lost the lead without
// knowing it cannot write any more.
//
// Thread-safe. Calls block on disk or network, for no longer than the time-out that the registry
// was opened with.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/result.h"

namespace weir::cluster {

/// Who leads, as everybody sees it.
struct Leader {
  std::uint64_t epoch = 0;
  std::string address;  ///< what the leader said of itself: how it is reached
};

class Registry {
 public:
  virtual ~Registry() = default;

  /// Takes the lead if nobody has it; `address` is shown to others. The leader, or who is it
  /// instead. Who leads already gets its own epoch again.
  virtual Result<Leader> campaign(const std::string& address) = 0;
  /// Stays the leader for another term; to be called several times a term. Error: not_found when
  /// the lead is lost for good; any other error says nothing about it, but when a term has passed
  /// since the last success began, the caller must consider it lost.
  virtual Status renew(std::uint64_t epoch) = 0;
  /// How long the lead lasts without `renew`; by the caller's steady clock, from before the call.
  virtual std::chrono::milliseconds term() const = 0;
  /// Gives the lead up, so that another need not wait for the end of the term.
  virtual void resign(std::uint64_t epoch) = 0;
  /// Who leads now; nothing when nobody does.
  virtual Result<std::optional<Leader>> leader() = 0;

  /// Everything under keys that begin with `prefix`, by key. Keys: letters, digits, '-', '_', '/'.
  virtual Result<std::map<std::string, std::string>> list(const std::string& prefix) = 0;
  /// Durably sets, as the leader of `epoch`. Error: not_found when that is not the leader any more:
  /// nothing was written then. Any other error: whether it was written is not known.
  virtual Status put(std::uint64_t epoch, const std::string& key, const std::string& value) = 0;
  virtual Status erase(std::uint64_t epoch, const std::string& key) = 0;
};

/// In `folder` of this host: a lock that the kernel gives back however its holder ends (flock), a
/// counter of epochs, a file for each key. For coordinators on one host.
Result<std::unique_ptr<Registry>> open_file_registry(const std::string& folder);

struct EtcdOptions {
  std::vector<std::string> endpoints;    ///< "http://127.0.0.1:2379"; tried in turn
  std::string prefix = "weir/default/";  ///< of all keys of this cluster
  std::chrono::milliseconds term{2000};
  std::chrono::milliseconds timeout{1000};  ///< of each request
};
/// In etcd (3.4 or newer), over its HTTP gateway.
Result<std::unique_ptr<Registry>> open_etcd_registry(EtcdOptions options);

}  // namespace weir::cluster
