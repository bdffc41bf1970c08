// Input and answer; see model.h.
#include "tests/sim/model.h"

#include <algorithm>

#include "weir/base/json.h"

namespace weir::sim {
namespace {

constexpr std::int64_t kStartMs = 1'000'000;

/// Makes the items of one split.
class SplitMaker {
 public:
  SplitMaker(Random& random, std::string source, std::string name)
      : random_(random), name_(std::move(name)) {
    split_.source = std::move(source);
  }

  InputSplit make() {
    const std::size_t count = random_.chance(0.05) ? 0 : random_.below(120);
    for (std::size_t i = 0; i < count; ++i) split_.items.push_back(next());
    return std::move(split_);
  }

 private:
  InputItem next() {
    InputItem item;
    now_ += random_.chance(0.03) ? random_.below(200) : random_.below(9);
    if (random_.chance(0.02)) {
      item.kind = InputItem::Kind::garbage;
      item.text = "{broken " + name_ + " " + std::to_string(seq_++);
    } else if (random_.chance(0.03)) {
      item.kind = InputItem::Kind::mark;
      item.mark_ms = now_ - static_cast<std::int64_t>(random_.below(40));
    } else {
      item.order = order();
      made_.push_back(item.order);
    }
    return item;
  }
  Order order() {
    Order order;
    if (!made_.empty() && random_.chance(0.15)) {  // a repeat, mostly at another time
      order = made_[made_.size() - 1 - random_.below(std::min<std::size_t>(made_.size(), 20))];
    } else {
      order.id = name_ + "#" + std::to_string(seq_);
      order.user = "u" + std::to_string(random_.below(7));
      order.item = "i" + std::to_string(random_.below(5));
      order.split = name_;
      order.poison = random_.chance(0.03);
    }
    order.seq = seq_++;
    order.amount = static_cast<std::int64_t>(random_.below(1000));
    const std::int64_t back = random_.chance(0.1) ? random_.below(150) : random_.below(30);
    order.at = from_millis(now_ - back);
    return order;
  }

  Random& random_;
  std::string name_;
  InputSplit split_;
  std::vector<Order> made_;
  std::int64_t now_ = kStartMs;
  std::int64_t seq_ = 0;
};

/// Puts the same record into several splits.
void share_records(std::vector<InputSplit>& splits, Random& random) {
  for (std::size_t i = 0, n = random.below(15); i < n; ++i) {
    InputItem item;
    item.order.id = "shared#" + std::to_string(i);
    item.order.user = "u" + std::to_string(random.below(7));
    item.order.item = "i" + std::to_string(random.below(5));
    item.order.split = "shared";
    item.order.shared = true;
    item.order.amount = static_cast<std::int64_t>(random.below(1000));
    item.order.at = from_millis(kStartMs + static_cast<std::int64_t>(random.below(500)));
    for (std::size_t copy = 0; copy < 2; ++copy) {
      auto& items = splits[random.below(splits.size())].items;
      const auto near = std::find_if(items.begin(), items.end(), [&](const InputItem& other) {
        return other.kind == InputItem::Kind::order && other.order.at >= item.order.at;
      });
      items.insert(near, item);
    }
  }
}

template <class T>
std::string line_of(const T& row) {
  std::string line;
  to_json(line, row);
  return line;
}

void take(Sum& sum, const Order& order) {
  ++sum.count;
  sum.sum += order.amount;
}

/// What the sources make of the input: orders in time, late ones with the watermark of their split.
struct Read {
  struct Late {
    Order order;
    std::int64_t watermark_ms;
  };
  std::vector<std::vector<Order>> in_time;  // by split
  std::vector<std::vector<Late>> late;      // by split
};

Read read_all(const std::vector<InputSplit>& splits, Expected& expected) {
  Read read;
  for (const InputSplit& split : splits) {
    auto& in_time = read.in_time.emplace_back();
    auto& late = read.late.emplace_back();
    std::int64_t newest = INT64_MIN, floor = INT64_MIN;
    for (const InputItem& item : split.items) {
      if (item.kind == InputItem::Kind::mark) {
        floor = std::max(floor, item.mark_ms);
        continue;
      }
      if (item.kind == InputItem::Kind::garbage) {
        ++expected.letters[letter_text(split.source, DeadLetterReason::decode, item.text)];
        continue;
      }
      ++expected.records_in[split.source];
      const std::int64_t at = to_millis(item.order.at);
      newest = std::max(newest, at);
      const std::int64_t watermark = std::max(floor, newest - kOutOfOrderMs - 1);
      if (at > watermark) {
        const Order& o = in_time.emplace_back(item.order);
        ++expected.lines["trace"][line_of(Trace{o.user, o.split, o.seq, o.shared})];
        continue;
      }
      ++expected.late[split.source];
      late.push_back({item.order, watermark});
      if (split.source == "web") {
        ++expected.lines["late"][line_of(item.order)];
      } else {
        ++expected.letters[letter_text(split.source, DeadLetterReason::late, line_of(item.order))];
      }
    }
  }
  return read;
}

std::vector<Order> without_repeats(const Read& read) {
  std::map<std::string, std::vector<std::int64_t>> kept;
  std::vector<Order> unique;
  for (const auto& split : read.in_time) {
    for (const Order& order : split) {
      auto& times = kept[order.id];
      const std::int64_t at = to_millis(order.at);
      const bool repeat = std::any_of(times.begin(), times.end(), [&](std::int64_t other) {
        return std::abs(at - other) < kDedupeMs;
      });
      if (repeat) continue;
      times.push_back(at);
      unique.push_back(order);
    }
  }
  return unique;
}

void expect_buckets(const std::vector<Order>& unique, Expected& expected) {
  std::map<std::pair<std::string, std::int64_t>, Sum> buckets;
  for (const Order& order : unique) {
    if (order.poison) {
      ++expected.letters[letter_text("buckets", DeadLetterReason::user_error, line_of(order))];
      continue;
    }
    take(buckets[{order.user, (to_millis(order.at) / kBucketMs + 1) * kBucketMs}], order);
  }
  for (const auto& [key, sum] : buckets) {
    ++expected.lines["buckets"][line_of(Bucket{key.first, key.second, sum})];
  }
}

std::string window_line(const std::string& key, std::int64_t start, std::int64_t end, Sum value) {
  return line_of(WindowRow{key, from_millis(start), from_millis(end), value});
}

void expect_windows(const std::vector<Order>& unique, Expected& expected) {
  std::map<std::pair<std::string, std::int64_t>, Sum> windows;
  std::map<std::string, Sum> totals;
  for (const Order& order : unique) {
    take(windows[{order.item, to_millis(order.at) / kWindowMs * kWindowMs}], order);
    take(totals[order.item], order);
  }
  for (const auto& [key, sum] : windows) {
    ++expected.lines["windows"][window_line(key.first, key.second, key.second + kWindowMs, sum)];
  }
  for (const auto& [item, sum] : totals) ++expected.lines["totals"][line_of(TotalRow{item, sum})];
}

void expect_sessions(const std::vector<Order>& unique, Expected& expected) {
  std::map<std::string, std::vector<Order>> by_user;
  for (const Order& order : unique) by_user[order.user].push_back(order);
  for (auto& [user, orders] : by_user) {
    std::sort(orders.begin(), orders.end(),
              [](const Order& a, const Order& b) { return a.at < b.at; });
    std::int64_t start = 0, end = INT64_MIN;
    Sum sum;
    const auto close = [&, &name = user] {
      if (sum.count > 0) ++expected.lines["sessions"][window_line(name, start, end, sum)];
    };
    for (const Order& order : orders) {
      const std::int64_t at = to_millis(order.at);
      if (at >= end) {
        close();
        start = at;
        sum = {};
      }
      end = at + kGapMs;
      take(sum, order);
    }
    close();
  }
}

/// Windows that take late records for a while: one result in time, one more for each late record.
void expect_lenient(const std::vector<InputSplit>& splits, const Read& read, Expected& expected) {
  for (std::size_t i = 0; i < splits.size(); ++i) {
    if (splits[i].source != "web") continue;
    std::map<std::int64_t, Sum> windows;
    const auto start_of = [](const Order& o) { return to_millis(o.at) / kLenientMs * kLenientMs; };
    std::string split;
    std::vector<Read::Late> updates;
    for (const Order& order : read.in_time[i]) {
      if (order.shared) continue;
      split = order.split;
      take(windows[start_of(order)], order);
    }
    for (const Read::Late& late : read.late[i]) {
      if (late.order.shared) continue;
      split = late.order.split;
      const std::int64_t last = start_of(late.order) + kLenientMs - 1;
      if (last > late.watermark_ms) {
        take(windows[start_of(late.order)], late.order);
      } else if (last + kLatenessMs > late.watermark_ms) {
        updates.push_back(late);
      } else {
        ++expected.lines["too_late"][line_of(late.order)];
      }
    }
    const auto emit = [&](std::int64_t start, const Sum& sum) {
      ++expected.lines["lenient"][window_line(split, start, start + kLenientMs, sum)];
    };
    for (const auto& [start, sum] : windows) emit(start, sum);
    for (const Read::Late& late : updates) {
      Sum& sum = windows[start_of(late.order)];
      take(sum, late.order);
      emit(start_of(late.order), sum);
    }
  }
}

}  // namespace

std::vector<InputSplit> make_input(Random& random) {
  std::vector<InputSplit> splits;
  for (const char* source : {"web", "app"}) {
    for (std::uint64_t i = 0, n = 1 + random.below(3); i < n; ++i) {
      splits.push_back(SplitMaker(random, source, source + ("-" + std::to_string(i))).make());
    }
  }
  share_records(splits, random);
  return splits;
}

OrderInputs to_sources(const std::vector<InputSplit>& splits, std::uint64_t seed) {
  OrderInputs inputs;
  for (const char* source : {"web", "app"}) {
    const auto count = std::count_if(splits.begin(), splits.end(),
                                     [&](const InputSplit& s) { return s.source == source; });
    auto input = std::make_shared<OrderInput>(static_cast<unsigned>(count));
    input->seed(++seed);
    unsigned number = 0;
    for (const InputSplit& split : splits) {
      if (split.source != source) continue;
      for (const InputItem& item : split.items) {
        if (item.kind == InputItem::Kind::order) input->push(number, item.order, {});
        if (item.kind == InputItem::Kind::garbage) input->push_json(number, item.text);
        if (item.kind == InputItem::Kind::mark) {
          input->push_watermark(number, from_millis(item.mark_ms));
        }
      }
      input->end(number++);
    }
    inputs[source] = std::move(input);
  }
  return inputs;
}

Expected expect(const std::vector<InputSplit>& splits) {
  Expected expected;
  const Read read = read_all(splits, expected);
  const std::vector<Order> unique = without_repeats(read);
  expect_buckets(unique, expected);
  expect_windows(unique, expected);
  expect_sessions(unique, expected);
  expect_lenient(splits, read, expected);
  return expected;
}

std::string letter_text(const std::string& step, DeadLetterReason reason, const std::string& what) {
  return step + " " + to_string(reason) + " " + what;
}

}  // namespace weir::sim
