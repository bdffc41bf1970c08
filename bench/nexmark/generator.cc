#include "bench/nexmark/generator.h"

#include <algorithm>

namespace weir::bench::nexmark {

Generator::Generator(const GeneratorSettings& settings)
    : stock_(Stock::get()),
      ms_per_event_(1000 / settings.events_per_second),
      seed_(mix64(settings.seed)),
      start_(settings.start) {}

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
