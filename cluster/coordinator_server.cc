// The threads of a coordinator and what passes between them; see coordinator_server.h.
//
//   election   campaigns and renews           -> control: won, lost
//   registry   writes and lists               -> control: what became of it
//   network    the door and links of workers  -> control: who has arrived, what they say
//   http       callers of the API             -> control: what they ask of the leader
//   control    owns the leader
#include "weir/cluster/coordinator_server.h"

#include <sys/stat.h>

#include <filesystem>
#include <mutex>
#include <optional>

#include "weir/base/log.h"
#include "weir/base/path.h"
#include "weir/base/storage.h"
#include "weir/build_id.h"
#include "weir/cluster/election.h"
#include "weir/cluster/http_api.h"
#include "weir/cluster/http_server.h"
#include "weir/cluster/leader.h"
#include "weir/cluster/link_options.h"
#include "weir/cluster/own_address.h"
#include "weir/net/link.h"
#include "weir/net/network.h"

namespace weir::cluster {
namespace {

/// Between two tries to read the records of jobs; and how many are made before those of which only
/// the file cannot be read are left alone.
constexpr std::chrono::milliseconds kLoadAgain{200};
constexpr int kTriesToLoad = 15;

namespace fs = std::filesystem;

net::LinkOptions door_options(const std::shared_ptr<net::Tls>& tls) {
  net::LinkOptions options = link_options(tls, 64 << 20);
  options.silence = std::chrono::milliseconds(3000);
  return options;
}

std::string join(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

/// By what name others reach what listens on `host`.
std::string shown_host(const CoordinatorOptions& options, const std::string& host) {
  if (!options.advertise.empty()) return options.advertise;
  // Certificates are of names.
  return is_any_address(host) ? own_address(options.tls != nullptr) : host;
}

Result<std::unique_ptr<Registry>> open_registry(const CoordinatorOptions& options) {
  if (options.etcd.empty()) return open_file_registry(options.registry);
  EtcdOptions etcd;
  etcd.endpoints = options.etcd;
  etcd.tls = options.etcd_tls;
  etcd.prefix = "weir/" + options.cluster + "/";
  etcd.term = options.term;
  etcd.timeout = options.term / 2;
  return open_etcd_registry(std::move(etcd));
}

/// Folders of the storage, and what uploads of processes that were killed have left there.
Status prepare_storage(const std::string& storage) {
  auto files = make_posix_storage();
  WEIR_TRY(files->make_dirs(storage + "/libraries"));
  WEIR_TRY(files->make_dirs(storage + "/jobs"));
  std::error_code ignored;
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(24);
  for (const auto& entry : fs::directory_iterator(storage + "/libraries", ignored)) {
    const bool upload = entry.path().filename().string().starts_with(".upload-");
    if (upload && entry.last_write_time(ignored) < old) fs::remove(entry.path(), ignored);
  }
  return {};
}

Status check(CoordinatorOptions& options) {
  const auto wrong = [](const std::string& what) {
    return Error{ErrorCode::invalid_argument, what};
  };
  if (options.storage.empty()) {
    return wrong("A coordinator needs the folder that all hosts share: --storage DIR");
  }
  if (is_object_path(options.storage)) {
    return wrong(
        "A coordinator keeps its libraries in a folder of files: --storage DIR. The state of a job "
        "may lie on S3: weir submit --state s3://BUCKET/NAME");
  }
  if (is_any_address(options.advertise)) {
    return wrong("--advertise " + options.advertise +
                 " is no address that others can reach: give the name or an address of this host");
  }
  const bool open = is_loopback(options.host) && is_loopback(options.http_host);
  if (options.token.empty() && !open) {
    return wrong(
        "Listening where other hosts reach it, a coordinator needs a token: "
        "--token-file FILE, or the environment variable WEIR_TOKEN");
  }
  if (options.cluster.empty() ||
      options.cluster.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789-_") != std::string::npos) {
    return wrong("'" + options.cluster + "' is no name for a cluster: letters, digits, - and _");
  }
  std::error_code failed;
  options.storage = fs::absolute(options.storage, failed).lexically_normal().string();
  while (options.storage.size() > 1 && options.storage.ends_with('/')) options.storage.pop_back();
  if (options.registry.empty()) options.registry = options.storage + "/registry";
  return {};
}

}  // namespace

std::string http_url(const CoordinatorOptions& options, const std::string& address) {
  return (options.tls ? "https://" : "http://") + address;
}

struct CoordinatorServer::Impl {
  explicit Impl(CoordinatorOptions o) : options(std::move(o)) {}

  void won(std::uint64_t epoch);
  void load(std::uint64_t epoch);
  void loaded(std::uint64_t epoch, const Result<Listing>& listing);
  void lost();
  SteadyTime tick();
  void take_arrivals();
  Result<net::Hello> greet(const net::Hello& theirs);
  Status open_door();

  const CoordinatorOptions options;
  const std::unique_ptr<Clock> clock = make_system_clock();
  std::unique_ptr<Registry> registry;
  LeaderAddress self;

  mutable std::mutex mutex;  // guards what follows
  Standing standing;
  std::vector<std::shared_ptr<net::Link>> arrivals;
  bool ending = false;

  // Of the control thread.
  std::unique_ptr<ClusterLeader> leader;
  std::uint64_t loading = 0;  // the epoch whose records are on their way
  SteadyTime load_again = SteadyTime::max();
  int tries_to_load = 0;  // that found records which could not be read

  std::unique_ptr<net::Network> network;
  std::unique_ptr<SerialThread> control, registry_thread;
  std::unique_ptr<Election> election;
  std::unique_ptr<HttpApi> api;
};

// ---- the lead -----------------------------------------------------------------------------------

void CoordinatorServer::Impl::won(std::uint64_t epoch) {
  lost();
  loading = epoch;
  tries_to_load = 0;
  load(epoch);
}

void CoordinatorServer::Impl::load(std::uint64_t epoch) {
  load_again = SteadyTime::max();
  registry_thread->post([this, epoch] {
    auto listing = registry->read("jobs/");
    control->post([this, epoch, listing = std::move(listing)] { loaded(epoch, listing); });
  });
}

void CoordinatorServer::Impl::loaded(std::uint64_t epoch, const Result<Listing>& listing) {
  if (epoch != loading) return;
  // A disk may heal, and who is left alone is so for as long as this leads.
  const bool some = listing.ok() && !listing->unreadable.empty();
  if (!listing.ok() || (some && ++tries_to_load < kTriesToLoad)) {
    log_warn("coordinator",
             "cannot read the jobs: " +
                 (some ? listing->unreadable.begin()->second : listing.error()).message);
    load_again = clock->steady_now() + kLoadAgain;
    return;
  }
  RecordSet known = parse_records(listing->values, listing->unreadable);
  for (const UnreadableRecord& each : known.unreadable) {
    log_error("coordinator", "job " + each.id + " is left alone: " + each.why);
  }
  loading = 0;
  LeaderOptions leader_options;
  leader_options.scheduler.libraries = options.storage + "/libraries";
  log_info("coordinator", "leads with epoch " + std::to_string(epoch) + " and " +
                              std::to_string(known.records.size()) + " jobs");
  leader = std::make_unique<ClusterLeader>(
      leader_options,
      LeaderSeams{*clock, *registry, *control, *registry_thread,
                  [this, epoch] { return election->certain_until(epoch); }},
      epoch, std::move(known));
  const std::lock_guard lock(mutex);
  standing.leads = true;
  standing.epoch = epoch;
  standing.leader = self;
}

/// Not the leader any more, if it was.
void CoordinatorServer::Impl::lost() {
  loading = 0;
  load_again = SteadyTime::max();
  {
    const std::lock_guard lock(mutex);
    if (standing.leads) standing.leader = {};
    standing.leads = false;
    standing.epoch = 0;
  }
  leader.reset();
}

SteadyTime CoordinatorServer::Impl::tick() {
  take_arrivals();
  SteadyTime next = load_again;
  if (load_again <= clock->steady_now()) load(loading);
  if (leader) next = std::min(next, leader->tick());
  if (leader && leader->over()) {
    const std::uint64_t epoch = leader->epoch();
    lost();
    election->give_up(epoch);
  }
  return next;
}

// ---- the door -----------------------------------------------------------------------------------

/// On the network thread.
Result<net::Hello> CoordinatorServer::Impl::greet(const net::Hello& theirs) {
  net::Hello mine;
  mine.build = theirs.build;  // workers of several builds may serve jobs of theirs
  if (!theirs.job.empty()) mine.job = options.cluster;
  mine.token = options.token;
  mine.attempt = theirs.attempt;
  WEIR_TRY(net::check_hello(mine, theirs));
  const std::lock_guard lock(mutex);
  if (standing.leads && !ending) return mine;
  const std::string& leader = standing.leader.workers;
  return Error{ErrorCode::incompatible,
               leader.empty() ? std::string("not the leader; there is none at this moment")
                              : "not the leader; that is " + leader};
}

/// A link must not end on the network thread, so it is kept until the control thread takes it.
Status CoordinatorServer::Impl::open_door() {
  network = std::make_unique<net::Network>();
  WEIR_ASSIGN(
      const std::uint16_t port,
      network->listen(
          options.host == "localhost" ? "127.0.0.1" : options.host, options.port,
          door_options(options.tls), [this](const net::Hello& theirs) { return greet(theirs); },
          [this](const net::Hello&, std::unique_ptr<net::Link> link) {
            {
              const std::lock_guard lock(mutex);
              // At the very end of the process nobody could close it; the system will.
              if (ending) return static_cast<void>(link.release());
              arrivals.push_back(std::move(link));
            }
            control->post([] {});
          }));
  self.workers = join(shown_host(options, options.host), port);
  return {};
}

void CoordinatorServer::Impl::take_arrivals() {
  std::vector<std::shared_ptr<net::Link>> taken;
  {
    const std::lock_guard lock(mutex);
    taken.swap(arrivals);
  }
  for (auto& link : taken) {
    if (leader) leader->arrived(std::move(link), "a worker");
  }
}

// ---- the face -----------------------------------------------------------------------------------

CoordinatorServer::CoordinatorServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<CoordinatorServer>> CoordinatorServer::start(CoordinatorOptions options) {
  WEIR_TRY(check(options));
  WEIR_TRY(prepare_storage(options.storage));
  auto owned = std::unique_ptr<CoordinatorServer>(
      new CoordinatorServer(std::make_unique<Impl>(std::move(options))));
  Impl& impl = *owned->impl_;
  WEIR_ASSIGN(impl.registry, open_registry(impl.options));
  char id[17];
  std::snprintf(id, sizeof id, "%016llx", static_cast<unsigned long long>(entropy_seed()));
  impl.self.id = id;
  impl.registry_thread = std::make_unique<SerialThread>(*impl.clock);
  impl.control = std::make_unique<SerialThread>(*impl.clock, [&impl] { return impl.tick(); });
  WEIR_TRY(impl.open_door());
  WEIR_ASSIGN(impl.api, HttpApi::start(*owned));
  {
    const std::lock_guard lock(impl.mutex);
    impl.self.http = join(shown_host(impl.options, impl.options.http_host), impl.api->port());
    impl.standing.self = impl.self;
  }
  log_info("coordinator", "of cluster " + impl.options.cluster + ", for workers at " +
                              impl.self.workers + ", API at " +
                              http_url(impl.options, impl.self.http) + ", storage in " +
                              impl.options.storage);
  const bool guessed = impl.options.advertise.empty() && (is_any_address(impl.options.host) ||
                                                          is_any_address(impl.options.http_host));
  if (guessed) {
    log_info("coordinator", "listens on all addresses, and tells others to come to " +
                                impl.self.http + "; --advertise names another host");
  }
  impl.election = std::make_unique<Election>(
      *impl.registry, *impl.clock, to_text(impl.self),
      ElectionEvents{
          [&impl](std::uint64_t epoch) { impl.control->post([&impl, epoch] { impl.won(epoch); }); },
          [&impl](std::uint64_t epoch, const std::string&) {
            impl.control->post([&impl, epoch] {
              const bool mine = impl.leader && impl.leader->epoch() == epoch;
              if (mine || impl.loading == epoch) impl.lost();
            });
          },
          [&impl](const std::string& address) {
            impl.control->post([&impl, address] {  // behind what was lost before
              const std::lock_guard lock(impl.mutex);
              if (!impl.standing.leads) impl.standing.leader = parse_leader_address(address);
            });
          }});
  impl.election->start();
  return owned;
}

CoordinatorServer::~CoordinatorServer() {
  Impl& impl = *impl_;
  {
    const std::lock_guard lock(impl.mutex);
    impl.ending = true;
  }
  impl.api.reset();
  if (impl.control) impl.control->end();
  if (impl.registry_thread) impl.registry_thread->end();
  impl.leader.reset();
  impl.arrivals.clear();
  impl.network.reset();
  impl.election.reset();
}

Standing CoordinatorServer::standing() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->standing;
}

const CoordinatorOptions& CoordinatorServer::options() const { return impl_->options; }

void CoordinatorServer::with_leader(std::function<void(ClusterLeader*)> work) {
  impl_->control->post([impl = impl_.get(), work = std::move(work)] { work(impl->leader.get()); });
}

}  // namespace weir::cluster
