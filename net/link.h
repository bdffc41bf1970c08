// A connection between two processes of an attempt that carries many channels, in both directions.
//
// A channel is opened at both ends under the same number before `start`: `open_out` where it is
// written, `open_in` where it is read. What a task pushes waits in a ring; the network thread takes
// from the rings in turn as far as each channel's credit goes, puts frames into one buffer and
// hands that to the system. An element that comes after a pause leaves at once; behind a write the
// next one gathers for a moment, so that the busier the link is the larger the writes become.
// Elements of one channel arrive in their order; those of two channels as they come.
//
// When a connection breaks, or the other end sends what it should not, the link fails once and for
// good: nothing of it is tried again, since the attempt that it belongs to must be restarted.
//
// Besides, both ends may send each other messages: small, few, in order, ahead of the elements that
// wait, and without back-pressure.
//
// Threads: `open_out`, `open_in` and `start` from one thread; the channels as of runtime/channel.h;
// `send` from any; the rest is the network thread's. The destructor waits until that has left the
// link.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "weir/base/result.h"
#include "weir/net/tls.h"
#include "weir/runtime/channel.h"

namespace weir::net {

struct LinkOptions {
  /// What may be on its way or wait at the reader, for each channel.
  std::size_t window_bytes = 1 << 20;
  /// About how much is gathered for one write.
  std::size_t write_bytes = 256 << 10;
  /// With a network thread of its own: a link that has just written waits so long before it writes
  /// again, unless this much came together. Waking that thread for each batch costs more than the
  /// batch.
  std::chrono::microseconds pace{200};
  /// A frame that claims more fails the link. A batch must fit.
  std::size_t max_frame_bytes = 256 << 20;
  /// Elements between a task and the network thread.
  std::size_t ring_elements = 16;
  /// A connection is broken when the other end's host has not sent and not acknowledged anything
  /// for so long, which is 2 s at least. It is asked when there is nothing to send; it answers for
  /// a process that is busy or stopped.
  std::chrono::milliseconds silence{5000};
  /// With it both ends speak TLS and show each other certificates; null: neither does.
  std::shared_ptr<Tls> tls = nullptr;
};

/// For metrics; of one link since it began.
struct LinkCounters {
  std::uint64_t bytes_out = 0, bytes_in = 0, elements_out = 0, elements_in = 0;
};

class Link {
 public:
  class Connection;  // of network.cc
  explicit Link(std::shared_ptr<Connection> connection);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// The end of `channel` that this process writes to. Lives as long as the link.
  Channel& open_out(std::uint32_t channel);
  /// The end that it reads from; `make_batch` makes batches of the channel's type.
  Channel& open_in(std::uint32_t channel, std::function<std::unique_ptr<BatchBase>()> make_batch);
  /// Begins to send and to receive. `on_failure` is called at most once, on the network thread,
  /// with what happened and the other end's address; `on_message` there too, for each message, and
  /// without it messages break the link.
  void start(std::function<void(Error)> on_failure,
             std::function<void(std::string_view)> on_message = nullptr);
  /// Sends a message of at most `max_frame_bytes`, or, when the link has failed, drops it. Before
  /// `start` it waits for that.
  void send(std::string_view message);

  /// Any thread.
  LinkCounters counters() const;

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace weir::net
