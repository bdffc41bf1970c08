// `weir local N`: a cluster on this host for trying, as child processes.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <thread>

#include "cli/cluster_client.h"
#include "cli/cluster_options.h"
#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/exit_codes.h"
#include "cli/stop_signal.h"
#include "weir/base/clock.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

/// Child processes by name, which end with this one, however it ends.
class Children {
 public:
  ~Children() { end(); }

  Status start(const std::string& name, const std::vector<std::string>& words) {
    std::vector<char*> values;
    std::vector<std::string> owned{"weir"};
    owned.insert(owned.end(), words.begin(), words.end());
    for (std::string& word : owned) values.push_back(word.data());
    values.push_back(nullptr);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) return Error{ErrorCode::io, "Cannot start " + name};
    if (child == 0) {
      ::setpgid(0, 0);  // Ctrl-C is for the parent, which then ends its children in turn
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(kFailed);  // it ended before that took effect
      StopSignal::restore_in_child();
      ::execv("/proc/self/exe", values.data());
      ::_exit(kFailed);
    }
    children_[child] = name;
    order_.push_back(child);
    return {};
  }

  /// The name of a child that has ended; "" when none has.
  std::string take_ended() {
    const pid_t child = ::waitpid(-1, nullptr, WNOHANG);
    if (child <= 0) return "";
    const std::string name = children_[child];
    children_.erase(child);
    return name;
  }

  /// Ends them, the last that was started first: workers before their coordinator.
  void end() {
    for (auto it = order_.rbegin(); it != order_.rend(); ++it) {
      if (!children_.contains(*it)) continue;
      ::kill(*it, SIGTERM);
      for (int i = 0; i < 500 && ::waitpid(*it, nullptr, WNOHANG) == 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      ::kill(*it, SIGKILL);
      ::waitpid(*it, nullptr, 0);
      children_.erase(*it);
    }
    order_.clear();
  }

 private:
  std::map<pid_t, std::string> children_;
  std::vector<pid_t> order_;
};

/// That nobody listens there yet. Workers of this cluster would join the other one.
Status check_free(std::uint16_t port, const char* option) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool made = fd >= 0 && ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0;
  const bool free = made &&
                    ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                    ::listen(fd, 1) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (free) return {};
  return Error{
      ErrorCode::already_exists,
      "Cannot listen on 127.0.0.1:" + std::to_string(port) + ": " + std::strerror(error) +
          (error == EADDRINUSE ? ". Does another cluster run on this host? End it, or " : ". ") +
          "choose another port with --" + option + " (0: any free one)."};
}

/// A port that is free at this moment, below those that systems give to outgoing connections: such
/// a one could take it before the cluster listens.
Result<std::uint16_t> free_port() {
  constexpr std::uint64_t kFirst = 20'000, kOutgoing = 32'768;
  for (int tries = 0; tries < 100; ++tries) {
    const auto port = static_cast<std::uint16_t>(kFirst + entropy_seed() % (kOutgoing - kFirst));
    if (check_free(port, "port").ok()) return port;
  }
  return Error{ErrorCode::io, "This host has no free port from " + std::to_string(kFirst) + " to " +
                                  std::to_string(kOutgoing - 1)};
}

Result<std::uint16_t> port_option(const Args& args, const char* name, std::uint16_t otherwise) {
  WEIR_ASSIGN(const std::uint64_t given, args.number(name, otherwise, 0, 65535));
  if (given == 0) return free_port();
  const auto port = static_cast<std::uint16_t>(given);
  WEIR_TRY(check_free(port, name));
  return port;
}

/// The folder of the cluster; a temporary one is removed at the end.
struct Folder {
  std::string path;
  bool temporary = false;
  ~Folder() {
    std::error_code ignored;
    if (temporary) fs::remove_all(path, ignored);
  }
};

Status choose_folder(const Args& args, Folder& folder) {
  folder.path = args.text("work");
  if (!folder.path.empty()) {
    std::error_code failed;
    fs::create_directories(folder.path, failed);
    if (!failed) folder.path = fs::absolute(folder.path, failed).lexically_normal().string();
    if (failed) return Error{ErrorCode::io, "Cannot make " + folder.path};
    return {};
  }
  std::string name = (fs::temp_directory_path() / "weir-local-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return Error{ErrorCode::io, "Cannot make " + name};
  folder.path = name;
  folder.temporary = true;
  return {};
}

Status wait_for_workers(const Args& where, Children& children, std::uint64_t count) {
  WEIR_ASSIGN(ClusterClient client, ClusterClient::of(where));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < until) {
    if (const std::string ended = children.take_ended(); !ended.empty()) {
      return Error{ErrorCode::io, "The " + ended + " has ended; it says above why"};
    }
    const auto cluster = client.get("/cluster");
    if (cluster.ok() && field(*cluster, "workers") == std::to_string(count)) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return Error{ErrorCode::io, "The cluster is not there after 30 seconds"};
}

/// Jobs of before go on by themselves, but not at once.
Status say_old_jobs(const Args& where) {
  WEIR_ASSIGN(ClusterClient client, ClusterClient::of(where));
  WEIR_ASSIGN(const auto answer, client.get("/jobs"));
  for (const boost::json::value& value : answer.at("jobs").as_array()) {
    const boost::json::object& job = value.as_object();
    const std::string waits = field(job, "waits_for");
    if (field(job, "over") == "true") continue;
    std::printf("Job %s (%s) of before is %s%s%s\n", field(job, "name").c_str(),
                field(job, "id").c_str(), field(job, "state").c_str(),
                waits.empty() ? "" : "; it waits for ", waits.c_str());
  }
  std::fflush(stdout);
  return {};
}

/// What children are told of the token and of TLS.
std::vector<std::string> shared_words(const Args& args) {
  std::vector<std::string> words;
  for (const char* option : {"token-file", "tls-ca", "tls-cert", "tls-key"}) {
    if (!args.has(option)) continue;
    words.push_back(std::string("--") + option);
    words.push_back(args.text(option));
  }
  return words;
}

void say_how(const std::string& url, const std::string& folder, std::uint64_t count,
             const Args& args, bool by_default) {
  std::string with = by_default ? "" : "    export WEIR_CLUSTER=" + url + "\n";
  if (args.has("tls-ca")) with += "    export WEIR_TLS_CA=" + args.text("tls-ca") + "\n";
  std::printf(
      "A cluster with %llu workers is there: %s, its files in %s\n"
      "%s    weir submit JOB.so --set KEY=VALUE --parallelism N\n"
      "    weir jobs\n"
      "    weir status JOB\n"
      "    weir logs JOB             # in %s/worker-N/logs\n"
      "Ctrl-C ends it.\n",
      static_cast<unsigned long long>(count), url.c_str(), folder.c_str(), with.c_str(),
      folder.c_str());
  std::fflush(stdout);
}

Result<int> run(const Args& args) {
  std::uint64_t count = 0;
  const std::string& text = args.operands()[0];
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, count);
  if (parsed.ec != std::errc() || parsed.ptr != end || count < 1 || count > 64) {
    return Error{ErrorCode::invalid_argument,
                 "'" + text + "' is no number of workers: from 1 to 64"};
  }
  WEIR_ASSIGN(const std::uint16_t http, port_option(args, "http-port", 7070));
  WEIR_ASSIGN(const std::uint16_t port, port_option(args, "port", 7071));
  Folder folder;
  WEIR_TRY(choose_folder(args, folder));
  WEIR_ASSIGN(const auto tls, member_tls_of(args));
  const std::string url = (tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(http);
  const std::string workers = "127.0.0.1:" + std::to_string(port);
  clear_variables_of(coordinator_command());  // this cluster is not the one that they are for
  clear_variables_of(worker_command());
  StopSignal signals;
  Children children;
  const std::vector<std::string> shared = shared_words(args);
  const auto start = [&](const std::string& name, std::vector<std::string> words) {
    words.insert(words.end(), shared.begin(), shared.end());
    return children.start(name, words);
  };
  WEIR_TRY(start("coordinator", {"coordinator", "--storage", folder.path + "/storage", "--address",
                                 workers, "--http", "127.0.0.1:" + std::to_string(http)}));
  for (std::uint64_t i = 1; i <= count; ++i) {
    const std::string name = "worker-" + std::to_string(i);
    WEIR_TRY(start(name, {"worker", "--coordinator", workers, "--name", name, "--slots",
                          args.text("slots", "4"), "--work", folder.path + "/" + name}));
  }
  Args where = args;
  where.add("cluster", url);
  WEIR_TRY(wait_for_workers(where, children, count));
  say_how(url, folder.path, count, args, http == 7070 && !tls);
  WEIR_TRY(say_old_jobs(where));
  while (signals.wait_or_child()) {
    for (std::string ended = children.take_ended(); !ended.empty(); ended = children.take_ended()) {
      std::fprintf(stderr, "weir: the %s has ended\n", ended.c_str());
    }
  }
  std::fputs("weir: ending the cluster\n", stderr);
  children.end();
  return kOk;
}

}  // namespace

Command local_command() {
  return {
      "local",
      "N",
      1,
      1,
      "Start a cluster of N workers on this host, for trying",
      {{"work", "DIR", "where it keeps everything; default a folder that goes with it"},
       {"http-port", "PORT", "of the API; default 7070, 0 for any free one"},
       {"port", "PORT", "for workers; default 7071, 0 for any free one"},
       {"slots", "N", "of each worker; default 4"},
       kTokenOption,
       kTlsCaOption,
       kTlsCertOption,
       kTlsKeyOption},
      "Coordinator and workers are processes of their own, so that they can be killed one by\n"
      "one. With --work the jobs are there again when it is started again.\n"
      "With the three files of TLS all of them speak it; the certificate must name 127.0.0.1.\n",
      run};
}

}  // namespace weir::cli
