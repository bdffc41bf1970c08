// Times, durations and numbers as text: what is read is written in a form that reads as the same.
#include "tests/fuzz/fuzz.h"
#include "weir/base/time.h"
#include "weir/connectors/file/field.h"

namespace weir::fuzz {
namespace {

using namespace file::detail;

void check_time(EventTime time) {
  if (time == kBeginningOfTime || time == kEndOfTime) return;  // written by name
  for (const bool always_millis : {false, true}) {
    const auto again = parse_iso8601(to_iso8601(time, always_millis));
    WEIR_CHECK(again.ok() && *again == time, "a time that is written reads as the same");
  }
}

void check_fields(std::string_view text) {
  for (const auto format :
       {file::TimeFormat::iso8601, file::TimeFormat::seconds, file::TimeFormat::millis}) {
    for (const auto kind : {ValueKind::text, ValueKind::string, ValueKind::number}) {
      EventTime time{};
      if (parse_time({kind, text}, format, time)) check_time(time);
    }
  }
  std::int64_t number = 0;
  std::uint64_t natural = 0;
  double real = 0;
  if (parse_signed(text, -100, 100, number)) {
    WEIR_CHECK(number >= -100 && number <= 100, "a number is within its bounds");
    std::int64_t again = 0;
    WEIR_CHECK(parse_signed(std::to_string(number), -100, 100, again) && again == number, "same");
  }
  if (parse_unsigned(text, 200, natural)) WEIR_CHECK(natural <= 200, "within its bounds");
  if (parse_real(text, real)) WEIR_CHECK(real - real == 0, "a real is finite");
}

}  // namespace

void run(std::string_view input) {
  if (const auto time = parse_iso8601(input); time.ok()) check_time(*time);
  if (const auto duration = parse_duration(input); duration.ok()) {
    const auto again = parse_duration(format_duration(*duration));
    WEIR_CHECK(again.ok() && *again == *duration, "a duration that is written reads as the same");
    saturating_add(kEndOfTime, *duration);
    saturating_sub(kBeginningOfTime, *duration);
  }
  check_fields(input);
}

std::vector<std::string> seeds() {
  return {"2010-12-01T08:26:00Z",
          "2010-12-01 08:26",
          "2019-10-01 00:00:00 UTC",
          "+12345-02-28T23:59:59.123456+05:30",
          "-292275055-05-16T16:47:04.193Z",
          "0s",
          "500ms",
          "10s",
          "5min",
          "2h",
          "7d",
          "106751991167d",
          "-1.5",
          "1600000000.123",
          "9223372036854775807",
          "1e300",
          "nan",
          "-0"};
}

}  // namespace weir::fuzz
