// The HTTP server over real sockets: what it answers, and that no caller makes it crash or grow.
#include "weir/cluster/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <random>

#include "weir/cluster/http_target.h"

namespace weir::cluster {
namespace {

namespace fs = std::filesystem;

/// A socket that says whatever it is told to.
class Caller {
 public:
  explicit Caller(std::uint16_t port, in_addr_t from = INADDR_LOOPBACK)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(from);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }
  ~Caller() { ::close(fd_); }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  /// False when the other end has closed.
  bool send(const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const auto n = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (n <= 0) return false;
      at += static_cast<std::size_t>(n);
    }
    return true;
  }
  /// One answer with a Content-Length, head and body; shorter when the other end closes.
  std::string answer(bool without_body = false) {
    for (;;) {
      const auto end = seen_.find("\r\n\r\n");
      if (end != std::string::npos) {
        const auto field = seen_.find("Content-Length: ");
        std::size_t size = end + 4;
        if (field < end && !without_body) size += std::stoul(seen_.substr(field + 16));
        if (seen_.size() >= size) {
          const std::string one = seen_.substr(0, size);
          seen_.erase(0, size);
          return one;
        }
      }
      if (!read_more()) return std::exchange(seen_, "");
    }
  }
  /// Whether the other end closes, and sends nothing before.
  bool closed() { return !read_more() && seen_.empty(); }
  void end() { ::shutdown(fd_, SHUT_WR); }

 private:
  bool read_more() {
    pollfd event{fd_, POLLIN, 0};
    const int ready = ::poll(&event, 1, 30000);
    EXPECT_EQ(ready, 1) << "no answer";
    if (ready != 1) return false;
    char bytes[4096];
    const auto n = ::recv(fd_, bytes, sizeof bytes, 0);
    if (n <= 0) return false;
    seen_.append(bytes, static_cast<std::size_t>(n));
    return true;
  }
  int fd_;
  std::string seen_;
};

/// A server that says back what it was asked.
class HttpServerTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("weir-http-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    options_.upload_folder = folder_.string();
    options_.upload_path = "/files/";
    options_.max_upload_bytes = 1 << 20;
    options_.max_body_bytes = 1000;
  }
  void TearDown() override {
    server_.reset();
    fs::remove_all(folder_);
  }

  std::uint16_t serve() {
    auto server = HttpServer::start(options_, [this](HttpCall call, HttpServer::Reply reply) {
      handle(std::move(call), std::move(reply));
    });
    EXPECT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(server).value();
    return server_->port();
  }
  virtual void handle(HttpCall call, HttpServer::Reply reply) {
    std::string text = call.method;
    for (const auto& segment : call.path) text += " [" + segment + "]";
    for (const auto& [name, value] : call.query) text += " " + name + "=" + value;
    if (!call.body.empty()) text += " body " + call.body;
    if (!call.upload.empty()) {
      text += " upload of " + std::to_string(fs::file_size(call.upload));
    }
    reply({200, text, "text/plain"});
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
  HttpServerOptions options_;
  std::unique_ptr<HttpServer> server_;
};

std::string get(const std::string& path, const std::string& more = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n";
}
std::string put(const std::string& path, const std::string& body, const std::string& more = "") {
  return "PUT " + path + " HTTP/1.1\r\nHost: localhost\r\n" + more +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

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
/// request, if the server believes that the first has no body.
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
       {"", "Host:\r\n", "Host: a\r\nHost: a\r\n", "Host: a\r\nhost: b\r\n", "Host: a b\r\n",
        "Host: a/b\r\n", "Host: user@a\r\n", "Host: a:x\r\n", "Host: a:123456\r\n",
        "Host: a, b\r\n", "Host: [::1\r\n", "Host: [localhost]\r\n", "Host: [::1]x\r\n",
        "Host: [::1%25lo]\r\n", "Host: a%2\r\n", "Host: \xc3\xa4\r\n", "Host: :7070\r\n",
        "Host: a\\b\r\n"}) {
    expect("400", fields);
  }
  for (const char* host : {"c1.example:7070", "[fe80::1]:7070", "10.0.0.1", "a%2Db_c~", "c1:"}) {
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
  options_.head_time = std::chrono::milliseconds(100);
  const auto port = serve();
  Caller caller(port), slow(port);
  for (Caller* each : {&caller, &slow}) {
    each->send(get("/x"));
    EXPECT_TRUE(has(each->answer(), "GET [x]"));
  }
  slow.send("G");
  EXPECT_TRUE(slow.closed());
  caller.send(get("/later"));
  EXPECT_TRUE(has(caller.answer(), "GET [later]"));
}

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

class Throwing : public HttpServerTest {
 protected:
  void handle(HttpCall, HttpServer::Reply) override { throw std::runtime_error("broken"); }
};

TEST_F(Throwing, IsAnErrorOfThatRequest) {
  Caller caller(serve());
  for (int i = 0; i < 2; ++i) {
    caller.send(get("/x"));
    const std::string no = caller.answer();
    EXPECT_TRUE(no.starts_with("HTTP/1.1 500")) << no;
    EXPECT_TRUE(has(no, "broken")) << no;
  }
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
  for (const std::string& bad : {std::string(), std::string("a"), std::string("/%"),
                                 std::string("/%4"), std::string("/?a=%0a"), deep}) {
    EXPECT_FALSE(parse_target(bad)) << bad;
  }
  const std::string text = "weird / name?&=+%\xc3\xa4";
  EXPECT_EQ(parse_target("/" + percent_encode(text))->path[0], text);
  EXPECT_EQ(parse_target("/?n=" + percent_encode(text))->query.at("n"), text);
}

}  // namespace
}  // namespace weir::cluster
