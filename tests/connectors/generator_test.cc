// Generators: the same records each time, at the right pace; values in memory; shop events.
#include "weir/connectors/file/generator.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "tests/connectors/support.h"
#include "weir/connectors/file/shop_events.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::SizeIs;
using namespace testing_support;

constexpr auto kSame = [](int a, int b) { return a == b; };
constexpr auto kSquare = [](std::uint64_t i) { return static_cast<int>(i * i); };

TEST(Generator, MakesEachIndexOnce) {
  World world;
  const auto source = generator<int>({.count = 10, .splits = 3}, kSquare);
  EXPECT_THAT(read_all(*source, world.source).rows,
              ElementsAre(0, 9, 36, 81, 1, 16, 49, 4, 25, 64));
  const auto none = generator<int>({.count = 0}, kSquare);
  EXPECT_THAT(read_all(*none, world.source).rows, SizeIs(0));
  const auto few = generator<int>({.count = 2, .splits = 4}, kSquare);
  EXPECT_THAT(read_all(*few, world.source).rows, ElementsAre(0, 1));
}

TEST(Generator, ResumesEverywhere) {
  World world;
  const auto source = generator<int>({.count = 50, .splits = 3}, kSquare);
  for (const std::string split : {"0", "1", "2"}) {
    expect_resumes_everywhere(*source, world.source, split, kSame);
  }
  EXPECT_FALSE(source->open(world.source, "1", "3").ok());
  EXPECT_FALSE(source->open(world.source, "3", "").ok());
  EXPECT_FALSE(source->open(world.source, "0", "x").ok());
}

std::uint64_t take_over(file::detail::RatePacer& pacer, ManualClock& clock,
                        std::chrono::nanoseconds time, std::chrono::nanoseconds step) {
  std::uint64_t made = 0;
  for (auto passed = step; passed <= time; passed += step) {
    clock.advance(step);
    made += pacer.take(1'000'000);
  }
  return made;
}

TEST(RatePacer, KeepsHighAndLowRates) {
  using namespace std::chrono_literals;
  for (const double rate : {0.5, 3.0, 1000.0, 1'234'567.0}) {
    ManualClock clock;
    file::detail::RatePacer pacer(clock, rate);
    EXPECT_EQ(pacer.take(1), 1u);
    const std::uint64_t made = take_over(pacer, clock, 100s, 10ms);
    EXPECT_NEAR(static_cast<double>(made), 100 * rate, 1.0) << rate;
  }
}

TEST(RatePacer, DoesNotFloodAfterAPause) {
  using namespace std::chrono_literals;
  ManualClock clock;
  file::detail::RatePacer pacer(clock, 1000);
  pacer.take(1);
  clock.advance(1h);
  EXPECT_EQ(pacer.take(1'000'000), 100u);
  EXPECT_EQ(pacer.take(1'000'000), 0u);
  EXPECT_NEAR(static_cast<double>(take_over(pacer, clock, 10s, 1ms)), 10'000, 1);
}

TEST(RatePacer, WithoutARateGivesAll) {
  ManualClock clock;
  file::detail::RatePacer pacer(clock, 0);
  EXPECT_EQ(pacer.take(512), 512u);
  EXPECT_EQ(pacer.take(512), 512u);
}

TEST(Values, AreCutIntoSplits) {
  World world;
  for (const unsigned splits : {1u, 2u, 3u, 8u}) {
    const auto source = memory::values<int>({1, 2, 3, 4, 5}, splits);
    EXPECT_THAT(read_all(*source, world.source).rows, ElementsAre(1, 2, 3, 4, 5));
    for (const std::string& split : source->discover(world.source).value()) {
      expect_resumes_everywhere(*source, world.source, split, kSame);
    }
  }
  EXPECT_FALSE(memory::values<int>({1, 2})->open(world.source, "0", "3").ok());
}

std::vector<std::string> shop_lines(const file::ShopEventsOptions& options,
                                    file::ShopEventsCounts* counts = nullptr) {
  std::vector<std::string> lines;
  const auto counted = file::generate_shop_events(options, [&](std::string_view line) {
    lines.emplace_back(line);
    return true;
  });
  if (counts != nullptr) *counts = counted;
  return lines;
}

TEST(ShopEvents, AreTheSameForASeed) {
  EXPECT_EQ(shop_lines({.users = 10, .events = 500, .seed = 7}),
            shop_lines({.users = 10, .events = 500, .seed = 7}));
  EXPECT_NE(shop_lines({.users = 10, .events = 500, .seed = 7}),
            shop_lines({.users = 10, .events = 500, .seed = 8}));
}

struct Track {
  std::string messageId, userId, event;
  EventTime timestamp{};
};
WEIR_DESCRIBE(Track, messageId, userId, event, timestamp);

TEST(ShopEvents, AreWhatTheyClaim) {
  World world;
  file::ShopEventsCounts counts;
  std::string text;
  for (const std::string& line : shop_lines({.users = 200, .events = 20'000, .seed = 3}, &counts)) {
    EXPECT_EQ(line.find('\n'), std::string::npos);
    text += line + "\n";
  }
  EXPECT_GT(counts.repeats, 100u);
  EXPECT_GT(counts.late, 20u);
  EXPECT_GT(counts.broken, 20u);
  const auto source = memory::json_lines<Track>(text, 1, {.not_empty = {"messageId", "userId"}});
  const Drained<Track> out = read_all(*source, world.source);
  EXPECT_EQ(out.dead.letters.size(), counts.broken);
  EXPECT_EQ(out.rows.size(), counts.fresh + counts.repeats);
  std::set<std::string> ids;
  std::uint64_t late = 0;
  EventTime newest = kBeginningOfTime;
  for (const Track& track : out.rows) {
    ids.insert(track.messageId);
    if (newest != kBeginningOfTime && track.timestamp < newest - Duration(10'000)) ++late;
    newest = std::max(newest, track.timestamp);
  }
  EXPECT_EQ(ids.size(), counts.fresh);
  EXPECT_EQ(late, counts.late);
}

}  // namespace
}  // namespace weir
