// Who leads a cluster, and the few small records that must outlive whoever leads: pointers, never
// data. In etcd for several coordinators, in a folder for one host.
//
// A leader has an epoch, a number that grows with each change of leader. Every write carries it and
// is carried out only while that leader still leads (hazard H26): who has lost the lead without
// knowing it cannot write any more.
//
// How a leader uses one: `campaign` again and again until the epoch is its own; then `renew` about
// four times a term, and `list` what the leaders before it kept. It stops to lead when `renew` says
// not_found, or a term has passed on its steady clock since the last success began. It calls
// `resign` before it ends by itself.
//
// Thread-safe. Calls block on disk or network: those of etcd for no longer than the time-out that
// the registry was opened with, besides the wait for a write of another thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/net/tls.h"

namespace weir {
class Storage;
}  // namespace weir

namespace weir::cluster {

inline constexpr std::size_t kMaxKeyBytes = 200;
inline constexpr std::size_t kMaxValueBytes = std::size_t{1} << 20;

/// Who leads, as everybody sees it.
struct Leader {
  std::uint64_t epoch = 0;
  std::string address;  ///< what the leader said of itself: how it is reached
};

/// What is kept under some keys.
struct Listing {
  std::map<std::string, std::string> values;  ///< by key
  /// Keys of which the value cannot be read although those of others can: of files, one may be
  /// damaged below the file system, or not be ours to read.
  std::map<std::string, Error> unreadable;
};

class Registry {
 public:
  /// Does not resign: a lease runs out by itself, the lock of a folder is given back.
  virtual ~Registry() = default;

  /// Takes the lead if nobody has it; `address` is shown to others. The leader, or who is it
  /// instead. Who leads already gets its own epoch again (and keeps the address that it had), for a
  /// whole term from now. After an error it may lead or not; the next campaign tells.
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

  /// Everything under keys that begin with `prefix`. Keys: up to kMaxKeyBytes letters, digits, '-',
  /// '_' and '/'.
  virtual Result<Listing> read(const std::string& prefix) = 0;
  /// The same, by key; what cannot be read by itself is an error of all.
  Result<std::map<std::string, std::string>> list(const std::string& prefix);
  /// Durably sets, as the leader of `epoch`. Error: not_found when that is not the leader any more:
  /// nothing was written then; invalid_argument for a bad key or a value of more than
  /// kMaxValueBytes. Any other error: whether it was written is not known; it may also be written
  /// later, though not after a later write.
  virtual Status put(std::uint64_t epoch, const std::string& key, const std::string& value) = 0;
  /// The same for removing; a key that is not there is fine.
  virtual Status erase(std::uint64_t epoch, const std::string& key) = 0;
};

/// In `folder` of this host, which is made if need be: a lock that the kernel gives back however
/// its holder ends, a counter of epochs, a file for each key. For coordinators on one host: the
/// lead ends with its process, or with `resign`, and not by time; a process that is stopped keeps
/// it. A child made by fork alone, without exec, shares the lock. `storage` is where epoch and
/// records are kept: the operating system's files, unless a test says otherwise.
Result<std::unique_ptr<Registry>> open_file_registry(const std::string& folder,
                                                     std::shared_ptr<Storage> storage = nullptr);

struct EtcdOptions {
  /// "http[s]://127.0.0.1:2379"; of one etcd cluster. Tried in turn, the one that answered last
  /// first.
  std::vector<std::string> endpoints;
  /// For https, as of HttpRequest.
  std::shared_ptr<net::Tls> tls = nullptr;
  std::string prefix = "weir/default/";  ///< of all keys of this cluster
  /// At least a second. A lease of etcd lasts whole seconds, and never less than about 1.5 times
  /// its election time-out: after a leader's death the lead is free when that has passed.
  std::chrono::milliseconds term{2000};
  /// Of each call of Registry, over all attempts; each attempt gets its share by endpoints.
  std::chrono::milliseconds timeout{1000};
};
/// In etcd (3.4 or newer), over its HTTP gateway, without users. Errors: io, retryable, when
/// no endpoint answers in time; the message names each and its reason.
Result<std::unique_ptr<Registry>> open_etcd_registry(EtcdOptions options);

}  // namespace weir::cluster
