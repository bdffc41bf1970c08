// Reports by day: q15, q16, q17. Each changes with every bid; what a batch of bids changed is said
// once, behind it.
#include <algorithm>

#include "bench/nexmark/queries.h"
#include "bench/nexmark/streams.h"

namespace weir::bench::nexmark {
namespace {

/// 0, 1, 2: below 100 dollars, below 10,000, above.
int rank_of(std::int64_t price) { return price < 10'000 ? 0 : price < 1'000'000 ? 1 : 2; }

/// A number in all, and for each rank of price.
struct Ranked {
  std::int64_t total = 0, rank1 = 0, rank2 = 0, rank3 = 0;

  /// Counts one more in all (bit 0) and in each rank (bits 1 to 3).
  void add(unsigned bits) {
    total += bits & 1;
    rank1 += bits >> 1 & 1;
    rank2 += bits >> 2 & 1;
    rank3 += bits >> 3 & 1;
  }
  void add(const Ranked& more) {
    total += more.total;
    rank1 += more.rank1;
    rank2 += more.rank2;
    rank3 += more.rank3;
  }
};
WEIR_DESCRIBE(Ranked, total, rank1, rank2, rank3);

struct Statistics {
  std::int64_t last_minute = 0;  ///< of the day
  Ranked bids, bidders, auctions;
};
WEIR_DESCRIBE(Statistics, last_minute, bids, bidders, auctions);

struct DayBid {
  std::int64_t day = 0, auction = 0, bidder = 0, price = 0;
};
WEIR_DESCRIBE(DayBid, day, auction, bidder, price);

struct ChannelDay {
  Text channel;
  std::int64_t day = 0;
};
WEIR_DESCRIBE(ChannelDay, channel, day);

struct ChannelDayBid {
  ChannelDay group;
  std::int64_t auction = 0, bidder = 0, price = 0, minute = 0;
};
WEIR_DESCRIBE(ChannelDayBid, group, auction, bidder, price, minute);

enum class What : std::uint8_t { bid, bidder, auction };
WEIR_DESCRIBE_ENUM(What, bid, bidder, auction);

/// Something new in a group: a bid, or a bidder or auction at a rank at which it had not been seen.
template <class Group>
struct News {
  Group group{};
  What what = What::bid;
  std::uint8_t bits = 0;
  std::int16_t minute = 0;
  BOOST_DESCRIBE_CLASS(News, (), (group, what, bits, minute), (), ())
};

unsigned bits_of(std::int64_t price) { return 1u | 2u << rank_of(price); }

/// Tells which bidder or auction of a group is new at which rank: `key` gives group and id.
template <class Group, class Row, class Key, class GroupOf>
Stream<News<Group>> first_seen(const char* name, const Stream<Row>& rows, What what, Key key,
                               GroupOf group) {
  return rows.key_by(key).template process<std::uint8_t, News<Group>>(
      name, [what, group](std::uint8_t& seen, const Row& row, auto& ctx) {
        const unsigned fresh = bits_of(row.price) & ~unsigned{seen};
        if (fresh == 0) return;
        seen = static_cast<std::uint8_t>(seen | fresh);
        ctx.emit(News<Group>{group(row), what, static_cast<std::uint8_t>(fresh), 0});
      });
}

/// Adds up the news of each group.
template <class Group>
auto statistics(const Stream<News<Group>>& news) {
  return news.key_by(&News<Group>::group)
      .template aggregate<Statistics>(
          "statistics",
          [](Statistics& s, const News<Group>& n) {
            (n.what == What::bid      ? s.bids
             : n.what == What::bidder ? s.bidders
                                      : s.auctions)
                .add(n.bits);
            s.last_minute = std::max<std::int64_t>(s.last_minute, n.minute);
          },
          [](Statistics& s, const Statistics& later) {
            s.bids.add(later.bids);
            s.bidders.add(later.bidders);
            s.auctions.add(later.auctions);
            s.last_minute = std::max(s.last_minute, later.last_minute);
          },
          {.emit = Emit::on_change});
}

/// How often, and at what prices.
struct Prices {
  Ranked bids;
  std::int64_t lowest = INT64_MAX, highest = 0, sum = 0;
};
WEIR_DESCRIBE(Prices, bids, lowest, highest, sum);

struct AuctionDay {
  std::int64_t auction = 0, day = 0;
};
WEIR_DESCRIBE(AuctionDay, auction, day);

struct AuctionReport {
  std::int64_t auction = 0, day = 0;
  Ranked bids;
  std::int64_t lowest = 0, highest = 0, average = 0, sum = 0;
};
WEIR_DESCRIBE(AuctionReport, auction, day, bids, lowest, highest, average, sum);

struct AuctionDayBid {
  AuctionDay group;
  std::int64_t price = 0;
};
WEIR_DESCRIBE(AuctionDayBid, group, price);

}  // namespace

/// Of each day: how many bids, bidders and auctions, in all and by rank of price?
void q15(Job& job) {
  auto rows = bids(events(job), [](const Bid& b) {
    return DayBid{day_of(b.at), b.auction, b.bidder, b.price};
  });
  const auto day = [](const DayBid& b) { return b.day; };
  auto bidders = first_seen<std::int64_t>(
      "bidders", rows, What::bidder, [](const DayBid& b) { return std::pair(b.day, b.bidder); },
      day);
  auto auctions = first_seen<std::int64_t>(
      "auctions", rows, What::auction, [](const DayBid& b) { return std::pair(b.day, b.auction); },
      day);
  auto each = rows.map("each", [](const DayBid& b) {
    return News<std::int64_t>{b.day, What::bid, static_cast<std::uint8_t>(bits_of(b.price)), 0};
  });
  answer(job, statistics<std::int64_t>(each.union_with("news", bidders, auctions)));
}

/// The same of each channel and day, and the last minute of the day with a bid.
void q16(Job& job) {
  auto rows = bids(events(job), [](const Bid& b) {
    return ChannelDayBid{{b.channel, day_of(b.at)}, b.auction, b.bidder, b.price, minute_of(b.at)};
  });
  const auto group = [](const ChannelDayBid& b) { return b.group; };
  auto bidders = first_seen<ChannelDay>(
      "bidders", rows, What::bidder,
      [](const ChannelDayBid& b) { return std::pair(b.group, b.bidder); }, group);
  auto auctions = first_seen<ChannelDay>(
      "auctions", rows, What::auction,
      [](const ChannelDayBid& b) { return std::pair(b.group, b.auction); }, group);
  auto each = rows.map("each", [](const ChannelDayBid& b) {
    return News<ChannelDay>{b.group, What::bid, static_cast<std::uint8_t>(bits_of(b.price)),
                            static_cast<std::int16_t>(b.minute)};
  });
  answer(job, statistics<ChannelDay>(each.union_with("news", bidders, auctions)));
}

/// Of each auction and day: how many bids, and at what prices?
void q17(Job& job) {
  auto prices = bids(events(job),
                     [](const Bid& b) {
                       return AuctionDayBid{{b.auction, day_of(b.at)}, b.price};
                     })
                    .key_by(&AuctionDayBid::group)
                    .aggregate<Prices>(
                        "prices",
                        [](Prices& p, const AuctionDayBid& b) {
                          p.bids.add(bits_of(b.price));
                          p.lowest = std::min(p.lowest, b.price);
                          p.highest = std::max(p.highest, b.price);
                          p.sum += b.price;
                        },
                        [](Prices& p, const Prices& later) {
                          p.bids.add(later.bids);
                          p.lowest = std::min(p.lowest, later.lowest);
                          p.highest = std::max(p.highest, later.highest);
                          p.sum += later.sum;
                        },
                        {.emit = Emit::on_change});
  answer(job, prices.map("rows", [](const Keyed<AuctionDay, Prices>& r) {
    const Prices& p = r.value;
    return AuctionReport{r.key.auction,        r.key.day, p.bids, p.lowest, p.highest,
                         p.sum / p.bids.total, p.sum};
  }));
}

}  // namespace weir::bench::nexmark
