// Event time as text, and arithmetic at the ends of time.
#include "weir/base/time.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "weir/base/clock.h"

namespace weir {
namespace {

TEST(Iso8601, ReadsWhatTheHeaderPromises) {
  const std::vector<std::pair<const char*, std::int64_t>> cases = {
      {"1970-01-01T00:00:00Z", 0},
      {"2010-12-01T08:26:00Z", 1'291'191'960'000},
      {"2010-12-01 08:26:00", 1'291'191'960'000},
      {"2010-12-01T08:26", 1'291'191'960'000},
      {"2010-12-01T08:26Z", 1'291'191'960'000},
      {"2010-12-01T08:26:00.5Z", 1'291'191'960'500},
      {"2010-12-01T08:26:00,25Z", 1'291'191'960'250},
      {"2010-12-01T08:26:00.123999999Z", 1'291'191'960'123},
      {"2010-12-01T10:26:00+02:00", 1'291'191'960'000},
      {"2010-12-01T10:26:00+0200", 1'291'191'960'000},
      {"2010-12-01T10:26:00+02", 1'291'191'960'000},
      {"2010-11-30T22:56:00.001-09:30", 1'291'191'960'001},
      {"1970-01-01T00:00:00-00:00", 0},
      {"1969-12-31T23:59:59.999Z", -1},
      {"1969-12-31T23:59:59Z", -1000},
      {"1900-03-01T00:00:00Z", -2'203'891'200'000},
      {"2000-02-29T00:00:00Z", 951'782'400'000},
      {"0000-01-01T00:00:00Z", -62'167'219'200'000},
      {"9999-12-31T23:59:59.999Z", 253'402'300'799'999},
  };
  for (const auto& [text, millis] : cases) {
    const Result<EventTime> time = parse_iso8601(text);
    ASSERT_TRUE(time.ok()) << text;
    EXPECT_EQ(to_millis(*time), millis) << text;
  }
}

TEST(Iso8601, RefusesEverythingElse) {
  for (const char* text : {"",
                           "Z",
                           "2010",
                           "2010-12-01",
                           "2010-12-01T",
                           "2010-12-01T08",
                           "2010-12-01T08:26:",
                           "2010-12-01T08:26:0Z",
                           "2010-12-01T8:26:00Z",
                           "2010-1-01T08:26:00Z",
                           "10-12-01T08:26:00Z",
                           "12010-12-01T08:26:00Z",
                           "+2010-12-01T08:26:00Z",
                           "-0000-12-01T08:26:00Z",
                           "+0001-12-01T08:26:00Z",
                           "-+001-12-01T08:26:00Z",
                           "+10001-02-29T08:26:00Z",
                           "+292278994-08-17T07:12:55.808Z",
                           "-292275055-05-16T16:47:04.191Z",
                           "+999999999-01-01T00:00:00Z",
                           "+1000000000-01-01T00:00:00Z",
                           "-010-12-01T08:26:00Z",
                           "2010-02-30T00:00:00Z",
                           "2010-02-29T00:00:00Z",
                           "1900-02-29T00:00:00Z",
                           "2010-04-31T00:00:00Z",
                           "2010-13-01T00:00:00Z",
                           "2010-00-01T00:00:00Z",
                           "2010-01-00T00:00:00Z",
                           "2010-01-32T00:00:00Z",
                           "2010-12-01T24:00:00Z",
                           "2010-12-01T23:60:00Z",
                           "2010-12-01T23:59:60Z",
                           "2010-12-01T08:26:00.Z",
                           "2010-12-01T08:26:00ZZ",
                           "2010-12-01T08:26:00 Z",
                           "2010-12-01T08:26:00+",
                           "2010-12-01T08:26:00+2",
                           "2010-12-01T08:26:00+02:",
                           "2010-12-01T08:26:00+02:0",
                           "2010-12-01T08:26:00+24:00",
                           "2010-12-01T08:26:00+02:60",
                           "2010-12-01T08:26:00+02:00Z",
                           "2010-12-01x08:26:00",
                           "2010/12/01T08:26:00",
                           " 2010-12-01T08:26:00Z",
                           "2010-12-01T08:26:00Z ",
                           "-infinity",
                           "+infinity"}) {
    EXPECT_FALSE(parse_iso8601(text).ok()) << text;
  }
  EXPECT_FALSE(parse_iso8601(std::string_view("2010-12-01T08:26:00Z\0", 21)).ok());
}

// The most usual form has code of its own; with an offset it is read by the code for all others.
TEST(Iso8601, TheUsualFormIsReadAsAnyOther) {
  Random random(7);
  int good = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto ms = static_cast<std::int64_t>(random.below(253'402'300'800'000));
    std::string text = to_iso8601(from_millis(ms), true);
    ASSERT_EQ(text.size(), 24u);
    text.pop_back();
    constexpr std::string_view kOthers = "0123456789-:T .x+/";
    if (random.chance(0.7)) text[random.below(23)] = kOthers[random.below(kOthers.size())];
    const Result<EventTime> usual = parse_iso8601(text + "Z"), other = parse_iso8601(text + "+00");
    ASSERT_EQ(usual.ok(), other.ok()) << text;
    if (!usual.ok()) continue;
    ASSERT_EQ(*usual, *other) << text;
    ++good;
  }
  EXPECT_GT(good, 5000);
}

TEST(Iso8601, ErrorShowsTheTextButNotAllOfAHugeOne) {
  const Result<EventTime> time = parse_iso8601(std::string(10'000, 'x'));
  EXPECT_EQ(time.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(time.error().message.find("xxx..."), std::string::npos);
  EXPECT_LT(time.error().message.size(), 200u);
}

TEST(Iso8601, Writes) {
  EXPECT_EQ(to_iso8601(from_millis(1'291'191'960'000)), "2010-12-01T08:26:00Z");
  EXPECT_EQ(to_iso8601(from_millis(1'291'191'960'000), true), "2010-12-01T08:26:00.000Z");
  EXPECT_EQ(to_iso8601(from_millis(1'291'191'960'007)), "2010-12-01T08:26:00.007Z");
  EXPECT_EQ(to_iso8601(from_millis(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(to_iso8601(from_millis(-62'167'219'200'000)), "0000-01-01T00:00:00Z");
  EXPECT_EQ(to_iso8601(from_millis(-62'167'219'200'001)), "-0001-12-31T23:59:59.999Z");
  EXPECT_EQ(to_iso8601(from_millis(253'402'300'800'000)), "+10000-01-01T00:00:00Z");
  EXPECT_EQ(to_iso8601(kBeginningOfTime), "-infinity");
  EXPECT_EQ(to_iso8601(kEndOfTime), "+infinity");
  EXPECT_EQ(to_iso8601(from_millis(INT64_MAX - 1)), "+292278994-08-17T07:12:55.806Z");
  EXPECT_EQ(to_iso8601(from_millis(INT64_MIN + 1)), "-292275055-05-16T16:47:04.193Z");
}

TEST(Iso8601, RoundTripsEveryFourDigitYear) {
  Random random(20'101'201);
  constexpr std::int64_t kFirst = -62'167'219'200'000, kLast = 253'402'300'799'999;
  for (int i = 0; i < 20'000; ++i) {
    const auto offset = random.below(static_cast<std::uint64_t>(kLast - kFirst) + 1);
    const EventTime time = from_millis(kFirst + static_cast<std::int64_t>(offset));
    ASSERT_EQ(to_millis(parse_iso8601(to_iso8601(time)).value()), to_millis(time));
  }
}

TEST(Iso8601, RoundTripsTimesOfAnyYear) {
  Random random(19'700'101);
  std::vector<std::int64_t> all{INT64_MIN + 1, INT64_MAX - 1, -62'167'219'200'001,
                                253'402'300'800'000};
  for (int i = 0; i < 20'000; ++i) all.push_back(static_cast<std::int64_t>(random.next()));
  for (const std::int64_t millis : all) {
    ASSERT_EQ(to_millis(parse_iso8601(to_iso8601(from_millis(millis))).value()), millis);
  }
}

TEST(Duration, ReadsEveryUnit) {
  const std::vector<std::pair<const char*, std::int64_t>> cases = {
      {"500ms", 500},  {"10s", 10'000},   {"5min", 300'000},
      {"5m", 300'000}, {"2h", 7'200'000}, {"7d", 604'800'000},
      {"0s", 0},       {"007s", 7000},    {"9223372036854775807ms", INT64_MAX}};
  for (const auto& [text, millis] : cases) {
    ASSERT_TRUE(parse_duration(text).ok()) << text;
    EXPECT_EQ(parse_duration(text)->count(), millis) << text;
  }
}

TEST(Duration, RefusesWhatHasNoClearLength) {
  for (const char* text : {"", "10", "s", "-5s", "+5s", "1.5s", "5 s", "5sec", "5S", "5s ", " 5s",
                           "5s5s", "9223372036854775808ms", "9223372036854775807s",
                           "99999999999999999999d", "106751991168d"}) {
    const Result<Duration> duration = parse_duration(text);
    ASSERT_FALSE(duration.ok()) << text;
    EXPECT_EQ(duration.error().code, ErrorCode::invalid_argument);
  }
  EXPECT_NE(parse_duration("10").error().message.find("has no unit"), std::string::npos);
}

TEST(Duration, WritesTheLargestWholeUnit) {
  EXPECT_EQ(format_duration(Duration(0)), "0s");
  EXPECT_EQ(format_duration(Duration(90'000)), "90s");
  EXPECT_EQ(format_duration(Duration(1500)), "1500ms");
  EXPECT_EQ(format_duration(Duration(120'000)), "2min");
  EXPECT_EQ(format_duration(Duration(7'200'000)), "2h");
  EXPECT_EQ(format_duration(Duration(604'800'000)), "7d");
  EXPECT_EQ(format_duration(Duration(-90'000)), "-90s");
  for (const std::int64_t millis : {0l, 1l, 999l, 60'000l, 3'599'999l, INT64_MAX}) {
    EXPECT_EQ(parse_duration(format_duration(Duration(millis)))->count(), millis);
  }
}

TEST(SaturatingTime, StaysAtTheEndsOfTime) {
  const Duration hour(3'600'000), longest(INT64_MAX), most_negative(INT64_MIN);
  const EventTime now = from_millis(1'600'000'000'000);
  EXPECT_EQ(saturating_add(now, hour), now + hour);
  EXPECT_EQ(saturating_sub(now, hour), now - hour);
  EXPECT_EQ(saturating_add(kEndOfTime, hour), kEndOfTime);
  EXPECT_EQ(saturating_add(now, longest), kEndOfTime);
  EXPECT_EQ(saturating_sub(kBeginningOfTime, hour), kBeginningOfTime);
  EXPECT_EQ(saturating_sub(from_millis(-2), longest), kBeginningOfTime);
  EXPECT_EQ(saturating_add(kBeginningOfTime, -hour), kBeginningOfTime);
  EXPECT_EQ(saturating_sub(kEndOfTime, -hour), kEndOfTime);
  EXPECT_EQ(saturating_sub(now, most_negative), kEndOfTime);
  EXPECT_EQ(saturating_add(from_millis(-1), most_negative), kBeginningOfTime);
  EXPECT_EQ(saturating_sub(from_millis(-1), most_negative), kEndOfTime);
}

}  // namespace
}  // namespace weir
