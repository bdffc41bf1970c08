// `weir worker`: the worker of a host, until it is told to end.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "cli/cluster_options.h"
#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/exit_codes.h"
#include "weir/base/path.h"
#include "weir/cluster/worker.h"
#include "weir/cluster/worker_child.h"

namespace weir::cli {
namespace {

using cluster::Address;
using cluster::ClusterWorker;
using cluster::WorkerOptions;

Result<std::vector<Address>> parse_addresses(const std::string& text) {
  std::vector<Address> all;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    WEIR_ASSIGN(Address address, parse_address("coordinator", text.substr(begin, comma - begin)));
    all.push_back(std::move(address));
    begin = comma + 1;
  }
  return all;
}

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "worker";
  return name;
}

std::string default_folder(const std::string& name) {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state != '\0') return join_path(state, "weir/workers/" + name);
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') {
    return join_path(home, ".local/state/weir/workers/" + name);
  }
  return "";  // nowhere that others could be before us
}

Result<WorkerOptions> worker_options(const Args& args) {
  WorkerOptions options;
  if (!args.has("coordinator")) {
    return Error{ErrorCode::invalid_argument,
                 "'weir worker' needs --coordinator HOST:PORT[,HOST:PORT]: for whom it works"};
  }
  WEIR_ASSIGN(options.coordinators, parse_addresses(args.text("coordinator")));
  options.name = args.text("name", host_name());
  options.host = args.text("host", options.host);
  WEIR_ASSIGN(const std::uint64_t slots, args.number("slots", 0, 1, 100'000));
  options.slots = static_cast<std::uint32_t>(slots);
  options.work = args.text("work", default_folder(options.name));
  if (options.work.empty()) {
    return Error{ErrorCode::invalid_argument,
                 "'weir worker' needs a folder of this host: --work DIR, since HOME is not set"};
  }
  WEIR_ASSIGN(options.token, token_of(args));
  WEIR_ASSIGN(options.tls, member_tls_of(args));
  WEIR_ASSIGN(const Duration isolation,
              args.duration("isolation", std::chrono::duration_cast<Duration>(options.isolation)));
  options.isolation = std::chrono::duration_cast<std::chrono::milliseconds>(isolation);
  if (options.isolation < std::chrono::seconds(1)) {
    return Error{ErrorCode::invalid_argument, "--isolation: at least 1s"};
  }
  return options;
}

/// Stops the worker on Ctrl-C and SIGTERM, which are blocked in all threads and waited for in one.
class StopOnSignal {
 public:
  StopOnSignal() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  void watch(ClusterWorker& worker) {
    thread_ = std::thread([this, &worker] {
      int signal = 0;
      ::sigwait(&signals_, &signal);
      worker.stop();
    });
  }
  ~StopOnSignal() {
    if (!thread_.joinable()) return;
    ::pthread_kill(thread_.native_handle(), SIGTERM);  // it may have ended without one
    thread_.join();
  }

 private:
  sigset_t signals_;
  std::thread thread_;
};

Result<int> run(const Args& given) {
  WEIR_ASSIGN(const Args args, with_configuration(given));
  WEIR_ASSIGN(WorkerOptions options, worker_options(args));
  options.adopts = cluster::adopt_orphans();
  StopOnSignal signals;  // before there are other threads
  WEIR_ASSIGN(const auto worker, ClusterWorker::create(std::move(options)));
  signals.watch(*worker);
  worker->run();
  return kOk;
}

}  // namespace

Command worker_command() {
  return {
      "worker",
      "",
      0,
      0,
      "Run the processes of a cluster's jobs on this host",
      {
          {"coordinator", "HOST:PORT[,HOST:PORT]",
           "the coordinators; the one that leads is found. A name may have several addresses."},
          {"name", "NAME", "what people call this worker; default the name of the host"},
          {"host", "HOST",
           "the address on which its processes listen for those of other workers; default "
           "127.0.0.1"},
          {"slots", "N", "how many subtasks it is made for; default one for each core"},
          {"work", "DIR",
           "a folder of this host for copies of job libraries and logs, for this worker alone; "
           "default ~/.local/state/weir/workers/NAME"},
          kTokenOption,
          kTlsCaOption,
          kTlsCertOption,
          kTlsKeyOption,
          {"isolation", "TIME",
           "ends all processes when no leader was reached for so long; default 60s"},
          {"config", "FILE", "a YAML file with these options", false, nullptr, false},
      },
      "A lost coordinator stops nothing that runs. Ctrl-C or SIGTERM ends the processes and "
      "leaves\n"
      "the cluster; jobs go on elsewhere from their newest checkpoints. However the worker ends, "
      "its\n"
      "processes end with it. Unless everything is on loopback it needs the token of its "
      "cluster.\n"
      "What processes of jobs say is in WORK/logs/JOB/ATTEMPT-PROCESS.log.\n"
      "Each option may also be a variable, WEIR_WORKER_TOKEN_FILE for --token-file, or stand in\n"
      "the file of --config: the command line wins over the environment, that over the file.\n",
      run};
}

}  // namespace weir::cli
