// A server on a free port of this host that reads whole HTTP requests and lets a test decide what
// becomes of them: for answers that no sound server gives, and for requests and answers that are
// lost or late on their way.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "weir/base/check.h"
#include "weir/base/clock.h"

namespace weir::cluster {

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// A socket that listens on a port of its own, and that port.
inline std::pair<int, std::uint16_t> listen_anywhere() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  WEIR_CHECK(::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0, "a port is free");
  WEIR_CHECK(::listen(fd, 64) == 0, "it can be listened on");
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return {fd, ntohs(address.sin_port)};
}

/// A port on which nobody listens at this moment, and which no outgoing connection is given.
inline std::uint16_t free_port() {
  for (;;) {
    const auto port = static_cast<std::uint16_t>(20'000 + entropy_seed() % 12'768);
    const sockaddr_in address = loopback(port);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    if (bound) return port;
  }
}

inline bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

/// What comes until the other end closes.
inline std::string read_to_end(int fd) {
  std::string bytes;
  char buffer[4096];
  for (;;) {
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(n));
  }
}

/// Sends a request, as it is, to a server that closes behind its answer; the answer.
inline std::string forward(const std::string& request, std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  std::string answer;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      send_all(fd, request)) {
    answer = read_to_end(fd);
  }
  ::close(fd);
  return answer;
}

/// Gives each request to `handle`, one after the other on a thread of its own. Connections stay
/// open until `handle` closes them, by returning true, or this goes away.
class RawServer {
 public:
  using Handle = std::function<bool(int fd, const std::string& request)>;
  explicit RawServer(Handle handle) : handle_(std::move(handle)) {
    std::tie(listener_, port_) = listen_anywhere();
    thread_ = std::thread([this] { serve(); });
  }
  ~RawServer() {
    stopped_ = true;
    thread_.join();
    for (const int fd : open_) ::close(fd);
    ::close(listener_);
  }

  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  void serve() {
    while (!stopped_) {
      pollfd waiting{listener_, POLLIN, 0};
      if (::poll(&waiting, 1, 10) != 1) continue;
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      if (handle_(fd, read_request(fd))) {
        ::close(fd);
      } else {
        open_.push_back(fd);
      }
    }
  }
  static std::string read_request(int fd) {
    std::string request;
    char buffer[4096];
    for (;;) {
      if (const std::size_t end = request.find("\r\n\r\n"); end != std::string::npos) {
        const std::size_t field = request.find("Content-Length: ");
        const std::size_t body = field < end ? std::stoul(request.substr(field + 16)) : 0;
        if (request.size() >= end + 4 + body) return request;
      }
      const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) return request;
      request.append(buffer, static_cast<std::size_t>(n));
    }
  }

  Handle handle_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopped_{false};
  std::vector<int> open_;  // of the thread, until it has ended
  std::thread thread_;
};

}  // namespace weir::cluster
