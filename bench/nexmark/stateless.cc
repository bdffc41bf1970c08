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

/// q10: a bid as a line of its log, by day and minute of the day.
struct LoggedBid {
  std::int64_t auction = 0, bidder = 0, price = 0;
  EventTime at{};
  std::string extra;
  std::int64_t day = 0, minute = 0;
};
WEIR_DESCRIBE(LoggedBid, auction, bidder, price, at, extra, day, minute);

struct EnrichedBid {
  std::int64_t auction = 0, bidder = 0, price = 0;
  EventTime at{};
  Text value;
};
WEIR_DESCRIBE(EnrichedBid, auction, bidder, price, at, value);

enum class TimeOfDay : std::uint8_t { day, night, other };
WEIR_DESCRIBE_ENUM(TimeOfDay, day, night, other);

struct CountedBid {
  std::int64_t auction = 0, bidder = 0, price = 0;
  TimeOfDay time = TimeOfDay::other;
  EventTime at{};
  Text extra;
  std::int64_t letters_c = 0;
};
WEIR_DESCRIBE(CountedBid, auction, bidder, price, time, at, extra, letters_c);

TimeOfDay time_of_day(EventTime at) {
  const std::int64_t hour = minute_of(at) / 60;
  if (hour >= 8 && hour <= 18) return TimeOfDay::day;
  return hour <= 6 || hour >= 20 ? TimeOfDay::night : TimeOfDay::other;
}

struct ChannelBid {
  std::int64_t auction = 0, bidder = 0, price = 0;
  Text channel, channel_id;
};
WEIR_DESCRIBE(ChannelBid, auction, bidder, price, channel, channel_id);

/// The text behind `channel_id=`, up to the next `&`; empty when there is none.
std::string_view id_in(std::string_view url) {
  constexpr std::string_view kName = "channel_id=";
  for (std::size_t at = url.find(kName); at != std::string_view::npos;
       at = url.find(kName, at + 1)) {
    if (at > 0 && url[at - 1] != '&') continue;
    const std::string_view rest = url.substr(at + kName.size());
    return rest.substr(0, rest.find('&'));
  }
  return {};
}

bool same_letters(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + 32 : x) == y; });
}

/// The id of a bid's channel: a digit for four known ones, else what its URL says.
std::string_view channel_id(const Bid& bid) {
  constexpr std::string_view kKnown[] = {"apple", "google", "facebook", "baidu"};
  constexpr std::string_view kDigits = "0123";
  for (std::size_t i = 0; i < std::size(kKnown); ++i) {
    if (same_letters(bid.channel.view(), kKnown[i])) return kDigits.substr(i, 1);
  }
  return id_in(bid.url.view());
}

struct Directories {
  std::int64_t auction = 0, bidder = 0, price = 0;
  Text channel, first, second, third;
};
WEIR_DESCRIBE(Directories, auction, bidder, price, channel, first, second, third);

/// Takes what stands before the first slash off `rest`.
std::string_view next_part(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  const std::string_view part = rest.substr(0, slash);
  rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  return part;
}

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

/// Bids as a log in files, by day and minute.
void q10(Job& job) {
  bids(events(job), [](const Bid& b) {
    return LoggedBid{b.auction,    b.bidder,       b.price, b.at, std::string(b.extra.view()),
                     day_of(b.at), minute_of(b.at)};
  }).sink("answers", file::csv_sink<LoggedBid>({.path = job.config("answers")}));
}

/// Bids with what a table of 10,000 rows says of their auction. The table is looked up as it was
/// when the job began, as in the suite's processing-time join.
void q13(Job& job) {
  constexpr std::size_t kRows = 10'000;
  auto table = std::make_shared<std::vector<Text>>();  // shared by the copies of the function
  for (std::size_t i = 0; i < kRows; ++i) table->push_back(Text::interned(std::to_string(i)));
  answer(job,
         bids(events(job), [side = std::shared_ptr<const std::vector<Text>>(table)](const Bid& b) {
           const auto row = static_cast<std::size_t>(b.auction) % kRows;
           return EnrichedBid{b.auction, b.bidder, b.price, b.at, (*side)[row]};
         }));
}

/// Bids of more than a million and less than fifty million cents in euros, with the time of day,
/// and how many letters c are in their filler.
void q14(Job& job) {
  answer(job, events(job).flat_map<CountedBid>("counted", [](const Event& e, auto& out) {
    const Bid& b = e.bid;
    if (e.kind != Kind::bid) return;
    const std::int64_t price = euros(b.price);
    if (price <= 1'000'000'000 || price >= 50'000'000'000) return;
    const std::string_view extra = b.extra.view();
    out.emit(CountedBid{b.auction, b.bidder, price, time_of_day(b.at), b.at, b.extra,
                        std::count(extra.begin(), extra.end(), 'c')});
  }));
}

/// Bids with the id of their channel, where there is one.
void q21(Job& job) {
  answer(job, events(job).flat_map<ChannelBid>("identified", [](const Event& e, auto& out) {
    const Bid& b = e.bid;
    if (e.kind != Kind::bid) return;
    const std::string_view id = channel_id(b);
    if (id.empty()) return;
    out.emit(ChannelBid{b.auction, b.bidder, b.price, b.channel, Text::lasting(id)});
  }));
}

/// Bids with the first three folders of their URL.
void q22(Job& job) {
  answer(job, bids(events(job), [](const Bid& b) {
           std::string_view rest = b.url.view();
           for (int i = 0; i < 3; ++i) next_part(rest);  // "https:", "", the host
           Directories row{b.auction, b.bidder, b.price, b.channel, {}, {}, {}};
           row.first = Text::lasting(next_part(rest));
           row.second = Text::lasting(next_part(rest));
           row.third = Text::lasting(next_part(rest));
           return row;
         }));
}

}  // namespace weir::bench::nexmark
