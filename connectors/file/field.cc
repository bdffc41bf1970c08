// Text to numbers and times. Pure functions: any thread.
#include "weir/connectors/file/field.h"

#include <charconv>
#include <cmath>

namespace weir::file::detail {
namespace {

template <class N>
bool parse_whole(std::string_view text, N& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end;
}

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool parse_seconds(std::string_view text, std::int64_t& millis) {
  const std::size_t dot = text.find('.');
  std::int64_t seconds = 0;
  if (!parse_whole(text.substr(0, dot), seconds)) return false;
  std::int64_t fraction = 0;
  if (dot != std::string_view::npos) {
    const std::string_view digits = text.substr(dot + 1);
    if (digits.empty()) return false;
    std::int64_t unit = 100;
    for (const char c : digits) {
      if (!is_digit(c)) return false;
      fraction += (c - '0') * unit;
      unit /= 10;
    }
    if (text.front() == '-') fraction = -fraction;
  }
  return !__builtin_mul_overflow(seconds, 1000, &millis) &&
         !__builtin_add_overflow(millis, fraction, &millis);
}

bool parse_iso(std::string_view text, EventTime& out) {
  if (text.ends_with(" UTC")) text.remove_suffix(4);
  const Result<EventTime> time = parse_iso8601(text);
  if (time.ok()) out = *time;
  return time.ok();
}

}  // namespace

bool parse_signed(std::string_view text, std::int64_t low, std::int64_t high, std::int64_t& value) {
  return parse_whole(text, value) && value >= low && value <= high;
}

bool parse_unsigned(std::string_view text, std::uint64_t high, std::uint64_t& value) {
  return parse_whole(text, value) && value <= high;
}

bool parse_real(std::string_view text, double& value) {
  return parse_whole(text, value) && std::isfinite(value);
}

bool parse_boolean(const FieldValue& value, bool& out) {
  if (value.kind != ValueKind::boolean && value.kind != ValueKind::text) return false;
  const bool number = value.kind == ValueKind::text && value.text.size() == 1;
  const bool yes = value.text == "true" || (number && value.text == "1");
  const bool no = value.text == "false" || (number && value.text == "0");
  out = yes;
  return yes || no;
}

bool parse_time(const FieldValue& value, TimeFormat times, EventTime& out) {
  if (!is_textual(value.kind) && !is_numeric(value.kind)) return false;
  if (value.kind == ValueKind::string) times = TimeFormat::iso8601;
  std::int64_t millis = 0;
  switch (times) {
    case TimeFormat::iso8601:
      return parse_iso(value.text, out);
    case TimeFormat::seconds:
      if (!parse_seconds(value.text, millis)) return false;
      break;
    case TimeFormat::millis:
      if (!parse_whole(value.text, millis)) return false;
      break;
  }
  out = from_millis(millis);
  return true;
}

std::string expected_integer(std::int64_t low, std::uint64_t high) {
  return "a whole number from " + std::to_string(low) + " to " + std::to_string(high);
}

}  // namespace weir::file::detail
