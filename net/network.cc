// The network thread, the door, and connecting; see network.h.
#include "weir/net/network.h"

#include <fcntl.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <thread>

#include "weir/base/check.h"
#include "weir/base/log.h"
#include "weir/base/seldom_lines.h"
#include "weir/net/connection.h"
#include "weir/net/greeting.h"

namespace weir::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds kGreeting{5};
constexpr std::size_t kMostGreeting = 200;  // callers at the door at a time
constexpr std::chrono::milliseconds kAcceptAgain{50};

Error unreachable(const std::string& where, const std::string& why) {
  return {ErrorCode::io, "Cannot connect to " + where + ": " + why, true};
}

/// Programs that a function of the job starts must not hold a connection, whose end nobody would
/// see then, or the port. Asio opens sockets without SOCK_CLOEXEC.
void keep_from_programs(int socket) { ::fcntl(socket, F_SETFD, FD_CLOEXEC); }

}  // namespace

struct Network::Impl {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  tcp::acceptor acceptor{io};
  asio::steady_timer pause{io};  // after an accept that failed
  LinkOptions options;
  Greet greet;
  Arrived arrived;
  std::size_t greeting = 0;
  SeldomLines refusals;  // who is refused tries again
  std::thread thread;    // if it has one

  bool driven() const { return !thread.joinable(); }
  void accept();
  void at_the_door(tcp::socket socket);
};

Network::Network(Drive drive) : impl_(std::make_unique<Impl>()) {
  if (drive == Drive::by_caller) return;
  impl_->thread = std::thread([impl = impl_.get()] { impl->io.run(); });
}

Network::~Network() {
  impl_->io.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

bool Network::poll() { return impl_->io.poll() > 0; }

bool Network::wait(std::chrono::nanoseconds limit) {
  if (impl_->io.run_one_for(limit) == 0) return false;
  poll();
  return true;
}

void Network::interrupt() {
  asio::post(impl_->io, [] {});
}

Result<std::uint16_t> Network::listen(const std::string& host, std::uint16_t port,
                                      const LinkOptions& options, Greet greet, Arrived arrived) {
  error_code failed;
  const auto address = asio::ip::make_address(host, failed);
  tcp::acceptor& acceptor = impl_->acceptor;
  WEIR_CHECK(!acceptor.is_open(), "a network listens at one door");
  if (!failed) acceptor.open(address.is_v6() ? tcp::v6() : tcp::v4(), failed);
  if (!failed) keep_from_programs(acceptor.native_handle());
  if (!failed) acceptor.set_option(tcp::acceptor::reuse_address(true), failed);
  if (!failed) acceptor.bind({address, port}, failed);
  if (!failed) acceptor.listen(asio::socket_base::max_listen_connections, failed);
  if (failed) {
    return Error{ErrorCode::io,
                 "Cannot listen on " + host + ":" + std::to_string(port) + ": " + failed.message()};
  }
  impl_->options = options;
  impl_->greet = std::move(greet);
  impl_->arrived = std::move(arrived);
  const std::uint16_t bound = acceptor.local_endpoint().port();
  asio::post(impl_->io, [impl = impl_.get()] { impl->accept(); });
  return bound;
}

void Network::Impl::accept() {
  acceptor.async_accept([this](error_code failed, tcp::socket socket) {
    if (failed == asio::error::operation_aborted) return;
    if (!failed) {
      at_the_door(std::move(socket));
      return accept();
    }
    // Most likely no descriptor is left; one may be soon.
    pause.expires_after(kAcceptAgain);
    pause.async_wait([this](error_code cancelled) {
      if (!cancelled) accept();
    });
  });
}

void Network::Impl::at_the_door(tcp::socket socket) {
  keep_from_programs(socket.native_handle());
  error_code failed;
  const auto peer = socket.remote_endpoint(failed);
  const std::string who = failed ? "somebody" : peer.address().to_string();
  if (greeting >= kMostGreeting) {
    const auto line =
        refusals.pass("closed a connection from " + who + ": too many are about to greet",
                      std::chrono::steady_clock::now());
    if (line) log_warn("network", *line);
    return;
  }
  ++greeting;
  auto caller = std::make_shared<Greeting>(
      std::move(socket), options.tls ? options.tls->accept(Tls::Caller::must_show) : nullptr);
  caller->limit(kGreeting);
  const auto refuse = [this, caller, who](const Error& why) {
    const auto line = refusals.pass("refused a connection from " + who + ": " + why.message,
                                    std::chrono::steady_clock::now());
    if (line) log_warn("network", *line);
    if (!caller->agreed()) {
      return caller->linger([this, caller] {
        --greeting;
        caller->end_limit();
      });
    }
    // Who is no stranger is told; noise gets no answer.
    if (why.code != ErrorCode::incompatible) {
      --greeting;
      return caller->end_limit();
    }
    caller->send(
        FrameKind::refusal, [&why](std::string& bytes) { bytes += why.message; },
        [this, caller](const Status&) {
          --greeting;
          caller->end_limit();
        });
  };
  caller->read([this, caller, refuse](Result<Hello> theirs) {
    if (!theirs.ok()) return refuse(theirs.error());
    const Result<Hello> mine = greet(*theirs);
    if (!mine.ok()) return refuse(mine.error());
    caller->send(
        FrameKind::hello, [&mine](std::string& bytes) { write_hello(bytes, *mine); },
        [this, caller, theirs = *theirs](const Status& sent) {
          --greeting;
          caller->end_limit();
          if (!sent.ok()) return;
          arrived(theirs, std::make_unique<Link>(std::make_shared<Link::Connection>(
                              caller->take_socket(), caller->take_tls(), caller->take_unread(),
                              options, driven())));
        });
  });
}

void Network::close_door() {
  asio::post(impl_->io, [impl = impl_.get()] {
    error_code ignored;
    impl->acceptor.close(ignored);
  });
}

Result<std::unique_ptr<Link>> Network::connect(const std::string& host, std::uint16_t port,
                                               const LinkOptions& options, const Hello& mine,
                                               std::chrono::milliseconds timeout) {
  const std::string where = host + ":" + std::to_string(port);
  error_code failed;
  tcp::resolver resolver(impl_->io);
  const auto endpoints = resolver.resolve(host, std::to_string(port), failed);
  if (failed) return unreachable(where, failed.message());
  const auto call = std::make_shared<Greeting>(tcp::socket(impl_->io),
                                               options.tls ? options.tls->call() : nullptr);
  auto answer = std::make_shared<std::promise<Result<Hello>>>();
  const auto end = [answer, call](Result<Hello> result) {
    call->end_limit();
    answer->set_value(std::move(result));
  };
  asio::post(impl_->io, [call, end, endpoints, timeout, mine] {
    call->limit(timeout);
    asio::async_connect(
        call->socket(), endpoints, [call, end, mine](error_code refused, const tcp::endpoint&) {
          if (refused) return end(call->why(refused));
          keep_from_programs(call->socket().native_handle());  // of a later endpoint
          call->send(
              FrameKind::hello, [&mine](std::string& bytes) { write_hello(bytes, mine); },
              [call, end](const Status& sent) {
                if (!sent.ok()) return end(sent.error());
                call->read(end);
              });
        });
    keep_from_programs(call->socket().native_handle());
  });
  auto answered = answer->get_future();
  while (impl_->driven() &&
         answered.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    wait(timeout);
  }
  Result<Hello> theirs = answered.get();
  Status known = theirs.ok() ? check_hello(mine, *theirs) : Status(theirs.error());
  if (!known.ok()) {
    const Error& why = known.error();
    return Error{why.code, "Cannot connect to " + where + ": " + why.message, why.retryable};
  }
  return std::make_unique<Link>(std::make_shared<Link::Connection>(
      call->take_socket(), call->take_tls(), call->take_unread(), options, impl_->driven()));
}

}  // namespace weir::net
