// connect: two streams, one state by key.
#include <map>

#include "tests/operators/support.h"

namespace weir::test {
namespace {

struct Price {
  std::string item;
  EventTime time{};
  std::int64_t cents = 0;
};
WEIR_DESCRIBE(Price, item, time, cents);

/// Sums the sales of an item at the price that holds at the end; also how many of each side came.
struct Ledger {
  std::int64_t sold = 0, cents = 0;
};
WEIR_DESCRIBE(Ledger, sold, cents);

bool broken = false;

void ledger_job(Job& job, Inputs& in, Outputs& out) {
  auto sales = in.stream<Event>(job, "sales", {.event_time = &Event::time}, 2);
  auto prices = in.stream<Price>(job, "prices", {.event_time = &Price::time});
  out.collect(
      sales.key_by(&Event::user)
          .connect(prices.key_by(&Price::item))
          .process<Ledger, std::string>(
              "ledger",
              [](Ledger& l, const Event& e, auto& ctx) {
                l.sold += e.n;
                ctx.set_timer(at(1'000'000));
              },
              [](Ledger& l, const Price& p, auto&) {
                if (broken && p.cents < 0) throw std::runtime_error("a negative price");
                l.cents += p.cents;
              },
              [](Ledger& l, const Timer&, auto& ctx) {
                ctx.emit(ctx.key() + " " + std::to_string(l.sold) + " " + std::to_string(l.cents));
              }),
      "out");
}

TEST(Connect, SharesOneStateByKey) {
  broken = false;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> model;
  std::vector<std::pair<Event, Price>> rows;
  Random random(61);
  for (int i = 0; i < 400; ++i) {
    const std::string item = "i" + std::to_string(random.below(20));
    const std::string other = "i" + std::to_string(random.below(20));
    rows.push_back({event(item, i, i), Price{other, at(i), 2 * i}});
    model[item].first += i;
    model[other].second += 2 * i;
  }
  std::vector<std::string> expected;
  for (const auto& [item, sums] : model) {
    if (sums.first > 0)
      expected.push_back(item + " " + std::to_string(sums.first) + " " +
                         std::to_string(sums.second));
  }
  run_every_way(
      ledger_job,
      [&](Harness& h, int half) {
        for (std::size_t i = half == 1 ? 0 : 200; i < (half == 1 ? 200 : rows.size()); ++i) {
          h.push("sales", rows[i].first, i % 2);
          h.push("prices", rows[i].second);
        }
      },
      [&](Harness& h) { EXPECT_EQ(sorted(h.committed<std::string>("out")), sorted(expected)); });
}

TEST(Connect, ALetterIsReplayedAtItsSide) {
  for (const std::uint32_t parallelism : kParallelisms) {
    broken = true;
    Harness h(ledger_job, {.parallelism = parallelism});
    h.push("sales", event("x", 1, 3));
    h.push("prices", Price{"x", at(1), -5});
    h.run();
    auto letters = h.dead_letters("ledger");
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_EQ(letters[0].input, 1u);
    broken = false;
    h = h.restore(h.snapshot(), {.parallelism = 2});
    ASSERT_TRUE(h.replay(letters).ok());
    h.end_all();
    h.run();
    EXPECT_THAT(h.output<std::string>("out"), ElementsAre("x 3 -5"));
  }
}

}  // namespace
}  // namespace weir::test
