// Queries that keep the first bids of an order: q18, q19. They answer by upserts: what is said last
// of a bidder and auction, or of a place on an auction's list, holds.
#include <algorithm>
#include <array>

#include "bench/nexmark/queries.h"
#include "bench/nexmark/streams.h"

namespace weir::bench::nexmark {
namespace {

/// A comes after B; at one instant price and filler decide, so that the order is whole.
bool is_later(const Bid& a, const Bid& b) {
  if (a.at != b.at) return a.at > b.at;
  if (a.price != b.price) return a.price > b.price;
  return a.extra.view() > b.extra.view();
}

struct RankedBid {
  std::int64_t rank = 0;
  Bid bid;
};
WEIR_DESCRIBE(RankedBid, rank, bid);

/// The ten highest bids of an auction, the best first.
struct TopBids {
  std::vector<Bid> bids;
};
WEIR_DESCRIBE(TopBids, bids);

constexpr std::size_t kTop = 10;

}  // namespace

/// The last bid of each bidder on each auction.
void q18(Job& job) {
  answer(job, bids(events(job))
                  .key_by([](const Bid& b) { return std::pair(b.bidder, b.auction); })
                  .process<Bid, Bid>("last", [](Bid& last, const Bid& bid, auto& ctx) {
                    const bool first = last.auction == 0;
                    if (!first && !is_later(bid, last)) return;
                    last = bid;
                    ctx.emit(bid);
                  }));
}

/// The ten highest bids of each auction, with their place.
void q19(Job& job) {
  answer(job, bids(events(job))
                  .key_by(&Bid::auction)
                  .process<TopBids, RankedBid>("top", [](TopBids& top, const Bid& bid, auto& ctx) {
                    auto& list = top.bids;
                    if (list.size() == kTop && !beats(bid, list.back())) return;
                    auto place = std::upper_bound(list.begin(), list.end(), bid, beats);
                    const auto rank = place - list.begin();
                    list.insert(place, bid);
                    if (list.size() > kTop) list.pop_back();
                    for (auto i = static_cast<std::size_t>(rank); i < list.size(); ++i)
                      ctx.emit(RankedBid{static_cast<std::int64_t>(i) + 1, list[i]});
                  }));
}

}  // namespace weir::bench::nexmark
