// Making input; see input.h.
#include "tests/sim/input.h"

#include <algorithm>

namespace weir::sim {
namespace {

constexpr std::int64_t kStartMs = 1'000'000;
/// After all that other splits hold, marks and shared records included.
constexpr std::int64_t kSecondActMs = kStartMs + 1'000'000;

/// Makes the items of one split.
class SplitMaker {
 public:
  SplitMaker(Random& random, const Shape& shape, std::string source, std::string name,
             std::int64_t first_number)
      : random_(random), shape_(shape), name_(std::move(name)), first_number_(first_number) {
    split_.source = std::move(source);
  }

  InputSplit make() {
    make_some(random_.chance(0.05) ? 0 : random_.below(shape_.most_items));
    return std::move(split_);
  }
  /// A split that is silent between its two parts, while others go on: were it not, what of its
  /// second part is late would depend on how far they have been read.
  InputSplit make_sleeper() {
    make_some(random_.below(shape_.most_items / 2));
    InputItem silence;
    silence.kind = InputItem::Kind::silence;
    split_.items.push_back(std::move(silence));
    now_ = kSecondActMs + static_cast<std::int64_t>(shape_.far);
    made_.clear();
    make_some(1 + random_.below(shape_.most_items / 2));
    return std::move(split_);
  }

 private:
  void make_some(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) split_.items.push_back(next());
  }

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

  std::string one_of(const char* prefix, std::uint64_t count) {
    const bool hot = random_.chance(shape_.hot);
    return prefix + std::to_string(hot ? 0 : random_.below(count));
  }

  Order order() {
    Order order;
    if (!made_.empty() && random_.chance(shape_.repeats)) {  // mostly at another time
      order = made_[made_.size() - 1 - random_.below(std::min<std::size_t>(made_.size(), 20))];
    } else {
      order.id = name_ + "#" + std::to_string(seq_);
      order.number = first_number_ + seq_;
      order.user = one_of("u", shape_.users);
      order.item = one_of("i", shape_.items);
      order.split = name_;
      order.poison = random_.chance(0.03);
      order.fragile = random_.chance(shape_.fragile);
    }
    order.seq = seq_++;
    order.amount = static_cast<std::int64_t>(random_.below(1000));
    order.at = from_millis(now_ - static_cast<std::int64_t>(random_.below(
                                      random_.chance(shape_.stray) ? shape_.far : 30)));
    return order;
  }

  Random& random_;
  const Shape& shape_;
  std::string name_;
  std::int64_t first_number_;
  InputSplit split_;
  std::vector<Order> made_;
  std::int64_t now_ = kStartMs;
  std::int64_t seq_ = 0;
};

InputItem shared_record(Random& random, const Shape& shape, std::uint64_t number) {
  InputItem item;
  item.order.id = "shared#" + std::to_string(number);
  item.order.number = 900'000'000 + static_cast<std::int64_t>(number);
  item.order.user = "u" + std::to_string(random.below(shape.users));
  item.order.item = "i" + std::to_string(random.below(shape.items));
  item.order.split = "shared";
  item.order.shared = true;
  item.order.amount = static_cast<std::int64_t>(random.below(1000));
  item.order.at = from_millis(kStartMs + static_cast<std::int64_t>(random.below(500)));
  return item;
}

/// Puts the same record into several of `splits`.
void share_records(std::vector<InputSplit>& splits, const Shape& shape, Random& random) {
  for (std::uint64_t i = 0, n = random.below(15); i < n; ++i) {
    const InputItem item = shared_record(random, shape, i);
    for (std::size_t copy = 0; copy < 2; ++copy) {
      auto& items = splits[random.below(splits.size())].items;
      const auto near = std::find_if(items.begin(), items.end(), [&](const InputItem& other) {
        return other.kind == InputItem::Kind::order && other.order.at >= item.order.at;
      });
      items.insert(near, item);
    }
  }
}

}  // namespace

std::vector<InputSplit> make_input(const Shape& shape, Random& random) {
  std::vector<InputSplit> splits;
  const auto maker = [&](const std::string& source, std::uint64_t i) {
    const auto first = static_cast<std::int64_t>(1'000'000 * (splits.size() + 1));
    return SplitMaker(random, shape, source, source + "-" + std::to_string(i), first);
  };
  for (std::uint64_t i = 0; i < shape.web_splits; ++i) splits.push_back(maker("web", i).make());
  for (std::uint64_t i = 0; i < shape.app_splits; ++i) splits.push_back(maker("app", i).make());
  share_records(splits, shape, random);
  if (shape.sleeper) {  // the only one, so that nothing else moves event time into its second part
    const bool web = random.chance(0.5);
    splits.push_back(
        maker(web ? "web" : "app", web ? shape.web_splits : shape.app_splits).make_sleeper());
  }
  return splits;
}

OrderInputs to_sources(const std::vector<InputSplit>& splits, const Shape& shape,
                       std::uint64_t seed) {
  OrderInputs inputs;
  for (const char* source : {"web", "app"}) {
    const auto count = std::count_if(splits.begin(), splits.end(),
                                     [&](const InputSplit& s) { return s.source == source; });
    auto input = std::make_shared<OrderInput>(static_cast<unsigned>(count));
    input->seed(++seed, shape.most_records);
    unsigned number = 0;
    for (const InputSplit& split : splits) {
      if (split.source != source) continue;
      for (const InputItem& item : split.items) {
        switch (item.kind) {
          case InputItem::Kind::order:
            input->push(number, item.order, {});
            break;
          case InputItem::Kind::garbage:
            input->push_json(number, item.text);
            break;
          case InputItem::Kind::mark:
            input->push_watermark(number, from_millis(item.mark_ms));
            break;
          case InputItem::Kind::silence:
            input->push_idle(number);
            break;
        }
      }
      input->end(number++);
    }
    inputs[source] = std::move(input);
  }
  return inputs;
}

}  // namespace weir::sim
