// A worker and those that speak to it: leaders one after the other, none at all, and strangers at
// the door of its processes.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/cluster/worker_fixture.h"
#include "weir/build_id.h"
#include "weir/net/hello.h"

namespace weir::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using WorkerLeaderTest = WorkerTest;

// ---- leaders ------------------------------------------------------------------------------------

TEST_F(WorkerLeaderTest, SaysWhoItIs) {
  auto worker = ClusterWorker::create(options());
  ASSERT_TRUE(worker.ok()) << worker.error().message;
  std::thread thread([&] { (*worker)->run(); });
  const auto registered = coordinator_->next<Register>();
  (*worker)->stop();
  thread.join();
  ASSERT_TRUE(registered);
  EXPECT_EQ(registered->worker, (*worker)->id());
  EXPECT_THAT(registered->worker, StartsWith("host-1."));
  EXPECT_EQ(registered->host, "127.0.0.1");
  EXPECT_EQ(registered->slots, 3u);
  EXPECT_EQ(registered->build_id, WEIR_BUILD_ID);
  EXPECT_TRUE(registered->processes.empty());
}

TEST_F(WorkerLeaderTest, GoesOnUnderTheNextLeaderAndTellsItWhatRuns) {
  auto next = std::make_unique<FakeCoordinator>(Welcome{8, 50, kLong});
  WorkerOptions given = options();
  given.coordinators.push_back(next->address());
  start_worker(std::move(given));
  start_process("listening h 1\nrunning\nserve");
  ASSERT_TRUE(coordinator_->report(kId, ProcessPhase::running));
  const std::string pid = ask().at("pid");
  const ProcessId crashed{"j-2", 1, 0}, dropped{"j-3", 1, 0};
  failure_of("exit 3", crashed);
  failure_of("exit 4", dropped);
  coordinator_->send(Kill{"j-3", 1});
  ask();  // the order has arrived

  coordinator_ = std::move(next);  // the first one is gone
  const auto registered = coordinator_->next<Register>();
  ASSERT_TRUE(registered);
  ASSERT_EQ(registered->processes.size(), 2u);
  EXPECT_EQ(registered->processes[0].id, kId);
  EXPECT_EQ(registered->processes[0].phase, ProcessPhase::running);
  EXPECT_EQ(registered->processes[0].address, (Address{"h", 1}));
  EXPECT_EQ(registered->processes[1].id, crashed);
  EXPECT_EQ(registered->processes[1].phase, ProcessPhase::ended);
  EXPECT_EQ(ask().at("pid"), pid);
}

TEST_F(WorkerLeaderTest, AnOldLeaderIsNotObeyed) {
  auto old = std::make_unique<FakeCoordinator>(Welcome{6, 50, kLong});
  WorkerOptions given = options();
  given.coordinators.push_back(old->address());
  start_worker(std::move(given));
  start_process("running\nserve");  // of epoch 7
  ASSERT_TRUE(coordinator_->report(kId, ProcessPhase::running));
  const auto pid = ask().at("pid");

  coordinator_ = std::move(old);
  ASSERT_TRUE(coordinator_->next<Register>());
  coordinator_->send(Kill{"j-1", 4});           // as the leader of epoch 6
  ASSERT_TRUE(coordinator_->next<Register>());  // it has hung up and tries again
  coordinator_->send(Kill{"j-1", 4});
  coordinator_->set_welcome(kPatient);
  // The connection on which it is welcome by the same epoch again.
  ASSERT_TRUE(coordinator_->next<Register>());
  ASSERT_TRUE(coordinator_->next<Heartbeat>());
  EXPECT_EQ(ask().at("pid"), pid);
}

TEST_F(WorkerLeaderTest, OneThatDoesNotLeadIsPassedOver) {
  const FakeCoordinator follower(kPatient, 0, "another one leads");
  WorkerOptions given = options();
  given.coordinators.insert(given.coordinators.begin(), follower.address());
  start_worker(std::move(given));
  EXPECT_GE(follower.refused(), 1);
}

TEST_F(WorkerLeaderTest, BeatsAndGivesUpALeaderThatIsSilent) {
  coordinator_->set_welcome({7, 20, 400});
  start_worker();
  ASSERT_TRUE(coordinator_->next<Heartbeat>());
  ASSERT_TRUE(coordinator_->next<Heartbeat>());
  EXPECT_TRUE(coordinator_->next<Register>());
}

// The address of a host that is gone would cost a second, of those in which a new leader waits.
TEST_F(WorkerLeaderTest, AfterASilenceItBeginsWithTheNextCoordinator) {
  coordinator_->set_welcome({7, 20, 200});  // and not a word more
  FakeCoordinator next(Welcome{8, 20, kLong});
  WorkerOptions given = options();
  given.coordinators.push_back(next.address());
  start_worker(std::move(given));
  EXPECT_TRUE(next.next<Register>());
  EXPECT_EQ(coordinator_->registered(), 1);
}

TEST_F(WorkerLeaderTest, CutOffFromAllLeadersItEndsItsProcesses) {
  WorkerOptions given = options();
  given.isolation = 2s;
  coordinator_->set_welcome({7, 50, kLong});
  start_worker(std::move(given));
  start_process("running\nserve");
  std::string pid;
  {
    // While a leader speaks nothing ends.
    const auto until = std::chrono::steady_clock::now() + 3s;
    while (std::chrono::steady_clock::now() < until) {
      coordinator_->send(Heartbeat{});
      std::this_thread::sleep_for(50ms);
    }
    coordinator_->send(Heartbeat{});
    pid = ask().at("pid");
  }
  EXPECT_FALSE(is_dead(pid));
  const std::uint16_t port = coordinator_->port();
  coordinator_.reset();
  EXPECT_TRUE(eventually([&] { return is_dead(pid); }));
  coordinator_ = std::make_unique<FakeCoordinator>(Welcome{8, 50, kLong}, port);
  const auto registered = coordinator_->next<Register>();
  ASSERT_TRUE(registered);
  ASSERT_EQ(registered->processes.size(), 1u);
  // A worker that has not yet seen the end of what it killed says so a moment later.
  std::optional<Error> why = registered->processes[0].failure;
  if (!why) {
    const auto ended = coordinator_->next<ProcessReport>(
        [](const ProcessReport& report) { return report.failure.has_value(); });
    ASSERT_TRUE(ended);
    why = ended->failure;
  }
  EXPECT_THAT(why->message, HasSubstr("reached no leader"));
}

// ---- the door -----------------------------------------------------------------------------------

TEST_F(WorkerLeaderTest, StrangersAtTheDoorAreRefused) {
  const std::string gate = folder_ / "gate";
  ::setenv("FAKE_PROCESS_GATE", gate.c_str(), 1);
  start_worker();
  start_process("running\nserve");
  std::string log;
  ASSERT_TRUE(eventually([&] { return (log = log_of(kId)).starts_with("door 127.0.0.1:"); }))
      << log;
  const auto port = static_cast<std::uint16_t>(std::stoi(log.substr(log.find(':') + 1)));

  net::Network network;
  const auto call = [&](const ProcessId& id, const std::string& token) {
    const auto link =
        network.connect("127.0.0.1", port, {}, {"", id.job, id.attempt, id.process, token}, 10s);
    return link.ok() ? "let in" : link.error().message;
  };
  EXPECT_THAT(call(kId, ""), HasSubstr("is not process j-1/4/0"));
  EXPECT_THAT(call(kId, "secret"), HasSubstr("is not process j-1/4/0"));
  EXPECT_THAT(call({"j-1", 3, 0}, "secret"), HasSubstr("no process 'j-1/3/0' is awaited"));
  EXPECT_THAT(call({"", 0, 0}, "secret"), HasSubstr("is awaited"));

  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string noise(10'000, '\x7f');
  EXPECT_GT(::send(fd, noise.data(), noise.size(), MSG_NOSIGNAL), 0);
  char answer[16];
  EXPECT_LE(::recv(fd, answer, sizeof answer, 0), 0);
  ::close(fd);

  std::ofstream(gate) << "open";
  ASSERT_TRUE(coordinator_->report(kId, ProcessPhase::running));
  EXPECT_EQ(ask().at("id"), "j-1/4/0");
  EXPECT_THAT(call(kId, ""), HasSubstr("is awaited"));  // it has come already
}

// ---- options ------------------------------------------------------------------------------------

TEST_F(WorkerLeaderTest, RefusesOptionsThatCannotBe) {
  const auto refusal = [](const WorkerOptions& options) {
    const auto worker = ClusterWorker::create(options);
    return worker.ok() ? "none" : worker.error().message;
  };
  WorkerOptions open = options();
  open.token.clear();
  EXPECT_EQ(refusal(open), "none");
  open.coordinators.push_back({"10.0.0.1", 7000});
  EXPECT_THAT(refusal(open), HasSubstr("token"));
  open.coordinators.pop_back();
  open.host = "0.0.0.0";
  EXPECT_THAT(refusal(open), HasSubstr("token"));
  WorkerOptions named = options();
  named.name = "../host";
  EXPECT_THAT(refusal(named), HasSubstr("no name for a worker"));
  WorkerOptions alone = options();
  alone.coordinators.clear();
  EXPECT_THAT(refusal(alone), HasSubstr("coordinator"));
  const auto first = ClusterWorker::create(options());
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(refusal(options()), HasSubstr("Another worker uses"));
}

}  // namespace
}  // namespace weir::cluster
