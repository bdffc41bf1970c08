// A connection between a worker and a coordinator: each direction keeps its order, and can be cut
// by itself. What is sent into a cut waits, as TCP keeps it, and arrives when the cut heals, unless
// an end has closed the connection before: after silence for as long as the time-out.
#pragma once

#include <deque>
#include <memory>

#include "tests/cluster/sim_loop.h"
#include "weir/cluster/messages.h"

namespace weir::cluster::sim {

inline constexpr Millis kSilence{3000};

class Link : public std::enable_shared_from_this<Link> {
 public:
  /// One end; who holds it hears by it.
  struct End {
    Node* node = nullptr;
    std::function<void(const Message&)> on_message;
    std::function<void(const std::string& why)> on_closed;
    bool open = true;
    // What is sent to this end.
    int cuts = 0;
    SteadyTime cut_at{}, last_arrival{};
    std::deque<Message> stalled;
  };

  explicit Link(Loop& loop) : loop_(loop) {}
  End worker, coordinator;

  void send_to(End& to, Message message);
  /// `end` closes; the other one hears of it, like of a last message.
  void close(End& end);
  /// As a machine that loses its power: nobody hears of it but by silence.
  void vanish(End& end);
  void cut(End& to);
  void heal(End& to);

 private:
  End& other(End& end) { return &end == &worker ? coordinator : worker; }
  void arrive(End& to, std::function<void()> event);
  void closed(End& end, const std::string& why);

  Loop& loop_;
};

}  // namespace weir::cluster::sim
