// The API of a cluster over HTTP, below /api/v1, and what monitors ask: /health, /ready, /metrics.
// docs/openapi.yaml describes all of it. Whoever does not lead sends callers to the leader: 421
// with
// {"leader": URL}.
//
// Requests are read and answers written on the HTTP server's threads; what concerns jobs is done by
// the leader on its control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/cluster/coordinator_server.h"
#include "weir/cluster/http_server.h"
#include "weir/cluster/leader.h"

namespace weir::cluster {

class HttpApi {
 public:
  /// Serves where the options of `server` say, which outlives this. Errors as of HttpServer::start.
  static Result<std::unique_ptr<HttpApi>> start(CoordinatorServer& server);
  std::uint16_t port() const { return http_->port(); }

 private:
  using Reply = HttpServer::Reply;
  using Path = std::vector<std::string>;
  explicit HttpApi(CoordinatorServer& server) : server_(server) {}

  void handle(HttpCall call, Reply reply);
  void handle_api(HttpCall call, const Path& path, Reply reply);
  void ready(const Reply& reply);
  /// Whether the leader at this URL answers.
  bool reaches(const std::string& leader);
  void metrics(const Reply& reply);
  void cluster(const Reply& reply);
  void workers(const Reply& reply);

  // ---- http_jobs.cc
  void list_jobs(const Reply& reply);
  void submit(const HttpCall& call, Reply reply);
  void handle_job(HttpCall call, Path path, Reply reply);
  void act(const HttpCall& call, const std::string& text, const std::string& verb, Reply reply);
  void change(const HttpCall& call, const std::string& text, const std::string& verb, Reply reply);

  // ---- http_views.cc
  /// Whether something of a job is shown under that name.
  static bool looks_at(const std::string& verb);
  void look(const HttpCall& call, const std::string& text, const std::string& verb, Reply reply);
  void show_job(const std::string& text, Reply reply);
  void checkpoints(const HttpCall& call, const std::string& text, Reply reply);
  void dead_letters(const HttpCall& call, const std::string& text, Reply reply);
  void log_of(const HttpCall& call, const std::string& text, Reply reply);

  // ---- http_libraries.cc
  void handle_library(const HttpCall& call, const std::string& hash, const Reply& reply);
  /// Whether a library is there. Error: invalid_argument for what is no hash.
  Result<bool> has_library(const std::string& hash) const;

  /// Calls `work` with the leader, or sends the caller to where it is.
  void with_leader(Reply reply, std::function<void(ClusterLeader&, Reply)> work);
  /// The same with the job that `text` means, as of ClusterLeader::find.
  void with_job(const std::string& text, Reply reply,
                std::function<void(ClusterLeader&, const std::string& id, Reply)> work);

  CoordinatorServer& server_;
  const std::unique_ptr<Clock> clock_ = make_system_clock();
  std::mutex probe_mutex_;  // guards what follows, and is held while a leader is being asked
  std::string probed_;      // which leader
  SteadyTime probed_at_{};
  bool probed_well_ = false;
  std::unique_ptr<HttpServer> http_;  // last: its threads use the rest
};

}  // namespace weir::cluster
