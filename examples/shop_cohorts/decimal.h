// Exact decimal numbers with nine digits behind the point: money without rounding. Shows how a type
// of one's own becomes part of a job: stored through weir::Codec, read from CSV through
// FieldParser. Pure values: any thread.
#pragma once

#include <weir/weir.h>

#include <optional>
#include <string>
#include <string_view>

/// A multiple of 10^-9. A product of a price and a quantity, both of nine digits before the point,
/// takes 90 bits, so billions of them can be summed.
class Decimal {
 public:
  constexpr Decimal() = default;
  constexpr Decimal(std::int64_t whole) : nanos_(static_cast<__int128>(whole) * kOne) {}

  /// Reads a sign or none, 1 to `max_whole` digits, and perhaps a point and 1 to 9 digits.
  static std::optional<Decimal> parse(std::string_view text, std::size_t max_whole = 27) {
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    const std::size_t point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    if (whole.empty() || whole.size() > max_whole) return std::nullopt;
    Decimal value;
    if (!value.append_digits(whole)) return std::nullopt;
    std::size_t places = 0;
    if (point != std::string_view::npos) {
      const std::string_view fraction = text.substr(point + 1);
      places = fraction.size();
      if (places == 0 || places > kPlaces || !value.append_digits(fraction)) return std::nullopt;
    }
    for (; places < kPlaces; ++places) value.nanos_ *= 10;
    if (negative) value.nanos_ = -value.nanos_;
    return value;
  }

  /// The shortest text that `parse` reads back: `-3.5`.
  std::string text() const {
    __int128 rest = nanos_ < 0 ? -nanos_ : nanos_;
    std::string digits;  // backwards
    for (std::size_t place = 0; rest != 0 || place <= kPlaces; ++place, rest /= 10) {
      if (place == kPlaces && !digits.empty()) digits.push_back('.');
      const char digit = static_cast<char>('0' + static_cast<int>(rest % 10));
      if (place >= kPlaces || digit != '0' || !digits.empty()) digits.push_back(digit);
    }
    if (nanos_ < 0) digits.push_back('-');
    return {digits.rbegin(), digits.rend()};
  }

  Decimal& operator+=(Decimal other) { return nanos_ += other.nanos_, *this; }
  Decimal& operator-=(Decimal other) { return nanos_ -= other.nanos_, *this; }
  friend Decimal operator*(Decimal price, std::int32_t quantity) {
    price.nanos_ *= quantity;
    return price;
  }
  friend auto operator<=>(const Decimal&, const Decimal&) = default;

 private:
  static constexpr std::size_t kPlaces = 9;
  static constexpr std::int64_t kOne = 1'000'000'000;

  bool append_digits(std::string_view digits) {
    for (const char c : digits) {
      if (c < '0' || c > '9') return false;
      nanos_ = nanos_ * 10 + (c - '0');
    }
    return true;
  }

  __int128 nanos_ = 0;
};

/// Stored and shown as its text, so that `weir state show` is readable and nothing is rounded.
template <>
struct weir::Codec<Decimal> {
  static void encode(ByteWriter& writer, const Decimal& value) { writer.string(value.text()); }
  static void decode(ByteReader& reader, Decimal& value) {
    const std::optional<Decimal> read = Decimal::parse(reader.string());
    if (read)
      value = *read;
    else
      reader.fail();
  }
  static Schema schema() { return Schema(SchemaKind::string); }
};

template <>
struct weir::file::FieldParser<Decimal> {
  static constexpr const char* expected = "a decimal number such as 2.55";
  static bool parse(std::string_view text, Decimal& value) {
    constexpr std::size_t kMaxWholeDigits = 9;
    const std::optional<Decimal> read = Decimal::parse(text, kMaxWholeDigits);
    if (read) value = *read;
    return read.has_value();
  }
};
