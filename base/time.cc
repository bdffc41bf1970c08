// Event time as text. Pure functions, any thread. The calendar is the proleptic Gregorian one of
// std::chrono; times beyond its years are moved into them by whole 400-year cycles, after which the
// calendar repeats.
#include "weir/base/time.h"

#include <cstdio>
#include <cstring>

namespace weir {
namespace {

constexpr std::int64_t kDaysPer400Years = 146'097;
constexpr std::int64_t kMillisPerDay = 86'400'000;

/// Takes characters off the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool at_end() const { return text_.empty(); }
  bool take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool at_digit() const { return !text_.empty() && text_[0] >= '0' && text_[0] <= '9'; }
  int digit() {
    const int value = text_.front() - '0';
    text_.remove_prefix(1);
    return value;
  }
  /// Reads exactly `count` digits into `value`.
  bool digits(int count, int& value) {
    value = 0;
    for (; count > 0; --count) {
      if (!at_digit()) return false;
      value = value * 10 + digit();
    }
    return true;
  }

 private:
  std::string_view text_;
};

/// Reads a year: four digits, or a sign and four to nine where four alone do not say it.
bool scan_year(Scanner& in, std::int64_t& year) {
  const int sign = in.take('-') ? -1 : in.take('+') ? 1 : 0;
  int value;
  if (!in.digits(4, value)) return false;
  for (int more = 5; sign != 0 && more > 0 && in.at_digit(); --more)
    value = value * 10 + in.digit();
  year = sign < 0 ? -value : value;
  return sign == 0 || year < 0 || year > 9999;
}

/// Reads `YYYY-MM-DD` as days since 1970.
bool scan_date(Scanner& in, std::int64_t& days) {
  std::int64_t year;
  int month, day;
  if (!scan_year(in, year) || !in.take('-') || !in.digits(2, month) || !in.take('-') ||
      !in.digits(2, day)) {
    return false;
  }
  const std::int64_t in_cycle = (year % 400 + 400) % 400;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(in_cycle)),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return false;  // February 30th, month 13
  days = std::chrono::sys_days(date).time_since_epoch().count() +
         (year - in_cycle) / 400 * kDaysPer400Years;
  return true;
}

/// Reads the digits after a decimal sign as milliseconds; at least one, those beyond the third cut.
bool scan_fraction(Scanner& in, std::int64_t& millis) {
  if (!in.at_digit()) return false;
  for (int unit = 100; in.at_digit(); unit /= 10) millis += in.digit() * unit;
  return true;
}

/// Reads `HH:MM[:SS[.fraction]]` as milliseconds of the day.
bool scan_time_of_day(Scanner& in, std::int64_t& millis) {
  int hour, minute, second = 0;
  std::int64_t fraction = 0;
  if (!in.digits(2, hour) || !in.take(':') || !in.digits(2, minute)) return false;
  if (in.take(':')) {
    if (!in.digits(2, second)) return false;
    if ((in.take('.') || in.take(',')) && !scan_fraction(in, fraction)) return false;
  }
  if (hour > 23 || minute > 59 || second > 59) return false;
  millis = ((hour * 60 + minute) * 60 + second) * 1000ll + fraction;
  return true;
}

/// Reads nothing, `Z` or an offset, to the end of the text, as milliseconds east of UTC.
bool scan_zone(Scanner& in, std::int64_t& millis_east) {
  millis_east = 0;
  if (in.at_end()) return true;
  if (in.take('Z')) return in.at_end();
  int sign = 1;
  if (in.take('-')) {
    sign = -1;
  } else if (!in.take('+')) {
    return false;
  }
  int hours, minutes = 0;
  if (!in.digits(2, hours)) return false;
  if (in.take(':') && in.at_end()) return false;
  if (!in.at_end() && !in.digits(2, minutes)) return false;
  if (hours > 23 || minutes > 59 || !in.at_end()) return false;
  millis_east = sign * (hours * 60 + minutes) * 60'000ll;
  return true;
}

/// Eight characters as they should be, a 0 for any digit.
struct EightLike {
  std::uint64_t text = 0;
  std::uint64_t slack = 0;  // what brings a byte that differs too much to its highest bit

  consteval EightLike(const char (&like)[9]) {
    for (int i = 7; i >= 0; --i) {
      text = text << 8 | static_cast<unsigned char>(like[i]);
      slack = slack << 8 | (like[i] == '0' ? 0x76u : 0x7fu);
    }
  }
};
/// The digits among the eight characters at `at`, each in its byte, the first in the lowest, and 0
/// for the other characters; `good` is cleared when they are not `like` that.
std::uint64_t take_eight(const char* at, EightLike like, bool& good) {
  std::uint64_t bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  bytes ^= like.text;
  good &= ((bytes | (bytes + like.slack)) & 0x8080808080808080u) == 0;
  return bytes;
}
/// The number that the digits at byte `i` and the one behind it make.
unsigned two_digits(std::uint64_t bytes, int i) {
  return static_cast<unsigned>((bytes * 10 + (bytes >> 8)) >> (8 * i) & 0xff);
}
/// The most usual form, `YYYY-MM-DDTHH:MM:SS.mmmZ`, quickly, eight characters at a time; false for
/// all others and for what is wrong.
bool scan_plain(std::string_view text, std::int64_t& millis) {
  if (text.size() != 24) return false;
  const char* t = text.data();
  bool good = true;
  const std::uint64_t a = take_eight(t, "0000-00-", good), b = take_eight(t + 8, "00T00:00", good),
                      c = take_eight(t + 16, ":00.000Z", good);
  const unsigned year = two_digits(a, 0) * 100 + two_digits(a, 2), month = two_digits(a, 5);
  const unsigned day = two_digits(b, 0), hour = two_digits(b, 3), minute = two_digits(b, 6);
  const unsigned second = two_digits(c, 1);
  const unsigned fraction = two_digits(c, 4) * 10 + static_cast<unsigned>(c >> 48 & 0xff);
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(month), std::chrono::day(day)};
  if (!good || hour > 23 || minute > 59 || second > 59 || !date.ok()) return false;
  millis = std::chrono::sys_days(date).time_since_epoch().count() * kMillisPerDay +
           ((hour * 60 + minute) * 60 + second) * 1000ll + fraction;
  return true;
}

/// A piece of the user's text that is safe to put into a message.
std::string excerpt(std::string_view text) {
  constexpr std::size_t kMost = 60;
  std::string shown(text.substr(0, kMost));
  if (text.size() > kMost) shown += "...";
  return shown;
}

struct DurationUnit {
  std::string_view name;
  std::int64_t millis;
};
// Largest first, and the name that is written before its synonyms.
constexpr DurationUnit kDurationUnits[] = {{"d", kMillisPerDay}, {"h", 3'600'000}, {"min", 60'000},
                                           {"m", 60'000},        {"s", 1000},      {"ms", 1}};

Error bad_duration(std::string_view text, const char* what) {
  return {ErrorCode::invalid_argument, "duration '" + excerpt(text) + "' " + what +
                                           "; write it like 500ms, 10s, 5min, 2h or 7d"};
}

}  // namespace

EventTime saturating_add(EventTime t, Duration d) {
  std::int64_t sum;
  if (__builtin_add_overflow(to_millis(t), d.count(), &sum)) {
    return d.count() > 0 ? kEndOfTime : kBeginningOfTime;
  }
  return from_millis(sum);
}

EventTime saturating_sub(EventTime t, Duration d) {
  std::int64_t difference;
  if (__builtin_sub_overflow(to_millis(t), d.count(), &difference)) {
    return d.count() > 0 ? kBeginningOfTime : kEndOfTime;
  }
  return from_millis(difference);
}

std::string to_iso8601(EventTime t, bool always_millis) {
  if (t == kBeginningOfTime) return "-infinity";
  if (t == kEndOfTime) return "+infinity";
  std::int64_t days = to_millis(t) / kMillisPerDay;
  std::int64_t millis = to_millis(t) % kMillisPerDay;
  if (millis < 0) {
    millis += kMillisPerDay;
    --days;
  }
  const std::int64_t cycles = days / kDaysPer400Years;
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(days - cycles * kDaysPer400Years))};
  const long long year = static_cast<int>(date.year()) + 400 * cycles;

  // Years outside 0000 to 9999 carry a sign, as ISO 8601 has it.
  const bool plain_year = year >= 0 && year <= 9999;
  char text[64];
  int n = std::snprintf(text, sizeof text, plain_year ? "%04lld" : "%+05lld", year);
  n += std::snprintf(text + n, sizeof text - static_cast<std::size_t>(n),
                     "-%02u-%02uT%02d:%02d:%02d", static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), static_cast<int>(millis / 3'600'000),
                     static_cast<int>(millis / 60'000 % 60), static_cast<int>(millis / 1000 % 60));
  std::string out(text, static_cast<std::size_t>(n));
  if (always_millis || millis % 1000 != 0) {
    n = std::snprintf(text, sizeof text, ".%03d", static_cast<int>(millis % 1000));
    out.append(text, static_cast<std::size_t>(n));
  }
  return out += 'Z';
}

Result<EventTime> parse_iso8601(std::string_view text) {
  if (std::int64_t plain = 0; scan_plain(text, plain)) [[likely]]
    return from_millis(plain);
  Scanner in(text);
  std::int64_t days, millis_of_day, millis_east;
  if (!scan_date(in, days) || !(in.take('T') || in.take(' ')) ||
      !scan_time_of_day(in, millis_of_day) || !scan_zone(in, millis_east)) {
    return Error{ErrorCode::invalid_argument,
                 "'" + excerpt(text) +
                     "' is not an ISO 8601 date and time; write it like 2010-12-01T08:26:00Z"};
  }
  // The ends of time lie within a day, so only the sum need fit.
  const auto millis = static_cast<__int128>(days) * kMillisPerDay + millis_of_day - millis_east;
  if (millis < INT64_MIN || millis > INT64_MAX) {
    return Error{ErrorCode::invalid_argument,
                 "'" + excerpt(text) + "' is further away than any time that can be kept"};
  }
  return from_millis(static_cast<std::int64_t>(millis));
}

Result<Duration> parse_duration(std::string_view text) {
  Scanner in(text);
  if (!in.at_digit()) return bad_duration(text, "does not begin with a digit");
  std::int64_t number = 0;
  std::size_t used = 0;
  for (; in.at_digit(); ++used) {
    if (__builtin_mul_overflow(number, 10, &number) ||
        __builtin_add_overflow(number, in.digit(), &number)) {
      return bad_duration(text, "is too long");
    }
  }
  const std::string_view unit = text.substr(used);
  if (unit.empty()) return bad_duration(text, "has no unit");
  for (const DurationUnit& known : kDurationUnits) {
    if (unit != known.name) continue;
    if (__builtin_mul_overflow(number, known.millis, &number)) {
      return bad_duration(text, "is too long");
    }
    return Duration{number};
  }
  return bad_duration(text, "has an unknown unit");
}

std::string format_duration(Duration d) {
  if (d.count() == 0) return "0s";
  for (const DurationUnit& unit : kDurationUnits) {
    if (d.count() % unit.millis == 0) {
      return std::to_string(d.count() / unit.millis) + std::string(unit.name);
    }
  }
  WEIR_CHECK(false, "a millisecond divides every duration");
}

}  // namespace weir
