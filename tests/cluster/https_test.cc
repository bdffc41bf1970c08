// HTTP over TLS, server and client against each other over real sockets: who believes whom, what
// those are told who come to the wrong kind of door, and callers that send noise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <thread>

#include "tests/cluster/raw_server.h"
#include "tests/cluster/temporary_folder.h"
#include "tests/net/certificates.h"
#include "weir/cluster/http_client.h"
#include "weir/cluster/http_server.h"
#include "weir/net/tls_session.h"

namespace weir::cluster {
namespace {

using namespace std::chrono_literals;
using net::Tls;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HttpsTest : public testing::Test {
 protected:
  void serve(std::shared_ptr<Tls> tls) {
    options_.tls = std::move(tls);
    options_.token = "secret";
    options_.upload_folder = folder_.path();
    options_.upload_path = "/files/";
    options_.max_upload_bytes = 4 << 20;
    auto server = HttpServer::start(options_, [](HttpCall call, HttpServer::Reply reply) {
      std::string text = call.method + " " + call.body;
      if (!call.upload.empty()) text += std::to_string(std::filesystem::file_size(call.upload));
      reply({200, text, "text/plain"});
    });
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(*server);
  }
  std::string url(const std::string& scheme = "https", const std::string& host = "127.0.0.1") {
    return scheme + "://" + host + ":" + std::to_string(server_->port());
  }
  Result<HttpResponse> ask(const std::string& url, std::shared_ptr<Tls> tls,
                           const std::string& body = "") {
    HttpRequest request;
    request.url = url;
    request.bearer_token = "secret";
    request.tls = std::move(tls);
    request.body = body;
    if (!body.empty()) request.method = "PUT";
    maybe_sent_ = false;
    return http_request(request, 20s, &maybe_sent_);
  }
  /// Why there is no answer, of which the server has seen nothing.
  std::string error(const std::string& url, std::shared_ptr<Tls> tls) {
    const auto answer = ask(url, std::move(tls));
    EXPECT_FALSE(maybe_sent_);
    if (answer.ok()) return "an answer";
    EXPECT_THAT(answer.error().message, StartsWith("GET " + url + " failed: "));
    return answer.error().message;
  }
  /// What comes back to who says just that and then no more.
  static std::string say(std::uint16_t port, const std::string& bytes, bool end) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    send_all(fd, bytes);
    if (end) ::shutdown(fd, SHUT_WR);
    const std::string answer = read_to_end(fd);
    ::close(fd);
    return answer;
  }

  net::Authority ca_;
  TemporaryFolder folder_;
  HttpServerOptions options_;
  std::unique_ptr<HttpServer> server_;
  bool maybe_sent_ = false;
};

TEST_F(HttpsTest, RequestsAndAnswersPassWhole) {
  serve(ca_.member());
  const auto answer = ask(url("https", "localhost"), ca_.asker());
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->body, "GET ");
  const std::string long_body(3 << 20, 'x');
  EXPECT_EQ(ask(url(), ca_.asker(), long_body)->body, "PUT " + long_body);
  EXPECT_EQ(ask(url() + "/files/x", ca_.asker(), long_body)->body,
            "PUT " + std::to_string(long_body.size()));
  const auto refused = ask(url() + "/files/x", ca_.asker(), std::string(8 << 20, 'x'));
  ASSERT_TRUE(refused.ok()) << refused.error().message;
  EXPECT_EQ(refused->status, 413u);
}

TEST_F(HttpsTest, CallersBelieveOnlyTheHostThatTheyAsked) {
  serve(ca_.member());
  EXPECT_THAT(error(url(), net::Authority().asker()), HasSubstr("must be of the CA in tls-ca"));
  EXPECT_THAT(error(url(), nullptr), HasSubstr("its certificate is not accepted"));
  serve(ca_.member({.alternatives = "DNS:elsewhere"}));
  EXPECT_THAT(error(url(), ca_.asker()), HasSubstr("IP address mismatch"));
  EXPECT_THAT(error(url("https", "localhost"), ca_.asker()), HasSubstr("hostname mismatch"));
  serve(ca_.member({.from = -2h, .until = -1h}));
  EXPECT_THAT(error(url(), ca_.asker()), HasSubstr("certificate has expired"));
}

TEST_F(HttpsTest, ACallersCertificateIsByChoiceButMustBeRight) {
  serve(ca_.member());
  EXPECT_TRUE(ask(url(), ca_.member({.name = "caller", .alternatives = "DNS:x"})).ok());
  net::Authority other;
  net::TlsFiles mixed = other.issue();
  mixed.ca = ca_.ca();
  const auto refused = ask(url(), *Tls::open(mixed));
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("does not accept the certificate shown"));
}

TEST_F(HttpsTest, TheWrongKindOfDoorIsTold) {
  serve(ca_.member());
  const auto plain = ask(url("http"), nullptr);
  ASSERT_TRUE(plain.ok()) << plain.error().message;
  EXPECT_EQ(plain->status, 400u);
  EXPECT_THAT(plain->body, HasSubstr("This API speaks TLS: ask https://"));
  serve(nullptr);
  EXPECT_THAT(error(url(), ca_.asker()), HasSubstr("it does not speak TLS"));
}

TEST_F(HttpsTest, NoiseHarmsNobody) {
  serve(ca_.member());
  const std::uint64_t seed = std::random_device()();
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 rng(seed);
  std::string hello;
  {
    net::TlsSession caller(ca_.asker()->call());
    ASSERT_TRUE(caller.shake().ok());
    hello = caller.out();
  }
  for (int i = 0; i < 200; ++i) {
    std::string bytes = hello.substr(0, rng() % (hello.size() + 1));
    for (std::size_t n = rng() % 4; n > 0 && !bytes.empty(); --n) {
      bytes[rng() % bytes.size()] = static_cast<char>(rng());
    }
    EXPECT_LT(say(server_->port(), bytes, true).size(), 10'000u);
  }
  EXPECT_TRUE(ask(url(), ca_.asker()).ok()) << "seed " << seed;
}

TEST_F(HttpsTest, WhoDoesNotBeginIsCutOff) {
  options_.tls_time = 100ms;
  serve(ca_.member());
  EXPECT_EQ(say(server_->port(), "", false), "");
  EXPECT_EQ(say(server_->port(), "\x16\x03\x01", false), "");
}

TEST_F(HttpsTest, AServerEndsWhileCallersAreConnected) {
  serve(ca_.member());
  std::thread silent([port = server_->port()] { EXPECT_EQ(say(port, "", false), ""); });
  EXPECT_TRUE(ask(url(), ca_.asker()).ok());
  server_.reset();
  silent.join();
}

}  // namespace
}  // namespace weir::cluster
