// A program that speaks the process's side of the protocol with its worker, and does what its
// library, a text, says line by line:
//
//   print TEXT             to standard output
//   listening HOST PORT    reports so
//   running                reports so
//   finished               reports its end with that outcome
//   failed TEXT            reports its end with that failure
//   crash, exit N          ends
//   freeze                 stops as by SIGSTOP
//   garbage                sends what is no message
//   hangup                 closes its connection and lives on
//   daemon FILE            starts one that leaves its group and its parent, and writes its id there
//   serve                  beats and answers until the connection is gone
//
// `weir_fake_process worker PORT FOLDER` is a worker with this program for processes. When
// FAKE_PROCESS_GATE is set a process connects once that file exists.
#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>

#include "weir/base/json.h"
#include "weir/cluster/messages.h"
#include "weir/cluster/worker.h"
#include "weir/cluster/worker_child.h"
#include "weir/net/link.h"
#include "weir/net/network.h"

namespace weir::cluster {
namespace {

using namespace std::chrono_literals;

int descriptors() {
  int count = -1;  // the folder's own
  DIR* folder = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(folder)) count += entry->d_name[0] != '.' ? 1 : 0;
  ::closedir(folder);
  return count;
}

class FakeProcess {
 public:
  FakeProcess(std::string door, ProcessId id)
      : descriptors_(descriptors()), door_(std::move(door)), id_(std::move(id)) {}

  int run() {
    const char* token = std::getenv("WEIR_PROCESS_TOKEN");
    const std::size_t colon = door_.find(':');
    auto link = network_.connect(door_.substr(0, colon),
                                 static_cast<std::uint16_t>(std::stoi(door_.substr(colon + 1))), {},
                                 {"", id_.job, id_.attempt, id_.process, token ? token : ""}, 10s);
    if (!link.ok()) {
      std::fprintf(stderr, "%s\n", link.error().message.c_str());
      return 1;
    }
    link_ = std::move(*link);
    link_->start([this](const Error&) { lose(); }, [this](std::string_view bytes) { hear(bytes); });
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return assignment_ || lost_; });
      if (!assignment_) return 1;
    }
    std::ifstream script(assignment_->library);
    for (std::string line; std::getline(script, line);) {
      if (const auto status = obey(line)) return *status;
    }
    flush();
    return 0;
  }

 private:
  void lose() {
    const std::lock_guard lock(mutex_);
    lost_ = true;
    changed_.notify_all();
  }

  void hear(std::string_view bytes) {
    const auto message = decode(bytes);
    if (!message.ok()) return lose();
    const std::lock_guard lock(mutex_);
    if (const auto* assignment = std::get_if<Assignment>(&*message)) assignment_ = *assignment;
    if (const auto* peers = std::get_if<Peers>(&*message)) {
      for (const Address& address : peers->addresses) {
        peers_ += address.host + ":" + std::to_string(address.port) + ";";
      }
    }
    if (const auto* ask = std::get_if<Ask>(&*message)) {
      if (ask->json != "silence") link_->send(encode(Answer{ask->request, answer(ask->json), {}}));
    }
    changed_.notify_all();
  }

  /// What it knows.
  std::string answer(const std::string& request) {
    const Start& start = assignment_->start;
    std::map<std::string, std::string> known = {
        {"request", request},
        {"pid", std::to_string(::getpid())},
        {"id", to_string(start.id)},
        {"job", start.spec.name},
        {"input", start.spec.settings.at("input")},
        {"processes", std::to_string(start.processes.size())},
        {"library", assignment_->library},
        {"host", assignment_->host},
        {"token", assignment_->token},
        {"peers", peers_},
        {"descriptors", std::to_string(descriptors_)},
        {"group", ::getpgrp() == ::getpid() ? "own" : "another's"}};
    std::string json;
    to_json(json, known);
    return json;
  }

  ProcessReport report(ProcessPhase phase) {
    report_.id = id_;
    report_.phase = phase;
    return report_;
  }

  /// The exit status when that was the end.
  std::optional<int> obey(const std::string& line) {
    std::istringstream words(line);
    std::string verb, rest;
    words >> verb >> std::ws;
    if (verb == "listening") {
      words >> report_.address.host >> report_.address.port;
      link_->send(encode(report(ProcessPhase::listening)));
    }
    std::getline(words, rest);
    if (verb == "print") {
      std::printf("%s\n", rest.c_str());
      std::fflush(stdout);
    } else if (verb == "running") {
      link_->send(encode(report(ProcessPhase::running)));
    } else if (verb == "finished") {
      report_.outcome = JobState::finished;
      link_->send(encode(report(ProcessPhase::ended)));
    } else if (verb == "failed") {
      report_.failure = Error{ErrorCode::disk_full, rest, true};
      link_->send(encode(report(ProcessPhase::ended)));
    } else if (verb == "crash") {
      ::signal(SIGSEGV, SIG_DFL);
      ::raise(SIGSEGV);
    } else if (verb == "exit") {
      flush();
      ::_exit(std::stoi(rest));
    } else if (verb == "freeze") {
      flush();
      ::raise(SIGSTOP);
    } else if (verb == "garbage") {
      link_->send("what is this");
    } else if (verb == "hangup") {
      link_.reset();
      for (;;) std::this_thread::sleep_for(1s);
    } else if (verb == "daemon") {
      start_daemon(rest);
    } else if (verb == "serve") {
      std::unique_lock lock(mutex_);
      while (!changed_.wait_for(lock, 50ms, [this] { return lost_; })) {
        link_->send(encode(Heartbeat{}));
      }
      return 1;
    }
    return {};
  }

  static void start_daemon(const std::string& file) {
    const pid_t between = ::fork();
    if (between == 0) {
      ::setsid();
      if (::fork() != 0) ::_exit(0);
      ::setsid();
      {
        std::ofstream(file + ".tmp") << ::getpid();
        std::rename((file + ".tmp").c_str(), file.c_str());
      }
      for (;;) ::pause();
    }
    ::waitpid(between, nullptr, 0);
  }

  /// Until what was said has left.
  void flush() const {
    for (std::uint64_t before = UINT64_MAX; before != link_->counters().bytes_out;) {
      before = link_->counters().bytes_out;
      std::this_thread::sleep_for(50ms);
    }
  }

  const int descriptors_;
  const std::string door_;
  const ProcessId id_;
  net::Network network_;
  std::unique_ptr<net::Link> link_;
  ProcessReport report_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Assignment> assignment_;
  std::string peers_;
  bool lost_ = false;
};

ProcessId parse_id(const std::string& text) {
  const std::size_t first = text.find('/'), second = text.rfind('/');
  return {text.substr(0, first), std::stoull(text.substr(first + 1, second - first - 1)),
          static_cast<std::uint32_t>(std::stoul(text.substr(second + 1)))};
}

int main_of(const std::vector<std::string>& words) {
  if (words.size() == 3 && words[0] == "worker") {
    WorkerOptions options;
    options.name = "child";
    options.coordinators = {{"127.0.0.1", static_cast<std::uint16_t>(std::stoi(words[1]))}};
    options.token = "secret";
    options.work = words[2];
    options.adopts = adopt_orphans();
    auto worker = ClusterWorker::create(options);
    if (!worker.ok()) return 1;
    (*worker)->run();
    return 0;
  }
  if (words.size() != 5 || words[0] != "job-process" || words[1] != "--worker" ||
      words[3] != "--id") {
    return 2;
  }
  std::printf("door %s\n", words[2].c_str());
  std::fflush(stdout);
  const char* gate = std::getenv("FAKE_PROCESS_GATE");
  while (gate != nullptr && !std::filesystem::exists(gate)) std::this_thread::sleep_for(10ms);
  return FakeProcess(words[2], parse_id(words[4])).run();
}

}  // namespace
}  // namespace weir::cluster

int main(int count, char** values) { return weir::cluster::main_of({values + 1, values + count}); }
