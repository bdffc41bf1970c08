// The HTTP client over real sockets: what is sent, what is read, and servers that misbehave.
#include "weir/cluster/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "tests/cluster/raw_server.h"

namespace weir::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// Answers every request with the same bytes and keeps the last request.
class Answering {
 public:
  explicit Answering(std::string answer) : answer_(std::move(answer)) {}
  std::string url(const std::string& target = "/") const { return server_.url() + target; }
  std::string asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  const std::string answer_;
  std::mutex mutex_;
  std::string asked_;
  RawServer server_{[this](int fd, const std::string& request) {
    {
      const std::lock_guard lock(mutex_);
      asked_ = request;
    }
    send_all(fd, answer_);
    return true;
  }};
};

HttpRequest get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  return request;
}

TEST(HttpClient, SendsWhatItIsGiven) {
  Answering server(
      "HTTP/1.1 201 Created\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\nhello");
  HttpRequest request = get(server.url("/api/v1/jobs?all=1#part"));
  request.method = "PATCH";
  request.body = std::string("{\0}", 3);
  request.bearer_token = "a.token";
  const auto answer = http_request(request, 20s);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->status, 201u);
  EXPECT_EQ(answer->content_type, "text/x");
  EXPECT_EQ(answer->body, "hello");
  EXPECT_THAT(server.asked(), StartsWith("PATCH /api/v1/jobs?all=1 HTTP/1.1\r\n"));
  EXPECT_THAT(server.asked(), HasSubstr("Host: " + server.url("").substr(7) + "\r\n"));
  EXPECT_THAT(server.asked(), HasSubstr("Authorization: Bearer a.token\r\n"));
  EXPECT_THAT(server.asked(), HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(server.asked(), EndsWith(std::string("\r\n\r\n{\0}", 7)));
}

TEST(HttpClient, ReadsEveryKindOfBody) {
  Answering chunked(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n "
      "again\r\n0\r\n\r\n");
  EXPECT_EQ(http_request(get(chunked.url("")), 20s)->body, "hello again");
  EXPECT_THAT(chunked.asked(), StartsWith("GET / HTTP/1.1\r\n"));
  EXPECT_THAT(chunked.asked(), Not(HasSubstr("Authorization")));
  Answering to_the_end("HTTP/1.1 404 Not Found\r\n\r\nto the end");
  EXPECT_EQ(http_request(get(to_the_end.url()), 20s)->body, "to the end");
  EXPECT_EQ(http_request(get(to_the_end.url()), 20s)->status, 404u);
  Answering head("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
  HttpRequest request = get(head.url());
  request.method = "HEAD";
  EXPECT_EQ(http_request(request, 20s)->status, 200u);
  Answering nothing("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(http_request(get(nothing.url()), 20s)->status, 204u);
}

TEST(HttpClient, FindsAHostByName) {
  Answering server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  const std::string url = server.url();
  const auto answer = http_request(get("http://localhost" + url.substr(url.rfind(':'))), 20s);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->body, "ok");
  const auto none = http_request(get("http://no-such-host.invalid/"), 20s);
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.error().message, HasSubstr("no-such-host.invalid"));
}

TEST(HttpClient, AnswersThatAreBrokenOffOrNoHttpAreErrors) {
  for (const char* const bytes :
       {"", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 200 OK\r\n"}) {
    Answering server(bytes);
    bool maybe_sent = false;
    const auto answer = http_request(get(server.url()), 20s, &maybe_sent);
    ASSERT_FALSE(answer.ok()) << bytes;
    EXPECT_EQ(answer.error().code, ErrorCode::io);
    EXPECT_THAT(answer.error().message, HasSubstr(server.url()));
    EXPECT_TRUE(maybe_sent);
  }
}

TEST(HttpClient, AnAnswerOverTheLimitIsRefused) {
  Answering told("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789a");
  Answering untold("HTTP/1.1 200 OK\r\n\r\n0123456789a");
  for (Answering* const server : {&told, &untold}) {
    HttpRequest request = get(server->url());
    request.body_limit = 11;
    EXPECT_TRUE(http_request(request, 20s).ok());
    request.body_limit = 10;
    const auto answer = http_request(request, 20s);
    ASSERT_FALSE(answer.ok());
    EXPECT_THAT(answer.error().message, HasSubstr("longer than 10 bytes"));
    EXPECT_FALSE(answer.error().retryable);
  }
}

TEST(HttpClient, ASilentServerIsLeftAfterTheTimeOut) {
  RawServer silent([](int, const std::string&) { return false; });
  RawServer half([](int fd, const std::string&) {
    send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    return false;
  });
  for (RawServer* const server : {&silent, &half}) {
    bool maybe_sent = false;
    const auto answer = http_request(get(server->url()), 200ms, &maybe_sent);
    ASSERT_FALSE(answer.ok());
    EXPECT_THAT(answer.error().message, HasSubstr("no answer within 200 ms"));
    EXPECT_TRUE(answer.error().retryable);
    EXPECT_TRUE(maybe_sent);
  }
}

TEST(HttpClient, NobodyThereIsAnErrorOfWhichNothingWasSent) {
  bool maybe_sent = false;
  const std::string url = "http://127.0.0.1:" + std::to_string(free_port()) + "/";
  const auto answer = http_request(get(url), 20s, &maybe_sent);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::io);
  EXPECT_TRUE(answer.error().retryable);
  EXPECT_THAT(answer.error().message, HasSubstr(url));
  EXPECT_FALSE(maybe_sent);
}

TEST(HttpClient, ARefusalBeforeTheEndOfALongBodyIsRead) {
  const auto [listener, port] = listen_anywhere();
  std::thread server([listener = listener] {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    send_all(fd, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
    ::shutdown(fd, SHUT_WR);
    read_to_end(fd);
    ::close(fd);
  });
  HttpRequest request = get("http://127.0.0.1:" + std::to_string(port));
  request.method = "POST";
  request.body.assign(std::size_t{16} << 20, 'x');
  const auto answer = http_request(request, 20s);
  server.join();
  ::close(listener);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->status, 401u);
}

TEST(HttpClient, RequestsThatCannotBeAreRefused) {
  const auto code = [](const HttpRequest& request) {
    return http_request(request, 20s).error().code;
  };
  for (const char* const url :
       {"", "localhost:80", "ftp://localhost/", "https://", "http://", "http:///x", "http://:80/",
        "http://h:0/", "http://h:65536/", "http://h:/", "http://h:1x/", "http://[::1/",
        "http://u@h/", "http://h/a b", "http://h/\r\nX: y", "http://h/\xc3\xa4"}) {
    EXPECT_EQ(code(get(url)), ErrorCode::invalid_argument) << url;
  }
  HttpRequest request = get("http://127.0.0.1:1/");
  request.bearer_token = "a\r\nX: y";
  EXPECT_EQ(code(request), ErrorCode::invalid_argument);
  request.bearer_token.clear();
  request.method = "GET /x";
  EXPECT_EQ(code(request), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace weir::cluster
