// The few calls of etcd that a registry needs, over the JSON gateway of its HTTP port (/v3; etcd
// 3.4 or newer). Thread-safe; calls block until their deadline at most.
//
// A call goes to one endpoint after the other, in rounds, until one answers for good or the time is
// over. So that one that hangs does not use up the time of all, each attempt gets only its share;
// the call begins with the endpoint that answered last. A write can thereby be carried out more
// than once, or long after its call failed: it must be a transaction to which that does no harm.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/net/tls.h"

namespace weir::cluster {

/// A key of etcd with what it holds. Keys and values are any bytes.
struct EtcdEntry {
  std::string key, value;
  std::uint64_t create_revision = 0;
  std::uint64_t mod_revision = 0;
  std::string lease;  ///< empty without one
};

/// What must be so for a transaction to write: that this revision of the key is `revision`; of a
/// key that is not there both revisions are 0.
struct EtcdCompare {
  enum class Target : std::uint8_t { create, mod } target = Target::create;
  std::string key;
  std::uint64_t revision = 0;
};

/// One write of a transaction.
struct EtcdWrite {
  std::string key;
  std::string value;
  std::string lease;
  bool erase = false;  ///< of the key, instead of setting it
};

struct EtcdTxn {
  std::vector<EtcdCompare> compare;
  std::vector<EtcdWrite> success;    ///< written when all of `compare` is so
  std::vector<std::string> failure;  ///< keys to look at otherwise
};

struct EtcdTxnResult {
  bool succeeded = false;
  std::uint64_t revision = 0;      ///< of the whole store after it; of what it wrote
  std::vector<EtcdEntry> entries;  ///< those of `failure` that are there
};

/// How long a call, or several in a row, may take, and what is known of those that failed.
struct EtcdCall {
  SteadyTime deadline;
  /// An attempt got no answer, or one that does not tell whether it was carried out.
  bool maybe_done = false;
};

class EtcdClient {
 public:
  /// `endpoints`: "http[s]://host:port", at least one; `attempt` limits each single attempt; `tls`
  /// is for https, as of HttpRequest.
  EtcdClient(std::vector<std::string> endpoints, std::chrono::milliseconds attempt,
             std::shared_ptr<net::Tls> tls = nullptr);

  // Errors: io, retryable, when no endpoint answered, which names each and why; disk_full when etcd
  // has no space; otherwise what etcd refused: not_found, invalid_argument or io.

  /// The entries with keys from `key` up to `end`, without it, as of one moment and confirmed by
  /// the majority of the members; of `key` alone when `end` is empty.
  Result<std::vector<EtcdEntry>> range(const std::string& key, const std::string& end,
                                       EtcdCall& call);
  Result<EtcdTxnResult> txn(const EtcdTxn& txn, EtcdCall& call);
  /// A new lease's id. It lasts for at least `ttl`.
  Result<std::string> grant(std::chrono::seconds ttl, EtcdCall& call);
  /// Makes the lease last for its whole time again, from now. Error: not_found when it is over.
  Status keep_alive(const std::string& lease, EtcdCall& call);
  /// Ends the lease, and with it the keys that it holds. One that is over already is fine.
  Status revoke(const std::string& lease, EtcdCall& call);

 private:
  struct Json;  // of Boost
  Result<Json> post(const std::string& path, const Json& body, EtcdCall& call);

  const std::vector<std::string> endpoints_;
  const std::chrono::milliseconds attempt_;
  const std::shared_ptr<net::Tls> tls_;
  std::atomic<std::size_t> answered_{0};  // the endpoint that answered last
};

}  // namespace weir::cluster
