// The worker; see worker.h.
#include "weir/cluster/worker.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>
#include <utility>

#include "weir/base/clock.h"
#include "weir/base/log.h"
#include "weir/base/path.h"
#include "weir/base/storage.h"
#include "weir/build_id.h"
#include "weir/cluster/worker_leader.h"
#include "weir/cluster/worker_processes.h"

namespace weir::cluster {
namespace {

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Error wrong(const std::string& what) { return {ErrorCode::invalid_argument, what}; }

Status check(const WorkerOptions& options) {
  std::string plain = options.name;
  std::replace(plain.begin(), plain.end(), '.', '-');
  if (!is_plain_name(plain)) {
    return wrong("'" + options.name + "' is no name for a worker: it has letters, digits, '-', " +
                 "'_' and '.', and no more than 100");
  }
  if (options.coordinators.empty()) return wrong("A worker needs a coordinator to work for");
  if (options.host.empty()) return wrong("A worker needs a host on which its processes listen");
  if (options.work.empty()) return wrong("A worker needs a folder to work in");
  const bool near = std::all_of(options.coordinators.begin(), options.coordinators.end(),
                                [](const Address& a) { return is_loopback(a.host); });
  if (options.token.empty() && !(near && is_loopback(options.host))) {
    return wrong(
        "A worker that is not on loopback needs the token of its cluster, or anybody could have it "
        "run anything: give the same one to all coordinators and workers");
  }
  return {};
}

/// Tells apart the lives of a worker of one name.
std::string incarnation() {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(entropy_seed()));
  return digits;
}

Register introduction(const WorkerOptions& options, const std::string& id) {
  const std::uint32_t cores = std::max(1u, std::thread::hardware_concurrency());
  return {id, options.host, options.slots > 0 ? options.slots : cores, WEIR_BUILD_ID, {}};
}

}  // namespace

struct ClusterWorker::Impl {
  Impl(WorkerOptions given, std::unique_ptr<FileLock> work_lock)
      : options(std::move(given)),
        id(options.name + "." + incarnation()),
        lock(std::move(work_lock)),
        leader({introduction(options, id), options.coordinators, options.token, options.tls},
               [this](std::uint64_t connection, Message order) {
                 processes.post([this, connection, order = std::move(order)] {
                   processes.obey(connection, order);
                 });
               }),
        processes({options.host, options.token, options.tls, options.program, options.work,
                   options.frozen, options.adopts},
                  leader) {}
  ~Impl() { leader.stop(); }  // before `processes` goes, to which it posts

  void end_if_cut_off();

  const WorkerOptions options;
  const std::string id;
  const std::unique_ptr<FileLock> lock;
  LeaderLink leader;
  Processes processes;
  std::atomic<bool> stopping{false};
};

void ClusterWorker::Impl::end_if_cut_off() {
  const auto since = std::chrono::steady_clock::now() - leader.last_contact();
  if (processes.empty() || since < options.isolation) return;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(options.isolation).count();
  processes.end_all({ErrorCode::io,
                     "Worker " + id + " reached no leader for " + std::to_string(ms) +
                         " ms. It ended its processes, since they may run elsewhere by now.",
                     true});
}

ClusterWorker::ClusterWorker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ClusterWorker::~ClusterWorker() = default;

Result<std::unique_ptr<ClusterWorker>> ClusterWorker::create(WorkerOptions options) {
  WEIR_TRY(check(options));
  const auto storage = make_posix_storage();
  WEIR_TRY(storage->make_dirs(options.work));
  auto lock = storage->lock(join_path(options.work, "lock"));
  if (!lock.ok()) {
    return Error{lock.error().code,
                 "Another worker uses the folder " + options.work + ": " + lock.error().message};
  }
  auto impl = std::make_unique<Impl>(std::move(options), std::move(*lock));
  WEIR_TRY(impl->processes.open());
  return std::unique_ptr<ClusterWorker>(new ClusterWorker(std::move(impl)));
}

const std::string& ClusterWorker::id() const { return impl_->id; }

void ClusterWorker::run() {
  log_info("worker", "worker " + impl_->id + " works in " + impl_->options.work +
                         "; what processes say is in " + join_path(impl_->options.work, "logs"));
  impl_->leader.start();
  while (!impl_->stopping) {
    impl_->processes.step();
    impl_->end_if_cut_off();
  }
  impl_->processes.kill_all();
  impl_->leader.stop();
  log_info("worker", "worker " + impl_->id + " has ended");
}

void ClusterWorker::stop() {
  impl_->stopping = true;
  impl_->processes.post([] {});
}

}  // namespace weir::cluster
