// Real etcd servers for tests, on free ports of this host, with their data in a temporary folder.
// Tests that need them begin with WEIR_NEEDS_ETCD().
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/cluster/raw_server.h"
#include "tests/cluster/temporary_folder.h"
#include "weir/base/check.h"
#include "weir/cluster/http_client.h"
#include "weir/net/tls.h"

#define WEIR_NEEDS_ETCD()                \
  if (!::weir::cluster::etcd_is_there()) \
  GTEST_SKIP() << "there is no `etcd` on the PATH (Debian's package: etcd-server)"

namespace weir::cluster {

inline bool etcd_is_there() {
  static const bool found = std::system("command -v etcd >/dev/null 2>&1") == 0;
  return found;
}

/// Waits until `condition` holds. False when it does not within a time that is long enough for the
/// slowest machine.
template <class Condition>
bool eventually(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

/// One member. Ends with this.
class EtcdServer {
 public:
  /// `cluster`: NAME=PEER_URL of all members, with commas; empty for a cluster of this one alone.
  EtcdServer(std::string name, std::string folder, std::uint16_t port, std::uint16_t peer_port,
             std::string cluster = {})
      : name_(std::move(name)),
        folder_(std::move(folder)),
        url_(local(port)),
        peer_url_(local(peer_port)),
        cluster_(cluster.empty() ? name_ + "=" + peer_url_ : std::move(cluster)) {}
  ~EtcdServer() { kill(); }
  EtcdServer(const EtcdServer&) = delete;
  EtcdServer& operator=(const EtcdServer&) = delete;

  static std::string local(std::uint16_t port) {
    return "http://127.0.0.1:" + std::to_string(port);
  }
  const std::string& url() const { return url_; }

  /// Has it speak TLS with callers, who must show a certificate; this object asks as `caller`.
  /// Before it is started.
  void secure(net::TlsFiles files, std::shared_ptr<net::Tls> caller) {
    url_.replace(0, 4, "https");
    files_ = std::move(files);
    caller_ = std::move(caller);
  }

  /// Starts it, with the data that it had when it was killed.
  void start() {
    std::vector<std::string> words{"etcd",
                                   "--name",
                                   name_,
                                   "--data-dir",
                                   folder_ + "/" + name_,
                                   "--unsafe-no-fsync",
                                   "--heartbeat-interval=20",
                                   "--election-timeout=200",
                                   "--log-level",
                                   "error",
                                   "--listen-client-urls",
                                   url_,
                                   "--advertise-client-urls",
                                   url_,
                                   "--listen-peer-urls",
                                   peer_url_,
                                   "--initial-advertise-peer-urls",
                                   peer_url_,
                                   "--initial-cluster",
                                   cluster_};
    if (caller_) {
      for (const char* word : {"--cert-file", files_.cert.c_str(), "--key-file", files_.key.c_str(),
                               "--trusted-ca-file", files_.ca.c_str(), "--client-cert-auth"}) {
        words.emplace_back(word);
      }
    }
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::string log = folder_ + "/" + name_ + ".log";
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    WEIR_CHECK(pid_ >= 0, "a process can be started");
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execvp("etcd", arguments.data());
    ::_exit(127);
  }
  /// Waits until it and a majority answer. False when it has ended.
  bool wait_until_ready() {
    bool ended = false;
    const bool ready = eventually([&] {
      ended = ::waitpid(pid_, nullptr, WNOHANG) == pid_;
      return ended || is_healthy();
    });
    if (ended) pid_ = 0;
    return ready && !ended;
  }
  void kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  /// Whether it leads the members.
  bool leads() const {
    HttpRequest request;
    request.method = "POST";
    request.url = url_ + "/v3/maintenance/status";
    request.tls = caller_;
    request.body = "{}";
    const auto answer = http_request(request, std::chrono::seconds(5));
    if (!answer.ok()) return false;
    const std::string self = text_behind(answer->body, "\"member_id\":\"");
    return !self.empty() && self == text_behind(answer->body, "\"leader\":\"");
  }

 private:
  bool is_healthy() const {
    HttpRequest request;
    request.url = url_ + "/health";
    request.tls = caller_;
    const auto answer = http_request(request, std::chrono::seconds(1));
    return answer.ok() && answer->status == 200;
  }
  static std::string text_behind(const std::string& text, const std::string& mark) {
    const std::size_t at = text.find(mark);
    if (at == std::string::npos) return {};
    const std::size_t begin = at + mark.size();
    return text.substr(begin, text.find('"', begin) - begin);
  }

  const std::string name_, folder_;
  std::string url_;
  const std::string peer_url_, cluster_;
  net::TlsFiles files_;
  std::shared_ptr<net::Tls> caller_;
  pid_t pid_ = 0;
};

/// A cluster of some members, ready when this is made.
class EtcdCluster {
 public:
  explicit EtcdCluster(int members) {
    // A port that was free may be taken before etcd has it: then once more.
    for (int attempt = 0; attempt < 5; ++attempt) {
      if (start(members, folder_.path() + "/" + std::to_string(attempt))) return;
    }
    WEIR_CHECK(false, "etcd starts");
  }

  EtcdServer& member(std::size_t index) { return *members_[index]; }
  std::vector<std::string> urls() const {
    std::vector<std::string> urls;
    for (const auto& member : members_) urls.push_back(member->url());
    return urls;
  }
  /// The member that leads the others.
  EtcdServer& leader() {
    EtcdServer* found = nullptr;
    const bool elected = eventually([&] {
      for (const auto& member : members_) {
        if (member->leads()) found = member.get();
      }
      return found != nullptr;
    });
    WEIR_CHECK(elected, "etcd elects a leader");
    return *found;
  }

 private:
  bool start(int members, const std::string& folder) {
    std::filesystem::create_directory(folder);
    members_.clear();
    std::vector<std::uint16_t> peers;
    std::string cluster;
    for (int i = 0; i < members; ++i) {
      peers.push_back(free_port());
      cluster += (i == 0 ? "" : ",") + name(i) + "=" + EtcdServer::local(peers.back());
    }
    for (int i = 0; i < members; ++i) {
      members_.push_back(std::make_unique<EtcdServer>(name(i), folder, free_port(),
                                                      peers[static_cast<std::size_t>(i)], cluster));
      members_.back()->start();
    }
    for (const auto& member : members_) {
      if (!member->wait_until_ready()) return false;
    }
    return true;
  }
  static std::string name(int i) { return "m" + std::to_string(i); }

  TemporaryFolder folder_;
  std::vector<std::unique_ptr<EtcdServer>> members_;
};

}  // namespace weir::cluster
