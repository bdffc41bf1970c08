// A coordinator's end of the conversation with a worker, over real connections, which says what a
// test has it say.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "weir/cluster/messages.h"
#include "weir/net/link.h"
#include "weir/net/network.h"

namespace weir::cluster {

class FakeCoordinator {
 public:
  /// Listens on `port` of loopback, or a free one. Who registers is welcomed by `welcome`.
  explicit FakeCoordinator(Welcome welcome, std::uint16_t port = 0, std::string refusal = "")
      : welcome_(welcome), refusal_(std::move(refusal)) {
    const auto bound = network_.listen(
        "127.0.0.1", port, {}, [this](const net::Hello& theirs) { return greet(theirs); },
        [this](const net::Hello&, std::unique_ptr<net::Link> link) { arrived(std::move(link)); });
    WEIR_CHECK(bound.ok(), "a test needs a port");
    port_ = *bound;
    thread_ = std::thread([this] {
      while (!ending_) network_.wait(std::chrono::milliseconds(20));
    });
  }
  ~FakeCoordinator() {
    ending_ = true;
    network_.interrupt();
    thread_.join();
  }

  std::uint16_t port() const { return port_; }
  Address address() const { return {"127.0.0.1", port_}; }
  /// From the next registration on.
  void set_welcome(Welcome welcome) {
    const std::lock_guard lock(mutex_);
    welcome_ = welcome;
  }
  int refused() const { return refused_; }
  int registered() const { return registered_; }

  void send(const Message& message) {
    const std::lock_guard lock(mutex_);
    if (!links_.empty()) links_.back()->send(encode(message));
  }

  /// The next message of that kind that is as wanted; those before it are dropped. Nothing when
  /// there is none for half a minute.
  template <class Kind, class Wanted>
  std::optional<Kind> next(Wanted wanted) {
    std::unique_lock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (;;) {
      while (!inbox_.empty()) {
        const Message message = std::move(inbox_.front());
        inbox_.pop_front();
        const Kind* kind = std::get_if<Kind>(&message);
        if (kind != nullptr && wanted(*kind)) return *kind;
      }
      if (changed_.wait_until(lock, deadline) == std::cv_status::timeout) return {};
    }
  }
  template <class Kind>
  std::optional<Kind> next() {
    return next<Kind>([](const Kind&) { return true; });
  }
  std::optional<ProcessReport> report(const ProcessId& id, ProcessPhase phase) {
    return next<ProcessReport>(
        [&](const ProcessReport& report) { return report.id == id && report.phase == phase; });
  }
  std::optional<Answer> ask(const ProcessId& id, const std::string& json) {
    const std::uint64_t request = ++last_request_;
    send(Ask{request, id, json});
    return next<Answer>([&](const Answer& answer) { return answer.request == request; });
  }

 private:
  Result<net::Hello> greet(const net::Hello& theirs) {
    const net::Hello mine{"", "", 0, 0, "secret"};
    WEIR_TRY(net::check_hello(mine, theirs));
    if (refusal_.empty()) return mine;
    ++refused_;
    return Error{ErrorCode::incompatible, refusal_};
  }

  void arrived(std::unique_ptr<net::Link> link) {
    const std::lock_guard lock(mutex_);
    links_.push_back(std::move(link));
    net::Link* const to = links_.back().get();
    to->start([](const Error&) {}, [this, to](std::string_view bytes) { hear(*to, bytes); });
  }

  void hear(net::Link& from, std::string_view bytes) {
    auto message = decode(bytes);
    WEIR_CHECK(message.ok(), "a worker sends messages");
    const std::lock_guard lock(mutex_);
    if (std::holds_alternative<Register>(*message)) {
      ++registered_;
      from.send(encode(welcome_));
    }
    inbox_.push_back(std::move(*message));
    changed_.notify_all();
  }

  net::Network network_{net::Network::Drive::by_caller};
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_{false};
  std::atomic<int> refused_{0}, registered_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  Welcome welcome_;
  const std::string refusal_;
  std::vector<std::unique_ptr<net::Link>> links_;
  std::deque<Message> inbox_;
  std::uint64_t last_request_ = 0;
  std::thread thread_;
};

}  // namespace weir::cluster
