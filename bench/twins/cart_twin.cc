// How it is done: simdjson's on-demand front end touches the four fields in their usual order;
// message ids and users are known by 64-bit hashes (5 M ids collide with a chance below 1 in a
// million); seen ids lie in one set per hour of event time, so that forgetting is dropping a set;
// per user there are two plain vectors, which are matched at the end.
#include "bench/twins/cart_twin.h"

#include <simdjson.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <vector>

namespace weir::bench {
namespace {

namespace json = simdjson::ondemand;
static_assert(kCartPadding >= simdjson::SIMDJSON_PADDING);

constexpr std::int64_t kHour = 3'600'000, kDay = 24 * kHour, kWithin = kHour / 2;

std::uint64_t hash_of(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

std::int64_t days_since_1970(int year, unsigned month, unsigned day) {
  using namespace std::chrono;
  return sys_days{std::chrono::year{year} / static_cast<int>(month) / static_cast<int>(day)}
      .time_since_epoch()
      .count();
}

// Reads `2026-01-15T07:59:51.488Z` and nothing else; keeps the last date, which rarely changes.
class TimeReader {
 public:
  bool read(std::string_view text, std::int64_t& ms) {
    if (text.size() != 24 || text[10] != 'T' || text[23] != 'Z') return false;
    if (text.substr(0, 10) != std::string_view(date_.data(), 10)) read_date(text);
    ms = midnight_ +
         ((number(text, 11, 2) * 60 + number(text, 14, 2)) * 60 + number(text, 17, 2)) * 1000 +
         number(text, 20, 3);
    return true;
  }

 private:
  static std::int64_t number(std::string_view text, std::size_t at, std::size_t digits) {
    std::int64_t value = 0;
    for (std::size_t i = at; i < at + digits; ++i) value = value * 10 + (text[i] - '0');
    return value;
  }
  void read_date(std::string_view text) {
    std::copy_n(text.data(), 10, date_.data());
    midnight_ = kDay * days_since_1970(static_cast<int>(number(text, 0, 4)),
                                       static_cast<unsigned>(number(text, 5, 2)),
                                       static_cast<unsigned>(number(text, 8, 2)));
  }

  std::array<char, 10> date_{};
  std::int64_t midnight_ = 0;
};

// Message ids seen within one hour of event time. A message of hour h can repeat one of h - 1, h or
// h + 1 (disorder); four sets in turn hold these, and the oldest is emptied for the next hour.
class SeenMessages {
 public:
  // True if the message is new; it is then remembered.
  bool insert(std::uint64_t id, std::int64_t ms) {
    const std::int64_t hour = ms / kHour;
    if (seen_near(hour - 1, id, ms) || seen_near(hour + 1, id, ms)) return false;
    Set& set = sets_[static_cast<std::size_t>(hour) % sets_.size()];
    if (set.hour != hour) {
      set.hour = hour;
      set.times.clear();
    }
    return set.times.emplace(id, ms).second;
  }

 private:
  struct Set {
    std::int64_t hour = -1;
    boost::unordered_flat_map<std::uint64_t, std::int64_t> times;
  };

  bool seen_near(std::int64_t hour, std::uint64_t id, std::int64_t ms) const {
    const Set& set = sets_[static_cast<std::size_t>(hour) % sets_.size()];
    if (set.hour != hour) return false;
    const auto seen = set.times.find(id);
    return seen != set.times.end() && std::abs(seen->second - ms) < kHour;
  }

  std::array<Set, 4> sets_;
};

// Who put something in the cart, and who ordered, when.
class Carts {
 public:
  void add(std::string_view user, std::int64_t ms) { of(user).added.push_back(ms); }
  void order(std::string_view user, std::int64_t ms) { of(user).ordered.push_back(ms); }

  std::int64_t count_alerts() {
    std::int64_t alerts = 0;
    for (User& user : users_) {
      std::sort(user.ordered.begin(), user.ordered.end());
      for (const std::int64_t added : user.added) {
        const auto next = std::upper_bound(user.ordered.begin(), user.ordered.end(), added);
        alerts += next == user.ordered.end() || *next > added + kWithin;
      }
    }
    return alerts;
  }

 private:
  struct User {
    std::vector<std::int64_t> added, ordered;
  };

  User& of(std::string_view name) {
    const auto [place, is_new] =
        index_.emplace(hash_of(name), static_cast<std::uint32_t>(users_.size()));
    if (is_new) users_.emplace_back();
    return users_[place->second];
  }

  boost::unordered_flat_map<std::uint64_t, std::uint32_t> index_;
  std::vector<User> users_;
};

class CartProgram {
 public:
  void read_line(std::string_view line, std::size_t readable) {
    ++result_.lines;
    json::document document;
    json::object object;
    std::string_view event, message, timestamp, user;
    std::int64_t ms = 0;
    const bool readable_line =
        !parser_.iterate(line.data(), line.size(), readable).get(document) &&
        !document.get_object().get(object) && !object["event"].get_string().get(event) &&
        !object["messageId"].get_string().get(message) &&
        !object["timestamp"].get_string().get(timestamp) &&
        !object["userId"].get_string().get(user) && time_.read(timestamp, ms);
    if (!readable_line) {
      ++result_.unreadable;
      return;
    }
    if (!seen_.insert(hash_of(message), ms)) return;
    ++result_.distinct_messages;
    if (event == "Product Added") carts_.add(user, ms);
    if (event == "Order Completed") carts_.order(user, ms);
  }

  CartResult finish() {
    result_.alerts = carts_.count_alerts();
    return result_;
  }

 private:
  json::parser parser_;
  TimeReader time_;
  SeenMessages seen_;
  Carts carts_;
  CartResult result_;
};

}  // namespace

CartResult run_cart_twin(std::string_view lines) {
  const auto start = std::chrono::steady_clock::now();
  CartProgram program;
  for (std::size_t begin = 0; begin < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', begin), lines.size());
    program.read_line(lines.substr(begin, end - begin), lines.size() - begin + kCartPadding);
    begin = end + 1;
  }
  CartResult result = program.finish();
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  if (result.lines > 0) result.ns_per_line = took.count() / static_cast<double>(result.lines);
  return result;
}

}  // namespace weir::bench
