// The answer; see model.h.
#include "tests/sim/model.h"

#include <algorithm>
#include <cstdlib>

#include "weir/base/json.h"

namespace weir::sim {
namespace {

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

/// The greatest multiple of `step` that is not above `at`.
std::int64_t floor_to(std::int64_t at, std::int64_t step) { return at / step * step; }

std::string window_line(const std::string& key, std::int64_t start, std::int64_t end, Sum value) {
  return line_of(WindowRow{key, from_millis(start), from_millis(end), value});
}

std::string trace_line(const Order& o) { return line_of(Trace{o.user, o.split, o.seq, o.shared}); }

/// What the sources make of the input: orders in time, late ones with the watermark of their split.
struct Read {
  struct Late {
    Order order;
    std::int64_t watermark_ms;
  };
  std::vector<std::vector<Order>> in_time;  // by split
  std::vector<std::vector<Late>> late;      // by split
};

class Model {
 public:
  Model(const std::vector<InputSplit>& splits, const Shape& shape)
      : splits_(splits), shape_(shape) {}

  Expected answer() {
    for (const InputSplit& split : splits_) read(split);
    drop_repeats();
    buckets();
    windows();
    sessions();
    if (shape_.has_ordered) ordered();
    if (shape_.has_joined) joined();
    if (shape_.has_nudges) nudges();
    if (shape_.has_lenient) lenient();
    return std::move(expected_);
  }

 private:
  void give(const char* sink, const std::string& line) { ++expected_.lines[sink][line]; }

  void read(const InputSplit& split) {
    auto& in_time = read_.in_time.emplace_back();
    auto& late = read_.late.emplace_back();
    std::int64_t newest = INT64_MIN, floor = INT64_MIN;
    for (const InputItem& item : split.items) {
      if (item.kind == InputItem::Kind::silence) continue;
      if (item.kind == InputItem::Kind::mark) {
        floor = std::max(floor, item.mark_ms);
        continue;
      }
      if (item.kind == InputItem::Kind::garbage) {
        ++expected_.letters[letter_text(split.source, DeadLetterReason::decode, item.text)];
        continue;
      }
      ++expected_.records_in[split.source];
      const std::int64_t at = to_millis(item.order.at);
      newest = std::max(newest, at);
      const std::int64_t watermark = std::max(floor, newest - shape_.out_of_order_ms - 1);
      if (at > watermark) {
        in_time.push_back(item.order);
        give("trace", trace_line(item.order));
        continue;
      }
      ++expected_.late[split.source];
      late.push_back({item.order, watermark});
      if (split.source == "web") {
        give("late", line_of(item.order));
      } else {
        ++expected_.letters[letter_text(split.source, DeadLetterReason::late, line_of(item.order))];
      }
    }
  }

  void drop_repeats() {
    std::map<std::string, std::vector<std::int64_t>> kept;
    for (const auto& split : read_.in_time) {
      for (const Order& order : split) {
        auto& times = kept[order.id];
        const std::int64_t at = to_millis(order.at);
        const bool repeat = std::any_of(times.begin(), times.end(), [&](std::int64_t other) {
          return std::abs(at - other) < shape_.dedupe_ms;
        });
        if (repeat) continue;
        times.push_back(at);
        unique_.push_back(order);
      }
    }
  }

  void buckets() {
    std::map<std::pair<std::string, std::int64_t>, Sum> buckets;
    for (const Order& order : unique_) {
      if (order.poison) {
        ++expected_.letters[letter_text("buckets", DeadLetterReason::user_error, line_of(order))];
        continue;
      }
      const std::int64_t start = floor_to(to_millis(order.at), shape_.bucket_ms);
      take(buckets[{order.user, start + shape_.bucket_ms}], order);
    }
    for (const auto& [key, sum] : buckets) {
      give("buckets", line_of(Bucket{key.first, key.second, sum}));
    }
  }

  void windows() {
    std::map<std::pair<std::string, std::int64_t>, Sum> windows;
    std::map<std::string, Sum> totals;
    for (const Order& order : unique_) {
      const std::int64_t at = to_millis(order.at);
      for (std::int64_t start = floor_to(at, shape_.slide_ms); start > at - shape_.window_ms;
           start -= shape_.slide_ms) {
        take(windows[{order.item, start}], order);
      }
      take(totals[order.item], order);
    }
    for (const auto& [key, sum] : windows) {
      give("windows", window_line(key.first, key.second, key.second + shape_.window_ms, sum));
    }
    for (const auto& [item, sum] : totals) give("totals", line_of(TotalRow{item, sum}));
  }

  std::map<std::string, std::vector<Order>> by_user() const {
    std::map<std::string, std::vector<Order>> orders;
    for (const Order& order : unique_) orders[order.user].push_back(order);
    for (auto& [user, mine] : orders) {
      std::sort(mine.begin(), mine.end(), [](const Order& a, const Order& b) {
        return std::pair(a.at, a.number) < std::pair(b.at, b.number);
      });
    }
    return orders;
  }

  void sessions() {
    for (const auto& [user, orders] : by_user()) {
      std::int64_t start = 0, end = INT64_MIN;
      Sum sum;
      const auto close = [&, &name = user] {
        if (sum.count > 0) give("sessions", window_line(name, start, end, sum));
      };
      for (const Order& order : orders) {
        const std::int64_t at = to_millis(order.at);
        if (at >= end) {
          close();
          start = at;
          sum = {};
        }
        end = at + shape_.gap_ms;
        take(sum, order);
      }
      close();
    }
  }

  void ordered() {
    for (const auto& [user, orders] : by_user()) {
      Chained row{user};
      std::vector<std::int64_t> recent;
      std::int64_t last = 0;
      for (const Order& order : orders) {
        const std::int64_t at = to_millis(order.at);
        if (shape_.forget_ms > 0 && at >= last + shape_.forget_ms) {
          row = Chained{user};
          recent.clear();
        }
        last = at;
        recent.push_back(order.number);
        if (recent.size() > kRecent) recent.erase(recent.begin());
        row.number = order.number;
        ++row.place;
        row.chain = (row.chain * 31 + order.number) % 1'000'003;
        row.recent = 0;
        for (const std::int64_t number : recent) row.recent += number;
        give("ordered", line_of(row));
      }
    }
  }

  void joined() {
    std::map<std::string, Joined> users;
    for (std::size_t i = 0; i < splits_.size(); ++i) {
      for (const Order& order : read_.in_time[i]) {
        Joined& row = users[order.user];
        row.user = order.user;
        take(splits_[i].source == "web" ? row.web : row.app, order);
      }
    }
    for (const auto& [user, row] : users) give("joined", line_of(row));
  }

  void nudges() {
    std::map<std::string, std::int64_t> orders;
    for (const auto& split : read_.in_time) {
      for (const Order& order : split)
        give("nudges", line_of(Nudge{order.user, ++orders[order.user]}));
    }
  }

  /// Windows that take late records for a while: one result in time, one more for each late record.
  void lenient() {
    for (std::size_t i = 0; i < splits_.size(); ++i) {
      if (splits_[i].source == "web") lenient(read_.in_time[i], read_.late[i]);
    }
  }
  void lenient(const std::vector<Order>& in_time, const std::vector<Read::Late>& late) {
    const std::int64_t size = shape_.lenient_ms;
    const auto start_of = [&](const Order& o) { return floor_to(to_millis(o.at), size); };
    std::map<std::int64_t, Sum> windows;
    std::string split;
    std::vector<Read::Late> updates;
    for (const Order& order : in_time) {
      if (order.shared) continue;
      split = order.split;
      take(windows[start_of(order)], order);
    }
    for (const Read::Late& record : late) {
      if (record.order.shared) continue;
      split = record.order.split;
      const std::int64_t last = start_of(record.order) + size - 1;
      if (last > record.watermark_ms) {
        take(windows[start_of(record.order)], record.order);
      } else if (last + shape_.lateness_ms > record.watermark_ms) {
        updates.push_back(record);
      } else {
        give("too_late", line_of(record.order));
      }
    }
    const auto emit = [&](std::int64_t start, const Sum& sum) {
      give("lenient", window_line(split, start, start + size, sum));
    };
    for (const auto& [start, sum] : windows) emit(start, sum);
    for (const Read::Late& record : updates) {
      Sum& sum = windows[start_of(record.order)];
      take(sum, record.order);
      emit(start_of(record.order), sum);
    }
  }

  const std::vector<InputSplit>& splits_;
  const Shape& shape_;
  Read read_;
  std::vector<Order> unique_;  // without repeats
  Expected expected_;
};

/// Takes one line out of `lines`; false when it is not there.
bool take_line(Multiset& lines, const std::string& line) {
  const auto place = lines.find(line);
  if (place == lines.end()) return false;
  if (--place->second == 0) lines.erase(place);
  return true;
}

}  // namespace

Expected expect(const std::vector<InputSplit>& splits, const Shape& shape) {
  return Model(splits, shape).answer();
}

void take_back(Expected& expected, const std::string& step, const Order& order) {
  Multiset& lines = expected.lines[step];
  if (step == "trace") {
    take_line(lines, trace_line(order));
    return;
  }
  for (const auto& [line, count] : lines) {
    TotalRow row;
    if (!from_json(line, row).ok() || row.key != order.item) continue;
    take_line(lines, std::string(line));
    row.value.count -= 1;
    row.value.sum -= order.amount;
    if (row.value.count > 0) ++lines[line_of(row)];
    return;
  }
}

std::string letter_text(const std::string& step, DeadLetterReason reason, const std::string& what) {
  return step + " " + to_string(reason) + " " + what;
}

}  // namespace weir::sim
