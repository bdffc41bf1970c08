// A coordinator as it runs: real sockets, a registry in a folder, the API over HTTP, and workers
// that speak the real protocol but start no processes.
#include "weir/cluster/coordinator_server.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "weir/base/hash.h"
#include "weir/cluster/http_client.h"
#include "weir/cluster/messages.h"
#include "weir/net/link.h"
#include "weir/net/network.h"

namespace weir::cluster {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace std::chrono_literals;

/// Waits for what must come about some time.
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

/// A worker without processes: it says what a test lets it say, and keeps what it is told.
class StubWorker {
 public:
  explicit StubWorker(std::string id) : id_(std::move(id)) {}
  ~StubWorker() { leave(); }
  StubWorker(const StubWorker&) = delete;
  StubWorker& operator=(const StubWorker&) = delete;

  /// Registers with the coordinator that listens there; an error says why it was refused.
  Status join(const std::string& address, std::vector<ProcessReport> processes = {},
              const std::string& token = "") {
    leave();
    const std::size_t colon = address.rfind(':');
    const auto port = static_cast<std::uint16_t>(std::stoul(address.substr(colon + 1)));
    network_ = std::make_unique<net::Network>();
    WEIR_ASSIGN(link_,
                network_->connect(address.substr(0, colon), port, {}, {"", "", 0, 0, token}, 5s));
    link_->start(
        [this](const Error&) {
          const std::lock_guard lock(mutex_);
          lost_ = true;
        },
        [this](std::string_view bytes) {
          auto message = decode(bytes);
          const std::lock_guard lock(mutex_);
          if (message.ok() && std::holds_alternative<Kill>(*message)) {
            ++kills_[std::get<Kill>(*message).job];
          }
          if (message.ok() && !std::holds_alternative<Heartbeat>(*message)) {
            inbox_.push_back(*std::move(message));
          }
        });
    link_->send(encode(Register{id_, "127.0.0.1", 4, "build", std::move(processes)}));
    beating_ = true;
    beats_ = std::thread([this] {
      while (beating_) {
        link_->send(encode(Heartbeat{}));
        std::this_thread::sleep_for(50ms);
      }
    });
    return {};
  }
  void leave() {
    fall_silent();
    link_.reset();
    network_.reset();
    inbox_.clear();
    lost_ = false;
  }
  /// Like a host that hangs: the connection stays.
  void fall_silent() {
    beating_ = false;
    if (beats_.joinable()) beats_.join();
  }
  void say(const Message& message) { say_bytes(encode(message)); }
  void say_bytes(const std::string& bytes) { link_->send(bytes); }
  bool lost() {
    const std::lock_guard lock(mutex_);
    return lost_;
  }
  /// How often it was told to kill what runs of a job.
  int kills(const std::string& job) {
    const std::lock_guard lock(mutex_);
    return kills_[job];
  }
  /// The next message of that kind; others before it are dropped.
  template <class T>
  std::optional<T> next() {
    std::optional<T> found;
    eventually([&] {
      const std::lock_guard lock(mutex_);
      while (!inbox_.empty() && !found) {
        if (auto* message = std::get_if<T>(&inbox_.front())) found = *message;
        inbox_.pop_front();
      }
      return found.has_value();
    });
    return found;
  }

 private:
  const std::string id_;
  std::unique_ptr<net::Network> network_;
  std::unique_ptr<net::Link> link_;
  std::thread beats_;
  std::atomic<bool> beating_{false};
  std::mutex mutex_;
  std::deque<Message> inbox_;
  bool lost_ = false;
  std::map<std::string, int> kills_;
};

class CoordinatorTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("weir-coordinator-" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<CoordinatorServer> start(const std::string& token = "") {
    CoordinatorOptions options;
    options.port = options.http_port = 0;
    options.storage = folder_.string();
    options.token = token;
    auto server = CoordinatorServer::start(options);
    EXPECT_TRUE(server.ok()) << server.error().message;
    return std::move(server).value();
  }
  static void wait_until_leads(const CoordinatorServer& server) {
    ASSERT_TRUE(eventually([&] { return server.standing().leads; }));
  }
  /// The status and the body of an answer.
  static std::pair<unsigned, json::value> call(const CoordinatorServer& server,
                                               const std::string& method, const std::string& path,
                                               const std::string& body = "",
                                               const std::string& token = "") {
    HttpRequest request;
    request.method = method;
    request.url = "http://" + server.standing().self.http + path;
    request.body = body;
    request.bearer_token = token;
    const auto answer = http_request(request, 20s);
    EXPECT_TRUE(answer.ok()) << answer.error().message;
    if (!answer.ok()) return {};
    json::error_code failed;
    json::value value = json::parse(answer->body, failed);
    return {answer->status, failed ? json::value(answer->body) : value};
  }
  static json::value ask(const CoordinatorServer& server, const std::string& path) {
    auto [status, value] = call(server, "GET", "/api/v1" + path);
    EXPECT_EQ(status, 200u) << json::serialize(value);
    return value;
  }
  static std::string state_of(const CoordinatorServer& server, const std::string& job) {
    return std::string(ask(server, "/jobs/" + job).at("state").as_string());
  }
  /// Uploads a library and submits a job of it; its id.
  static std::string submit(const CoordinatorServer& server, const std::string& name) {
    const std::string library = "what a library is made of";
    const std::string hash = content_hash(library).hex();
    const auto put = call(server, "PUT", "/api/v1/libraries/" + hash, library);
    EXPECT_TRUE(put.first == 200 || put.first == 201) << json::serialize(put.second);
    const json::object spec{{"name", name},
                            {"library", "words.so"},
                            {"library_hash", hash},
                            {"parallelism", 2},
                            {"settings", {{"input", "book.txt"}}}};
    const auto made = call(server, "POST", "/api/v1/jobs", json::serialize(spec));
    EXPECT_EQ(made.first, 201u) << json::serialize(made.second);
    return std::string(made.second.at("id").as_string());
  }
  /// Answers a `Start` as a worker whose process runs at once.
  static ProcessReport run(StubWorker& worker, const Start& order) {
    ProcessReport report{order.id, ProcessPhase::listening, {"127.0.0.1", 1234}, {}, 0, {}};
    worker.say(report);
    EXPECT_TRUE(worker.next<Peers>());
    report.phase = ProcessPhase::running;
    worker.say(report);
    return report;
  }

  fs::path folder_;
};

TEST_F(CoordinatorTest, LeadsAndSaysSo) {
  const auto server = start();
  wait_until_leads(*server);
  const json::value cluster = ask(*server, "/cluster");
  EXPECT_EQ(cluster.at("cluster").as_string(), "default");
  EXPECT_EQ(cluster.at("leader").at("http").as_string(), "http://" + server->standing().self.http);
  EXPECT_EQ(cluster.at("workers").to_number<int>(), 0);
  EXPECT_EQ(call(*server, "GET", "/health").first, 200u);
  EXPECT_EQ(call(*server, "GET", "/ready").first, 200u);
  EXPECT_EQ(call(*server, "GET", "/nothing").first, 404u);
  EXPECT_EQ(call(*server, "DELETE", "/api/v1/jobs").first, 405u);
  EXPECT_EQ(call(*server, "GET", "/api/v1/jobs/j-00000000").first, 404u);
}

TEST_F(CoordinatorTest, KeepsLibrariesByTheirContent) {
  const auto server = start();
  wait_until_leads(*server);
  const std::string hash = content_hash("right").hex();
  const std::string path = "/api/v1/libraries/" + hash;
  EXPECT_EQ(call(*server, "GET", path).first, 404u);
  const auto wrong = call(*server, "PUT", path, "wrong");
  EXPECT_EQ(wrong.first, 400u) << json::serialize(wrong.second);
  EXPECT_EQ(call(*server, "GET", path).first, 404u);
  EXPECT_EQ(call(*server, "PUT", path, "right").first, 201u);
  EXPECT_EQ(call(*server, "PUT", path, "right").first, 200u);
  EXPECT_EQ(call(*server, "GET", path).first, 200u);
  for (const char* bad : {"x", "..", "%2e%2e%2fjobs", "ABCDEF0123456789ABCDEF0123456789"}) {
    EXPECT_EQ(call(*server, "PUT", "/api/v1/libraries/" + std::string(bad), "right").first, 400u);
  }
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder_ / "libraries")) {
    names.push_back(entry.path().filename().string());
  }
  EXPECT_EQ(names, std::vector<std::string>{hash + ".so"});
}

TEST_F(CoordinatorTest, RunsAJobOnAWorkerFromSubmitToStop) {
  const auto server = start();
  wait_until_leads(*server);
  const std::string job = submit(*server, "words");
  EXPECT_EQ(state_of(*server, "words"), "waiting");  // for a worker

  StubWorker worker("one.1");
  ASSERT_TRUE(worker.join(server->standing().self.workers).ok());
  const auto welcome = worker.next<Welcome>();
  ASSERT_TRUE(welcome);
  EXPECT_EQ(welcome->epoch, server->standing().epoch);
  const auto order = worker.next<Start>();
  ASSERT_TRUE(order);
  EXPECT_EQ(order->id, (ProcessId{job, 1, 0}));
  EXPECT_EQ(order->spec.settings.at("input"), "book.txt");
  EXPECT_EQ(order->spec.state_dir, (folder_ / "jobs" / job).string());
  EXPECT_TRUE(fs::exists(order->library_path));
  ProcessReport report = run(worker, *order);
  ASSERT_TRUE(eventually([&] {
    return ask(*server, "/jobs").at("jobs").at(0).at("state") == json::value("running");
  }));

  // Its master is asked how it stands.
  std::thread master([&] {
    const auto question = worker.next<Ask>();
    if (!question) return;
    worker.say(Answer{question->request, R"({"ok":true,"records":17})", {}});
  });
  const json::value shown = ask(*server, "/jobs/words");
  master.join();
  EXPECT_EQ(shown.at("status").at("records").to_number<int>(), 17) << json::serialize(shown);
  EXPECT_EQ(shown.at("processes").at(0).at("worker").as_string(), "one.1");
  const json::value workers = ask(*server, "/workers");
  EXPECT_EQ(workers.at("workers").at(0).at("processes").at(0).at("name").as_string(), "words");

  EXPECT_EQ(call(*server, "POST", "/api/v1/jobs/words/stop").first, 202u);
  const auto stop = worker.next<Ask>();
  ASSERT_TRUE(stop);
  EXPECT_NE(stop->json.find("stop"), std::string::npos);
  report.phase = ProcessPhase::ended;
  report.outcome = JobState::stopped;
  report.checkpoint = 5;
  worker.say(report);
  ASSERT_TRUE(eventually([&] { return state_of(*server, job) == "stopped"; }));
}

TEST_F(CoordinatorTest, AJobWithTooLargeSettingsIsRefusedAndTheLeaderStays) {
  const auto server = start();
  wait_until_leads(*server);
  const std::uint64_t epoch = server->standing().epoch;
  const std::string job = submit(*server, "words");
  const json::object settings{{"text", std::string(1200 << 10, 'x')}};
  const std::string body = json::serialize(json::object{{"settings", settings}});
  const auto refused = call(*server, "POST", "/api/v1/jobs/words/update", body);
  EXPECT_EQ(refused.first, 400u) << json::serialize(refused.second);
  EXPECT_EQ(submit(*server, "others").size(), job.size()) << "and others do not wait";
  EXPECT_EQ(server->standing().epoch, epoch);
}

TEST_F(CoordinatorTest, NamesThatNoSystemTakesAreRefusedByTheirField) {
  const auto server = start();
  wait_until_leads(*server);
  const std::string job = submit(*server, "words");
  const auto refused = [&](const std::string& field, const std::string& path,
                           const std::string& body) {
    const auto [status, answer] = call(*server, "POST", "/api/v1/jobs" + path, body);
    EXPECT_EQ(status, 400u) << path << body;
    EXPECT_NE(json::serialize(answer).find("'" + field + "' "), std::string::npos)
        << json::serialize(answer);
  };
  const std::string savepoint = "/words/savepoint", update = "/words/update";
  const std::string long_name(300, 'x');
  refused("to", savepoint, R"({"to":"/tmp/a\u0000b"})");
  refused("to", savepoint, R"({"to":"/tmp/a\nb"})");
  refused("to", savepoint, R"({"to":"/tmp/)" + long_name + R"("})");
  refused("to", "/words/request", R"({"request":"savepoint","to":"/tmp/a\u001bb"})");
  refused("to", savepoint, R"({"to":7})");
  refused("request", "/words/request", R"({"request":"a\nb"})");
  refused("name", "", R"({"name":"a\nb"})");
  refused("library", "", R"({"name":"a","library":"a\u0007"})");
  refused("state_dir", "", R"({"name":"a","state_dir":"/a\u0000b"})");
  refused("from", "", R"({"name":"a","from":"/)" + long_name + R"("})");
  refused("settings (a name)", update, R"({"settings":{"a\nb":""}})");
  refused("settings.a", update, R"({"settings":{"a":"\u0000"}})");
  refused("options.memory", update, R"({"options":{"memory":"4\u0000GB"}})");
  refused("job", "/" + long_name + "/stop", "{}");
  EXPECT_EQ(call(*server, "GET", "/api/v1/jobs/%C2%9B31m").first, 400u);
  EXPECT_EQ(call(*server, "GET", "/api/v1/jobs/%FF").first, 400u);
  EXPECT_EQ(ask(*server, "/jobs").at("jobs").as_array().size(), 1u);
  EXPECT_EQ(state_of(*server, job), "waiting");
}

TEST_F(CoordinatorTest, RequestsOfAWorkerThatGoesAwayFail) {
  const auto server = start();
  wait_until_leads(*server);
  const std::string job = submit(*server, "words");
  StubWorker worker("one.1");
  ASSERT_TRUE(worker.join(server->standing().self.workers).ok());
  const auto order = worker.next<Start>();
  ASSERT_TRUE(order);
  run(worker, *order);
  ASSERT_TRUE(eventually([&] {
    return ask(*server, "/jobs").at("jobs").at(0).at("state") == json::value("running");
  }));
  std::thread leaving([&] {
    EXPECT_TRUE(worker.next<Ask>());
    worker.leave();
  });
  const auto lost = call(*server, "POST", "/api/v1/jobs/words/savepoint", R"({"to":"/tmp/x"})");
  leaving.join();
  EXPECT_EQ(lost.first, 503u) << json::serialize(lost.second);
  ASSERT_TRUE(
      eventually([&] { return ask(*server, "/workers").at("workers").as_array().empty(); }));
  EXPECT_EQ(state_of(*server, job), "waiting");
}

TEST_F(CoordinatorTest, AJobThatIsToEndWithASavepointDoesNotGoOnByItself) {
  const auto server = start();
  wait_until_leads(*server);
  const std::string job = submit(*server, "words");
  StubWorker worker("one.1");
  ASSERT_TRUE(worker.join(server->standing().self.workers).ok());
  const auto order = worker.next<Start>();
  ASSERT_TRUE(order);
  ProcessReport report = run(worker, *order);
  ASSERT_TRUE(eventually([&] {
    return ask(*server, "/jobs").at("jobs").at(0).at("state") == json::value("running");
  }));
  const std::string path = "/api/v1/jobs/words/savepoint", body = R"({"to":"/x","stop":true})";
  const auto listed = [&] { return ask(*server, "/jobs").at("jobs").at(0).at("state"); };
  const std::pair<Error, unsigned> refusals[] = {
      {{ErrorCode::invalid_argument, "The folder is not empty", false}, 400u},
      {{ErrorCode::disk_full, "The checkpoint was given up", true}, 507u},
      {{ErrorCode::io, "The checkpoint was given up", true}, 503u}};
  for (const auto& [refusal, status] : refusals) {
    std::thread refusing([&, why = refusal] {
      const auto question = worker.next<Ask>();
      if (question) worker.say(Answer{question->request, "", why});
    });
    EXPECT_EQ(call(*server, "POST", path, body).first, status);
    refusing.join();
    EXPECT_EQ(listed(), json::value("running"));
  }
  std::thread leaving([&] {
    EXPECT_TRUE(worker.next<Ask>());
    EXPECT_EQ(listed(), json::value("stopping"));
    worker.leave();
  });
  EXPECT_EQ(call(*server, "POST", path, body).first, 503u);
  leaving.join();
  EXPECT_EQ(listed(), json::value("stopping"));
}

TEST_F(CoordinatorTest, AJobWhoseRecordCannotBeReadIsShownAndLeftAloneUntilItCan) {
  auto server = start();
  wait_until_leads(*server);
  const std::string job = submit(*server, "words");
  StubWorker worker("one.1");
  ASSERT_TRUE(worker.join(server->standing().self.workers).ok());
  const auto order = worker.next<Start>();
  ASSERT_TRUE(order);
  const ProcessReport report = run(worker, *order);
  const auto states = [&] {
    std::map<std::string, std::string> found;
    const json::value answer = ask(*server, "/jobs");
    for (const json::value& each : answer.at("jobs").as_array()) {
      found[std::string(each.at("id").as_string())] = std::string(each.at("state").as_string());
    }
    return found;
  };
  ASSERT_TRUE(eventually([&] { return states()[job] == "running"; }));
  server.reset();

  const fs::path record = folder_ / "registry" / "records" / ("jobs+" + job);
  const fs::path kept = folder_ / "kept";
  fs::copy_file(record, kept);
  std::ofstream(record) << R"({"id":")" + job + R"(","spec":{"name":"words"},"state":"dreaming"})";
  server = start();
  wait_until_leads(*server);
  ASSERT_TRUE(worker.join(server->standing().self.workers, {report}).ok());
  const std::string other = submit(*server, "others");
  EXPECT_TRUE(worker.next<Start>()) << "others go on";
  EXPECT_EQ(worker.kills(job), 0);
  EXPECT_EQ(states()[job], "unreadable");
  const json::value list = ask(*server, "/jobs");
  const json::value& shown = list.at("jobs").as_array().back();
  EXPECT_EQ(shown.at("name").as_string(), "words");
  EXPECT_NE(std::string(shown.at("problem").as_string()).find("dreaming"), std::string::npos);
  EXPECT_EQ(ask(*server, "/cluster").at("jobs").at("unreadable").to_number<int>(), 1);
  EXPECT_EQ(call(*server, "GET", "/api/v1/jobs/" + job).first, 409u);
  const auto cancel = call(*server, "POST", "/api/v1/jobs/words/cancel");
  EXPECT_EQ(cancel.first, 409u) << json::serialize(cancel.second);
  const auto metrics = call(*server, "GET", "/metrics").second;
  EXPECT_NE(std::string(metrics.as_string()).find("weir_jobs_unreadable 1\n"), std::string::npos);
  server.reset();

  // Nor when the file itself cannot be read.
  fs::remove(record);
  fs::create_directory(record);
  server = start();
  wait_until_leads(*server);
  ASSERT_TRUE(eventually([&] { return states()[job] == "unreadable"; }));
  EXPECT_NE(json::serialize(ask(*server, "/jobs")).find("jobs+" + job), std::string::npos)
      << "which file";
  server.reset();

  fs::remove(record);
  fs::rename(kept, record);
  server = start();
  wait_until_leads(*server);
  EXPECT_NE(states()[job], "unreadable");
  ASSERT_TRUE(worker.join(server->standing().self.workers, {report}).ok());
  ASSERT_TRUE(worker.next<Welcome>());
  EXPECT_EQ(states()[job], "running") << "the attempt that never ended";
  EXPECT_EQ(worker.kills(job), 0);
}

TEST_F(CoordinatorTest, ASilentWorkerIsLost) {
  const auto server = start();
  wait_until_leads(*server);
  StubWorker worker("one.1");
  ASSERT_TRUE(worker.join(server->standing().self.workers).ok());
  ASSERT_TRUE(worker.next<Welcome>());
  worker.fall_silent();
  EXPECT_TRUE(eventually([&] { return worker.lost(); }));
  EXPECT_TRUE(
      eventually([&] { return ask(*server, "/workers").at("workers").as_array().empty(); }));
}

TEST_F(CoordinatorTest, AWorkerThatSaysWhatItShouldNotIsClosedAndTheOthersStay) {
  const auto server = start();
  wait_until_leads(*server);
  const std::string address = server->standing().self.workers;
  StubWorker good("good.1");
  ASSERT_TRUE(good.join(address).ok());
  ASSERT_TRUE(good.next<Welcome>());
  const std::string noise[] = {"",
                               "noise",
                               std::string(100'000, '\xff'),
                               encode(Welcome{99, 200, 3000}),
                               encode(Kill{"j-00000000", 1}),
                               encode(Register{"bad.1", "host", 1, "", {}}),
                               encode(Register{"", "", 0, "", {}})};
  for (const std::string& bytes : noise) {
    StubWorker bad("bad.1");
    ASSERT_TRUE(bad.join(address).ok());
    ASSERT_TRUE(bad.next<Welcome>());
    bad.say_bytes(bytes);
    EXPECT_TRUE(eventually([&] { return bad.lost(); }));
  }
  EXPECT_FALSE(good.lost());
  EXPECT_TRUE(
      eventually([&] { return ask(*server, "/workers").at("workers").as_array().size() == 1; }));
}

TEST_F(CoordinatorTest, AWorkerThatIsRefusedAgainAndAgainIsToldOfOnce) {
  const auto leads = start();
  wait_until_leads(*leads);
  const auto stands_by = start();
  StubWorker worker("one.1");
  testing::internal::CaptureStderr();
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(worker.join(stands_by->standing().self.workers).ok());
  }
  const std::string log = testing::internal::GetCapturedStderr();
  int lines = 0;
  for (std::size_t at = log.find("not the leader"); at != std::string::npos;
       at = log.find("not the leader", at + 1)) {
    ++lines;
  }
  EXPECT_GE(lines, 1) << log;
  EXPECT_LE(lines, 2) << "who leads may be heard of between the first two: " << log;
}

TEST_F(CoordinatorTest, WrongRequestsChangeNothing) {
  const auto server = start();
  wait_until_leads(*server);
  const std::string hash = content_hash("x").hex();
  for (const char* body :
       {"", "[]", "{", "{\"name\":1}", "{\"name\":\"a\"}", "{\"name\":\"a\",\"what\":1}",
        "{\"name\":\"a\",\"library_hash\":\"../x\"}", "{\"name\":\"a\",\"parallelism\":0}",
        "{\"name\":\"a\",\"options\":{\"state\":\"/x\"}}", "{\"id\":\"../x\",\"name\":\"a\"}",
        "{\"name\":\"a\\nb\"}", "{\"name\":\"a\",\"state_dir\":\"relative\"}"}) {
    const auto no = call(*server, "POST", "/api/v1/jobs", body);
    EXPECT_EQ(no.first, 400u) << body << json::serialize(no.second);
    EXPECT_FALSE(no.second.at("error").at("message").as_string().empty());
  }
  EXPECT_EQ(
      call(*server, "POST", "/api/v1/jobs", "{\"name\":\"a\",\"library_hash\":\"" + hash + "\"}")
          .first,
      404u);
  EXPECT_TRUE(ask(*server, "/jobs").at("jobs").as_array().empty());
}

TEST_F(CoordinatorTest, SubmittingTwiceUnderOneIdIsOneJob) {
  const auto server = start();
  wait_until_leads(*server);
  const std::string job = submit(*server, "words");
  const json::value shown = ask(*server, "/jobs/" + job);
  const json::object again{
      {"id", job}, {"name", "words"}, {"library_hash", shown.at("spec").at("library_hash")}};
  EXPECT_EQ(call(*server, "POST", "/api/v1/jobs", json::serialize(again)).first, 200u);
  const json::object other{
      {"id", job}, {"name", "other"}, {"library_hash", shown.at("spec").at("library_hash")}};
  EXPECT_EQ(call(*server, "POST", "/api/v1/jobs", json::serialize(other)).first, 409u);
  EXPECT_EQ(ask(*server, "/jobs").at("jobs").as_array().size(), 1u);
}

TEST_F(CoordinatorTest, AnotherTakesOverAndAdoptsWhatRuns) {
  auto first = start();
  wait_until_leads(*first);
  const auto second = start();
  // Who does not lead says who does.
  ASSERT_TRUE(eventually([&] { return call(*second, "GET", "/ready").first == 200; }));
  const auto elsewhere = call(*second, "GET", "/api/v1/cluster");
  EXPECT_EQ(elsewhere.first, 421u);
  EXPECT_EQ(elsewhere.second.at("leader").as_string(), "http://" + first->standing().self.http);
  EXPECT_EQ(call(*second, "GET", "/health").first, 200u);
  StubWorker worker("one.1");
  const Status refused = worker.join(second->standing().self.workers);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::incompatible);
  EXPECT_NE(
      refused.error().message.find("not the leader; that is " + first->standing().self.workers),
      std::string::npos)
      << refused.error().message;

  const std::string job = submit(*first, "words");
  ASSERT_TRUE(worker.join(first->standing().self.workers).ok());
  const auto order = worker.next<Start>();
  ASSERT_TRUE(order);
  const ProcessReport report = run(worker, *order);
  ASSERT_TRUE(eventually(
      [&] { return ask(*first, "/jobs").at("jobs").at(0).at("state") == json::value("running"); }));
  const std::uint64_t epoch = first->standing().epoch;
  first.reset();
  wait_until_leads(*second);
  EXPECT_GT(second->standing().epoch, epoch);
  ASSERT_TRUE(worker.join(second->standing().self.workers, {report}).ok());
  ASSERT_TRUE(worker.next<Welcome>());
  ASSERT_TRUE(
      eventually([&] { return ask(*second, "/cluster").at("slots_used").to_number<int>() > 0; }));
  const json::value jobs = ask(*second, "/jobs").at("jobs");
  ASSERT_EQ(jobs.as_array().size(), 1u);
  EXPECT_EQ(jobs.at(0).at("id").as_string(), job);
  EXPECT_EQ(jobs.at(0).at("attempt").to_number<int>(), 1);
  EXPECT_EQ(jobs.at(0).at("state").as_string(), "running");
}

TEST_F(CoordinatorTest, WantsItsTokenAtBothDoors) {
  const auto server = start("secret");
  wait_until_leads(*server);
  EXPECT_EQ(call(*server, "GET", "/health").first, 200u);
  EXPECT_EQ(call(*server, "GET", "/metrics").first, 401u);
  EXPECT_EQ(call(*server, "GET", "/api/v1/cluster", "", "wrong").first, 401u);
  EXPECT_EQ(call(*server, "GET", "/api/v1/cluster", "", "secret").first, 200u);
  StubWorker worker("one.1");
  EXPECT_FALSE(worker.join(server->standing().self.workers).ok());
  ASSERT_TRUE(worker.join(server->standing().self.workers, {}, "secret").ok());
  EXPECT_TRUE(worker.next<Welcome>());
}

TEST_F(CoordinatorTest, MetricsAreWhatPrometheusReads) {
  const auto server = start();
  wait_until_leads(*server);
  submit(*server, "words");
  const auto metrics = call(*server, "GET", "/metrics");
  EXPECT_EQ(metrics.first, 200u);
  const std::string text(metrics.second.as_string());
  EXPECT_NE(text.find("# TYPE weir_jobs gauge\n"), std::string::npos) << text;
  EXPECT_NE(text.find("weir_jobs{state=\"waiting\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("weir_leader 1\n"), std::string::npos) << text;
}

TEST_F(CoordinatorTest, OptionsThatCannotBeAreRefused) {
  CoordinatorOptions options;
  EXPECT_EQ(CoordinatorServer::start(options).error().code, ErrorCode::invalid_argument);
  options.storage = folder_.string();
  options.host = "0.0.0.0";
  const auto open = CoordinatorServer::start(options);
  ASSERT_FALSE(open.ok());
  EXPECT_NE(open.error().message.find("token"), std::string::npos);
  options.host = "127.0.0.1";
  options.advertise = "0.0.0.0";
  const auto nowhere = CoordinatorServer::start(options);
  ASSERT_FALSE(nowhere.ok());
  EXPECT_NE(nowhere.error().message.find("no address that others can reach"), std::string::npos);
  options.advertise.clear();
  options.cluster = "a/b";
  EXPECT_EQ(CoordinatorServer::start(options).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace weir::cluster
