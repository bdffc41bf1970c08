// Queries that join two kinds of events: q3, q4, q9, q20.
#include <algorithm>
#include <vector>

#include "bench/nexmark/queries.h"
#include "bench/nexmark/streams.h"

namespace weir::bench::nexmark {
namespace {

struct LocalPerson {
  std::int64_t id = 0;
  Text name, city, state;
};
WEIR_DESCRIBE(LocalPerson, id, name, city, state);

struct Offer {
  std::int64_t auction = 0, seller = 0;
};
WEIR_DESCRIBE(Offer, auction, seller);

/// Of one seller: who it is, once known, and until then what they sell.
struct Seller {
  bool known = false;
  LocalPerson person;
  std::vector<std::int64_t> offers;
};
WEIR_DESCRIBE(Seller, known, person, offers);

struct LocalOffer {
  Text name, city, state;
  std::int64_t auction = 0;
};
WEIR_DESCRIBE(LocalOffer, name, city, state, auction);

LocalOffer local_offer(const LocalPerson& p, std::int64_t auction) {
  return {p.name, p.city, p.state, auction};
}

struct Terms {
  std::int64_t auction = 0, category = 0;
  EventTime at{}, expires{};
};
WEIR_DESCRIBE(Terms, auction, category, at, expires);

struct Price {
  std::int64_t auction = 0, price = 0;
  EventTime at{};
};
WEIR_DESCRIBE(Price, auction, price, at);

/// An auction that is running, with its highest price so far. Before the auction itself has
/// arrived, bids wait.
struct Running {
  bool known = false;
  Terms terms;
  std::int64_t highest = 0;  ///< 0: none
  std::vector<Price> waiting;

  void take(const Price& p) {
    if (p.at >= terms.at && p.at <= terms.expires) highest = std::max(highest, p.price);
  }
};
WEIR_DESCRIBE(Running, known, terms, highest, waiting);

/// An auction that has ended, with the price it made.
struct Ended {
  std::int64_t category = 0, price = 0;
};
WEIR_DESCRIBE(Ended, category, price);

struct PriceSum {
  std::int64_t auctions = 0, sum = 0;
};
WEIR_DESCRIBE(PriceSum, auctions, sum);

struct Average {
  std::int64_t category = 0, auctions = 0, average = 0;
};
WEIR_DESCRIBE(Average, category, auctions, average);

struct WinningBid {
  Auction auction;
  Bid bid;
};
WEIR_DESCRIBE(WinningBid, auction, bid);

/// As Running, with all there is to say of auction and bid.
struct Contest {
  bool known = false, won = false;
  Auction auction;
  Bid best;
  std::vector<Bid> waiting;

  void take(const Bid& bid) {
    if (bid.at < auction.at || bid.at > auction.expires) return;
    if (!won || beats(bid, best)) best = bid;
    won = true;
  }
};
WEIR_DESCRIBE(Contest, known, won, auction, best, waiting);

/// What all states of auctions share. Bids wait for their auction until event time has passed them:
/// an auction that comes later began later, and does not want them.
struct OnBid {
  template <class State, class B>
  void operator()(State& state, const B& bid, auto& ctx) const {
    if (state.known) return state.take(bid);
    state.waiting.push_back(bid);
    ctx.set_timer(bid.at);
  }
};
/// Forgets bids that waited in vain; true when that is all the timer was for.
template <class State>
bool only_waited(State& state, const Timer& timer, EventTime expires, auto& ctx) {
  if (state.known && timer.time == expires) return false;
  std::erase_if(state.waiting, [&](const auto& bid) { return bid.at <= timer.time; });
  if (!state.known && state.waiting.empty()) ctx.clear_state();
  return true;
}

/// A bid with its auction.
struct ExpandedBid {
  Bid bid;
  Auction auction;
};
WEIR_DESCRIBE(ExpandedBid, bid, auction);

enum class Wanted : std::uint8_t { unknown, yes, no };
WEIR_DESCRIBE_ENUM(Wanted, unknown, yes, no);

/// q20: an auction if it is of category 10, or the bids that wait to know. Lists keep the state of
/// the many others small.
struct Expansion {
  Wanted wanted = Wanted::unknown;
  std::vector<Auction> auction;  ///< one, or none
  std::vector<Bid> waiting;
};
WEIR_DESCRIBE(Expansion, wanted, auction, waiting);

bool is_local(std::string_view state) { return state == "OR" || state == "ID" || state == "CA"; }

}  // namespace

/// Who sells in Oregon, Idaho or California in category 10, and what?
void q3(Job& job) {
  auto [people, offers] =
      events(job).flat_map<LocalPerson, Offer>("local", [](const Event& e, auto& out) {
        if (e.kind == Kind::person && is_local(e.person.state.view()))
          out.emit(LocalPerson{e.person.id, e.person.name, e.person.city, e.person.state});
        else if (e.kind == Kind::auction && e.auction.category == 10)
          out.emit(Offer{e.auction.id, e.auction.seller});
      });
  answer(job, people.key_by(&LocalPerson::id)
                  .connect(offers.key_by(&Offer::seller))
                  .process<Seller, LocalOffer>(
                      "sellers",
                      [](Seller& seller, const LocalPerson& person, auto& ctx) {
                        seller.known = true;
                        seller.person = person;
                        for (const std::int64_t id : seller.offers)
                          ctx.emit(local_offer(person, id));
                        seller.offers = {};
                      },
                      [](Seller& seller, const Offer& offer, auto& ctx) {
                        if (seller.known)
                          ctx.emit(local_offer(seller.person, offer.auction));
                        else
                          seller.offers.push_back(offer.auction);
                      }));
}

/// The average price that auctions of each category have made, as auctions end.
void q4(Job& job) {
  auto [auctions, prices] =
      events(job).flat_map<Terms, Price>("parts", [](const Event& e, auto& out) {
        if (e.kind == Kind::bid)
          out.emit(Price{e.bid.auction, e.bid.price, e.bid.at});
        else if (e.kind == Kind::auction)
          out.emit(Terms{e.auction.id, e.auction.category, e.auction.at, e.auction.expires});
      });
  auto ended = auctions.key_by(&Terms::auction)
                   .connect(prices.key_by(&Price::auction))
                   .process<Running, Ended>(
                       "auctions",
                       [](Running& state, const Terms& terms, auto& ctx) {
                         state.known = true;
                         state.terms = terms;
                         for (const Price& p : state.waiting) state.take(p);
                         state.waiting = {};
                         ctx.set_timer(terms.expires);
                       },
                       OnBid{},
                       [](Running& state, const Timer& timer, auto& ctx) {
                         if (only_waited(state, timer, state.terms.expires, ctx)) return;
                         if (state.highest > 0)
                           ctx.emit(Ended{state.terms.category, state.highest});
                         ctx.clear_state();
                       });
  auto sums = ended.key_by(&Ended::category)
                  .aggregate<PriceSum>(
                      "categories",
                      [](PriceSum& s, const Ended& e) {
                        ++s.auctions;
                        s.sum += e.price;
                      },
                      [](PriceSum& s, const PriceSum& later) {
                        s.auctions += later.auctions;
                        s.sum += later.sum;
                      },
                      {.emit = Emit::on_change});
  answer(job, sums.map("averages", [](const Keyed<std::int64_t, PriceSum>& c) {
    return Average{c.key, c.value.auctions, c.value.sum / c.value.auctions};
  }));
}

/// The winning bid of each auction, when it ends.
void q9(Job& job) {
  auto [auctions, bids] =
      events(job).flat_map<Auction, Bid>("parts", [](const Event& e, auto& out) {
        if (e.kind == Kind::bid)
          out.emit(e.bid);
        else if (e.kind == Kind::auction)
          out.emit(e.auction);
      });
  answer(job, auctions.key_by(&Auction::id)
                  .connect(bids.key_by(&Bid::auction))
                  .process<Contest, WinningBid>(
                      "auctions",
                      [](Contest& state, const Auction& auction, auto& ctx) {
                        state.known = true;
                        state.auction = auction;
                        for (const Bid& bid : state.waiting) state.take(bid);
                        state.waiting = {};
                        ctx.set_timer(auction.expires);
                      },
                      OnBid{},
                      [](Contest& state, const Timer& timer, auto& ctx) {
                        if (only_waited(state, timer, state.auction.expires, ctx)) return;
                        if (state.won) ctx.emit(WinningBid{state.auction, state.best});
                        ctx.clear_state();
                      }));
}

/// Bids on auctions of category 10, with all that is known of the auction. Bids on others are
/// dropped as soon as that is known.
void q20(Job& job) {
  auto [auctions, bids] =
      events(job).flat_map<Auction, Bid>("parts", [](const Event& e, auto& out) {
        if (e.kind == Kind::bid)
          out.emit(e.bid);
        else if (e.kind == Kind::auction)
          out.emit(e.auction);
      });
  answer(job, auctions.key_by(&Auction::id)
                  .connect(bids.key_by(&Bid::auction))
                  .process<Expansion, ExpandedBid>(
                      "auctions",
                      [](Expansion& state, const Auction& auction, auto& ctx) {
                        state.wanted = auction.category == 10 ? Wanted::yes : Wanted::no;
                        if (state.wanted == Wanted::yes) {
                          state.auction.push_back(auction);
                          for (const Bid& bid : state.waiting) ctx.emit(ExpandedBid{bid, auction});
                        }
                        state.waiting = {};
                      },
                      [](Expansion& state, const Bid& bid, auto& ctx) {
                        if (state.wanted == Wanted::unknown)
                          state.waiting.push_back(bid);
                        else if (state.wanted == Wanted::yes)
                          ctx.emit(ExpandedBid{bid, state.auction[0]});
                      }));
}

}  // namespace weir::bench::nexmark
