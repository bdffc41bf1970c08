// One connection to the HTTP server, from the first byte to the last; see http_core.h.
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "weir/base/log.h"
#include "weir/cluster/http_core.h"
#include "weir/cluster/http_head.h"
#include "weir/cluster/http_target.h"
#include "weir/net/hello.h"

namespace weir::cluster {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::uint32_t kMaxHead = 16 << 10;
constexpr std::size_t kMaxBuffer = 64 << 10;
constexpr std::chrono::seconds kLinger{2};

}  // namespace

bool is_bad_http(const error_code& failed) {
  return failed.category() == make_error_code(http::error::bad_method).category() &&
         failed != http::error::end_of_stream && failed != http::error::partial_message;
}

HttpServer::Core::Connection::Connection(std::shared_ptr<Core> core, Socket socket,
                                         std::string peer)
    : core_(std::move(core)),
      stream_(std::move(socket)),
      peer_(std::move(peer)),
      buffer_(kMaxBuffer) {}

HttpServer::Core::Connection::~Connection() {
  drop_body();
  core_->guests.leave(guest_);
}

void HttpServer::Core::Connection::begin(HttpGuests::Id guest) {
  guest_ = guest;
  asio::post(stream_.get_executor(), [self = shared_from_this()] {
    if (self->options().tls) return self->begin_tls();
    self->await_request(true);
  });
}

void HttpServer::Core::Connection::send_away() {
  if (!core_->has_stopped()) {
    core_->warn("closed a connection from " + peer_ + " that asked nothing, for another");
  }
  close();
}

void HttpServer::Core::Connection::close() {
  drop_body();
  stream_.tcp().close();
}

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
  if (!failed) return await_request(true);
  const unsigned long error = HttpStream::tls_error(failed);
  if (error == 0) return close();  // gone, or too slow
  const std::string why = stream_.why(failed);
  stream_.speak_plainly();
  if (net::is_plain_http(error)) {
    return refuse(http_error(400, "invalid_argument",
                             "This API speaks TLS: ask https://, with --tls-ca or WEIR_TLS_CA"),
                  why + "; this API speaks TLS");
  }
  core_->warn("refused TLS with " + peer_ + ": " + why);
  end();
}

/// Who has asked before may take its time to begin, but not to say what it has begun.
void HttpServer::Core::Connection::await_request(bool first) {
  const auto time = first ? options().head_time : options().idle_time;
  head_until_ = std::chrono::steady_clock::now() + time;
  if (buffer_.size() > 0) return on_first_bytes(first);
  stream_.tcp().expires_at(head_until_);
  stream_.async_read_some(buffer_.prepare(sizeof scrap_),
                          [self = shared_from_this(), first](error_code failed, std::size_t bytes) {
                            if (failed) return self->close();
                            self->buffer_.commit(bytes);
                            self->on_first_bytes(first);
                          });
}

/// Who begins TLS where none is spoken would wait for an answer that never comes.
void HttpServer::Core::Connection::on_first_bytes(bool first) {
  const auto bytes = buffer_.data();
  if (first && !stream_.secure() &&
      net::looks_like_tls({static_cast<const char*>(bytes.data()), bytes.size()})) {
    return refuse(http_error(400, "invalid_argument", "This API speaks no TLS: ask http://"),
                  "it speaks TLS; give this coordinator --tls-ca, --tls-cert and --tls-key, or ask "
                  "http://");
  }
  if (!first) head_until_ = std::chrono::steady_clock::now() + options().head_time;
  read_head();
}

void HttpServer::Core::Connection::read_head() {
  head_.emplace();
  head_->header_limit(kMaxHead);
  head_->body_limit(boost::none);  // what a body may be is decided when its head is known
  call_ = {};
  keep_ = false;
  without_body_ = false;
  stream_.tcp().expires_at(head_until_);
  http::async_read_header(
      stream_, buffer_, *head_,
      [self = shared_from_this()](error_code failed, std::size_t) { self->on_head(failed); });
}

void HttpServer::Core::Connection::on_head(error_code failed) {
  if (failed == http::error::header_limit || failed == http::error::buffer_overflow) {
    return refuse(http_error(431, "invalid_argument", "The head of the request is too large"),
                  failed.message());
  }
  if (is_bad_http(failed)) {
    return refuse(http_error(400, "invalid_argument",
                             "This is no request that HTTP/1.1 allows: " + failed.message()),
                  failed.message());
  }
  if (failed) return close();
  const auto& head = head_->get();
  if (auto no = unsound(head)) return refuse(*std::move(no), "its head can be read in two ways");
  if (head.method() == http::verb::options) {
    keep_ = head.keep_alive() && head_->is_done();
    return answer({204, "", "", {{"Allow", kHttpMethods}}});
  }
  const auto target = parse_target({head.target().data(), head.target().size()});
  if (!target) {
    return refuse(http_error(400, "invalid_argument", "The path of the request cannot be read"),
                  "a path that cannot be read");
  }
  without_body_ = head.method() == http::verb::head;
  call_.method = without_body_ ? "GET" : std::string(head.method_string());
  call_.path = target->path;
  call_.query = target->query;
  call_.peer = peer_;
  if (auto no = refusal_of(head, options())) {
    return refuse(*std::move(no), "status " + std::to_string(no->status));
  }
  const bool open = is_open(head, options());
  if (!core_->guests.becomes(guest_, open ? Standing::stranger : Standing::known)) return close();
  if (!head_->is_done()) return read_body();
  keep_ = head.keep_alive();
  call();
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
  answer_or_fail(to_string(call_), reply,
                 [this, &reply] { core_->handler(std::move(call_), reply); });
}

// ---- answering ----------------------------------------------------------------------------------

void HttpServer::Core::Connection::refuse(HttpReply reply, const std::string& why) {
  core_->warn("refused a request from " + peer_ + ": " + why);
  keep_ = false;
  answer(std::move(reply));
}

void HttpServer::Core::Connection::answer(HttpReply reply) {
  drop_body();
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
        if (!self->core_->guests.becomes(self->guest_, Standing::idle)) return self->close();
        if (self->keep_) return self->await_request(false);
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
  stream_.tcp().socket().shutdown(asio::socket_base::shutdown_send, ignored);
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

}  // namespace weir::cluster
