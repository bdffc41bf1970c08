// The story behind the events: each user views, adds, sometimes removes, sometimes orders, so that
// funnels and abandoned carts occur. One thread.
#include "weir/connectors/file/shop_events.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/time.h"

namespace weir::file {
namespace {

constexpr std::int64_t kStartMs = 1'768'435'200'000;  // 2026-01-15T00:00:00Z
constexpr std::int64_t kDisorderMs = 10'000;
constexpr std::size_t kRemembered = 2000;

struct EventKind {
  const char* name;
  unsigned weight;  // of 100
};
constexpr std::array<EventKind, 7> kKinds{{{"Product Viewed", 52},
                                           {"Product Added", 22},
                                           {"Order Completed", 9},
                                           {"Product Removed", 5},
                                           {"Cart Viewed", 5},
                                           {"Checkout Started", 4},
                                           {"Products Searched", 3}}};

class ShopEvents {
 public:
  explicit ShopEvents(const ShopEventsOptions& options)
      : options_(options), random_(options.seed), clock_ms_(kStartMs) {}

  /// The next line; valid until the next call.
  const std::string& next() {
    // Each user acts about once a minute, so time runs slower when there are more users.
    clock_ms_ += static_cast<std::int64_t>(random_.below(2 * step_ms()) + 1);
    const std::uint64_t dice = random_.below(1000);
    if (dice < 20 && !recent_.empty() && repeat()) return line_;
    if (dice >= 20 && dice < 25) return broken();
    fresh(dice >= 25 && dice < 30);
    return line_;
  }
  const ShopEventsCounts& counts() const { return counts_; }

 private:
  struct Sent {
    std::string line;
    std::int64_t at_ms;
  };

  std::uint64_t step_ms() const {
    return std::max<std::uint64_t>(1, 60'000 / std::max<std::uint64_t>(1, options_.users));
  }

  /// Sends a recent line again, unless it would come late.
  bool repeat() {
    const std::uint64_t near =
        std::clamp<std::uint64_t>(kDisorderMs / step_ms(), 1, recent_.size());
    const std::size_t back = 1 + random_.below(near);
    const Sent& sent = recent_[(number_sent_ - back) % kRemembered];
    if (newest_ms_ - sent.at_ms > kDisorderMs) return false;
    line_ = sent.line;
    ++counts_.repeats;
    return true;
  }

  void fresh(bool late) {
    // Within the disorder by the newest time seen, not by the clock: then no line is late by
    // chance.
    std::int64_t at = clock_ms_ - static_cast<std::int64_t>(random_.below(kDisorderMs));
    at = std::max(at, newest_ms_ - kDisorderMs);
    if (late && newest_ms_ > 0) {
      at = newest_ms_ - kDisorderMs - 1 - static_cast<std::int64_t>(random_.below(600'000));
      ++counts_.late;
    }
    compose(at);
    ++counts_.fresh;
    newest_ms_ = std::max(newest_ms_, at);
    if (recent_.size() < kRemembered) recent_.emplace_back();
    recent_[number_sent_++ % kRemembered] = {line_, at};
  }

  const char* pick_event() {
    std::uint64_t dice = random_.below(100);
    for (const EventKind& kind : kKinds) {
      if (dice < kind.weight) return kind.name;
      dice -= kind.weight;
    }
    return kKinds[0].name;
  }

  /// Writes one whole line into `line_`.
  void compose(std::int64_t at_ms) {
    const char* event = pick_event();
    const auto user = static_cast<unsigned long long>(random_.below(options_.users));
    const auto id = static_cast<unsigned long long>(random_.next());
    const auto price = static_cast<unsigned>(random_.below(20'000) + 50);
    const auto product = static_cast<unsigned>(random_.below(5'000));
    const auto quantity = static_cast<unsigned>(random_.below(4) + 1);
    const std::string at = to_iso8601(from_millis(at_ms), true);
    const std::string sent =
        to_iso8601(from_millis(at_ms + 1 + static_cast<std::int64_t>(random_.below(400))), true);
    char buffer[1024];
    const int size = std::snprintf(
        buffer, sizeof buffer,
        R"({"type":"track","event":"%s","messageId":"msg-%llu-%016llx","timestamp":"%s",)"
        R"("userId":"user-%llu","properties":{"product_id":"sku-%u","price":%u.%02u,)"
        R"("quantity":%u,"currency":"EUR"},"context":{"library":{"name":"analytics-node",)"
        R"("version":"2.1.0"},"ip":"10.%u.%u.%u"},"sentAt":"%s"})",
        event, number_++, id, at.c_str(), user, product, price / 100, price % 100, quantity,
        product & 255, quantity, price & 255, sent.c_str());
    line_.assign(buffer, static_cast<std::size_t>(size));
  }

  /// Spoils a line so that no field of it counts.
  const std::string& broken() {
    compose(clock_ms_ - static_cast<std::int64_t>(random_.below(kDisorderMs)));
    ++counts_.broken;
    switch (random_.below(6)) {
      case 0:
        line_.resize(1 + random_.below(line_.size() - 1));
        break;
      case 1:
        rename_key("\"userId\"", "\"user_id\"");
        break;
      case 2:
        rename_key("\"timestamp\"", "\"time\"");
        break;
      case 3:
        rename_key("\"messageId\":\"", "\"messageId\":17,\"was\":\"");
        break;
      case 4:
        rename_key("\"timestamp\":\"", "\"timestamp\":\"yesterday \xe2\x80\x94 ");
        break;
      default:
        rename_key("\"event\":\"", "\"event\":\"\xc3\x28");
        break;
    }
    return line_;
  }

  void rename_key(std::string_view from, std::string_view to) {
    line_.replace(line_.find(from), from.size(), to);
  }

  ShopEventsOptions options_;
  Random random_;
  std::int64_t clock_ms_;
  std::int64_t newest_ms_ = 0;  // of all good lines so far
  unsigned long long number_ = 0;
  std::string line_;
  std::vector<Sent> recent_;     // the good lines sent last, as a ring
  std::size_t number_sent_ = 0;  // good lines sent
  ShopEventsCounts counts_;
};

}  // namespace

ShopEventsCounts generate_shop_events(const ShopEventsOptions& options,
                                      const std::function<bool(std::string_view line)>& write) {
  ShopEventsOptions checked = options;
  checked.users = std::max<std::uint64_t>(1, options.users);
  ShopEvents events(checked);
  for (std::uint64_t i = 0; i < options.events; ++i) {
    if (!write(events.next())) break;
  }
  return events.counts();
}

}  // namespace weir::file
