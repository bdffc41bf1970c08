// What the files of the HTTP server share: the server's threads and limits, and one connection. Not
// for others, and heavy to compile: for .cc files alone.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/seldom_lines.h"
#include "weir/cluster/http_server.h"
#include "weir/cluster/http_stream.h"

namespace weir::cluster {

/// What all connections share. Connections keep it, and with it the `io` that they run on.
struct HttpServer::Core : std::enable_shared_from_this<HttpServer::Core> {
  class Connection;
  using Socket = boost::asio::ip::tcp::socket;
  Core(HttpServerOptions o, Handler h)
      : options(std::move(o)),
        handler(std::move(h)),
        guests(options.max_connections),
        bodies(options.max_bodies_bytes) {}

  /// What a thread of the server does.
  void serve();
  void accept();
  void enter(Socket socket);
  bool has_stopped();
  /// A line of the log about what callers do, seldom enough that they cannot fill a disk with it.
  void warn(const std::string& line);
  /// False when the server has been shut down.
  template <class Executor, class Work>
  bool post(const Executor& executor, Work work) {
    const std::lock_guard lock(mutex);
    if (stopped) return false;
    boost::asio::post(executor, std::move(work));
    return true;
  }

  const HttpServerOptions options;
  const Handler handler;
  HttpGuests guests;
  ByteBudget bodies;
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor acceptor{boost::asio::make_strand(io)};
  boost::asio::steady_timer pause{acceptor.get_executor()};
  std::vector<std::thread> threads;
  std::atomic<std::size_t> uploads{0};
  std::atomic<std::uint64_t> next_upload{0};
  const std::string unique = std::to_string(entropy_seed());
  std::mutex mutex;  // guards what follows
  bool stopped = false;
  SeldomLines lines;
};

/// A chain of callbacks on a strand of its own: head, body, handler, answer, and again.
class HttpServer::Core::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Core> core, Socket socket, std::string peer);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Once, when it has been let in as that guest.
  void begin(HttpGuests::Id guest);
  /// For another guest, or because the server ends. On the strand of the stream.
  void send_away();
  auto executor() { return stream_.get_executor(); }

 private:
  using Error = boost::system::error_code;
  using Standing = HttpGuests::Standing;
  using Head = boost::beast::http::request_parser<boost::beast::http::empty_body>;
  const HttpServerOptions& options() const { return core_->options; }

  // ---- http_connection.cc
  void close();
  void begin_tls();
  void on_tls(Error failed);
  void await_request(bool first);
  void on_first_bytes(bool first);
  void read_head();
  void on_head(Error failed);
  void call();
  void answer(HttpReply reply);
  void refuse(HttpReply reply, const std::string& why);
  void write(const HttpReply& reply);
  void end();
  void linger();

  // ---- http_body.cc
  bool is_upload() const;
  bool begin_upload();
  void read_body();
  /// Once there is room for it, at most `limit` bytes, and who waits for that has been told.
  void read_taken_body(std::uint64_t limit);
  template <class Parser>
  void read_body(std::shared_ptr<Parser> parser, std::chrono::milliseconds time,
                 std::function<void(Parser&)> taken);
  void on_body_error(Error failed);
  bool take_memory(std::uint64_t bytes);
  void drop_body();

  const std::shared_ptr<Core> core_;
  HttpStream stream_;
  const std::string peer_;
  HttpGuests::Id guest_ = 0;
  SteadyTime head_until_{};
  boost::beast::flat_buffer buffer_;
  std::optional<Head> head_;
  HttpCall call_;
  bool keep_ = false, without_body_ = false, uploading_ = false;
  std::string upload_;
  std::uint64_t memory_ = 0;  ///< of Core::bodies
  char scrap_[4096];
};

/// Does `work`, which answers the call; when it throws, answers that it failed and says so in the
/// log.
void answer_or_fail(const std::string& call, const HttpServer::Reply& reply,
                    const std::function<void()>& work);

/// Whether an error is about what a caller sent, and neither about the link nor its end.
bool is_bad_http(const boost::system::error_code& failed);

}  // namespace weir::cluster
