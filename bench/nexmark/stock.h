// The texts and prices that the generator draws from, made once and never freed. Immutable: any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/nexmark/text.h"

namespace weir::bench::nexmark {

struct Channel {
  Text name, url;
};

class Stock {
 public:
  static const Stock& get();

  /// A price in cents from 100 to 100,000,000; even bits give prices even over their logarithm.
  std::int64_t price(std::uint32_t bits) const {
    const std::uint32_t low = prices_[bits >> kFractionBits];
    const std::uint64_t span = prices_[(bits >> kFractionBits) + 1] - low;
    return low + static_cast<std::int64_t>((span * (bits & kFraction)) >> kFractionBits);
  }
  /// Letters: `length` of them from place `from`, less than 2^16.
  Text letters(std::uint32_t from, std::size_t length) const {
    return Text::lasting({letters_.data() + from, length});
  }
  /// The same with blanks between.
  Text words(std::uint32_t from, std::size_t length) const {
    return Text::lasting({words_.data() + from, length});
  }

  static constexpr std::uint32_t kHotChannels = 4, kChannels = 10'000;
  /// The hot ones come first.
  const Channel& channel(std::uint64_t i) const { return channels_[i]; }
  std::vector<Text> names, emails, credit_cards, cities, states;

 private:
  Stock();
  void fill_letters();
  void fill_people();
  void fill_channels();

  static constexpr int kFractionBits = 20;
  static constexpr std::uint32_t kFraction = (1u << kFractionBits) - 1;
  std::array<std::uint32_t, 4097> prices_;
  std::string letters_, words_;  // 2^16 places, and what texts there may reach over
  std::vector<Channel> channels_;
};

}  // namespace weir::bench::nexmark
