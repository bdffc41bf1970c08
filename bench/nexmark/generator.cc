#include "bench/nexmark/generator.h"

#include <algorithm>
#include <memory>

#include "bench/nexmark/stock.h"

namespace weir::bench::nexmark {
namespace {

constexpr std::uint64_t kPeople = 1, kAuctions = 3, kEpoch = 50;  // bids are the rest of an epoch
constexpr std::uint64_t kFirstPerson = 1000, kFirstAuction = 1000, kFirstCategory = 10;
constexpr std::uint64_t kCategories = 5;
constexpr std::uint64_t kInFlight = 100;       // auctions that bids go to
constexpr std::uint64_t kActivePeople = 1000;  // who bid and sell
constexpr std::uint64_t kLead = 10;            // ids that are used before they are there
constexpr std::uint64_t kHotGroup = 100;       // one of so many is the hot one

/// A number below `n` from the lowest 16 of `bits`.
std::uint64_t pick(std::uint64_t bits, std::uint64_t n) { return ((bits & 0xffff) * n) >> 16; }

/// Someone active in `epoch`, whose person is the last there is.
std::uint64_t active_person(std::uint64_t epoch, std::uint64_t bits) {
  const std::uint64_t people = epoch + 1, active = std::min(people, kActivePeople);
  return people - active + pick(bits, active + kLead);
}

}  // namespace

Generator::Generator(const GeneratorSettings& settings)
    : stock_(Stock::get()),
      ms_per_event_(1000 / settings.events_per_second),
      seed_(mix64(settings.seed)),
      start_(settings.start) {}

void Generator::make(std::uint64_t number, Event& event) const {
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

void Generator::make_bid(std::uint64_t epoch, std::uint64_t bits, Bid& bid) const {
  const std::uint64_t last_auction = epoch * kAuctions + kAuctions - 1;
  if ((bits & 1) != 0) {
    bid.auction = static_cast<std::int64_t>(kFirstAuction + last_auction / kHotGroup * kHotGroup);
  } else {
    const std::uint64_t oldest = last_auction - std::min(last_auction, kInFlight);
    const std::uint64_t range = last_auction - oldest + 1 + kLead;
    bid.auction = static_cast<std::int64_t>(kFirstAuction + oldest + pick(bits >> 6, range));
  }
  // The second of the group: the first is the hot seller.
  const std::uint64_t bidder =
      (bits & 6) != 0 ? epoch / kHotGroup * kHotGroup + 1 : active_person(epoch, bits >> 22);
  bid.bidder = static_cast<std::int64_t>(kFirstPerson + bidder);
  const std::uint64_t more = mix64(bits);
  bid.price = stock_.price(static_cast<std::uint32_t>(more));
  const Channel& channel =
      stock_.channels[(bits & 8) != 0 ? (bits >> 4) & 3
                                      : Stock::kHotChannels + pick(more >> 32, Stock::kChannels)];
  bid.channel = channel.name;
  bid.url = channel.url;
  bid.extra = stock_.letters((more >> 42) & 0xffff, 55 + ((more >> 58) * 27 >> 6));
}

Auction Generator::make_auction(std::uint64_t number, std::uint64_t bits) const {
  const std::uint64_t epoch = number / kEpoch, place = number % kEpoch;
  const EventTime at = time_of(number);
  Auction auction;
  auction.at = at;
  auction.id = static_cast<std::int64_t>(kFirstAuction + epoch * kAuctions + place - kPeople);
  const std::uint64_t seller =
      (bits & 3) != 0 ? epoch / kHotGroup * kHotGroup : active_person(epoch, bits >> 2);
  auction.seller = static_cast<std::int64_t>(kFirstPerson + seller);
  auction.category = static_cast<std::int64_t>(kFirstCategory + pick(bits >> 18, kCategories));
  const std::uint64_t more = mix64(bits), most = mix64(more);
  auction.initial_bid = stock_.price(static_cast<std::uint32_t>(more));
  auction.reserve = auction.initial_bid + stock_.price(static_cast<std::uint32_t>(more >> 32));
  // As long, on average, as it takes to make the auctions that are in flight.
  const Duration horizon = time_of(number + kInFlight * kEpoch / kAuctions) - at;
  const auto longest = static_cast<std::uint64_t>(std::max<std::int64_t>(2 * horizon.count(), 1));
  auction.expires = at + Duration(1 + static_cast<std::int64_t>(pick(bits >> 34, longest)));
  auction.item = stock_.words(most & 0xffff, 3 + pick(most >> 8, 17));
  auction.description = stock_.words((most >> 16) & 0xffff, 3 + pick(most >> 24, 97));
  auction.extra = stock_.letters((most >> 32) & 0xffff, 310 + pick(most >> 48, 150));
  return auction;
}

Person Generator::make_person(std::uint64_t number, std::uint64_t bits) const {
  const auto any = [](const std::vector<Text>& of, std::uint64_t b) {
    return of[pick(b, of.size())];
  };
  const std::uint64_t more = mix64(bits);
  Person person;
  person.at = time_of(number);
  person.id = static_cast<std::int64_t>(kFirstPerson + number / kEpoch);
  person.name = any(stock_.names, bits);
  person.email = any(stock_.emails, bits >> 16);
  person.credit_card = any(stock_.credit_cards, bits >> 32);
  person.city = any(stock_.cities, bits >> 48);
  person.state = any(stock_.states, more);
  person.extra = stock_.letters((more >> 16) & 0xffff, 90 + pick(more >> 32, 60));
  return person;
}

}  // namespace weir::bench::nexmark
