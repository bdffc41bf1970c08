// The server's threads and its door; see http_server.h.
#include "weir/cluster/http_server.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>

#include "weir/base/log.h"
#include "weir/cluster/http_core.h"

namespace weir::cluster {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// An IPv4 address as such, also where it came over IPv6.
asio::ip::address plain(const asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

/// What counts as one address: of IPv6 what one host may have for itself.
std::string whose(const asio::ip::address& address) {
  if (address.is_v4() || address.is_loopback()) return address.to_string();
  auto bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return asio::ip::address_v6(bytes).to_string() + "/64";
}

}  // namespace

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  error_code failed;
  const auto address = asio::ip::make_address(host, failed);
  return !failed && address.is_loopback();
}

void answer_or_fail(const std::string& call, const HttpServer::Reply& reply,
                    const std::function<void()>& work) {
  const auto failed = [&](const std::string& why) {
    log_error("http", call + " failed: " + why);
    reply(http_error(500, "io", "The request failed: " + why));
  };
  try {
    work();
  } catch (const std::exception& e) {
    failed(e.what());
  } catch (...) {
    failed("what was thrown is no std::exception");
  }
}

/// A connection whose callback throws ends with it: nothing holds it any more.
void HttpServer::Core::serve() {
  for (;;) {
    try {
      io.run();
      return;
    } catch (const std::exception& e) {
      log_error("http", std::string("a connection was given up: ") + e.what());
    }
  }
}

void HttpServer::Core::warn(const std::string& line) {
  std::unique_lock lock(mutex);
  const auto said = lines.pass(line, std::chrono::steady_clock::now());
  lock.unlock();
  if (said) log_warn("http", *said);
}

// ---- the door -----------------------------------------------------------------------------------

void HttpServer::Core::accept() {
  if (!acceptor.is_open()) return;
  acceptor.async_accept(asio::make_strand(io), [this](error_code failed, tcp::socket socket) {
    if (failed == asio::error::operation_aborted) return;
    if (!failed) {
      accept();  // first: the door stays open whatever happens to this one
      return enter(std::move(socket));
    }
    pause.expires_after(std::chrono::milliseconds(100));  // no descriptors left, most likely
    pause.async_wait([this](error_code stopped_waiting) {
      if (!stopped_waiting) accept();
    });
  });
}

bool HttpServer::Core::has_stopped() {
  const std::lock_guard lock(mutex);
  return stopped;
}

void HttpServer::Core::enter(Socket socket) {
  error_code failed;
  const auto peer = socket.remote_endpoint(failed);
  if (failed) return;  // it has gone already
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  const asio::ip::address address = plain(peer.address());
  const std::string who = address.to_string();
  const auto connection = std::make_shared<Connection>(shared_from_this(), std::move(socket), who);
  const auto go = [weak = connection->weak_from_this()] {
    // One that is about to go away does not come back to life here.
    const auto alive = weak.lock();
    if (alive) asio::post(alive->executor(), [alive] { alive->send_away(); });
  };
  const auto guest = guests.enter(whose(address), address.is_loopback(), go);
  if (!guest) return warn("closed a connection from " + who + ": there are too many");
  connection->begin(*guest);
}

HttpServer::HttpServer(std::shared_ptr<Core> core) : core_(std::move(core)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpServerOptions options, Handler handler) {
  const std::string where = options.host + ":" + std::to_string(options.port);
  if (options.token.empty() && !is_loopback(options.host)) {
    return Error{ErrorCode::invalid_argument,
                 "Listening on " + where + ", which other hosts reach, needs a token"};
  }
  auto core = std::make_shared<Core>(std::move(options), std::move(handler));
  const auto& o = core->options;
  error_code failed;
  const auto address = asio::ip::make_address(o.host == "localhost" ? "127.0.0.1" : o.host, failed);
  tcp::acceptor& acceptor = core->acceptor;
  if (!failed) acceptor.open(address.is_v6() ? tcp::v6() : tcp::v4(), failed);
  if (!failed) acceptor.set_option(tcp::acceptor::reuse_address(true), failed);
  if (!failed) acceptor.bind({address, o.port}, failed);
  if (!failed) acceptor.listen(asio::socket_base::max_listen_connections, failed);
  if (failed) {
    return Error{ErrorCode::io, "Cannot listen on " + where + ": " + failed.message()};
  }
  core->accept();
  for (unsigned i = 0; i < std::max(1u, o.threads); ++i) {
    core->threads.emplace_back([core = core.get()] { core->serve(); });
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(core)));
}

/// When all sockets are closed nothing is left to wait for, and the threads end.
HttpServer::~HttpServer() {
  auto work = asio::make_work_guard(core_->io);  // until all closing has been posted
  asio::post(core_->acceptor.get_executor(), [core = core_.get()] {
    error_code ignored;
    core->acceptor.close(ignored);
    core->pause.cancel();
  });
  {
    const std::lock_guard lock(core_->mutex);
    core_->stopped = true;
  }
  core_->guests.close();
  work.reset();
  for (std::thread& thread : core_->threads) thread.join();
}

void HttpServer::run(std::string call, Reply reply, std::function<HttpReply()> work) {
  core_->post(core_->io.get_executor(),
              [call = std::move(call), reply = std::move(reply), work = std::move(work)] {
                answer_or_fail(call, reply, [&] { reply(work()); });
              });
}

std::uint16_t HttpServer::port() const {
  error_code ignored;
  return core_->acceptor.local_endpoint(ignored).port();
}

}  // namespace weir::cluster
