#include "bench/nexmark/stock.h"

#include <cmath>
#include <cstdio>

namespace weir::bench::nexmark {
namespace {

constexpr std::size_t kLetters = 1 << 16, kLongest = 1024;

/// Random numbers for the stock alone.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t below(std::uint64_t n) { return mix64(state_ += 0x9e3779b97f4a7c15ull) % n; }
  std::string letters(std::size_t count) {
    std::string text;
    while (count-- > 0) text += static_cast<char>('a' + below(26));
    return text;
  }

 private:
  std::uint64_t state_;
};

std::string url(Dice& dice) {
  std::string text = "https://www.nexmark.com/";
  for (int i = 0; i < 3; ++i) text += dice.letters(3 + dice.below(3)) + '/';
  return text + "item.htm?query=1";
}

}  // namespace

const Stock& Stock::get() {
  static const Stock& stock = *new Stock;  // never freed: texts point into it
  return stock;
}

Stock::Stock() {
  for (std::size_t i = 0; i < prices_.size(); ++i) {
    prices_[i] = static_cast<std::uint32_t>(
        std::llround(100 * std::pow(10.0, 6.0 * static_cast<double>(i) / 4096)));
  }
  fill_letters();
  fill_people();
  fill_channels();
}

void Stock::fill_letters() {
  Dice dice(11);
  letters_ = dice.letters(kLetters + kLongest);
  words_ = letters_;
  for (char& c : words_) {
    if (dice.below(13) == 0) c = ' ';
  }
}

void Stock::fill_people() {
  Dice dice(22);
  for (const char* first : {"Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie",
                            "Sarah", "Deiter", "Walter"}) {
    for (const char* last :
         {"Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"}) {
      names.push_back(Text::interned(std::string(first) + " " + last));
    }
  }
  for (const char* city : {"Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend",
                           "Redmond", "Seattle", "Kent", "Cheyenne"}) {
    cities.push_back(Text::lasting(city));
  }
  for (const char* state : {"AZ", "CA", "ID", "OR", "WA", "WY"}) {
    states.push_back(Text::lasting(state));
  }
  for (int i = 0; i < 1024; ++i) {
    emails.push_back(Text::interned(dice.letters(7) + "@" + dice.letters(5) + ".com"));
    char card[32];
    std::snprintf(card, sizeof card, "%04d %04d %04d %04d", static_cast<int>(dice.below(10'000)),
                  static_cast<int>(dice.below(10'000)), static_cast<int>(dice.below(10'000)),
                  static_cast<int>(dice.below(10'000)));
    credit_cards.push_back(Text::interned(card));
  }
}

void Stock::fill_channels() {
  Dice dice(33);
  for (const char* name : {"Google", "Facebook", "Baidu", "Apple"}) {
    channels_.push_back({Text::lasting(name), Text::interned(url(dice))});
  }
  for (std::uint32_t i = 0; i < kChannels; ++i) {
    std::string address = url(dice);
    if (dice.below(10) > 0) address += "&channel_id=" + std::to_string(mix64(i) >> 33);
    channels_.push_back({Text::interned("channel-" + std::to_string(i)), Text::interned(address)});
  }
}

}  // namespace weir::bench::nexmark
