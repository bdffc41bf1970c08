// Queries that look at one bid at a time: q0, q1, q2, q10, q13, q14, q21, q22.
#include <algorithm>
#include <memory>

#include "bench/nexmark/queries.h"
#include "bench/nexmark/streams.h"

namespace weir::bench::nexmark {
namespace {

/// A bid as most queries show it.
struct PlainBid {
  std::int64_t auction = 0, bidder = 0, price = 0;
  EventTime at{};
  Text extra;
};
WEIR_DESCRIBE(PlainBid, auction, bidder, price, at, extra);

/// Dollars to euros, in thousandths of a cent: exact, as DECIMAL(23, 3) is.
std::int64_t euros(std::int64_t price) { return price * 908; }

struct PricedAuction {
  std::int64_t auction = 0, price = 0;
};
WEIR_DESCRIBE(PricedAuction, auction, price);

}  // namespace

/// Bids as they are.
void q0(Job& job) {
  answer(job, bids(events(job), [](const Bid& b) {
           return PlainBid{b.auction, b.bidder, b.price, b.at, b.extra};
         }));
}

/// Bids in euros.
void q1(Job& job) {
  answer(job, bids(events(job), [](const Bid& b) {
           return PlainBid{b.auction, b.bidder, euros(b.price), b.at, b.extra};
         }));
}

/// Bids on every 123rd auction.
void q2(Job& job) {
  answer(job, events(job).flat_map<PricedAuction>("selected", [](const Event& e, auto& out) {
    if (e.kind == Kind::bid && e.bid.auction % 123 == 0) {
      out.emit(PricedAuction{e.bid.auction, e.bid.price});
    }
  }));
}

}  // namespace weir::bench::nexmark
