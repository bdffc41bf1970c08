// The server's threads and connections; see http_server.h. A connection is a chain of callbacks on
// a strand of its own: head, body, handler, answer, and again.
#include "weir/cluster/http_server.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "weir/base/clock.h"
#include "weir/base/log.h"
#include "weir/cluster/http_stream.h"
#include "weir/cluster/http_target.h"
#include "weir/net/hello.h"

namespace weir::cluster {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::uint32_t kMaxHead = 16 << 10;
constexpr std::size_t kMaxBuffer = 64 << 10;
constexpr std::chrono::seconds kLinger{2};
constexpr int kLinesPerSecond = 5;  // about bad requests
constexpr const char* kMethods = "GET, HEAD, OPTIONS, POST, PUT, DELETE";

/// "127.0.0.1:7070", "[::1]:7070" or "localhost" without its port and brackets.
std::string host_name(std::string_view authority) {
  if (authority.starts_with('[')) {
    return std::string(authority.substr(1, std::min(authority.find(']'), authority.size()) - 1));
  }
  return std::string(authority.substr(0, authority.find(':')));
}

unsigned status_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::invalid_argument:
      return 400;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::already_exists:
    case ErrorCode::fenced:
    case ErrorCode::incompatible:
      return 409;
    case ErrorCode::disk_full:
      return 507;
    case ErrorCode::io:
    case ErrorCode::cancelled:
    case ErrorCode::peer_lost:
      return 503;
    case ErrorCode::corrupt:
    case ErrorCode::fsync_failed:
    case ErrorCode::user_code:
      break;
  }
  return 500;
}

/// Lines about bad requests, so few a second that nobody can fill a disk with them.
class FewLines {
 public:
  void warn(const std::string& text) {
    const std::lock_guard lock(mutex_);
    const auto second =
        std::chrono::steady_clock::now().time_since_epoch() / std::chrono::seconds(1);
    if (second != second_) {
      second_ = second;
      lines_ = 0;
    }
    if (++lines_ < kLinesPerSecond) log_warn("http", text);
    if (lines_ == kLinesPerSecond) log_warn("http", text + "; no more of these in this second");
  }

 private:
  std::mutex mutex_;
  std::int64_t second_ = 0;
  int lines_ = 0;
};

}  // namespace

HttpReply http_error(unsigned status, const std::string& code, const std::string& message) {
  const boost::json::object error{{"code", code}, {"message", message}};
  return {status, boost::json::serialize(boost::json::object{{"error", error}}) + "\n"};
}

HttpReply http_error(const Error& error) {
  return http_error(status_of(error), to_string(error.code), error.message);
}

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  error_code failed;
  const auto address = asio::ip::make_address(host, failed);
  return !failed && address.is_loopback();
}

/// What all connections share. Connections keep it, and with it the `io` that they run on.
struct HttpServer::Core : std::enable_shared_from_this<HttpServer::Core> {
  class Connection;
  Core(HttpServerOptions o, Handler h) : options(std::move(o)), handler(std::move(h)) {}

  void accept();
  void enter(tcp::socket socket);
  void leave(Connection* connection);
  /// False when the server has been shut down.
  template <class Executor, class Work>
  bool post(const Executor& executor, Work work) {
    const std::lock_guard lock(mutex);
    if (stopped) return false;
    asio::post(executor, std::move(work));
    return true;
  }

  const HttpServerOptions options;
  const Handler handler;
  asio::io_context io;
  tcp::acceptor acceptor{asio::make_strand(io)};
  asio::steady_timer pause{acceptor.get_executor()};
  std::vector<std::thread> threads;
  FewLines lines;
  std::atomic<std::size_t> uploads{0};
  std::atomic<std::uint64_t> next_upload{0};
  const std::string unique = std::to_string(entropy_seed());
  std::mutex mutex;  // guards what follows
  bool stopped = false;
  std::set<Connection*> connections;
};

class HttpServer::Core::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Core> core, tcp::socket socket, std::string peer)
      : core_(std::move(core)), stream_(std::move(socket)), peer_(std::move(peer)) {}
  ~Connection() {
    drop_upload();
    core_->leave(this);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void begin() {
    asio::post(stream_.get_executor(), [self = shared_from_this()] {
      if (self->options().tls) return self->begin_tls();
      self->read_first();
    });
  }
  /// On the strand of the stream.
  void close() {
    drop_upload();
    stream_.tcp().close();
  }
  auto executor() { return stream_.get_executor(); }

 private:
  using Head = http::request_parser<http::empty_body>;
  const HttpServerOptions& options() const { return core_->options; }

  void begin_tls();
  void on_tls(error_code failed);
  void read_first();
  void read_head();
  void on_head(error_code failed);
  std::optional<HttpReply> refusal() const;
  std::optional<HttpReply> foreign() const;
  bool has_token() const;
  bool is_upload() const;
  bool begin_upload();
  void read_body();
  template <class Parser>
  void read_body(std::shared_ptr<Parser> parser, std::chrono::milliseconds time,
                 std::function<void(Parser&)> taken);
  void on_body_error(error_code failed);
  void call();
  void answer(HttpReply reply);
  void refuse(HttpReply reply, const std::string& why);
  void write(const HttpReply& reply);
  void end();
  void linger();
  void drop_upload();

  const std::shared_ptr<Core> core_;
  HttpStream stream_;
  const std::string peer_;
  beast::flat_buffer buffer_{kMaxBuffer};
  std::optional<Head> head_;
  HttpCall call_;
  bool keep_ = false, without_body_ = false, uploading_ = false;
  std::string upload_;
  char scrap_[4096];
};

// ---- reading ------------------------------------------------------------------------------------

void HttpServer::Core::Connection::begin_tls() {
  stream_.tcp().expires_after(options().tls_time);
  stream_.async_secure(options().tls->accept(net::Tls::Caller::may_show),
                       [self = shared_from_this()](error_code failed) {
                         // Not within the callback, since it may be the end of TLS here.
                         asio::post(self->executor(), [self, failed] { self->on_tls(failed); });
                       });
}

void HttpServer::Core::Connection::on_tls(error_code failed) {
  if (!failed) return read_head();
  const unsigned long error = HttpStream::tls_error(failed);
  if (error == 0) return close();  // gone, or too slow
  const std::string why = stream_.why(failed);
  stream_.speak_plainly();
  if (net::is_plain_http(error)) {
    return refuse(http_error(400, "invalid_argument",
                             "This API speaks TLS: ask https://, with --tls-ca or WEIR_TLS_CA"),
                  why + "; this API speaks TLS");
  }
  core_->lines.warn("refused TLS with " + peer_ + ": " + why);
  end();
}

/// Who begins TLS here would wait for an answer that never comes.
void HttpServer::Core::Connection::read_first() {
  stream_.tcp().expires_after(options().head_time);
  stream_.async_read_some(buffer_.prepare(sizeof scrap_), [self = shared_from_this()](
                                                              error_code failed, std::size_t n) {
    if (failed) return self->close();
    self->buffer_.commit(n);
    const auto bytes = self->buffer_.data();
    if (net::looks_like_tls({static_cast<const char*>(bytes.data()), bytes.size()})) {
      return self->refuse(
          http_error(400, "invalid_argument", "This API speaks no TLS: ask http://"),
          "it speaks TLS; give this coordinator --tls-ca, --tls-cert and --tls-key, or ask "
          "http://");
    }
    self->read_head();
  });
}

void HttpServer::Core::Connection::read_head() {
  head_.emplace();
  head_->header_limit(kMaxHead);
  head_->body_limit(boost::none);  // what a body may be is decided when its head is known
  call_ = {};
  keep_ = false;
  without_body_ = false;
  stream_.tcp().expires_after(options().head_time);
  http::async_read_header(
      stream_, buffer_, *head_,
      [self = shared_from_this()](error_code failed, std::size_t) { self->on_head(failed); });
}

void HttpServer::Core::Connection::on_head(error_code failed) {
  if (failed == http::error::header_limit || failed == http::error::buffer_overflow) {
    return refuse(http_error(431, "invalid_argument", "The head of the request is too large"),
                  failed.message());
  }
  if (failed.category() == make_error_code(http::error::bad_method).category() &&
      failed != http::error::end_of_stream && failed != http::error::partial_message) {
    return refuse(http_error(400, "invalid_argument",
                             "This is no request that HTTP/1.1 allows: " + failed.message()),
                  failed.message());
  }
  if (failed) return close();
  const auto& head = head_->get();
  const auto target = parse_target({head.target().data(), head.target().size()});
  if (head.method() == http::verb::options) {
    keep_ = head.keep_alive() && head_->is_done();
    return answer({204, "", "", {{"Allow", kMethods}}});
  }
  if (!target) {
    return refuse(http_error(400, "invalid_argument", "The path of the request cannot be read"),
                  "a path that cannot be read");
  }
  without_body_ = head.method() == http::verb::head;
  call_.method = without_body_ ? "GET" : std::string(head.method_string());
  call_.path = target->path;
  call_.query = target->query;
  call_.peer = peer_;
  if (auto no = refusal()) return refuse(*std::move(no), "status " + std::to_string(no->status));
  if (head_->is_done()) {
    keep_ = head.keep_alive();
    return call();
  }
  read_body();
}

/// Why the request is not carried out, whatever its body is.
std::optional<HttpReply> HttpServer::Core::Connection::refusal() const {
  const auto& head = head_->get();
  switch (head.method()) {
    case http::verb::get:
    case http::verb::head:
    case http::verb::post:
    case http::verb::put:
    case http::verb::delete_:
      break;
    default: {
      HttpReply reply = http_error(405, "invalid_argument", "There is no such method here");
      reply.headers["Allow"] = kMethods;
      return reply;
    }
  }
  const std::string_view path(head.target().data(), head.target().size());
  const auto& open = options().open_paths;
  if (std::find(open.begin(), open.end(), path.substr(0, path.find('?'))) != open.end()) return {};
  if (options().token.empty()) return foreign();
  if (has_token()) return {};
  HttpReply reply = http_error(401, "unauthorized",
                               head.count(http::field::authorization) == 0
                                   ? "This cluster wants a token: Authorization: Bearer TOKEN"
                                   : "The token is not that of this cluster");
  reply.headers["WWW-Authenticate"] = "Bearer";
  return reply;
}

/// Without a token whoever reaches this host's loopback may do everything: that must not be a page
/// of another site in a browser here, be it under a name that leads here.
std::optional<HttpReply> HttpServer::Core::Connection::foreign() const {
  const auto& head = head_->get();
  const std::string_view host(head[http::field::host].data(), head[http::field::host].size());
  const std::string_view origin(head[http::field::origin].data(), head[http::field::origin].size());
  const bool same = origin.empty() || origin.substr(origin.find("//") + 2) == host;
  if (same && (host.empty() || is_loopback(host_name(host)))) return {};
  return http_error(403, "unauthorized",
                    "Without a token this cluster serves programs of its own host only, by "
                    "127.0.0.1 or localhost");
}

bool HttpServer::Core::Connection::has_token() const {
  const auto field = head_->get()[http::field::authorization];
  std::string_view given(field.data(), field.size());
  constexpr std::string_view kScheme = "Bearer ";
  if (!beast::iequals(field.substr(0, kScheme.size()), {kScheme.data(), kScheme.size()})) {
    return false;
  }
  given.remove_prefix(kScheme.size());
  return net::same_secret(given, options().token);
}

bool HttpServer::Core::Connection::is_upload() const {
  const auto& head = head_->get();
  const std::string_view path(head.target().data(), head.target().size());
  return head.method() == http::verb::put && !options().upload_path.empty() &&
         path.starts_with(options().upload_path);
}

void HttpServer::Core::Connection::read_body() {
  const bool upload = is_upload();
  const std::uint64_t limit = upload ? options().max_upload_bytes : options().max_body_bytes;
  const auto& head = head_->get();
  const bool keep = head.keep_alive();
  if (const auto length = head_->content_length(); length && *length > limit) {
    return refuse(http_error(413, "invalid_argument",
                             "The body has " + std::to_string(*length) + " bytes; at most " +
                                 std::to_string(limit) + " are taken"),
                  "a body of " + std::to_string(*length) + " bytes");
  }
  if (upload && !begin_upload()) return;
  if (beast::iequals(head[http::field::expect], "100-continue")) {
    static constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
    error_code failed;  // so few bytes fit into the socket's buffer, or the caller is gone
    stream_.write_some(asio::buffer(kGoOn), failed);
  }
  if (upload) {
    auto parser = std::make_shared<http::request_parser<http::file_body>>(std::move(*head_));
    parser->body_limit(limit);
    error_code failed;
    parser->get().body().open(upload_.c_str(), beast::file_mode::write_new, failed);
    if (failed) {
      return refuse(http_error(500, "io", "Cannot create " + upload_ + ": " + failed.message()),
                    "cannot create " + upload_ + ": " + failed.message());
    }
    return read_body<http::request_parser<http::file_body>>(parser, options().upload_time,
                                                            [this, keep](auto& taken) {
                                                              taken.get().body().close();
                                                              keep_ = keep;
                                                              call_.upload = upload_;
                                                            });
  }
  auto parser = std::make_shared<http::request_parser<http::string_body>>(std::move(*head_));
  parser->body_limit(limit);
  read_body<http::request_parser<http::string_body>>(parser, options().body_time,
                                                     [this, keep](auto& taken) {
                                                       keep_ = keep;
                                                       call_.body = std::move(taken.get().body());
                                                     });
}

bool HttpServer::Core::Connection::begin_upload() {
  uploading_ = true;
  if (core_->uploads.fetch_add(1) >= options().max_uploads) {
    refuse(http_error(503, "io", "Too many uploads at a time; try again"), "too many uploads");
    return false;
  }
  upload_ = options().upload_folder + "/.upload-" + core_->unique + "-" +
            std::to_string(core_->next_upload.fetch_add(1)) + ".tmp";
  return true;
}

template <class Parser>
void HttpServer::Core::Connection::read_body(std::shared_ptr<Parser> parser,
                                             std::chrono::milliseconds time,
                                             std::function<void(Parser&)> taken) {
  stream_.tcp().expires_after(time);
  http::async_read(stream_, buffer_, *parser,
                   [self = shared_from_this(), parser, taken = std::move(taken)](error_code failed,
                                                                                 std::size_t) {
                     if (failed) return self->on_body_error(failed);
                     taken(*parser);
                     self->call();
                   });
}

void HttpServer::Core::Connection::on_body_error(error_code failed) {
  if (failed == http::error::body_limit) {
    return refuse(http_error(413, "invalid_argument", "The body is too large"), "a large body");
  }
  if (failed == beast::error::timeout) {
    log_info("http", peer_ + " did not send its request in time");
    return close();
  }
  if (failed == boost::system::errc::no_space_on_device) {
    return refuse(http_error(507, "disk_full", "No space left in " + options().upload_folder),
                  "no space left in " + options().upload_folder);
  }
  if (failed.category() == make_error_code(http::error::bad_method).category() &&
      failed != http::error::partial_message) {
    return refuse(
        http_error(400, "invalid_argument", "The body cannot be read: " + failed.message()),
        failed.message());
  }
  if (!upload_.empty() && failed != http::error::partial_message) {  // of the disk, or of the link
    return refuse(http_error(500, "io", "Cannot keep the body: " + failed.message()),
                  "cannot keep its body: " + failed.message());
  }
  close();
}

void HttpServer::Core::Connection::call() {
  stream_.tcp().expires_never();
  // One answer only, and on the connection's strand.
  auto answered = std::make_shared<std::atomic<bool>>(false);
  Reply reply = [self = shared_from_this(), answered](HttpReply what) {
    if (answered->exchange(true)) return;
    self->core_->post(self->executor(),
                      [self, what = std::move(what)]() mutable { self->answer(std::move(what)); });
  };
  try {
    core_->handler(std::move(call_), reply);
  } catch (const std::exception& e) {
    log_error("http", std::string("a request failed: ") + e.what());
    reply(http_error(500, "io", std::string("The request failed: ") + e.what()));
  }
}

// ---- answering ----------------------------------------------------------------------------------

void HttpServer::Core::Connection::refuse(HttpReply reply, const std::string& why) {
  core_->lines.warn("refused a request from " + peer_ + ": " + why);
  keep_ = false;
  answer(std::move(reply));
}

void HttpServer::Core::Connection::answer(HttpReply reply) {
  drop_upload();
  write(reply);
}

void HttpServer::Core::Connection::write(const HttpReply& reply) {
  auto response = std::make_shared<http::response<http::string_body>>();
  response->version(11);
  response->result(reply.status);
  response->set(http::field::server, "weir");
  response->set(http::field::cache_control, "no-store");
  response->set("X-Content-Type-Options", "nosniff");
  if (!reply.type.empty()) response->set(http::field::content_type, reply.type);
  for (const auto& [name, value] : reply.headers) response->set(name, value);
  response->keep_alive(keep_);
  if (reply.status != 204) response->content_length(reply.body.size());
  if (!without_body_) response->body() = reply.body;
  auto serializer = std::make_shared<http::response_serializer<http::string_body>>(*response);
  stream_.tcp().expires_after(options().write_time);
  http::async_write(
      stream_, *serializer,
      [self = shared_from_this(), response, serializer](error_code failed, std::size_t) {
        if (failed) return self->close();
        if (self->keep_) return self->read_head();
        self->end();
      });
}

/// Nothing more is sent.
void HttpServer::Core::Connection::end() {
  stream_.tcp().expires_after(kLinger);
  if (stream_.secure()) {
    return stream_.async_end([self = shared_from_this()](error_code) {
      asio::post(self->executor(), [self] {
        self->stream_.speak_plainly();
        self->end();
      });
    });
  }
  error_code ignored;
  stream_.tcp().socket().shutdown(tcp::socket::shutdown_send, ignored);
  linger();
}

/// Takes what still comes for a moment: closed over it, the answer might be lost on its way.
void HttpServer::Core::Connection::linger() {
  stream_.async_read_some(asio::buffer(scrap_),
                          [self = shared_from_this()](error_code failed, std::size_t) {
                            if (failed) return self->close();
                            self->linger();
                          });
}

void HttpServer::Core::Connection::drop_upload() {
  if (!std::exchange(uploading_, false)) return;
  core_->uploads.fetch_sub(1);
  if (!upload_.empty()) ::unlink(upload_.c_str());
  upload_.clear();
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
    return lines.warn("closed a connection from " + who + ": there are too many");
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
