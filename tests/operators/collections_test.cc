// MapState and ListState: changes are stored entry by entry, and any history of changes across
// snapshots restores to the same content.
#include <deque>
#include <map>

#include "tests/operators/support.h"

namespace weir::test {
namespace {

struct Basket {
  std::int64_t visits = 0;
  MapState<std::string, std::int64_t> items;
  ListState<std::int64_t> log;
};
WEIR_DESCRIBE(Basket, visits, items, log);

/// What an event does to its basket, by `n`. The record says all, so a model can follow it.
enum Act { kPut, kErase, kClearMap, kPush, kPop, kClearList, kAssign, kChange, kClearState, kActs };

void act(Basket& b, const Event& e, const std::function<void()>& clear_state) {
  ++b.visits;
  const std::string item = "i" + std::to_string(e.n / kActs % 7);
  switch (e.n % kActs) {
    case kPut:
      b.items.put(item, e.n);
      break;
    case kErase:
      b.items.erase(item);
      break;
    case kClearMap:
      if (e.n % 5 == 0) b.items.clear();
      break;
    case kPush:
      b.log.push_back(e.n);
      break;
    case kPop:
      if (!b.log.empty()) b.log.pop_front();
      break;
    case kClearList:
      if (e.n % 5 == 0) b.log.clear();
      break;
    case kAssign: {
      Basket fresh;
      fresh.items.put(item, -e.n);
      fresh.log.push_back(-e.n);
      if (e.n % 7 == 0) b = fresh;
      break;
    }
    case kChange:
      if (!b.log.empty()) b.log.change(b.log.size() / 2) += 1;
      b.items[item] += 1;
      break;
    default:
      if (e.n % 4 == 0) clear_state();
  }
}

std::string text(const Basket& b) {
  std::string out = std::to_string(b.visits) + "{";
  b.items.for_each(
      [&](const std::string& k, std::int64_t v) { out += k + "=" + std::to_string(v) + " "; });
  out += "}[";
  b.log.for_each([&](std::int64_t v) { out += std::to_string(v) + " "; });
  return out + "]";
}

struct Model {
  std::int64_t visits = 0;
  std::map<std::string, std::int64_t> items;
  std::deque<std::int64_t> log;
  std::string apply(const Event& e) {
    ++visits;
    const std::string item = "i" + std::to_string(e.n / kActs % 7);
    bool clear = false;
    switch (e.n % kActs) {
      case kPut:
        items[item] = e.n;
        break;
      case kErase:
        items.erase(item);
        break;
      case kClearMap:
        if (e.n % 5 == 0) items.clear();
        break;
      case kPush:
        log.push_back(e.n);
        break;
      case kPop:
        if (!log.empty()) log.pop_front();
        break;
      case kClearList:
        if (e.n % 5 == 0) log.clear();
        break;
      case kAssign:
        if (e.n % 7 == 0) *this = Model{0, {{item, -e.n}}, {-e.n}};
        break;
      case kChange:
        if (!log.empty()) log[log.size() / 2] += 1;
        items[item] += 1;
        break;
      default:
        clear = e.n % 4 == 0;
    }
    std::string out = std::to_string(visits) + "{";
    for (const auto& [k, v] : items) out += k + "=" + std::to_string(v) + " ";
    out += "}[";
    for (const std::int64_t v : log) out += std::to_string(v) + " ";
    out += "]";
    if (clear) *this = Model();
    return out;
  }
};

void basket_job(Job& job, Inputs& in, Outputs& out) {
  out.collect(in.stream<Event>(job, "events", {.event_time = &Event::time})
                  .key_by(&Event::user)
                  .process<Basket, std::string>("basket",
                                                [](Basket& b, const Event& e, auto& ctx) {
                                                  act(b, e, [&] { ctx.clear_state(); });
                                                  ctx.emit(ctx.key() + "#" +
                                                           std::to_string(to_millis(e.time)) + " " +
                                                           text(b));
                                                }),
              "out");
}

TEST(Collections, AnyHistoryRestoresToTheSameContent) {
  for (std::uint64_t seed = 51; seed <= 53; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Harness h(basket_job, {.parallelism = 2, .seed = seed + seed_offset()});
    std::map<std::string, Model> models;
    std::vector<std::string> expected;
    std::int64_t now = 0;
    for (int round = 0; round < 25; ++round) {
      for (std::uint64_t i = random.below(60); i > 0; --i) {
        const Event e = event("k" + std::to_string(random.below(4)), ++now,
                              static_cast<std::int64_t>(random.below(1000)));
        h.push("events", e);
        expected.push_back(e.user + "#" + std::to_string(now) + " " + models[e.user].apply(e));
      }
      h.run_a_little();
      switch (random.below(4)) {
        case 0:
          h.crash(static_cast<std::uint32_t>(1 + random.below(4)));
          break;
        case 1:
          h = h.restore(h.snapshot(),
                        {.parallelism = static_cast<std::uint32_t>(1 + random.below(4)),
                         .seed = random.next()});
          break;
        default:
          static_cast<void>(h.snapshot());  // incremental: the next ones hold what changes
      }
    }
    h.end_all();
    h.run();
    ASSERT_EQ(sorted(h.committed<std::string>("out")), sorted(expected));
  }
}

TEST(Collections, StoreEachEntryAsARowOfItsOwn) {
  Harness h(basket_job);
  for (int i = 0; i < 3; ++i) h.push("events", event("a", i, kPut + kActs * i));
  for (int i = 0; i < 4; ++i) h.push("events", event("a", 10 + i, kPush));
  h.run();
  EXPECT_EQ(h.state_rows("basket"), 1u + 3u + 4u);
  h.push("events", event("a", 20, kErase));
  h.push("events", event("a", 21, kPop));
  h.run();
  EXPECT_EQ(h.state_rows("basket"), 1u + 2u + 3u);
  h.push("events", event("a", 22, kPut));  // erased and stored anew
  h.run();
  EXPECT_EQ(h.state_rows("basket"), 1u + 3u + 3u);
  h.push("events", event("a", 23, kActs * 4 + kActs - 1));  // 44: clear_state
  h.run();
  EXPECT_EQ(h.state_rows("basket"), 0u);
}

Harness::Build in_hand(const std::function<void(Basket&)>& assign) {
  return [assign](Job& job, Inputs& in, Outputs& out) {
    out.collect(in.stream<Event>(job, "events", {.event_time = &Event::time})
                    .key_by(&Event::user)
                    .process<Basket, std::string>("basket",
                                                  [assign](Basket& b, const Event& e, auto& ctx) {
                                                    if (e.n == 100) assign(b);
                                                    if (e.n > 0 && e.n < 100) {
                                                      b.log.push_back(e.n);
                                                      b.items.put("i" + std::to_string(e.n), e.n);
                                                    }
                                                    ctx.emit(text(b));
                                                  }),
                "out");
  };
}

TEST(Collections, WhatIsMovedAwayIsGoneAfterARestoreToo) {
  const std::pair<std::function<void(Basket&)>, std::string> ways[] = {
      {[](Basket& b) {
         static_cast<void>(std::exchange(b.log, {}));
         static_cast<void>(std::exchange(b.items, {}));
       },
       "0{i7=7 }[7 ]"},
      {[](Basket& b) { static_cast<void>(std::exchange(b, {})); }, "0{i7=7 }[7 ]"},
      {[](Basket& b) { b = Basket{}; }, "0{i7=7 }[7 ]"},
      {[](Basket& b) {
         b.log = {};
         b.items = {};
       },
       "0{i7=7 }[7 ]"},
      {[](Basket& b) {
         Basket other;
         other.log.push_back(50);
         other.items.put("other", 50);
         std::swap(b, other);
       },
       "0{i7=7 other=50 }[50 7 ]"},
      {[](Basket& b) {
         Basket kept = std::move(b);
         kept.log.pop_front();
         kept.items.erase("i1");
         b = std::move(kept);
       },
       "0{i2=2 i3=3 i4=4 i7=7 }[2 3 4 7 ]"},
      {[](Basket& b) {
         Basket copy = b;
         b = copy;
       },
       "0{i1=1 i2=2 i3=3 i4=4 i7=7 }[1 2 3 4 7 ]"},
  };
  for (const auto& [assign, expected] : ways) {
    SCOPED_TRACE(&assign - &ways[0].first);
    Harness h(in_hand(assign));
    for (int i = 1; i <= 4; ++i) h.push("events", event("a", i, i));
    h.run();
    static_cast<void>(h.snapshot());
    h.push_all<Event>("events", {event("a", 10, 100), event("a", 11, 7)});
    h.run();
    EXPECT_EQ(h.output<std::string>("out").back(), expected);
    Harness restored = h.restore(h.snapshot(), {});
    restored.push("events", event("a", 12, 0));
    restored.run();
    EXPECT_EQ(restored.output<std::string>("out").back(), expected);
  }
}

struct RenamedBasket {
  std::int64_t visits = 0;
  MapState<std::string, std::int64_t> goods;
  ListState<std::int64_t> history;
  static void evolve(Evolution<RenamedBasket>& e) {
    e.renamed("items", "goods");
    e.renamed("log", "history");
  }
};
WEIR_DESCRIBE(RenamedBasket, visits, goods, history);

TEST(Collections, KeepTheirEntriesUnderAnotherName) {
  Harness h(basket_job);
  for (int i = 0; i < 3; ++i) h.push("events", event("a", i, kPut + kActs * i));
  for (int i = 0; i < 2; ++i) h.push("events", event("a", 10 + i, kPush));
  h.run();
  static_cast<void>(h.snapshot());  // commits the output, which the other harness does not have
  const auto renamed = [](Job& job, Inputs& in, Outputs& out) {
    out.collect(
        in.stream<Event>(job, "events", {.event_time = &Event::time})
            .key_by(&Event::user)
            .process<RenamedBasket, std::int64_t>(
                "basket",
                [](RenamedBasket& b, const Event&, auto& ctx) {
                  ctx.emit(static_cast<std::int64_t>(b.goods.size() * 10 + b.history.size()));
                }),
        "out");
  };
  Harness restored(renamed, h.snapshot(), {});
  restored.push("events", event("a", 20, 0));
  restored.run();
  EXPECT_EQ(restored.output<std::int64_t>("out").back(), 32);
  restored = restored.restore(restored.snapshot(), {});  // by now under the new names
  restored.push("events", event("a", 21, 0));
  restored.run();
  EXPECT_EQ(restored.output<std::int64_t>("out").back(), 32);
}

struct Visit {
  std::int64_t key = 0, n = 0;
};
WEIR_DESCRIBE(Visit, key, n);

struct Visits {
  std::int64_t count = 0;
  MapState<std::int64_t, std::int64_t> each;
};
WEIR_DESCRIBE(Visits, count, each);

/// Of what came first one cannot conclude how much more there is: the hash of 0 is 0, the very
/// first, and all its rows are there.
TEST(Collections, ManyRowsOfTheFirstHashAreRestored) {
  const testing::Harness::Build build = [](Job& job, testing::Inputs& in, testing::Outputs& out) {
    out.collect(in.stream<Visit>(job, "in")
                    .key_by(&Visit::key)
                    .process<Visits, Visit>("visits",
                                            [](Visits& visits, const Visit& visit, auto& ctx) {
                                              visits.each.put(visit.n, visit.n);
                                              ctx.emit(Visit{visit.key, ++visits.count});
                                            }),
                "out");
  };
  constexpr std::int64_t kRows = 1000;
  testing::Harness h(build);
  for (std::int64_t i = 0; i < kRows; ++i) h.push("in", Visit{0, i});
  h.run();
  auto later = h.restore(h.snapshot());
  later.push("in", Visit{0, kRows});
  later.run();
  EXPECT_EQ(later.output<Visit>("out").back().n, kRows + 1);
}

}  // namespace
}  // namespace weir::test
