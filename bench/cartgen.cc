#include "bench/cartgen.h"

#include <algorithm>
#include <cstdio>

namespace weir::bench {
namespace {

constexpr std::int64_t kSpan = 4 * 3'600'000;
constexpr std::int64_t kFirst = 8 * 3'600'000;
constexpr std::int64_t kMidnight = 1'768'435'200'000;  // 2026-01-15T00:00:00Z, ms since 1970
constexpr std::int64_t kWithin = 30 * 60'000;
constexpr std::int64_t kMaxBehind = 9'999;
constexpr std::size_t kRecent = 2'000;
constexpr std::size_t kUsers = 100'000;

constexpr const char* kEvents[] = {"Product Viewed",    "Product Added", "Order Completed",
                                   "Product Removed",   "Cart Viewed",   "Checkout Started",
                                   "Products Searched", "Coupon Applied"};
constexpr int kAdded = 1, kOrdered = 2;

int pick_event(std::uint64_t random) {
  const int percent = static_cast<int>(random % 100);
  if (percent < 55) return 0;
  if (percent < 80) return kAdded;
  if (percent < 88) return kOrdered;
  return 3 + (percent - 88) % 5;
}

struct IsoTime {
  char text[32];
  explicit IsoTime(std::int64_t ms) {
    const unsigned t = static_cast<unsigned>(ms);
    std::snprintf(text, sizeof text, "2026-01-15T%02u:%02u:%02u.%03uZ", t / 3'600'000 % 24,
                  t / 60'000 % 60, t / 1'000 % 60, t % 1'000);
  }
};

unsigned bits(std::uint64_t random, int shift, unsigned mask) {
  return static_cast<unsigned>(random >> shift) & mask;
}

// Appends the head of a line: what identifies the event, its user and the browser.
void append_identity(std::string& out, std::int64_t index, std::int64_t time, unsigned user,
                     int event, std::uint64_t r, std::uint64_t r3) {
  char buffer[512];
  const int length = std::snprintf(
      buffer, sizeof buffer,
      "{\"type\":\"track\",\"event\":\"%s\",\"messageId\":\"node-next-%lld-%08x-%04x-%04x-%04x-%"
      "012llx\","
      "\"timestamp\":\"%s\",\"userId\":\"user-%u\","
      "\"anonymousId\":\"%08x-%04x-4%03x-a%03x-%012llx\",",
      kEvents[event], static_cast<long long>(kMidnight + time), static_cast<unsigned>(r >> 20),
      bits(r3, 0, 0xffff), 0x4000 | bits(r3, 16, 0xfff), 0xa000 | bits(r3, 28, 0xfff),
      static_cast<unsigned long long>((static_cast<std::uint64_t>(index) * 0x9E3779B97F4A7C15ull) >>
                                      16),
      IsoTime(time).text, user, user * 2654435761u, user & 0xffff, user & 0xfff, user >> 4 & 0xfff,
      static_cast<unsigned long long>(user) * 48271ull);
  out.append(buffer, static_cast<std::size_t>(length));
}

// Appends the rest, which nobody asks about but everybody has to get past.
void append_ballast(std::string& out, std::int64_t time, std::uint64_t r, std::uint64_t r2,
                    std::uint64_t r3) {
  char buffer[512];
  const int length =
      std::snprintf(buffer, sizeof buffer,
                    "\"properties\":{\"product_id\":\"sku-%d\",\"price\":%d.%02d,\"quantity\":%d,"
                    "\"currency\":\"USD\"},\"context\":{\"library\":{\"name\":\"analytics-node\","
                    "\"version\":\"2.1.0\"},\"ip\":\"10.%u.%u.%u\",\"userAgent\":\"Mozilla/5.0\"},"
                    "\"sentAt\":\"%s\"}\n",
                    static_cast<int>(r3 >> 40) % 10'000, static_cast<int>(r >> 40 & 0xff),
                    static_cast<int>(r >> 50) % 100, 1 + static_cast<int>(r >> 57) % 4,
                    bits(r2, 8, 255), bits(r2, 16, 255), bits(r2, 24, 255),
                    IsoTime(time + 1 + static_cast<std::int64_t>(r3 % 400)).text);
  out.append(buffer, static_cast<std::size_t>(length));
}

}  // namespace

CartGenerator::CartGenerator(std::int64_t lines)
    : total_(lines), recent_(kRecent), users_(kUsers) {}

std::uint64_t CartGenerator::next_random() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return random_;
}

bool CartGenerator::append_line(std::string& out) {
  const std::int64_t index = answers_.lines;
  if (index >= total_) return false;
  const std::int64_t clock =
      kFirst + static_cast<std::int64_t>(static_cast<__int128>(index) * kSpan / total_);
  const std::size_t before = out.size();
  const bool try_repeat = index > static_cast<std::int64_t>(kRecent) && next_random() % 35 == 0;
  if (!try_repeat || !repeat_line(clock, out)) make_line(clock, out);
  answers_.bytes += static_cast<std::int64_t>(out.size() - before);
  ++answers_.lines;
  return true;
}

void CartGenerator::note_disorder(std::int64_t time) {
  answers_.max_out_of_order_ms = std::max(answers_.max_out_of_order_ms, newest_ - time);
}

bool CartGenerator::repeat_line(std::int64_t clock, std::string& out) {
  const std::uint64_t index = static_cast<std::uint64_t>(answers_.lines);
  const Line& line = recent_[(index - 1 - next_random() % (kRecent - 1)) % kRecent];
  if (clock - line.time > kMaxBehind) return false;
  out += line.text;
  note_disorder(line.time);
  ++answers_.duplicates;
  recent_[index % kRecent] = line;
  return true;
}

void CartGenerator::make_line(std::int64_t clock, std::string& out) {
  const std::int64_t index = answers_.lines;
  const std::uint64_t r = next_random(), r2 = next_random(), r3 = next_random();
  const std::int64_t time = clock - static_cast<std::int64_t>(r % 10'000);
  const unsigned user = static_cast<unsigned>(r2 % kUsers);
  const int event = pick_event(r2 >> 32);

  Line& line = recent_[static_cast<std::size_t>(index) % kRecent];
  line.time = time;
  line.text.clear();
  append_identity(line.text, index, time, user, event, r, r3);
  append_ballast(line.text, time, r, r2, r3);
  out += line.text;

  note_disorder(time);
  newest_ = std::max(newest_, time);
  ++answers_.distinct_messages;
  if (event == kAdded) users_[user].added.push_back(time), ++answers_.products_added;
  if (event == kOrdered) users_[user].ordered.push_back(time), ++answers_.orders_completed;
}

CartAnswers CartGenerator::answers() const {
  CartAnswers answers = answers_;
  for (const User& user : users_) {
    std::vector<std::int64_t> orders = user.ordered;
    std::sort(orders.begin(), orders.end());
    for (const std::int64_t added : user.added) {
      const auto next = std::upper_bound(orders.begin(), orders.end(), added);
      const bool ordered = next != orders.end() && *next <= added + kWithin;
      answers.alerts += !ordered;
      answers.boundary_ties += next != orders.end() && *next == added + kWithin;
      answers.boundary_ties += next != orders.begin() && *(next - 1) == added;
    }
  }
  return answers;
}

}  // namespace weir::bench
