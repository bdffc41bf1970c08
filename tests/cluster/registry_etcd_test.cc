// What is particular to the registry in etcd: leases that run out, requests and answers that are
// lost or late, servers that are down. On real etcd servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "tests/cluster/etcd_server.h"
#include "tests/cluster/raw_server.h"
#include "tests/net/certificates.h"
#include "weir/base/base64.h"
#include "weir/cluster/registry.h"

namespace weir::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Records = std::map<std::string, std::string>;

std::unique_ptr<Registry> open(std::vector<std::string> endpoints,
                               std::chrono::milliseconds term = 20s,
                               std::chrono::milliseconds timeout = 20s) {
  EtcdOptions options;
  options.endpoints = std::move(endpoints);
  options.term = term;
  options.timeout = timeout;
  return open_etcd_registry(options).value();
}

std::uint64_t win(Registry& registry, const std::string& address) {
  const auto leader = registry.campaign(address);
  WEIR_CHECK(leader.ok(), leader.ok() ? "" : leader.error().message.c_str());
  WEIR_CHECK(leader->address == address, "nobody else leads");
  return leader->epoch;
}

std::uint16_t port_of(const std::string& url) {
  return static_cast<std::uint16_t>(std::stoul(url.substr(url.rfind(':') + 1)));
}

/// What etcd answers to a request for `path` with this JSON.
std::string ask_etcd(std::uint16_t port, const std::string& path, const std::string& body) {
  return forward("POST " + path +
                     " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                     "Content-Length: " +
                     std::to_string(body.size()) + "\r\n\r\n" + body,
                 port);
}

std::string leader_key() { return R"({"key":")" + encode_base64("weir/default/leader") + R"("})"; }

/// Takes the lead from whoever has it, as an operator could.
void remove_leader(std::uint16_t port) { ask_etcd(port, "/v3/kv/deleterange", leader_key()); }

/// The digits behind `name` in an answer of etcd, which writes numbers as texts.
std::string number_in(const std::string& answer, const std::string& name) {
  const std::string before = "\"" + name + "\":\"";
  const std::size_t at = answer.find(before);
  if (at == std::string::npos) return "0";
  const std::size_t begin = at + before.size();
  return answer.substr(begin, answer.find('"', begin) - begin);
}

/// How long the leader's lease lasts if it is not renewed, by etcd's clock.
std::int64_t seconds_of_leader(std::uint16_t port) {
  const std::string lease = number_in(ask_etcd(port, "/v3/kv/range", leader_key()), "lease");
  return std::stoll(
      number_in(ask_etcd(port, "/v3/lease/timetolive", R"({"ID":")" + lease + R"("})"), "TTL"));
}

/// A way to an etcd on which requests or answers can be lost or late.
class Way {
 public:
  enum class Mode { open, loses_txn_answers, holds_requests };

  explicit Way(const std::string& url) : port_(port_of(url)) {}

  void set(Mode mode) {
    const std::lock_guard lock(mutex_);
    mode_ = mode;
  }
  /// Lets what was held go on to etcd, which carries it out; the answers.
  std::vector<std::string> release() {
    std::vector<std::string> answers;
    const std::lock_guard lock(mutex_);
    for (const std::string& request : held_) answers.push_back(forward(request, port_));
    held_.clear();
    return answers;
  }
  std::string url() const { return server_.url(); }

 private:
  bool carry(int fd, const std::string& request) {
    const std::lock_guard lock(mutex_);
    if (mode_ == Mode::holds_requests) {
      held_.push_back(request);
      return false;
    }
    const std::string answer = forward(request, port_);
    const bool is_txn = request.starts_with("POST /v3/kv/txn");
    if (mode_ == Mode::open || !is_txn) send_all(fd, answer);
    return true;
  }

  const std::uint16_t port_;
  std::mutex mutex_;
  Mode mode_ = Mode::open;
  std::vector<std::string> held_;
  RawServer server_{[this](int fd, const std::string& request) { return carry(fd, request); }};
};

class EtcdRegistryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WEIR_NEEDS_ETCD();
    etcd_ = std::make_unique<EtcdCluster>(1);
    url_ = etcd_->urls()[0];
  }
  std::unique_ptr<EtcdCluster> etcd_;
  std::string url_;
};

TEST_F(EtcdRegistryTest, ALeaderThatPausesForTooLongIsFenced) {
  const auto paused = open({url_}, 1s), other = open({url_}, 1s);
  const std::uint64_t old = win(*paused, "paused");
  ASSERT_TRUE(paused->put(old, "k", "old").ok());
  // It does not renew, as a process that is stopped.
  ASSERT_TRUE(eventually([&] { return other->campaign("other").value().address == "other"; }));
  const std::uint64_t epoch = other->leader().value()->epoch;
  EXPECT_GT(epoch, old);
  // Nobody has told it yet.
  EXPECT_EQ(paused->put(old, "k", "late").error().code, ErrorCode::not_found);
  EXPECT_EQ(paused->put(old, "new", "late").error().code, ErrorCode::not_found);
  EXPECT_EQ(paused->erase(old, "k").error().code, ErrorCode::not_found);
  EXPECT_EQ(paused->renew(old).error().code, ErrorCode::not_found);
  EXPECT_EQ(other->list("").value(), (Records{{"k", "old"}}));
}

TEST_F(EtcdRegistryTest, AnEndedLeaseIsNoticedByRenewing) {
  const auto registry = open({url_}, 1s), other = open({url_}, 1s);
  const std::uint64_t epoch = win(*registry, "x");
  ASSERT_TRUE(eventually([&] { return !other->leader().value().has_value(); }));
  EXPECT_EQ(registry->renew(epoch).error().code, ErrorCode::not_found);
  EXPECT_GT(win(*registry, "x"), epoch);
}

TEST_F(EtcdRegistryTest, AWriteIsRefusedWhenNobodyLeads) {
  const auto registry = open({url_}, 1s), other = open({url_}, 1s);
  const std::uint64_t epoch = win(*registry, "x");
  ASSERT_TRUE(eventually([&] { return !other->leader().value().has_value(); }));
  EXPECT_EQ(registry->put(epoch, "k", "v").error().code, ErrorCode::not_found);
  EXPECT_EQ(other->list("").value(), Records());
}

// By etcd's own clock, which knows how long a lease lasts, and not by how fast this machine is.
TEST_F(EtcdRegistryTest, RenewingBeginsTheTermAnew) {
  const auto registry = open({url_}, 600s), other = open({url_}, 600s);
  const std::uint64_t epoch = win(*registry, "x");
  const std::uint16_t port = port_of(url_);
  EXPECT_TRUE(eventually([&] {
    const std::int64_t before = seconds_of_leader(port);
    if (before > 598) return false;
    EXPECT_TRUE(registry->renew(epoch).ok());
    return seconds_of_leader(port) > before;
  }));
  EXPECT_EQ(other->campaign("other").value().epoch, epoch);
  EXPECT_TRUE(registry->put(epoch, "k", "v").ok());
}

TEST_F(EtcdRegistryTest, ClustersWithOtherPrefixesAreApart) {
  EtcdOptions options;
  options.endpoints = {url_ + "/"};
  options.timeout = 20s;
  options.prefix = "one";
  const auto one = open_etcd_registry(options).value();
  options.prefix = "one-more";
  const auto more = open_etcd_registry(options).value();
  const std::uint64_t a = win(*one, "a"), b = win(*more, "b");
  EXPECT_TRUE(one->put(a, "k", "of one").ok());
  EXPECT_TRUE(more->put(b, "k", "of more").ok());
  EXPECT_EQ(one->list("").value(), (Records{{"k", "of one"}}));
  EXPECT_EQ(more->list("").value(), (Records{{"k", "of more"}}));
}

// ---- what is lost or late on the way

TEST_F(EtcdRegistryTest, ACampaignWithoutAnswerIsRecognisedAsWon) {
  Way way(url_);
  way.set(Way::Mode::loses_txn_answers);
  // The transaction is carried out, and sent again on the second way.
  const auto registry = open({way.url(), url_});
  const std::uint64_t epoch = win(*registry, "x");
  EXPECT_TRUE(registry->put(epoch, "k", "v").ok());
  EXPECT_TRUE(registry->renew(epoch).ok());
  EXPECT_EQ(open({url_})->campaign("other").value().epoch, epoch);
  EXPECT_EQ(registry->list("").value(), (Records{{"k", "v"}}));
}

TEST_F(EtcdRegistryTest, ACampaignThatFailedWithoutAnswerIsWonByTheNext) {
  Way way(url_);
  way.set(Way::Mode::loses_txn_answers);
  const auto registry = open({way.url()}, 20s, 1s);
  const auto lost = registry->campaign("x");
  ASSERT_FALSE(lost.ok());
  EXPECT_TRUE(lost.error().retryable);
  const auto leader = open({url_})->leader().value();
  ASSERT_TRUE(leader.has_value()) << "the transaction was carried out";
  way.set(Way::Mode::open);
  EXPECT_EQ(win(*registry, "x"), leader->epoch);
  EXPECT_TRUE(registry->put(leader->epoch, "k", "v").ok());
}

TEST_F(EtcdRegistryTest, AWriteThatComesLateUndoesNothing) {
  Way way(url_);
  const auto registry = open({way.url(), url_}, 20s, 2s);
  const std::uint64_t epoch = win(*registry, "x");
  way.set(Way::Mode::holds_requests);
  ASSERT_TRUE(registry->put(epoch, "changed", "1").ok());  // the first attempt is on its way still
  ASSERT_TRUE(registry->put(epoch, "changed", "2").ok());
  const auto late = way.release();
  ASSERT_FALSE(late.empty());
  for (const std::string& answer : late) EXPECT_THAT(answer, HasSubstr(" 200 OK"));
  EXPECT_EQ(registry->list("").value(), (Records{{"changed", "2"}}));
}

TEST_F(EtcdRegistryTest, AWriteThatFailedAndComesLateDoesNotBringBackAnErasedKey) {
  Way way(url_);
  const auto slow = open({way.url()}, 20s, 1s);
  const std::uint64_t epoch = win(*slow, "x");
  way.set(Way::Mode::holds_requests);
  EXPECT_EQ(slow->put(epoch, "k", "1").error().code, ErrorCode::io);
  way.set(Way::Mode::open);
  EXPECT_TRUE(slow->put(epoch, "k", "2").ok());
  EXPECT_TRUE(slow->erase(epoch, "k").ok());
  ASSERT_FALSE(way.release().empty());
  EXPECT_EQ(slow->list("").value(), Records());

  // Carried out late, but before the next write: then that one goes on from there.
  way.set(Way::Mode::holds_requests);
  EXPECT_EQ(slow->put(epoch, "k", "3").error().code, ErrorCode::io);
  ASSERT_FALSE(way.release().empty());
  EXPECT_EQ(open({url_})->list("").value(), (Records{{"k", "3"}}));
  way.set(Way::Mode::open);
  EXPECT_TRUE(slow->put(epoch, "k", "4").ok());
  EXPECT_EQ(slow->list("").value(), (Records{{"k", "4"}}));
}

TEST_F(EtcdRegistryTest, AWriteWithoutAnswerIsCarriedOutOnce) {
  Way way(url_);
  const auto registry = open({way.url(), url_});
  const std::uint64_t epoch = win(*registry, "x");
  way.set(Way::Mode::loses_txn_answers);
  const Status done = registry->put(epoch, "k", "v");
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(registry->list("").value(), (Records{{"k", "v"}}));
  HttpRequest look;
  look.method = "POST";
  look.url = url_ + "/v3/kv/range";
  look.body = R"({"key":")" + encode_base64("weir/default/records/k") + R"("})";
  EXPECT_THAT(http_request(look, 20s)->body, HasSubstr(R"("version":"1")"));
}

TEST_F(EtcdRegistryTest, AWriteWithoutAnswerBeforeTheLeadWasLostIsNotCalledUnwritten) {
  // The write is carried out and its answer lost; then the leader key goes, and only then comes the
  // second attempt.
  const auto port = port_of(url_);
  std::atomic<bool> lossy{false};
  RawServer way([&](int fd, const std::string& request) {
    const std::string answer = forward(request, port);
    if (!lossy) {
      send_all(fd, answer);
      return true;
    }
    remove_leader(port);
    return true;
  });
  const auto registry = open({way.url(), url_});
  const std::uint64_t epoch = win(*registry, "x");
  lossy = true;
  const Status unknown = registry->put(epoch, "k", "v");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, ErrorCode::io) << unknown.error().message;
  EXPECT_EQ(open({url_})->list("").value(), (Records{{"k", "v"}}));
  EXPECT_EQ(registry->put(epoch, "k", "w").error().code, ErrorCode::not_found);
}

// ---- servers that are down

TEST_F(EtcdRegistryTest, AnEtcdThatIsDownIsAnErrorUntilItIsBack) {
  const auto registry = open({url_}, 20s, 500ms);
  std::uint64_t epoch = 0;
  ASSERT_TRUE(eventually([&] {
    const auto leader = registry->campaign("x");
    if (leader.ok()) epoch = leader->epoch;
    return leader.ok();
  }));
  ASSERT_TRUE(eventually([&] { return registry->put(epoch, "k", "v").ok(); }));

  etcd_->member(0).kill();
  for (const Status& failed :
       {registry->put(epoch, "k", "w"), registry->renew(epoch),
        Status(registry->campaign("x").error()), Status(registry->leader().error()),
        Status(registry->list("").error())}) {
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.error().code, ErrorCode::io);
    EXPECT_TRUE(failed.error().retryable);
    EXPECT_THAT(failed.error().message, HasSubstr(url_));
    EXPECT_THAT(failed.error().message, HasSubstr("refused"));
  }

  etcd_->member(0).start();
  ASSERT_TRUE(etcd_->member(0).wait_until_ready());
  EXPECT_TRUE(eventually([&] { return registry->renew(epoch).ok(); }));
  EXPECT_TRUE(eventually([&] { return registry->put(epoch, "k", "x").ok(); }));
  EXPECT_EQ(open({url_})->list("").value(), (Records{{"k", "x"}}));
}

TEST_F(EtcdRegistryTest, AnEndpointThatDoesNotAnswerIsPassedOver) {
  RawServer silent([](int, const std::string&) { return false; });
  const std::string nobody = EtcdServer::local(free_port());
  const auto registry = open({nobody, silent.url(), url_}, 20s, 6s);
  const std::uint64_t epoch = win(*registry, "x");
  EXPECT_TRUE(registry->put(epoch, "k", "v").ok());
}

TEST_F(EtcdRegistryTest, AnEndpointThatIsGoneLeavesNoDoubtWhetherItWrote) {
  auto way = std::make_unique<Way>(url_);
  const auto registry = open({way->url(), url_});
  const std::uint64_t epoch = win(*registry, "x");
  way.reset();  // it sees nothing of the write
  remove_leader(port_of(url_));
  EXPECT_EQ(registry->put(epoch, "k", "v").error().code, ErrorCode::not_found);
}

TEST(EtcdRegistry, RefusesOptionsThatCannotBe) {
  const auto code = [](EtcdOptions options) {
    return open_etcd_registry(std::move(options)).error().code;
  };
  EXPECT_EQ(code({}), ErrorCode::invalid_argument);
  EtcdOptions options;
  options.endpoints = {"127.0.0.1:1"};
  EXPECT_EQ(code(options), ErrorCode::invalid_argument);
  options.endpoints = {"http://127.0.0.1:1"};
  options.term = 500ms;
  EXPECT_EQ(code(options), ErrorCode::invalid_argument);
  options.term = 2s;
  options.prefix = "with space";
  EXPECT_EQ(code(options), ErrorCode::invalid_argument);
}

TEST(EtcdRegistry, SpeaksTlsAndShowsItsCertificate) {
  WEIR_NEEDS_ETCD();
  net::Authority ca;
  const net::TlsFiles files = ca.issue({.name = "etcd"});
  const auto member = ca.member({.name = "coordinator", .alternatives = "DNS:c1"});
  const TemporaryFolder folder;
  EtcdServer etcd("m0", folder.path(), free_port(), free_port());
  etcd.secure(files, member);
  etcd.start();
  ASSERT_TRUE(etcd.wait_until_ready());
  const auto open_with = [&etcd](std::shared_ptr<net::Tls> tls, std::chrono::milliseconds timeout) {
    EtcdOptions options;
    options.endpoints = {etcd.url()};
    options.tls = std::move(tls);
    options.term = 20s;
    options.timeout = timeout;
    return open_etcd_registry(options).value();
  };
  const auto registry = open_with(member, 20s);
  const std::uint64_t epoch = win(*registry, "c1");
  ASSERT_TRUE(registry->put(epoch, "k", "v").ok());
  EXPECT_EQ(registry->list("")->at("k"), "v");
  EXPECT_THAT(open_with(ca.asker(), 500ms)->leader().error().message,
              HasSubstr("does not accept the certificate shown"));
  EXPECT_THAT(open_with(net::Authority("another CA").member(), 500ms)->leader().error().message,
              HasSubstr("must be of the CA"));
}

TEST(EtcdRegistry, WhatIsNotEtcdIsSaidSo) {
  RawServer other([](int fd, const std::string&) {
    send_all(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found");
    return true;
  });
  const auto registry = open({other.url()}, 2s, 500ms);
  const auto leader = registry->leader();
  ASSERT_FALSE(leader.ok());
  EXPECT_THAT(leader.error().message, HasSubstr(other.url()));
  EXPECT_THAT(leader.error().message, HasSubstr("404"));
}

TEST(EtcdRegistryOfThree, GoesOnWhenTheLeadingMemberIsKilled) {
  WEIR_NEEDS_ETCD();
  EtcdCluster etcd(3);
  const auto a = open(etcd.urls(), 5s, 3s), b = open(etcd.urls(), 5s, 3s);
  std::uint64_t old = 0;
  ASSERT_TRUE(eventually([&] {
    const auto leader = a->campaign("a");
    if (leader.ok()) old = leader->epoch;
    return leader.ok();
  }));
  ASSERT_TRUE(eventually([&] { return a->put(old, "before", "1").ok(); }));

  etcd.leader().kill();
  // The lead may be kept or lost, by the machine's speed; in the end somebody leads and writes.
  std::uint64_t epoch = 0;
  ASSERT_TRUE(eventually([&] {
    const auto leader = a->campaign("a");
    if (!leader.ok() || leader->address != "a") return false;
    epoch = leader->epoch;
    return a->put(epoch, "after", "2").ok();
  }));
  EXPECT_GE(epoch, old);
  Records seen;
  ASSERT_TRUE(eventually([&] {
    auto listed = b->list("");
    if (listed.ok()) seen = *std::move(listed);
    return listed.ok();
  }));
  EXPECT_EQ(seen, (Records{{"before", "1"}, {"after", "2"}}));

  // And it changes hands, with one member of three down.
  a->resign(epoch);
  std::uint64_t next = 0;
  ASSERT_TRUE(eventually([&] {
    const auto leader = b->campaign("b");
    if (leader.ok() && leader->address == "b") next = leader->epoch;
    return next != 0;
  }));
  EXPECT_GT(next, epoch);
  EXPECT_EQ(a->put(epoch, "after", "late").error().code, ErrorCode::not_found);
  EXPECT_TRUE(eventually([&] { return b->put(next, "after", "3").ok(); }));
}

}  // namespace
}  // namespace weir::cluster
