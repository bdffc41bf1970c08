// A socket until both ends know each other: TLS, where it is spoken, and a hello from either side.
// The inside of a network; not for others than this folder.
//
// Network thread.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "weir/net/frame.h"
#include "weir/net/hello.h"
#include "weir/net/tls_session.h"

namespace weir::net {

class Greeting : public std::enable_shared_from_this<Greeting> {
 public:
  using Done = std::function<void(Result<Hello>)>;
  using Sent = std::function<void(Status)>;
  /// `tls`: null when none is spoken here.
  Greeting(boost::asio::ip::tcp::socket socket, SslPtr tls);

  boost::asio::ip::tcp::socket& socket() { return socket_; }
  boost::asio::ip::tcp::socket take_socket() { return std::move(socket_); }
  std::unique_ptr<TlsSession> take_tls() { return std::move(tls_); }
  /// What came behind the greeting.
  std::string take_unread() { return std::move(unread_); }

  /// Gives up after `time`: whatever is under way ends with an error.
  void limit(std::chrono::milliseconds time);
  void end_limit() { timer_.cancel(); }

  /// Reads the other end's hello. Errors: incompatible with its reason for a refusal, for an end
  /// that speaks TLS where this one does not or the other way round, and for certificates that do
  /// not fit; corrupt for noise; io.
  void read(Done done);
  /// Sends one frame. Where TLS is spoken here and the other end does not, a refusal goes without,
  /// so that it can be read; a hello, which has the token, is kept back.
  void send(FrameKind kind, const std::function<void(std::string&)>& body, Sent sent);
  /// Sends nothing more and waits until the other end closes: closed over what is still on its way
  /// here, the last word might be lost on its way there.
  void linger(std::function<void()> closed);
  /// Whether the other end can be told anything: false when TLS did not come about.
  bool agreed() const { return !tls_ || tls_->done(); }
  /// Why an operation of the socket failed.
  Error why(const boost::system::error_code& failed) const;

 private:
  void receive(std::function<void(Status)> then);
  void shake(Sent then);
  void go_on_shaking(Sent then);
  void flush(Sent then);
  Status decrypt();
  Result<std::optional<Hello>> take_hello();

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  std::unique_ptr<TlsSession> tls_;
  bool heard_ = false;           // in TLS: something from the other end
  bool other_is_plain_ = false;  // where TLS is spoken here
  std::array<char, kMaxHello> buffer_{};
  std::string unread_, out_;
  bool late_ = false;
};

}  // namespace weir::net
