// The three kinds of Nexmark events, and the record in which the source hands out any of them. All
// are trivially copyable; see text.h for their strings.
#pragma once

#include <cstdint>

#include "bench/nexmark/text.h"
#include "weir/base/time.h"

namespace weir::bench::nexmark {

/// Someone who sells or bids.
struct Person {
  EventTime at{};
  std::int64_t id = 0;
  Text name, email, credit_card, city, state, extra;
};
WEIR_DESCRIBE(Person, at, id, name, email, credit_card, city, state, extra);

/// An item for sale until `expires`. Prices are in cents.
struct Auction {
  EventTime at{};
  std::int64_t id = 0;
  Text item, description;
  std::int64_t initial_bid = 0, reserve = 0;
  EventTime expires{};
  std::int64_t seller = 0, category = 0;
  Text extra;
};
WEIR_DESCRIBE(Auction, at, id, item, description, initial_bid, reserve, expires, seller, category,
              extra);

struct Bid {
  EventTime at{};
  std::int64_t auction = 0, bidder = 0, price = 0;
  Text channel, url, extra;
};
WEIR_DESCRIBE(Bid, at, auction, bidder, price, channel, url, extra);

/// Orders the bids on an auction, the best first: the highest price, then the earliest; what is
/// left makes the order whole, so that an answer does not depend on the order of arrival.
inline bool beats(const Bid& a, const Bid& b) {
  if (a.price != b.price) return a.price > b.price;
  if (a.at != b.at) return a.at < b.at;
  if (a.bidder != b.bidder) return a.bidder < b.bidder;
  return a.extra.view() < b.extra.view();
}

enum class Kind : std::uint8_t { person, auction, bid };

/// One of the three, by `kind`.
struct Event {
  Kind kind = Kind::bid;
  union {
    Bid bid;
    Person person;
    Auction auction;
  };
  Event() : bid() {}
  /// All three begin with their time.
  EventTime at() const { return bid.at; }
};
static_assert(std::is_trivially_copyable_v<Event> && sizeof(Event) == 88);

/// `{"bid":{...}}` and so on, in one line.
std::string to_line(const Event& event);

}  // namespace weir::bench::nexmark

/// Stored opaque, as its kind and that kind's encoding.
template <>
struct weir::Codec<weir::bench::nexmark::Event> {
  using Event = weir::bench::nexmark::Event;
  static void encode(ByteWriter& writer, const Event& event);
  static void decode(ByteReader& reader, Event& event);
  static Schema schema();
};
