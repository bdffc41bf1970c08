// Stands between a client and an S3 server and spoils what passes, request by request.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "weir/base/check.h"

namespace weir::testing {

/// What becomes of a request.
enum class Fault {
  none,
  cut_before,   ///< the connection ends before the server hears of it
  cut_inside,   ///< the server gets half of the body, then both connections end
  cut_after,    ///< the server does it, and its answer is lost
  cut_answer,   ///< half of the answer arrives
  hang,         ///< the server hears nothing, and nobody answers
  hang_after,   ///< the server does it, and nobody answers
  busy,         ///< 503 without asking the server
  error_after,  ///< the server does it, and 500 is answered
  conflict,     ///< 409 without asking the server
  pretend,      ///< 200 without asking the server
};

class S3Proxy {
 public:
  /// Decides by the first line of a request, as "PUT /bucket/key HTTP/1.1", and its number from 0.
  using Rule = std::function<Fault(const std::string& line, int number)>;

  S3Proxy(const std::string& server, Rule rule) : rule_(std::move(rule)) {
    const std::size_t colon = server.rfind(':');
    server_.sin_family = AF_INET;
    server_.sin_port = htons(static_cast<std::uint16_t>(std::stoi(server.substr(colon + 1))));
    ::inet_pton(AF_INET, server.substr(0, colon).c_str(), &server_.sin_addr);
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in own = server_;
    own.sin_port = 0;
    socklen_t size = sizeof own;
    WEIR_CHECK(::bind(listening_, reinterpret_cast<sockaddr*>(&own), sizeof own) == 0 &&
                   ::listen(listening_, 64) == 0 &&
                   ::getsockname(listening_, reinterpret_cast<sockaddr*>(&own), &size) == 0,
               "a port is free");
    port_ = ntohs(own.sin_port);
    accepting_ = std::thread([this] { accept_all(); });
  }
  ~S3Proxy() {
    ending_ = true;
    ::shutdown(listening_, SHUT_RDWR);
    accepting_.join();
    for (std::thread& thread : threads_) thread.join();
    ::close(listening_);
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// The first lines of all requests so far.
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      threads_.emplace_back([this, fd] {
        while (serve(fd)) {
        }
        ::close(fd);
      });
    }
  }

  /// False when the other end has gone or the test is over.
  bool read_some(int fd, std::string& to) {
    pollfd waiting{fd, POLLIN, 0};
    while (::poll(&waiting, 1, 20) == 0) {
      if (ending_) return false;
    }
    char bytes[65536];
    const ssize_t n = ::recv(fd, bytes, sizeof bytes, 0);
    if (n <= 0) return false;
    to.append(bytes, static_cast<std::size_t>(n));
    return true;
  }
  static void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  static std::size_t content_length(const std::string& head) {
    constexpr std::string_view kName = "\r\ncontent-length:";
    for (std::size_t at = 0; at + kName.size() < head.size(); ++at) {
      if (::strncasecmp(head.data() + at, kName.data(), kName.size()) == 0) {
        return std::stoull(head.substr(at + kName.size()));
      }
    }
    return 0;
  }

  std::string ask_server(const std::string& request) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    std::string answer;
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&server_), sizeof server_) == 0) {
      std::string closing = request;
      closing.insert(closing.find("\r\n") + 2, "Connection: close\r\n");
      write_all(fd, closing);
      while (read_some(fd, answer)) {
      }
    }
    ::close(fd);
    return answer;
  }

  /// One request; false when the connection is to end.
  bool serve(int fd) {
    std::string request;
    std::size_t head = 0;
    while ((head = request.find("\r\n\r\n")) == std::string::npos) {
      if (!read_some(fd, request)) return false;
    }
    const std::size_t whole = head + 4 + content_length(request.substr(0, head + 2));
    while (request.size() < whole) {
      if (!read_some(fd, request)) return false;
    }
    const std::string line = request.substr(0, request.find("\r\n"));
    int number = 0;
    {
      const std::lock_guard lock(mutex_);
      number = static_cast<int>(lines_.size());
      lines_.push_back(line);
    }
    return spoil(fd, request, head + 4, rule_(line, number));
  }

  bool spoil(int fd, const std::string& request, std::size_t head, Fault fault) {
    const auto say = [fd](const char* status) {
      write_all(fd, "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 0\r\n\r\n");
      return true;
    };
    switch (fault) {
      case Fault::cut_before:
        return false;
      case Fault::cut_inside: {
        const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ::connect(server, reinterpret_cast<const sockaddr*>(&server_), sizeof server_);
        write_all(server, request.substr(0, head + (request.size() - head) / 2));
        ::close(server);
        return false;
      }
      case Fault::hang:
      case Fault::hang_after: {
        if (fault == Fault::hang_after) ask_server(request);
        std::string more;
        while (read_some(fd, more)) {
        }
        return false;
      }
      case Fault::busy:
        return say("503 Slow Down");
      case Fault::conflict:
        return say("409 Conflict");
      case Fault::pretend:
        return say("200 OK");
      default:
        break;
    }
    const std::string answer = ask_server(request);
    if (fault == Fault::error_after) return say("500 Internal Server Error");
    if (fault == Fault::cut_answer) write_all(fd, answer.substr(0, answer.size() / 2));
    if (fault == Fault::none) write_all(fd, answer);
    return false;  // the server was asked to close, too
  }

  Rule rule_;
  sockaddr_in server_{};
  int listening_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_{false};
  std::mutex mutex_;
  std::vector<std::string> lines_;  // behind mutex_
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

}  // namespace weir::testing
