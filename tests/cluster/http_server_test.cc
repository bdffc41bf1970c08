// The HTTP server over real sockets: what it answers. http_hostile_test.cc has callers that mean
// harm.
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <future>
#include <new>
#include <vector>

#include "tests/cluster/http_fixture.h"
#include "weir/cluster/http_target.h"

namespace weir::cluster {
namespace {

TEST_F(HttpServerTest, AnswersRequestAfterRequestOnOneConnection) {
  Caller caller(serve());
  caller.send(get("/a/b%20c?x=1&y=%2F+z") + get("/second"));  // both at once
  const std::string first = caller.answer();
  EXPECT_TRUE(first.starts_with("HTTP/1.1 200 OK\r\n")) << first;
  EXPECT_TRUE(has(first, "GET [a] [b c] x=1 y=/ z")) << first;
  EXPECT_TRUE(has(caller.answer(), "GET [second]"));
  caller.send(put("/other", "some words"));
  EXPECT_TRUE(has(caller.answer(), "PUT [other] body some words"));
}

TEST_F(HttpServerTest, ClosesWhenAskedTo) {
  Caller caller(serve());
  caller.send(get("/x", "Connection: close\r\n"));
  EXPECT_TRUE(has(caller.answer(), "Connection: close"));
  EXPECT_TRUE(caller.closed());
}

TEST_F(HttpServerTest, HeadHasNoBodyAndOptionsSayWhatIsAllowed) {
  Caller caller(serve());
  caller.send("HEAD /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string head = caller.answer(true);
  EXPECT_TRUE(has(head, "Content-Length: 7")) << head;  // of "GET [x]"
  caller.send("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string options = caller.answer();
  EXPECT_TRUE(options.starts_with("HTTP/1.1 204")) << options;
  EXPECT_TRUE(has(options, "Allow: GET, HEAD")) << options;
  caller.send(get("/still"));
  EXPECT_TRUE(has(caller.answer(), "GET [still]"));
}

TEST_F(HttpServerTest, KeepsUploadsAsFilesUntilTheAnswer) {
  Caller caller(serve());
  caller.send(put("/files/x", std::string(300'000, 'u'), "Expect: 100-continue\r\n"));
  EXPECT_TRUE(caller.answer().starts_with("HTTP/1.1 100 Continue"));
  EXPECT_TRUE(has(caller.answer(), "upload of 300000"));
  caller.send(get("/wait"));
  caller.answer();
  EXPECT_EQ(files(), 0u);
}

TEST_F(HttpServerTest, WantsTheTokenButNotOfProbes) {
  options_.token = "secret";
  options_.open_paths = {"/health"};
  const auto port = serve();
  Caller caller(port);
  caller.send(get("/health?verbose=1"));
  EXPECT_TRUE(caller.answer().starts_with("HTTP/1.1 200"));
  caller.send(get("/x", "Authorization: Bearer secret\r\n"));
  EXPECT_TRUE(caller.answer().starts_with("HTTP/1.1 200"));
  for (const char* wrong : {"", "Authorization: Bearer secre\r\n", "Authorization: Bearer\r\n",
                            "Authorization: Basic secret\r\n", "Authorization: secret\r\n",
                            "Authorization: Bearer secret2\r\n"}) {
    Caller stranger(port);
    stranger.send(get("/x", wrong));
    const std::string no = stranger.answer();
    EXPECT_TRUE(no.starts_with("HTTP/1.1 401")) << wrong << no;
    EXPECT_TRUE(has(no, "WWW-Authenticate: Bearer")) << no;
    EXPECT_TRUE(stranger.closed());
  }
}

TEST_F(HttpServerTest, WithoutATokenServesOnlyThisHost) {
  options_.host = "0.0.0.0";
  const auto refused = HttpServer::start(options_, nullptr);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  options_.host = "127.0.0.1";
  const auto port = serve();
  const auto answer_to = [port](const std::string& fields) {
    Caller caller(port);
    caller.send("GET /x HTTP/1.1\r\n" + fields + "\r\n");
    return caller.answer().substr(0, 12);
  };
  EXPECT_EQ(answer_to("Host: 127.0.0.1:7070\r\n"), "HTTP/1.1 200");
  EXPECT_EQ(answer_to("Host: [::1]:7070\r\n"), "HTTP/1.1 200");
  EXPECT_EQ(answer_to("Host: localhost:1\r\nOrigin: http://localhost:1\r\n"), "HTTP/1.1 200");
  EXPECT_EQ(answer_to("Host: localhost\r\nOrigin: https://evil.example\r\n"), "HTTP/1.1 403");
  EXPECT_EQ(answer_to("Host: localhost\r\nOrigin: null\r\n"), "HTTP/1.1 403");
  EXPECT_EQ(answer_to("Host: rebound.example\r\n"), "HTTP/1.1 403");
  EXPECT_EQ(answer_to("Host: LocalHost\r\nOrigin: http://localhost\r\n"), "HTTP/1.1 200");
  EXPECT_EQ(answer_to("Host: localhost\r\nOrigin: https://localhost\r\n"), "HTTP/1.1 403");
  EXPECT_EQ(answer_to("Host: localhost\r\nOrigin: http://localhost:8080\r\n"), "HTTP/1.1 403");
  EXPECT_EQ(answer_to("Host: localhost.evil.example\r\n"), "HTTP/1.1 403");
  EXPECT_EQ(answer_to("Host: localhost\r\nSec-Fetch-Site: none\r\n"), "HTTP/1.1 200");
  EXPECT_EQ(answer_to("Host: localhost\r\nSec-Fetch-Site: cross-site\r\n"), "HTTP/1.1 403");
  Caller old(port);
  old.send("GET /x HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(old.answer().starts_with("HTTP/1.1 403"));
}

/// request, if the server believes that the first has no body.
/// Keeps the replies for later.
class LateReplies : public HttpServerTest {
 protected:
  void handle(HttpCall, HttpServer::Reply reply) override { replies_.set_value(std::move(reply)); }
  std::promise<HttpServer::Reply> replies_;
};

TEST_F(LateReplies, ComeFromAnotherThreadAndOnce) {
  Caller caller(serve());
  caller.send(get("/x"));
  const auto reply = replies_.get_future().get();
  reply({200, "first", "text/plain"});
  reply({200, "second", "text/plain"});
  EXPECT_TRUE(has(caller.answer(), "first"));
}

TEST_F(LateReplies, TheirCallersMakeNoRoomForOthers) {
  options_.max_connections = {.all = 1, .of_address = 1, .of_this_host = 1};
  const auto port = serve();
  Caller caller(port);
  caller.send(get("/x"));
  const auto reply = replies_.get_future().get();
  Caller more(port);
  EXPECT_TRUE(more.closed());
  reply({200, "in the end", "text/plain"});
  EXPECT_TRUE(has(caller.answer(), "in the end"));
}

TEST_F(LateReplies, AreDroppedWhenTheServerHasGone) {
  Caller caller(serve());
  caller.send(get("/x"));
  const auto reply = replies_.get_future().get();
  server_.reset();
  EXPECT_TRUE(caller.closed());
  reply({200, "late", "text/plain"});
}

/// A handler that throws by the path it is asked: at once, or in work of its own.
class Throwing : public HttpServerTest {
 protected:
  void handle(HttpCall call, HttpServer::Reply reply) override {
    const auto fail = [what = call.path.back()]() -> HttpReply {
      if (what == "memory") throw std::bad_alloc();
      if (what == "system") throw boost::system::system_error(boost::asio::error::no_buffer_space);
      if (what == "number") throw 7;
      throw std::runtime_error("broken");
    };
    if (call.path[0] == "at-once") fail();
    const std::string name = to_string(call);
    server_->run(name, std::move(reply), fail);
  }
};

TEST_F(Throwing, IsAnErrorOfThatRequestAndALineInTheLog) {
  Caller caller(serve());
  for (const std::string when : {"at-once", "later"}) {
    for (const auto& [what, why] :
         {std::pair{"error", "broken"}, std::pair{"memory", "bad_alloc"},
          std::pair{"system", "buffer space"}, std::pair{"number", "no std::exception"}}) {
      const std::string path = "/" + when + "/a%20b/" + what;
      testing::internal::CaptureStderr();
      caller.send(get(path));
      const std::string no = caller.answer();
      const std::string log = testing::internal::GetCapturedStderr();
      EXPECT_TRUE(no.starts_with("HTTP/1.1 500")) << no;
      EXPECT_TRUE(has(no, why)) << no;
      EXPECT_TRUE(has(log, "GET " + path + " of 127.0.0.1 failed: ")) << log;
      EXPECT_TRUE(has(log, why)) << log;
    }
  }
}

TEST(HttpCall, IsNamedInALine) {
  HttpCall call;
  call.method = "GET";
  call.peer = "::1";
  EXPECT_EQ(to_string(call), "GET / of ::1");
  call.path = {std::string(20'000, 'x'), "y"};
  EXPECT_EQ(to_string(call), "GET /" + std::string(195, 'x') + "... of ::1");
}

TEST(HttpTarget, IsTakenApartAndPutTogether) {
  const auto target = parse_target("/a//%41%2fb/?q=1&q=2&empty&=x&p=%25");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, (std::vector<std::string>{"a", "", "A/b"}));
  EXPECT_EQ(target->query,
            (std::map<std::string, std::string>{{"q", "2"}, {"empty", ""}, {"p", "%"}}));
  EXPECT_TRUE(parse_target("/")->path.empty());
  std::string deep;
  for (int i = 0; i < 101; ++i) deep += "/x";
  for (const std::string& bad :
       {std::string(), std::string("a"), std::string("/%"), std::string("/%4"),
        std::string("/?a=%0a"), std::string("/%ff"), std::string("/%c2%9b"), deep}) {
    EXPECT_FALSE(parse_target(bad)) << bad;
  }
  const std::string text = "weird / name?&=+%\xc3\xa4";
  EXPECT_EQ(parse_target("/" + percent_encode(text))->path[0], text);
  EXPECT_EQ(parse_target("/?n=" + percent_encode(text))->query.at("n"), text);
}

}  // namespace
}  // namespace weir::cluster
