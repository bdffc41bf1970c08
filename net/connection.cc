// Moving elements over a socket; see link.h. All on the network thread unless said otherwise.
#include "weir/net/connection.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <future>

#include "weir/base/bytes.h"
#include "weir/base/check.h"
#include "weir/net/element.h"

namespace weir::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kReadBytes = 256 << 10;
constexpr std::size_t kRecordBytes = 16 << 10;  // the most that TLS decrypts at a time

/// Has the system ask a peer that says nothing whether it is still there (tcp(7)), so that there is
/// always something to hear of a peer that is.
void ask_when_idle(asio::ip::tcp::socket& socket, std::chrono::milliseconds silence) {
  const int fd = socket.native_handle();
  const auto set = [fd](int level, int option, int value) {
    static_cast<void>(::setsockopt(fd, level, option, &value, sizeof value));
  };
  const int seconds = std::max(1, static_cast<int>(silence.count() / 3000));
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, seconds);
}

struct Silence {
  std::chrono::milliseconds heard;  ///< ago the peer's system sent or acknowledged something
  bool asked = false;               ///< and has since left something unanswered
};

/// What the system knows of the peer's. That a process there is busy or stopped does not matter;
/// TCP_USER_TIMEOUT, which would do most of this, takes a full window for silence. Into that the
/// system asks at growing distances, so that having heard long ago alone means nothing. It answers
/// only what comes half a second behind the last: less silence than that cannot be told.
Silence silence_of(asio::ip::tcp::socket& socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  return {std::chrono::milliseconds(std::min(info.tcpi_last_ack_recv, info.tcpi_last_data_recv)),
          info.tcpi_retransmits > 0 || info.tcpi_probes > 0};
}

std::string address_of(const asio::ip::tcp::socket& socket) {
  error_code failed;
  const auto peer = socket.remote_endpoint(failed);
  return failed ? std::string("a peer that is gone")
                : peer.address().to_string() + ":" + std::to_string(peer.port());
}

}  // namespace

Link::Connection::Connection(asio::ip::tcp::socket socket, std::unique_ptr<TlsSession> tls,
                             std::string unread, LinkOptions options, bool driven)
    : socket_(std::move(socket)),
      pause_(socket_.get_executor()),
      watch_(socket_.get_executor()),
      peer_(address_of(socket_)),
      options_(options),
      driven_(driven),
      tls_(std::move(tls)),
      encrypted_in_(tls_ ? kReadBytes : 0, '\0'),
      in_(std::move(unread)),
      in_end_(in_.size()) {
  error_code ignored;  // a hint: without it lone elements are late
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  ask_when_idle(socket_, options_.silence);
}

Channel& Link::Connection::open_out(std::uint32_t channel) {
  WEIR_CHECK(!started_, "channels are opened before a link is started");
  auto [place, fresh] = outs_.try_emplace(channel);
  WEIR_CHECK(fresh, "a channel of a link was opened twice");
  place->second =
      std::make_unique<OutEnd>(channel, options_.ring_elements, options_.window_bytes, *this);
  order_.push_back(place->second.get());
  return *place->second;
}

Channel& Link::Connection::open_in(std::uint32_t channel,
                                   std::function<std::unique_ptr<BatchBase>()> make_batch) {
  WEIR_CHECK(!started_, "channels are opened before a link is started");
  auto [place, fresh] = ins_.try_emplace(channel);
  WEIR_CHECK(fresh, "a channel of a link was opened twice");
  place->second = std::make_unique<InEnd>(std::move(make_batch), options_.window_bytes, *this);
  return *place->second;
}

void Link::Connection::start(std::function<void(Error)> on_failure,
                             std::function<void(std::string_view)> on_message) {
  on_failure_ = std::move(on_failure);
  on_message_ = std::move(on_message);
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->closed_) return;
    self->started_ = true;
    self->received(0);  // what came behind the greeting
    self->pump();
    self->watch();
  });
}

void Link::Connection::send(std::string_view message) {
  WEIR_CHECK(message.size() <= options_.max_frame_bytes, "a message is larger than a frame may be");
  {
    const std::lock_guard lock(messages_mutex_);
    append_frame(messages_, FrameKind::message, 0,
                 [message](std::string& bytes) { bytes.append(message); });
  }
  wake();
}

void Link::Connection::close() {
  if (driven_) return shut();
  std::promise<void> done;
  asio::post(socket_.get_executor(), [this, &done] {
    shut();
    done.set_value();
  });
  done.get_future().wait();
}

void Link::Connection::shut() {
  closed_ = true;
  watch_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

/// Looks every now and then whether the peer's host is still to be reached. Twice, since an answer
/// may be under way.
void Link::Connection::watch() {
  if (closed_) return;
  const Silence now = silence_of(socket_);
  const bool silent = now.asked && now.heard >= options_.silence;
  if (silent && was_silent_) {
    return fail("its host has not answered for " + std::to_string(now.heard.count()) + " ms");
  }
  was_silent_ = silent;
  watch_.expires_after(options_.silence / 10);
  watch_.async_wait([self = shared_from_this()](error_code cancelled) {
    if (!cancelled) self->watch();
  });
}

void Link::Connection::wake() {
  if (woken_.load(std::memory_order_relaxed) || woken_.exchange(true)) return;
  asio::post(socket_.get_executor(), [self = shared_from_this()] { self->woken(); });
}

/// Now, or at the end of the pause behind the last write; until then nobody need wake us again.
void Link::Connection::woken() {
  if (closed_ || driven_ || pause_.expiry() <= std::chrono::steady_clock::now()) return pump();
  pause_.async_wait([self = shared_from_this()](error_code) { self->pump(); });
}

LinkCounters Link::Connection::counters() const {
  return {bytes_out_.load(), bytes_in_.load(), elements_out_.load(), elements_in_.load()};
}

void Link::Connection::fail(const std::string& what, ErrorCode code) {
  if (closed_) return;
  shut();
  if (on_failure_) on_failure_({code, "The connection to " + peer_ + " is gone: " + what, true});
}

// ---- out ----------------------------------------------------------------------------------------

void Link::Connection::pump() {
  woken_.store(false);  // before the rings are looked at: what comes now wakes anew
  if (closed_) {
    const std::lock_guard lock(messages_mutex_);
    messages_.clear();
  }
  if (!started_ || closed_ || writing_) return;
  if (fill()) write();
}

/// Gathers what may be sent; false when there is nothing.
bool Link::Connection::fill() {
  {
    const std::lock_guard lock(messages_mutex_);
    filling_.append(messages_);
    messages_.clear();
  }
  for (auto& [channel, in] : ins_) {
    const std::int64_t credit = in->take_credit();
    if (credit == 0) continue;
    append_frame(filling_, FrameKind::credit, channel, [credit](std::string& bytes) {
      ByteWriter(bytes).varint(static_cast<std::uint64_t>(credit));
    });
  }
  // One element of each channel in turn, until none has any or the buffer is full.
  for (std::size_t silent = 0; silent < order_.size() && filling_.size() < options_.write_bytes;) {
    OutEnd& out = *order_[turn_];
    turn_ = turn_ + 1 == order_.size() ? 0 : turn_ + 1;
    silent = send_from(out) ? 0 : silent + 1;
  }
  for (OutEnd* out : order_) out->announce_room();
  return !filling_.empty();
}

bool Link::Connection::send_from(OutEnd& out) {
  ChannelElement element;
  if (out.credit <= 0 || !out.pop(element)) return false;
  const std::size_t begin = filling_.size();
  append_frame(filling_, FrameKind::element, out.id,
               [&element](std::string& bytes) { write_element(bytes, element); });
  const std::size_t bytes = filling_.size() - begin;
  out.credit -= cost_of(bytes, options_.window_bytes);
  if (bytes > options_.max_frame_bytes) {
    fail("a batch of " + std::to_string(bytes) + " bytes is larger than a frame may be (" +
             std::to_string(options_.max_frame_bytes) + ")",
         ErrorCode::io);
  }
  elements_out_.fetch_add(1, std::memory_order_relaxed);
  if (element.batch) {
    element.batch->clear();
    out.recycle(std::move(element.batch));
  }
  return true;
}

void Link::Connection::write() {
  if (closed_) return;
  writing_ = true;
  sending_.swap(filling_);
  filling_.clear();
  if (tls_) {
    const Status encrypted = tls_->write(sending_);
    if (!encrypted.ok()) return fail(encrypted.error().message);
    encrypted_out_.swap(tls_->out());
    tls_->out().clear();
  }
  asio::async_write(socket_, asio::buffer(tls_ ? encrypted_out_ : sending_),
                    [self = shared_from_this()](error_code failed, std::size_t bytes) {
                      self->writing_ = false;
                      self->bytes_out_.fetch_add(bytes, std::memory_order_relaxed);
                      if (failed) return self->fail(failed.message());
                      if (self->driven_ || bytes >= self->options_.write_bytes) {
                        return self->pump();
                      }
                      self->pause_.expires_after(self->options_.pace);
                      self->wake();
                    });
}

// ---- in -----------------------------------------------------------------------------------------

void Link::Connection::read() {
  const std::size_t waiting = in_end_ - in_begin_;
  const std::string_view bytes(in_.data() + in_begin_, waiting);
  const std::size_t wanted = std::max(kReadBytes, frame_size(bytes));
  if (in_.size() - in_begin_ < wanted || in_begin_ == in_end_) {
    std::memmove(in_.data(), bytes.data(), waiting);
    in_begin_ = 0;
    in_end_ = waiting;
    // No faster than bytes arrive, whatever a frame claims.
    const std::size_t room = std::min(wanted, 2 * std::max(waiting, kReadBytes));
    if (in_.size() < room) in_.resize(room);
  }
  const auto buffer =
      tls_ ? asio::buffer(encrypted_in_) : asio::buffer(in_.data() + in_end_, in_.size() - in_end_);
  socket_.async_read_some(buffer, [self = shared_from_this()](error_code failed, std::size_t n) {
    if (failed) return self->fail(failed.message());
    if (!self->tls_) return self->received(n);
    const auto plain = self->decrypt(n);
    if (!plain.ok()) return self->fail(plain.error().message, plain.error().code);
    self->received(*plain);
  });
}

/// Behind what has come before; `in_` grows by no more than what comes.
Result<std::size_t> Link::Connection::decrypt(std::size_t come) {
  tls_->feed(std::string_view(encrypted_in_).substr(0, come));
  for (std::size_t end = in_end_;;) {
    if (in_.size() - end < kRecordBytes) in_.resize(end + 2 * kRecordBytes);
    WEIR_ASSIGN(const std::size_t bytes, tls_->read(in_.data() + end, in_.size() - end));
    if (bytes == 0) return end - in_end_;
    end += bytes;
  }
}

void Link::Connection::received(std::size_t bytes) {
  if (closed_) return;
  bytes_in_.fetch_add(bytes, std::memory_order_relaxed);
  in_end_ += bytes;
  Status taken = take_frames();
  for (auto& [channel, in] : ins_) in->announce();
  if (!taken.ok()) {
    return fail(taken.error().message, taken.error().code);
  }
  read();
}

Status Link::Connection::take_frames() {
  std::string_view bytes(in_.data() + in_begin_, in_end_ - in_begin_);
  for (;;) {
    WEIR_ASSIGN(const auto frame, take_frame(bytes, options_.max_frame_bytes));
    in_begin_ = in_end_ - bytes.size();
    if (!frame) return {};
    WEIR_TRY(on_frame(*frame));
  }
}

Status Link::Connection::on_frame(const Frame& frame) {
  const auto unknown = [&frame] {
    return Error{ErrorCode::corrupt, "a frame for channel " + std::to_string(frame.channel) +
                                         ", which this process does not have"};
  };
  switch (frame.kind) {
    case FrameKind::element: {
      const auto in = ins_.find(frame.channel);
      return in == ins_.end() ? unknown() : on_element(*in->second, frame.body);
    }
    case FrameKind::credit: {
      const auto out = outs_.find(frame.channel);
      if (out == outs_.end()) return unknown();
      return on_credit(*out->second, frame.body);
    }
    case FrameKind::message:
      if (!on_message_) return Error{ErrorCode::corrupt, "a message, which nobody expects"};
      on_message_(frame.body);
      return {};
    case FrameKind::hello:
    case FrameKind::refusal:
      break;
  }
  return Error{ErrorCode::corrupt, "a greeting in the middle of a conversation"};
}

Status Link::Connection::on_credit(OutEnd& out, std::string_view body) {
  ByteReader reader(body);
  const std::uint64_t credit = reader.varint();
  // What is away, which is no more than can be given back.
  const std::int64_t used = static_cast<std::int64_t>(options_.window_bytes) - out.credit;
  if (reader.failed() || !reader.at_end() || credit > static_cast<std::uint64_t>(used)) {
    return Error{ErrorCode::corrupt, "more credit than was ever used"};
  }
  out.credit += static_cast<std::int64_t>(credit);
  wake();
  return {};
}

Status Link::Connection::on_element(InEnd& in, std::string_view body) {
  ChannelElement element;
  std::unique_ptr<BatchBase> batch = in.take_batch();
  WEIR_TRY(read_element(body, element, batch));
  if (batch) in.put_back(std::move(batch));
  const std::int64_t cost = cost_of(kFrameHeader + body.size(), options_.window_bytes);
  if (!in.arrive(std::move(element), cost)) {
    return Error{ErrorCode::corrupt, "more elements than there was credit for"};
  }
  elements_in_.fetch_add(1, std::memory_order_relaxed);
  return {};
}

// ---- the face -------------------------------------------------------------------------------

Link::Link(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
Link::~Link() { connection_->close(); }
Channel& Link::open_out(std::uint32_t channel) { return connection_->open_out(channel); }
Channel& Link::open_in(std::uint32_t channel,
                       std::function<std::unique_ptr<BatchBase>()> make_batch) {
  return connection_->open_in(channel, std::move(make_batch));
}
void Link::start(std::function<void(Error)> on_failure,
                 std::function<void(std::string_view)> on_message) {
  connection_->start(std::move(on_failure), std::move(on_message));
}
void Link::send(std::string_view message) { connection_->send(message); }
LinkCounters Link::counters() const { return connection_->counters(); }

}  // namespace weir::net
