// The inside of a link: a socket, what is written to it and what comes out. Not for others than
// this folder.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "weir/net/frame.h"
#include "weir/net/link.h"
#include "weir/net/link_channel.h"
#include "weir/net/tls_session.h"

namespace weir::net {

class Link::Connection final : public std::enable_shared_from_this<Connection>, public Waker {
 public:
  /// `tls`: what the two ends have agreed upon; null without TLS. `unread`: what has come behind
  /// the greeting, decrypted.
  Connection(boost::asio::ip::tcp::socket socket, std::unique_ptr<TlsSession> tls,
             std::string unread, LinkOptions options, bool driven);

  Channel& open_out(std::uint32_t channel);
  Channel& open_in(std::uint32_t channel, std::function<std::unique_ptr<BatchBase>()> make_batch);
  void start(std::function<void(Error)> on_failure,
             std::function<void(std::string_view)> on_message);
  void send(std::string_view message);
  /// Closes the socket on the network thread: here, if that is the caller's, or it waits for that.
  void close();
  /// Something is in a ring, or credit is to be given back. Any thread.
  void wake() override;
  LinkCounters counters() const;

 private:
  void shut();
  void watch();
  void woken();
  void pump();
  bool fill();
  bool send_from(OutEnd& out);
  void write();
  void read();
  Result<std::size_t> decrypt(std::size_t come);
  void received(std::size_t bytes);
  Status take_frames();
  Status on_frame(const Frame& frame);
  Status on_credit(OutEnd& out, std::string_view body);
  Status on_element(InEnd& in, std::string_view body);
  void fail(const std::string& what, ErrorCode code = ErrorCode::peer_lost);

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer pause_;  // between two writes
  boost::asio::steady_timer watch_;  // between two looks whether the peer's host is there
  const std::string peer_;
  const LinkOptions options_;
  std::map<std::uint32_t, std::unique_ptr<OutEnd>> outs_;
  std::vector<OutEnd*> order_;  // of `outs_`, in turn
  std::size_t turn_ = 0;
  std::map<std::uint32_t, std::unique_ptr<InEnd>> ins_;
  std::function<void(Error)> on_failure_;
  std::function<void(std::string_view)> on_message_;

  std::atomic<bool> woken_{false};
  const bool driven_;  // by the thread that owns the link
  bool started_ = false, writing_ = false, closed_ = false, was_silent_ = false;
  std::string filling_, sending_;
  const std::unique_ptr<TlsSession> tls_;
  std::string encrypted_out_, encrypted_in_;  // with TLS: what the socket writes and reads
  std::mutex messages_mutex_;
  std::string messages_;  // frames that wait, behind that mutex
  std::string in_;        // bytes from `in_begin_` to `in_end_` have come and wait
  std::size_t in_begin_ = 0, in_end_ = 0;
  std::atomic<std::uint64_t> bytes_out_{0}, bytes_in_{0}, elements_out_{0}, elements_in_{0};
};

}  // namespace weir::net
