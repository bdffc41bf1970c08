// Queries that join two kinds of events: q3, q4, q9, q20.
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

}  // namespace weir::bench::nexmark
