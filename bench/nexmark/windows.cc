// Queries over windows: q5, q7, q8, q11 of event time, q12 of wall time.
#include <algorithm>
#include <vector>

#include "bench/nexmark/queries.h"
#include "bench/nexmark/streams.h"

namespace weir::bench::nexmark {
namespace {

using namespace std::chrono_literals;

struct AuctionOfBid {
  std::int64_t auction = 0;
};
WEIR_DESCRIBE(AuctionOfBid, auction);

using BidCount = Windowed<std::int64_t, std::int64_t>;  // of an auction

/// The auctions with the most bids in a window.
struct Hottest {
  std::int64_t bids = 0;
  std::vector<std::int64_t> auctions;

  void take(const Hottest& other) {
    if (other.bids < bids) return;
    if (other.bids > bids) auctions.clear();
    bids = other.bids;
    auctions.insert(auctions.end(), other.auctions.begin(), other.auctions.end());
  }
  void take(const BidCount& count) {
    if (count.value < bids) return;
    if (count.value > bids) auctions.clear();
    bids = count.value;
    auctions.push_back(count.key);
  }
};
WEIR_DESCRIBE(Hottest, bids, auctions);

struct HotItem {
  EventTime start{};
  std::int64_t auction = 0, bids = 0;
};
WEIR_DESCRIBE(HotItem, start, auction, bids);

struct RaisedBid {
  EventTime at{};
  std::int64_t auction = 0, bidder = 0, price = 0;
  Text extra;
};
WEIR_DESCRIBE(RaisedBid, at, auction, bidder, price, extra);

/// The bids of the highest price.
struct Highest {
  std::int64_t price = 0;
  std::vector<RaisedBid> bids;

  void take(const RaisedBid& bid) {
    if (bid.price < price) return;
    if (bid.price > price) bids.clear();
    price = bid.price;
    bids.push_back(bid);
  }
  void take(const Highest& other) {
    for (const RaisedBid& bid : other.bids) take(bid);
  }
};
WEIR_DESCRIBE(Highest, price, bids);

/// q8: someone who came, or who offers something.
struct Newcomer {
  std::int64_t id = 0;
  Text name;
  bool came = false;
};
WEIR_DESCRIBE(Newcomer, id, name, came);

struct Seen {
  Text name;
  bool came = false, sold = false;
};
WEIR_DESCRIBE(Seen, name, came, sold);

struct NewSeller {
  std::int64_t id = 0;
  Text name;
  EventTime start{};
};
WEIR_DESCRIBE(NewSeller, id, name, start);

struct BidderOfBid {
  std::int64_t bidder = 0;
};
WEIR_DESCRIBE(BidderOfBid, bidder);

struct BidsOfBidder {
  std::int64_t bidder = 0, bids = 0;
  EventTime start{}, end{};
};
WEIR_DESCRIBE(BidsOfBidder, bidder, bids, start, end);

constexpr EventTime kLast = kEndOfTime - Duration(1);  // fires when the input ends
using TenSeconds = std::chrono::duration<std::int64_t, std::ratio<10>>;

constexpr auto kCount = [](std::int64_t& n, const auto&) { ++n; };
constexpr auto kSum = [](std::int64_t& n, std::int64_t more) { n += more; };
constexpr auto kTake = [](auto& best, const auto& other) { best.take(other); };

}  // namespace

/// The auctions with the most bids in the last 10 seconds, every 2 seconds. Bids are counted once,
/// by panes of 2 seconds, and the panes then five times each.
void q5(Job& job) {
  auto panes = bids(events(job), [](const Bid& b) { return AuctionOfBid{b.auction}; })
                   .key_by(&AuctionOfBid::auction)
                   .window<std::int64_t>("panes", tumbling(2s), kCount, kSum)
                   .results;
  // The count of a window has its last instant as its time.
  auto counts = panes.key_by(&BidCount::key)
                    .window<std::int64_t>(
                        "counts", sliding(10s, 2s),
                        [](std::int64_t& n, const BidCount& pane) { n += pane.value; }, kSum)
                    .results;
  answer(job, counts.key_by(&BidCount::end)
                  .window<Hottest>("hottest", tumbling(2s), kTake, kTake)
                  .results.flat_map<HotItem>("items", [](const auto& window, auto& out) {
                    for (const std::int64_t auction : window.value.auctions)
                      out.emit(HotItem{window.key - 10s, auction, window.value.bids});
                  }));
}

/// The highest bids of each 10 seconds. First among the bids of some auctions, then among all, so
/// that more than one subtask can work on a window.
void q7(Job& job) {
  constexpr std::int64_t kParts = 64;
  auto parts = bids(events(job),
                    [](const Bid& b) {
                      return RaisedBid{b.at, b.auction, b.bidder, b.price, b.extra};
                    })
                   .key_by([](const RaisedBid& b) { return b.auction % kParts; })
                   .window<Highest>("parts", tumbling(10s), kTake, kTake)
                   .results;
  using Part = Windowed<std::int64_t, Highest>;
  answer(job,
         parts.key_by(&Part::end)
             .window<Highest>(
                 "highest", tumbling(10s),
                 [](Highest& best, const Part& part) { best.take(part.value); }, kTake)
             .results.flat_map<RaisedBid>("bids_of_windows", [](const auto& window, auto& out) {
               for (const RaisedBid& bid : window.value.bids) out.emit(bid);
             }));
}

/// Who came and offered something within the same 10 seconds?
void q8(Job& job) {
  auto newcomers = events(job).flat_map<Newcomer>("newcomers", [](const Event& e, auto& out) {
    if (e.kind == Kind::person)
      out.emit(Newcomer{e.person.id, e.person.name, true});
    else if (e.kind == Kind::auction)
      out.emit(Newcomer{e.auction.seller, {}, false});
  });
  auto seen = newcomers.key_by(&Newcomer::id)
                  .window<Seen>(
                      "seen", tumbling(10s),
                      [](Seen& seen, const Newcomer& n) {
                        if (n.came) seen.name = n.name;
                        (n.came ? seen.came : seen.sold) = true;
                      },
                      [](Seen& seen, const Seen& more) {
                        if (more.came) seen.name = more.name;
                        seen.came |= more.came;
                        seen.sold |= more.sold;
                      })
                  .results;
  answer(job, seen.flat_map<NewSeller>("new_sellers", [](const auto& window, auto& out) {
    const Seen& seen = window.value;
    if (seen.came && seen.sold) out.emit(NewSeller{window.key, seen.name, window.start});
  }));
}

/// How many bids in each of a bidder's sessions, which end after 10 seconds without one?
void q11(Job& job) {
  auto sessions = bids(events(job), [](const Bid& b) { return BidderOfBid{b.bidder}; })
                      .key_by(&BidderOfBid::bidder)
                      .window<std::int64_t>("sessions", session(10s), kCount, kSum)
                      .results;
  answer(job, sessions.map("rows", [](const auto& s) {
    return BidsOfBidder{s.key, s.value, s.start, s.end};
  }));
}

/// How many bids of each bidder in each 10 seconds of wall time? What has been counted at the end
/// of the input is said then.
void q12(Job& job) {
  const auto say = [](BidsOfBidder& count, auto& ctx) {
    if (count.bids > 0) ctx.emit(count);
    ctx.clear_state();
  };
  answer(job, bids(events(job), [](const Bid& b) { return BidderOfBid{b.bidder}; })
                  .key_by(&BidderOfBid::bidder)
                  .process<BidsOfBidder, BidsOfBidder>(
                      "counts",
                      [](BidsOfBidder& count, const BidderOfBid& bid, auto& ctx) {
                        const EventTime now = ctx.processing_time();
                        if (count.bids > 0 && now >= count.end) {  // its timer is about to fire
                          ctx.emit(count);
                          count = {};
                        }
                        if (count.bids++ > 0) return;
                        count.bidder = bid.bidder;
                        count.start = std::chrono::floor<TenSeconds>(now);
                        count.end = count.start + 10s;
                        ctx.set_processing_timer(count.end);
                        ctx.set_timer(kLast);
                      },
                      [say](BidsOfBidder& count, const Timer& timer, auto& ctx) {
                        if (!timer.processing || timer.time == count.end) say(count, ctx);
                      }));
}

}  // namespace weir::bench::nexmark
