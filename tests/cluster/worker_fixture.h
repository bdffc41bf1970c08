// A worker, its coordinator's end and its processes, in a temporary folder.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "tests/cluster/fake_coordinator.h"
#include "weir/base/hash.h"
#include "weir/cluster/worker.h"

namespace weir::cluster {

namespace fs = std::filesystem;

inline constexpr std::uint32_t kLong = 60'000;  // ms; a leader that need not beat
inline const Welcome kPatient{7, 50, kLong};

inline std::string program() {
  return fs::read_symlink("/proc/self/exe").parent_path() / "weir_fake_process";
}

/// Polls for what happens outside of this process.
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

/// Gone, or a zombie of somebody who does not wait for it.
inline bool is_dead(const std::string& pid) {
  std::ifstream stat("/proc/" + pid + "/stat");
  std::string text;
  std::getline(stat, text);
  const std::size_t name_end = text.rfind(')');
  return name_end == std::string::npos || text[name_end + 2] == 'Z' || text[name_end + 2] == 'X';
}

class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest() {
    char pattern[] = "/tmp/weir-worker-test-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    fs::create_directories(folder_ / "shared");
    coordinator_ = std::make_unique<FakeCoordinator>(kPatient);
  }
  ~WorkerTest() override {
    end_worker();
    ::unsetenv("FAKE_PROCESS_GATE");
    fs::remove_all(folder_);
  }

  WorkerOptions options() const {
    WorkerOptions options;
    options.name = "host-1";
    options.slots = 3;
    options.coordinators = {coordinator_->address()};
    options.token = "secret";
    options.work = folder_ / "work";
    options.program = program();
    return options;
  }
  void start_worker() { start_worker(options()); }
  void start_worker(WorkerOptions options) {
    auto worker = ClusterWorker::create(std::move(options));
    ASSERT_TRUE(worker.ok()) << worker.error().message;
    worker_ = std::move(*worker);
    thread_ = std::thread([this] { worker_->run(); });
    ASSERT_TRUE(coordinator_->next<Register>());
  }
  /// A worker that is a process of its own.
  pid_t spawn_worker() const {
    const std::string self = program(), port = std::to_string(coordinator_->port()),
                      work = folder_ / "work";
    const char* words[] = {"fake", "worker", port.c_str(), work.c_str(), nullptr};
    pid_t worker = 0;
    EXPECT_EQ(::posix_spawn(&worker, self.c_str(), nullptr, nullptr,
                            const_cast<char* const*>(words), environ),
              0);
    return worker;
  }
  void end_worker() {
    if (!thread_.joinable()) return;
    worker_->stop();
    thread_.join();
    worker_.reset();
  }

  /// An order to start a process that does what `script` says.
  Start order(const std::string& script, ProcessId id = kId) {
    Start start;
    start.id = id;
    start.spec.name = "orders";
    start.spec.library_hash = content_hash(script).hex();
    start.spec.settings = {{"input", "/in"}};
    start.processes = {{"host-1.1", 3}, {"host-2.2", 4}};
    start.library_path = folder_ / "shared" / (start.spec.library_hash + ".so");
    std::ofstream(start.library_path) << script;
    return start;
  }
  void start_process(const std::string& script, ProcessId id = kId) {
    coordinator_->send(order(script, id));
  }
  /// What the failure of a process says that ends by itself.
  std::string failure_of(const std::string& script, ProcessId id = kId) {
    start_process(script, id);
    const auto report = coordinator_->report(id, ProcessPhase::ended);
    if (!report) return "no report";
    return report->failure ? report->failure->message : "no failure";
  }
  std::map<std::string, std::string> ask(const std::string& json = "tell") {
    const auto answer = coordinator_->ask(kId, json);
    if (!answer || answer->failure) {
      ADD_FAILURE() << (answer ? answer->failure->message : "no answer");
      return {};
    }
    std::map<std::string, std::string> known;
    const auto value = boost::json::parse(answer->json);
    for (const auto& [key, text] : value.as_object()) {
      known[std::string(key)] = std::string(text.as_string());
    }
    return known;
  }
  std::string log_of(const ProcessId& id, int bytes = 100'000) {
    const auto answer =
        coordinator_->ask(id, R"({"request":"log","bytes":)" + std::to_string(bytes) + "}");
    if (!answer) return "no answer";
    if (answer->failure) return "failure: " + answer->failure->message;
    const auto value = boost::json::parse(answer->json);
    EXPECT_TRUE(value.at("ok").as_bool());
    return std::string(value.at("log").as_string());
  }

  inline static const ProcessId kId{"j-1", 4, 0};
  fs::path folder_;
  std::unique_ptr<FakeCoordinator> coordinator_;
  std::unique_ptr<ClusterWorker> worker_;
  std::thread thread_;
};

}  // namespace weir::cluster
