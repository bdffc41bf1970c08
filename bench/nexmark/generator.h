// Makes the events of the Nexmark suite from their number alone, so that any of them can be made at
// any time, in any order, by any thread: of 50 events one is a person, three are auctions, 46 are
// bids; half of the bids go to a hot auction, three of four come from a hot bidder, three of four
// auctions are a hot seller's; prices are spread evenly over their logarithm. These are the
// proportions of the suite's own generator; the random numbers are ours (splitmix64).
//
// Invariant: an event depends on nothing but the settings and its number. Any thread.
#pragma once

#include <cstdint>

#include "bench/nexmark/event.h"

namespace weir::bench::nexmark {

struct GeneratorSettings {
  std::uint64_t events = 0;
  double events_per_second = 100'000;  ///< of event time
  std::uint64_t seed = 1;
  EventTime start{};  ///< of event 0
};

/// The stock of texts that events refer to; the same in every process.
class Stock;

class Generator {
 public:
  explicit Generator(const GeneratorSettings& settings);

  /// Makes event `number` of `event`, a default-made one.
  void make(std::uint64_t number, Event& event) const;

 private:
  Person make_person(std::uint64_t number, std::uint64_t bits) const;
  Auction make_auction(std::uint64_t number, std::uint64_t bits) const;
  void make_bid(std::uint64_t epoch, std::uint64_t bits, Bid& bid) const;
  EventTime time_of(std::uint64_t number) const {
    return start_ +
           Duration(static_cast<std::int64_t>(static_cast<double>(number) * ms_per_event_));
  }

  const Stock& stock_;
  double ms_per_event_;
  std::uint64_t seed_;
  EventTime start_;
};

}  // namespace weir::bench::nexmark
