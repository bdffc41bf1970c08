// A real HTTP server that says back what it was asked, and callers that say whatever they are told
// to.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "weir/cluster/http_server.h"

namespace weir::cluster {

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

inline std::string get(const std::string& path, const std::string& more = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n";
}
inline std::string put(const std::string& path, const std::string& body,
                       const std::string& more = "") {
  return "PUT " + path + " HTTP/1.1\r\nHost: localhost\r\n" + more +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace weir::cluster
