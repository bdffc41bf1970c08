// Greetings at both ends; see greeting.h.
#include "weir/net/greeting.h"

#include <boost/asio/write.hpp>

namespace weir::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kEnoughToTell = 3;  // of what begins a conversation

Error mismatch(const std::string& what) { return {ErrorCode::incompatible, what, true}; }

}  // namespace

Greeting::Greeting(tcp::socket socket, SslPtr tls)
    : socket_(std::move(socket)), timer_(socket_.get_executor()) {
  if (tls) tls_ = std::make_unique<TlsSession>(std::move(tls));
}

void Greeting::limit(std::chrono::milliseconds time) {
  timer_.expires_after(time);
  timer_.async_wait([self = shared_from_this()](error_code cancelled) {
    if (cancelled) return;
    self->late_ = true;
    error_code ignored;
    self->socket_.close(ignored);
  });
}

Error Greeting::why(const error_code& failed) const {
  if (late_) return {ErrorCode::io, "no answer in time", true};
  if (tls_ && !tls_->done() && failed == asio::error::eof) {
    return {ErrorCode::io, "the other end closed the connection before TLS had begun", true};
  }
  return {ErrorCode::io, failed.message(), true};
}

// ---- what comes ---------------------------------------------------------------------------------

void Greeting::read(Done done) {
  if (tls_ && !tls_->done()) {
    return shake([self = shared_from_this(), done = std::move(done)](const Status& shaken) {
      if (!shaken.ok()) return done(shaken.error());
      self->read(done);
    });
  }
  auto hello = take_hello();
  if (!hello.ok()) return done(hello.error());
  if (*hello) return done(std::move(**hello));
  receive([self = shared_from_this(), done = std::move(done)](const Status& received) {
    if (!received.ok()) return done(received.error());
    self->read(done);
  });
}

/// The next bytes, decrypted, to `unread_`; of a handshake as they are.
void Greeting::receive(std::function<void(Status)> then) {
  socket_.async_read_some(
      asio::buffer(buffer_),
      [self = shared_from_this(), then = std::move(then)](error_code failed, std::size_t n) {
        if (failed) return then(self->why(failed));
        const std::string_view bytes(self->buffer_.data(), n);
        if (self->tls_ && self->tls_->done()) {
          self->tls_->feed(bytes);
          return then(self->decrypt());
        }
        self->unread_.append(bytes);
        then({});
      });
}

Status Greeting::decrypt() {
  for (std::array<char, kMaxHello> plain;;) {
    WEIR_ASSIGN(const std::size_t n, tls_->read(plain.data(), plain.size()));
    if (n == 0) return {};
    unread_.append(plain.data(), n);
  }
}

Result<std::optional<Hello>> Greeting::take_hello() {
  if (!tls_ && !other_is_plain_ && looks_like_tls(unread_)) {
    return mismatch(
        "it speaks TLS, and this process does not: give tls-ca, tls-cert and tls-key "
        "to all coordinators and workers, or to none");
  }
  std::string_view bytes = unread_;
  WEIR_ASSIGN(const auto frame, take_frame(bytes, kMaxHello));
  if (!frame) return std::optional<Hello>();
  if (frame->kind == FrameKind::refusal) {
    return Error{ErrorCode::incompatible, "the other end refuses: " + std::string(frame->body)};
  }
  if (frame->kind != FrameKind::hello) return Error{ErrorCode::corrupt, "it does not greet"};
  WEIR_ASSIGN(Hello hello, read_hello(frame->body));
  if (other_is_plain_) {
    return mismatch(
        "it speaks without TLS, and this process with: give tls-ca, tls-cert and "
        "tls-key to all coordinators and workers, or to none");
  }
  unread_.erase(0, unread_.size() - bytes.size());
  return std::optional(std::move(hello));
}

// ---- what is sent -------------------------------------------------------------------------------

void Greeting::send(FrameKind kind, const std::function<void(std::string&)>& body, Sent sent) {
  std::string frame;
  append_frame(frame, kind, 0, body);
  if (!tls_) {
    out_ = std::move(frame);
    return flush(std::move(sent));
  }
  const auto encrypt = [self = shared_from_this(), frame = std::move(frame),
                        sent = std::move(sent)](const Status& shaken) {
    if (!shaken.ok() || self->other_is_plain_) return sent(shaken);
    const Status written = self->tls_->write(frame);
    if (!written.ok()) return sent(written);
    self->flush(sent);
  };
  if (tls_->done()) return encrypt(Status());
  shake(encrypt);
}

void Greeting::flush(Sent then) {
  if (tls_) {
    out_ = std::move(tls_->out());
    tls_->out().clear();
  }
  if (out_.empty()) return then(Status());
  asio::async_write(
      socket_, asio::buffer(out_),
      [self = shared_from_this(), then = std::move(then)](error_code failed, std::size_t) {
        then(failed ? Status(self->why(failed)) : Status());
      });
}

void Greeting::linger(std::function<void()> closed) {
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  socket_.async_read_some(
      asio::buffer(buffer_),
      [self = shared_from_this(), closed = std::move(closed)](error_code failed, std::size_t) {
        if (failed) return closed();
        self->linger(closed);
      });
}

// ---- TLS ----------------------------------------------------------------------------------------

/// Until both ends have agreed, or the other one turns out to speak without TLS.
void Greeting::shake(Sent then) {
  const std::string come = std::exchange(unread_, {});
  tls_->feed(come);
  const auto done = tls_->shake();
  Status result = done.ok() ? Status() : Status(done.error());
  if (done.ok() && *done) result = decrypt();
  flush([self = shared_from_this(), then = std::move(then), result,
         over = !result.ok() || (done.ok() && *done)](const Status& sent) {
    if (over || !sent.ok()) return then(result.ok() ? sent : result);
    self->go_on_shaking(then);
  });
}

void Greeting::go_on_shaking(Sent then) {
  receive([self = shared_from_this(), then = std::move(then)](const Status& received) {
    if (!received.ok()) return then(received);
    const std::string& first = self->unread_;
    if (!self->heard_ && first.size() < kEnoughToTell) return self->go_on_shaking(then);
    if (!self->heard_ && !looks_like_tls(first)) {
      self->other_is_plain_ = true;
      self->tls_.reset();
      return then(Status());
    }
    self->heard_ = true;
    self->shake(then);
  });
}

}  // namespace weir::net
