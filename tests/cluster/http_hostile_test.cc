// What callers may do to the HTTP server, and what it then holds: requests that can be read in two
// ways, that never end or are too large, and crowds.
#include <random>
#include <vector>

#include "tests/cluster/http_fixture.h"

namespace weir::cluster {
namespace {

TEST_F(HttpServerTest, AnUploadThatBreaksOffLeavesNothing) {
  const auto port = serve();
  {
    Caller caller(port);
    caller.send("PUT /files/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nabc");
    caller.end();
    EXPECT_TRUE(caller.closed());
  }
  Caller other(port);
  other.send(get("/x"));
  other.answer();
  EXPECT_EQ(files(), 0u);
}

TEST_F(HttpServerTest, BodiesHaveALimit) {
  const auto port = serve();
  for (const char* path : {"/x", "/files/x"}) {
    Caller declared(port);
    declared.send("PUT " + std::string(path) +
                  " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n");
    const std::string no = declared.answer();
    EXPECT_TRUE(no.starts_with("HTTP/1.1 413")) << no;
    EXPECT_TRUE(has(no, "{\"error\":{\"code\":\"invalid_argument\"")) << no;

    Caller chunked(port);
    chunked.send("PUT " + std::string(path) +
                 " HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "8000\r\n" + std::string(0x8000, 'c') + "\r\n";
    for (int i = 0; i < 40 && chunked.send(chunk); ++i) {
    }
    const std::string too_much = chunked.answer();
    EXPECT_TRUE(too_much.starts_with("HTTP/1.1 413")) << too_much;
  }
  EXPECT_EQ(files(), 0u);
}

TEST_F(HttpServerTest, BadRequestsAreAnsweredAndHarmNobody) {
  const auto port = serve();
  const std::string bad[] = {
      "nonsense\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      "GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET x HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: "
      "chunked\r\n\r\n",
      "PUT /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "GET / HTTP/1.1\r\nno field\r\n\r\n",
      std::string("\0\0\0\0\r\n\r\n", 8),
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",  // TLS
  };
  for (const std::string& request : bad) {
    Caller caller(port);
    caller.send(request);
    caller.end();
    const std::string no = caller.answer();
    EXPECT_TRUE(no.starts_with("HTTP/1.1 400")) << request << "\n" << no;
    EXPECT_TRUE(has(no, "{\"error\":")) << no;
    EXPECT_TRUE(caller.closed());
  }
  Caller large(port);
  large.send("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(200'000, 'x'));
  EXPECT_TRUE(large.answer().starts_with("HTTP/1.1 431"));
  Caller patch(port);
  patch.send("PATCH / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(patch.answer().starts_with("HTTP/1.1 405"));
}

/// What a server answers to a PUT with these fields, and to what lies behind its head: a second
class Smuggling : public HttpServerTest {
 protected:
  void expect(const char* status, const std::string& fields, const char* version = "1.1") {
    Caller caller(server_->port());
    caller.send("PUT /x HTTP/" + std::string(version) + "\r\n" + fields + "\r\n" +
                get("/smuggled"));
    const std::string answer = caller.answer();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + std::string(status))) << fields << answer;
    EXPECT_TRUE(caller.closed()) << fields;
  }
};

TEST_F(Smuggling, RequestsHaveOneLengthThatAllUnderstand) {
  serve();
  const std::string host = "Host: localhost\r\n", coding = host + "Transfer-Encoding: ";
  for (const char* bad : {"chunked, identity", "chunked, chunked", "", ",", "chunked,\tgzip"}) {
    expect("400", coding + bad + "\r\n");
  }
  for (const char* unknown :
       {"xchunked", "identity", "gzip, chunked", "chunked;q=1", "chunke", "\"chunked\""}) {
    expect("501", coding + unknown + "\r\n");
  }
  expect("400", coding + "chunked\r\nTransfer-Encoding: chunked\r\n");
  expect("400", coding + "chunked\r\nTransfer-Encoding: identity\r\n");
  expect("501", coding + "identity\r\nTransfer-Encoding: chunked\r\n");
  expect("400", coding + "chunked\r\nContent-Length: 0\r\n");
  expect("400", coding + "identity\r\nContent-Length: 0\r\n");
  expect("400", host + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n");
  expect("400", coding + "chunked\r\n", "1.0");
  for (const char* length : {"+1", "0x1", "1, 1", "1,", "", "-0", "99999999999999999999"}) {
    expect("400", host + "Content-Length: " + length + "\r\n");
  }
  expect("400", host + "Content-Length: 0\r\nContent-Length: 0\r\n");
  expect("400", host + "Content-Length: 0\r\nContent-Length: 35\r\n");
  expect("400", host + "Transfer-Encoding : chunked\r\n");
}

TEST_F(Smuggling, ChunkedIsUnderstoodHoweverItIsWritten) {
  serve();
  for (const char* coding : {"Transfer-Encoding: chunked", "TRANSFER-ENCODING:\tChunked ,",
                             "Transfer-Encoding:\r\n chunked"}) {
    Caller caller(server_->port());
    caller.send("PUT /x HTTP/1.1\r\nHost: localhost\r\n" + std::string(coding) +
                "\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + get("/next"));
    EXPECT_TRUE(has(caller.answer(), "PUT [x] body abc")) << coding;
    EXPECT_TRUE(has(caller.answer(), "GET [next]")) << coding;
  }
}

TEST_F(Smuggling, RequestsAreForOneHost) {
  options_.token = "secret";
  serve();
  for (const char* fields :
       {"", "Host:\r\nHost:\r\n", "Host: a\r\nHost: a\r\n", "Host: a\r\nhost: b\r\n",
        "Host: a b\r\n", "Host: a/b\r\n", "Host: user@a\r\n", "Host: a:x\r\n", "Host: a:123456\r\n",
        "Host: a, b\r\n", "Host: [::1\r\n", "Host: [localhost]\r\n", "Host: [::1]x\r\n",
        "Host: [::1%25lo]\r\n", "Host: a%2\r\n", "Host: \xc3\xa4\r\n", "Host: :7070\r\n",
        "Host: a\\b\r\n"}) {
    expect("400", fields);
  }
  for (const char* host :
       {"c1.example:7070", "[fe80::1]:7070", "10.0.0.1", "a%2Db_c~", "c1:", ""}) {
    Caller caller(server_->port());
    caller.send("GET /x HTTP/1.1\r\nAuthorization: Bearer secret\r\nHost: " + std::string(host) +
                "\r\n\r\n");
    EXPECT_TRUE(caller.answer().starts_with("HTTP/1.1 200")) << host;
  }
}

TEST_F(HttpServerTest, NoBodyIsAwaitedOfWhoMayNotSendOne) {
  options_.token = "secret";
  options_.open_paths = {"/health"};
  const auto port = serve();
  const std::string token = "Authorization: Bearer secret\r\n";
  struct Case {
    std::string method, path, fields;
    const char* status;
  };
  for (const Case& each : {Case{"PUT", "/x", "", "401"}, Case{"PUT", "/files/x", "", "401"},
                           Case{"GET", "/health", "", "413"}, Case{"PUT", "/health", "", "413"},
                           Case{"POST", "/health", token, "413"}, Case{"GET", "/x", token, "413"},
                           Case{"DELETE", "/x", token, "413"}, Case{"HEAD", "/x", token, "413"},
                           Case{"OPTIONS", "/x", "", "204"}}) {
    for (const char* body : {"Content-Length: 900\r\n", "Transfer-Encoding: chunked\r\n",
                             "Expect: 100-continue\r\nContent-Length: 1\r\n"}) {
      Caller caller(port);
      caller.send(each.method + " " + each.path + " HTTP/1.1\r\nHost: localhost\r\n" + each.fields +
                  body + "\r\n");  // and nothing of the body
      const std::string answer = caller.answer(each.method == "HEAD");
      EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + std::string(each.status)))
          << each.method << each.path << body << answer;
      EXPECT_TRUE(has(answer, "Connection: close")) << answer;
      EXPECT_TRUE(caller.closed());
    }
  }
  Caller none(port);
  none.send(get("/health", "Content-Length: 0\r\n") + get("/health"));
  EXPECT_TRUE(none.answer().starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(none.answer().starts_with("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, RandomBytesHarmNobody) {
  const auto port = serve();
  const std::uint64_t seed = std::random_device()();
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 rng(seed);
  const std::string whole = put("/a/b?c=d", "body", "Accept: x\r\n");
  for (int i = 0; i < 300; ++i) {
    std::string bytes = whole.substr(0, rng() % (whole.size() + 1));
    for (std::size_t n = rng() % 4; n > 0 && !bytes.empty(); --n) {
      bytes[rng() % bytes.size()] = static_cast<char>(rng());
    }
    Caller caller(port);
    caller.send(bytes);
    caller.end();
    caller.answer();
  }
  Caller good(port);
  good.send(get("/fine"));
  EXPECT_TRUE(has(good.answer(), "GET [fine]")) << "seed " << seed;
}

TEST_F(HttpServerTest, SlowCallersAreCutOff) {
  options_.head_time = options_.body_time = std::chrono::milliseconds(100);
  const auto port = serve();
  Caller silent(port), half(port), body(port);
  half.send("GET / HT");
  body.send("PUT /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(silent.closed());
  EXPECT_TRUE(half.closed());
  EXPECT_TRUE(body.closed());
}

TEST_F(HttpServerTest, HalfSaidHeadsShutNobodyOut) {
  options_.max_connections = {.all = 8, .of_address = 8, .of_this_host = 8};
  options_.head_time = std::chrono::hours(1);
  const auto port = serve();
  std::vector<std::unique_ptr<Caller>> crowd;
  for (int i = 0; i < 40; ++i) {
    crowd.push_back(std::make_unique<Caller>(port));
    crowd.back()->send("GET /x HTTP/1.1\r\nHost: loc");
  }
  Caller honest(port);
  honest.send(get("/x"));
  EXPECT_TRUE(has(honest.answer(), "GET [x]"));
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(crowd[static_cast<std::size_t>(i)]->closed()) << i;
  crowd.back()->send("alhost\r\n\r\n");  // the newest have stayed
  EXPECT_TRUE(has(crowd.back()->answer(), "GET [x]"));
}

TEST_F(HttpServerTest, WhoIsIdleShutsNobodyOut) {
  options_.max_connections = {.all = 4, .of_address = 4, .of_this_host = 4};
  options_.idle_time = std::chrono::hours(1);
  const auto port = serve();
  std::vector<std::unique_ptr<Caller>> crowd;
  for (int served = 0, refused = 0; served < 20 && refused < 1000;) {
    crowd.push_back(std::make_unique<Caller>(port));
    crowd.back()->send(get("/x"));
    // Who comes before the answers of the others have been taken is refused.
    has(crowd.back()->answer(), "GET [x]") ? ++served : ++refused;
    EXPECT_LT(refused, 1000);
  }
}

TEST_F(HttpServerTest, OneAddressTakesNotAllConnections) {
  options_.max_connections = {.all = 8, .of_address = 2, .of_this_host = 2};
  const auto port = serve();
  Caller other(port, INADDR_LOOPBACK + 1), first(port), second(port), third(port);
  third.send(get("/x"));
  EXPECT_TRUE(has(third.answer(), "GET [x]"));
  EXPECT_TRUE(first.closed());
  other.send(get("/x"));
  EXPECT_TRUE(has(other.answer(), "GET [x]"));
  second.send(get("/x"));
  EXPECT_TRUE(has(second.answer(), "GET [x]"));
}

TEST_F(HttpServerTest, AllBodiesTogetherHaveALimit) {
  options_.max_bodies_bytes = 1500;
  const auto port = serve();
  const std::string body(1000, 'b'), later = "Expect: 100-continue\r\n";
  const std::string chunked =
      "PUT /y HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string whole = put("/x", body, later);
  for (int round = 0; round < 2; ++round) {
    Caller first(port);
    first.send(whole.substr(0, whole.size() - body.size()));
    EXPECT_TRUE(first.answer().starts_with("HTTP/1.1 100"));
    for (const std::string& head : {put("/y", body), chunked}) {
      Caller second(port);
      second.send(head);
      const std::string no = second.answer();
      EXPECT_TRUE(no.starts_with("HTTP/1.1 503")) << no;
      EXPECT_TRUE(has(no, "Retry-After: 1")) << no;
    }
    Caller small(port);
    small.send(put("/z", "words"));
    EXPECT_TRUE(has(small.answer(), "body words"));
    first.send(body);
    EXPECT_TRUE(has(first.answer(), "PUT [x] body bbb"));
  }
  {
    Caller gone(port);  // gives back what it had
    gone.send(whole.substr(0, whole.size() - body.size()));
    EXPECT_TRUE(gone.answer().starts_with("HTTP/1.1 100"));
    gone.end();
    EXPECT_TRUE(gone.closed());
  }
  Caller last(port);
  last.send(put("/x", body));
  EXPECT_TRUE(last.answer().starts_with("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, WaitsLongerForTheNextRequestThanForItsHead) {
  options_.head_time = std::chrono::milliseconds(1000);
  const auto port = serve();
  Caller caller(port);
  caller.send(get("/x"));
  EXPECT_TRUE(has(caller.answer(), "GET [x]"));
  Caller slow(port);
  slow.send("G");
  EXPECT_TRUE(slow.closed());
  caller.send(get("/later"));
  EXPECT_TRUE(has(caller.answer(), "GET [later]"));
}

}  // namespace
}  // namespace weir::cluster
