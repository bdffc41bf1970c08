#include "tests/cluster/sim_link.h"

#include <algorithm>
#include <utility>

namespace weir::cluster::sim {

void Link::send_to(End& to, Message message) {
  if (!other(to).open) return;
  if (to.cuts > 0) {
    to.stalled.push_back(std::move(message));
    return;
  }
  arrive(to, [this, &to, message = std::move(message)] { to.on_message(message); });
}

void Link::arrive(End& to, std::function<void()> event) {
  const SteadyTime at = std::max(to.last_arrival, loop_.now() + loop_.between(0, 8));
  to.last_arrival = at;
  const auto delay = std::chrono::duration_cast<Millis>(at - loop_.now());
  to.node->later(delay, [self = shared_from_this(), &to, event = std::move(event)] {
    if (to.open) event();
  });
}

void Link::close(End& end) {
  if (!end.open) return;
  end.open = false;
  End& peer = other(end);
  if (peer.open && peer.cuts == 0) {
    arrive(peer, [this, &peer] { closed(peer, "The other end has closed the connection."); });
  }
}

void Link::vanish(End& end) {
  end.open = false;
  cut(other(end));
}

void Link::closed(End& end, const std::string& why) {
  if (!end.open) return;
  end.open = false;
  end.on_closed(why);
}

void Link::cut(End& to) {
  if (to.cuts++ > 0) return;
  to.cut_at = loop_.now();
  to.node->later(kSilence + loop_.between(0, 200),
                 [self = shared_from_this(), this, &to, at = to.cut_at] {
                   if (!to.open || to.cuts == 0 || to.cut_at != at) return;
                   closed(to, "It has been silent for too long.");
                   End& peer = other(to);
                   if (peer.open && peer.cuts == 0) {
                     arrive(peer, [this, &peer] { closed(peer, "The other end gave up."); });
                   }
                 });
}

void Link::heal(End& to) {
  if (--to.cuts > 0) return;
  for (Message& message : std::exchange(to.stalled, {})) {
    arrive(to, [this, &to, message = std::move(message)] { to.on_message(message); });
  }
  if (!other(to).open && to.open) {
    arrive(to, [this, &to] { closed(to, "The other end has closed the connection."); });
  }
}

}  // namespace weir::cluster::sim
