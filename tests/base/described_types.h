// Described types of every shape, and random values of them, for the tests of codec, schema and
// JSON.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/describe.h"

namespace weir::testing_types {

enum class Tier : std::uint8_t { basic = 1, gold = 2, black = 7 };
WEIR_DESCRIBE_ENUM(Tier, basic, gold, black)

enum class Wide : std::int64_t { lowest = INT64_MIN, zero = 0, highest = INT64_MAX };
WEIR_DESCRIBE_ENUM(Wide, lowest, zero, highest)

struct Empty {
  friend bool operator==(const Empty&, const Empty&) = default;
};
WEIR_DESCRIBE(Empty)

struct Item {
  std::string sku;
  double price = 0;
  std::int32_t count = 0;
  friend bool operator==(const Item&, const Item&) = default;
  friend auto operator<=>(const Item&, const Item&) = default;
};
WEIR_DESCRIBE(Item, sku, price, count)

struct Numbers {
  bool flag = false;
  std::int8_t i8 = 0;
  std::int16_t i16 = 0;
  std::int32_t i32 = 0;
  std::int64_t i64 = 0;
  std::uint8_t u8 = 0;
  std::uint16_t u16 = 0;
  std::uint32_t u32 = 0;
  std::uint64_t u64 = 0;
  float f32 = 0;
  double f64 = 0;
  char letter = 0;
  friend bool operator==(const Numbers&, const Numbers&) = default;
};
WEIR_DESCRIBE(Numbers, flag, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, letter)

struct Everything {
  Numbers numbers;
  Tier tier = Tier::basic;
  Wide wide = Wide::zero;
  std::string text;
  EventTime at{};
  std::chrono::seconds pause{};
  std::optional<Item> maybe;
  std::vector<Item> items;
  std::vector<bool> flags;
  std::vector<std::uint8_t> bytes;
  std::array<std::int32_t, 3> three{};
  std::array<char, 4> tag{};
  std::array<std::int32_t, 0> none{};
  std::pair<std::string, std::int64_t> pair;
  std::tuple<std::int32_t, bool, std::string> tuple;
  std::map<std::string, std::int32_t> by_name;
  std::map<std::int32_t, Item> by_number;
  std::set<Item> set;
  std::unordered_map<std::string, std::vector<std::int32_t>> unordered;
  std::unordered_set<std::int32_t> unordered_set;
  std::vector<Empty> empties;
  friend bool operator==(const Everything&, const Everything&) = default;
};
WEIR_DESCRIBE(Everything, numbers, tier, wide, text, at, pause, maybe, items, flags, bytes, three,
              tag, none, pair, tuple, by_name, by_number, set, unordered, unordered_set, empties)

/// Makes random values, small and at the limits of their types.
class RandomValues {
 public:
  explicit RandomValues(std::uint64_t seed) : random_(seed) {}

  std::size_t size() { return random_.below(4); }
  template <class N>
  N number() {
    const std::uint64_t bits = random_.next();
    switch (random_.below(4)) {
      case 0:
        return static_cast<N>(bits % 100);
      case 1:
        return std::numeric_limits<N>::max();
      case 2:
        return std::numeric_limits<N>::lowest();
      default:
        return static_cast<N>(bits);
    }
  }
  double real() { return static_cast<double>(static_cast<std::int64_t>(random_.next())) / 1024; }
  /// ASCII and well-formed UTF-8.
  std::string text() {
    static const char* const pieces[] = {"a", "\"", "\\", "\n", "\x01", "é", "€", "😀", "Z", " "};
    std::string out;
    for (std::uint64_t n = random_.below(8); n > 0; --n) out += pieces[random_.below(10)];
    return out;
  }
  Item item() { return {text(), real(), number<std::int32_t>()}; }
  Numbers numbers();
  Everything everything();

 private:
  Random random_;
};

inline Numbers RandomValues::numbers() {
  Numbers n;
  n.flag = random_.chance(0.5);
  n.i8 = number<std::int8_t>();
  n.i16 = number<std::int16_t>();
  n.i32 = number<std::int32_t>();
  n.i64 = number<std::int64_t>();
  n.u8 = number<std::uint8_t>();
  n.u16 = number<std::uint16_t>();
  n.u32 = number<std::uint32_t>();
  n.u64 = number<std::uint64_t>();
  n.f32 = static_cast<float>(real());
  n.f64 = real();
  n.letter = number<char>();
  return n;
}

inline Everything RandomValues::everything() {
  Everything e;
  e.numbers = numbers();
  e.tier = random_.chance(0.5) ? Tier::gold : Tier::black;
  e.wide = random_.chance(0.5) ? Wide::lowest : Wide::highest;
  e.text = text();
  // Years that ISO 8601 writes without a sign.
  e.at = from_millis(static_cast<std::int64_t>(random_.below(253'402'300'799'999)));
  e.pause = std::chrono::seconds(number<std::int64_t>());
  if (random_.chance(0.5)) e.maybe = item();
  for (std::size_t n = size(); n > 0; --n) e.items.push_back(item());
  for (std::size_t n = size(); n > 0; --n) e.flags.push_back(random_.chance(0.5));
  for (std::size_t n = size(); n > 0; --n) e.bytes.push_back(number<std::uint8_t>());
  for (auto& each : e.three) each = number<std::int32_t>();
  for (auto& each : e.tag) each = number<char>();
  e.pair = {text(), number<std::int64_t>()};
  e.tuple = {number<std::int32_t>(), random_.chance(0.5), text()};
  for (std::size_t n = size(); n > 0; --n) e.by_name[text()] = number<std::int32_t>();
  for (std::size_t n = size(); n > 0; --n) e.by_number[number<std::int32_t>()] = item();
  for (std::size_t n = size(); n > 0; --n) e.set.insert(item());
  for (std::size_t n = size(); n > 0; --n) e.unordered[text()].push_back(number<std::int32_t>());
  for (std::size_t n = size(); n > 0; --n) e.unordered_set.insert(number<std::int32_t>());
  e.empties.resize(size());
  return e;
}

}  // namespace weir::testing_types
