// `weir coordinator`: one of the processes of which one leads a cluster. It campaigns for the lead,
// opens its door to workers while it has it, and serves the API of http_api.h, the others sending
// callers on to the leader. (runtime/coordinator.h is another: the one of a job's checkpoints.)
//
//   STORAGE/libraries/HASH.so   job libraries, by content
//   STORAGE/jobs/ID             the state folder of a job that does not say its own
//   STORAGE/registry            for coordinators on one host: who leads, and the records
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/cluster/leader_address.h"
#include "weir/net/tls.h"

namespace weir::cluster {

class ClusterLeader;

struct CoordinatorOptions {
  std::string cluster = "default";  ///< its name; workers of another are refused
  std::string host = "127.0.0.1";   ///< on which to listen for workers
  std::uint16_t port = 7071;        ///< 0: any free one
  std::string http_host = "127.0.0.1";
  std::uint16_t http_port = 7070;
  /// How others reach this host; empty: as it listens, or own_address() where it does everywhere.
  std::string advertise;
  std::string storage;                   ///< the folder that all hosts share
  std::string registry;                  ///< a folder; empty: STORAGE/registry
  std::vector<std::string> etcd;         ///< endpoints, instead of the folder
  std::shared_ptr<net::Tls> etcd_tls;    ///< for those that are https; as of HttpRequest
  std::chrono::milliseconds term{2000};  ///< of a lead, in etcd
  std::string token;                     ///< needed where it does not listen on loopback
  std::shared_ptr<net::Tls> tls;         ///< of both doors and for calls; null: none is spoken
};

/// Of the API of a coordinator of the same cluster: "https://HOST:PORT" where TLS is spoken.
std::string http_url(const CoordinatorOptions& options, const std::string& address);

/// Where to look for what people ask.
struct Standing {
  bool leads = false;
  std::uint64_t epoch = 0;
  LeaderAddress self, leader;  ///< the parts of `leader` are empty when nobody leads
};

class CoordinatorServer {
 public:
  /// Listens, and campaigns. Errors: invalid_argument for options that cannot be; io when it cannot
  /// listen, or not reach the storage.
  static Result<std::unique_ptr<CoordinatorServer>> start(CoordinatorOptions options);
  /// Resigns; what runs goes on.
  ~CoordinatorServer();
  CoordinatorServer(const CoordinatorServer&) = delete;
  CoordinatorServer& operator=(const CoordinatorServer&) = delete;

  // ---- any thread
  Standing standing() const;
  const CoordinatorOptions& options() const;
  /// Calls `work` on the control thread with the leader, or with null when this process does not
  /// lead; not at all when it ends.
  void with_leader(std::function<void(ClusterLeader*)> work);

 private:
  struct Impl;
  explicit CoordinatorServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::cluster
