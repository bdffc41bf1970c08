// A TCP connection with Beast's time limits, over which TLS lies or not: what HTTP is read from and
// written to at both ends. Heavy to compile: for .cc files alone.
//
// On the strand of its socket.
#pragma once

#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <optional>
#include <string>
#include <utility>

#include "weir/net/tls.h"

namespace weir::cluster {

class HttpStream {
 public:
  using executor_type = boost::beast::tcp_stream::executor_type;

  template <class SocketOrContext>
  explicit HttpStream(SocketOrContext&& of) : tcp_(std::forward<SocketOrContext>(of)) {}

  executor_type get_executor() { return tcp_.get_executor(); }
  /// What lies below: its time limits hold for TLS, too.
  boost::beast::tcp_stream& tcp() { return tcp_; }

  /// From now on TLS is spoken; `done(error_code)` when both ends have agreed.
  template <class Done>
  void async_secure(net::SslPtr ssl, Done&& done) {
    const bool server = SSL_is_server(ssl.get()) == 1;
    tls_.emplace(tcp_, ssl.release());
    tls_->async_handshake(server ? tls_->server : tls_->client, std::forward<Done>(done));
  }
  /// Without the ceremony of an end. Not from within a callback of the stream.
  void speak_plainly() { tls_.reset(); }
  /// Tells the other end that nothing more comes, and waits for the same from there.
  template <class Done>
  void async_end(Done&& done) {
    tls_->async_shutdown(std::forward<Done>(done));
  }
  bool secure() const { return tls_.has_value(); }

  template <class Buffers, class Handler>
  auto async_read_some(const Buffers& buffers, Handler&& handler) {
    if (tls_) return tls_->async_read_some(buffers, std::forward<Handler>(handler));
    return tcp_.async_read_some(buffers, std::forward<Handler>(handler));
  }
  template <class Buffers, class Handler>
  auto async_write_some(const Buffers& buffers, Handler&& handler) {
    if (tls_) return tls_->async_write_some(buffers, std::forward<Handler>(handler));
    return tcp_.async_write_some(buffers, std::forward<Handler>(handler));
  }

  /// OpenSSL's number of an error, or 0 when it is none of its own.
  static unsigned long tls_error(const boost::system::error_code& failed) {
    const bool of_ssl = failed.category() == boost::asio::error::get_ssl_category();
    return of_ssl ? static_cast<unsigned long>(static_cast<unsigned>(failed.value())) : 0;
  }
  /// Why something failed, in words.
  std::string why(const boost::system::error_code& failed) {
    if (!tls_) return failed.message();
    if (failed == boost::asio::ssl::error::stream_truncated) return "it closed the connection";
    const unsigned long error = tls_error(failed);
    return error != 0 ? net::tls_problem(tls_->native_handle(), error) : failed.message();
  }

 private:
  boost::beast::tcp_stream tcp_;
  std::optional<boost::asio::ssl::stream<boost::beast::tcp_stream&>> tls_;
};

}  // namespace weir::cluster
