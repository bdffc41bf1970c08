// Makes the events of the Nexmark suite from their number alone, so that any of them can be made at
// any time, in any order, by any thread: of 50 events one is a person, three are auctions, 46 are
// bids; half of the bids go to a hot auction, three of four come from a hot bidder, three of four
// auctions are a hot seller's; prices are spread evenly over their logarithm. These are the
// proportions of the suite's own generator; the random numbers are ours (splitmix64).
//
// Invariant: an event depends on nothing but the settings and its number. Any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "bench/nexmark/event.h"
#include "bench/nexmark/stock.h"

namespace weir::bench::nexmark {

struct GeneratorSettings {
  std::uint64_t events = 0;
  double events_per_second = 100'000;  ///< of event time
  std::uint64_t seed = 1;
  EventTime start{};  ///< of event 0
};

class Generator {
 public:
  explicit Generator(const GeneratorSettings& settings);

  /// Makes event `number` of `event`, a default-made one. Inline, as that is much of what the
  /// simplest queries cost.
  void make(std::uint64_t number, Event& event) const {
    const std::uint64_t bits = mix64(seed_ + number * 0x9e3779b97f4a7c15ull);
    const std::uint64_t epoch = number / kEpoch, place = number % kEpoch;
    if (place >= kPeople + kAuctions) [[likely]] {
      event.kind = Kind::bid;
      make_bid(epoch, bits, event.bid);
      event.bid.at = time_of(number);
    } else if (place >= kPeople) {
      event.kind = Kind::auction;
      std::construct_at(&event.auction, make_auction(number, bits));
    } else {
      event.kind = Kind::person;
      std::construct_at(&event.person, make_person(number, bits));
    }
  }

 private:
  static constexpr std::uint64_t kPeople = 1, kAuctions = 3, kEpoch = 50;  // the rest: bids
  static constexpr std::uint64_t kFirstPerson = 1000, kFirstAuction = 1000, kFirstCategory = 10;
  static constexpr std::uint64_t kCategories = 5;
  static constexpr std::uint64_t kInFlight = 100;       // auctions that bids go to
  static constexpr std::uint64_t kActivePeople = 1000;  // who bid and sell
  static constexpr std::uint64_t kLead = 10;            // ids that are used before they are there
  static constexpr std::uint64_t kHotGroup = 100;       // one of so many is the hot one

  /// A number below `n` from the lowest 16 of `bits`.
  static std::uint64_t pick(std::uint64_t bits, std::uint64_t n) {
    return ((bits & 0xffff) * n) >> 16;
  }
  /// One or the other without a branch, which no processor could foretell.
  static std::uint64_t choose(bool first, std::uint64_t a, std::uint64_t b) {
    return b ^ ((a ^ b) & (std::uint64_t{0} - static_cast<std::uint64_t>(first)));
  }
  /// Someone active in `epoch`, whose person is the last there is.
  static std::uint64_t active_person(std::uint64_t epoch, std::uint64_t bits) {
    const std::uint64_t people = epoch + 1, active = std::min(people, kActivePeople);
    return people - active + pick(bits, active + kLead);
  }
  EventTime time_of(std::uint64_t number) const {
    const auto n = static_cast<double>(static_cast<std::int64_t>(number));
    return start_ + Duration(static_cast<std::int64_t>(n * ms_per_event_));
  }

  void make_bid(std::uint64_t epoch, std::uint64_t bits, Bid& bid) const;
  Auction make_auction(std::uint64_t number, std::uint64_t bits) const;
  Person make_person(std::uint64_t number, std::uint64_t bits) const;

  const Stock& stock_;
  double ms_per_event_;
  std::uint64_t seed_;
  EventTime start_;
};

inline void Generator::make_bid(std::uint64_t epoch, std::uint64_t bits, Bid& bid) const {
  const std::uint64_t last = epoch * kAuctions + kAuctions - 1;
  const std::uint64_t oldest = last - std::min(last, kInFlight);
  const std::uint64_t auction = choose((bits & 1) != 0, last / kHotGroup * kHotGroup,
                                       oldest + pick(bits >> 6, last - oldest + 1 + kLead));
  bid.auction = static_cast<std::int64_t>(kFirstAuction + auction);
  // The second of the group: the first is the hot seller.
  const std::uint64_t bidder =
      choose((bits & 6) != 0, epoch / kHotGroup * kHotGroup + 1, active_person(epoch, bits >> 22));
  bid.bidder = static_cast<std::int64_t>(kFirstPerson + bidder);
  const std::uint64_t more = mix64(bits);
  bid.price = stock_.price(static_cast<std::uint32_t>(more));
  const Channel& channel = stock_.channel(choose(
      (bits & 8) != 0, (bits >> 4) & 3, Stock::kHotChannels + pick(more >> 32, Stock::kChannels)));
  bid.channel = channel.name;
  bid.url = channel.url;
  bid.extra = stock_.letters((more >> 42) & 0xffff, 55 + ((more >> 58) * 27 >> 6));
}

}  // namespace weir::bench::nexmark
