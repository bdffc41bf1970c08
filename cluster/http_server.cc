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

}  // namespace

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  error_code failed;
  const auto address = asio::ip::make_address(host, failed);
  return !failed && address.is_loopback();
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
      enter(std::move(socket));
      return accept();
    }
    pause.expires_after(std::chrono::milliseconds(100));  // no descriptors left, most likely
    pause.async_wait([this](error_code stopped_waiting) {
      if (!stopped_waiting) accept();
    });
  });
}

void HttpServer::Core::enter(tcp::socket socket) {
  error_code failed;
  const auto peer = socket.remote_endpoint(failed);
  const std::string who = failed ? "somebody" : peer.address().to_string();
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  std::unique_lock lock(mutex);
  if (stopped) return;
  if (connections.size() >= options.max_connections) {
    lock.unlock();
    return warn("closed a connection from " + who + ": there are too many");
  }
  const auto connection = std::make_shared<Connection>(shared_from_this(), std::move(socket), who);
  connections.insert(connection.get());
  lock.unlock();
  connection->begin();
}

void HttpServer::Core::leave(Connection* connection) {
  const std::lock_guard lock(mutex);
  connections.erase(connection);
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
    core->threads.emplace_back([io = &core->io] { io->run(); });
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
  std::vector<std::shared_ptr<Core::Connection>> open;  // not to end under the lock that they take
  {
    const std::lock_guard lock(core_->mutex);
    core_->stopped = true;
    for (Core::Connection* connection : core_->connections) {
      // One that is about to go away does not come back to life here.
      if (auto alive = connection->weak_from_this().lock()) open.push_back(std::move(alive));
    }
  }
  for (auto& connection : open) {
    asio::post(connection->executor(), [connection] { connection->close(); });
  }
  open.clear();
  work.reset();
  for (std::thread& thread : core_->threads) thread.join();
}

void HttpServer::run(std::function<void()> work) {
  core_->post(core_->io.get_executor(), std::move(work));
}

std::uint16_t HttpServer::port() const {
  error_code ignored;
  return core_->acceptor.local_endpoint(ignored).port();
}

}  // namespace weir::cluster
