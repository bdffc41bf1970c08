// Windows of a fixed size against a model that gathers, for each window, the records that it takes,
// one by one: with disorder far beyond the allowance, snapshots and restores at any moment, and
// windows whose size is no multiple of their slide.
#include <map>

#include "tests/operators/support.h"
#include "weir/operators/window_panes.h"

namespace weir::test {
namespace {

/// What a window knows of its records; the highest cannot be taken back when a pane leaves.
struct Tally {
  std::int64_t count = 0, sum = 0, highest = 0;
  void add(std::int64_t n) {
    ++count;
    sum += n;
    highest = std::max(highest, n);
  }
  void join(const Tally& other) {
    count += other.count;
    sum += other.sum;
    highest = std::max(highest, other.highest);
  }
  friend auto operator<=>(const Tally&, const Tally&) = default;
};
WEIR_DESCRIBE(Tally, count, sum, highest);

using Row = Windowed<std::string, Tally>;
struct Result {
  std::string key;
  std::int64_t start, end;
  Tally tally;
  friend auto operator<=>(const Result&, const Result&) = default;
};
void PrintTo(const Result& r, std::ostream* out) {
  *out << r.key << "[" << r.start << "," << r.end << ")=" << r.tally.count << "/" << r.tally.sum;
}
std::vector<Result> results(const std::vector<Row>& rows) {
  std::vector<Result> all;
  for (const Row& r : rows) all.push_back({r.key, to_millis(r.start), to_millis(r.end), r.value});
  return sorted(std::move(all));
}

/// What only one of them has.
template <class T>
std::vector<T> difference(std::vector<T> a, std::vector<T> b) {
  std::vector<T> only;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(only));
  return only;
}

struct Case {
  WindowSpec spec;
  Duration lateness;
};
std::string name_of(const Case& c) {
  return std::to_string(c.spec.size.count()) + "/" + std::to_string(c.spec.slide.count()) + "+" +
         std::to_string(c.spec.offset.count()) + " late " + std::to_string(c.lateness.count());
}
const Case kCases[] = {
    {sliding(100ms, 10ms), 0ms},  {sliding(100ms, 10ms), 60ms},
    {sliding(100ms, 30ms), 45ms}, {sliding(90ms, 30ms, 7ms), 0ms},
    {sliding(50ms, 49ms), 200ms}, {sliding(70ms, 20ms, -33ms), 25ms},
    {sliding(50ms, 80ms), 40ms},  {tumbling(60ms, 5ms), 50ms},
};

Harness::Build tallying(const Case& c, unsigned splits) {
  return [=](Job& job, Inputs& in, Outputs& out) {
    auto events = in.stream<Event>(job, "events", {.event_time = &Event::time}, splits);
    auto [tallies, late] = events.union_with("all", events.late())
                               .key_by(&Event::user)
                               .window<Tally>(
                                   "windows", c.spec, [](Tally& t, const Event& e) { t.add(e.n); },
                                   [](Tally& t, const Tally& other) { t.join(other); },
                                   {.allowed_lateness = c.lateness});
    out.collect(tallies, "tallies");
    out.collect(late, "late");
  };
}

/// What one window of a key takes: before its first result, and after it in the order of arrival.
struct Taken {
  std::vector<std::int64_t> in_time, after;
};

/// Judges each record by what came before it in its own split.
class Model {
 public:
  Model(const Case& c, unsigned splits) : case_(c), newest_(splits, INT64_MIN) {}

  void take(const Event& e, unsigned split) {
    const std::int64_t time = to_millis(e.time), slide = case_.spec.slide.count();
    const std::int64_t size = case_.spec.size.count();
    newest_[split] = std::max(newest_[split], time);
    const std::int64_t watermark = newest_[split] - 1;
    bool taken = false;
    for (std::int64_t start = case_.spec.offset.count() - 1000 * slide; start <= time;
         start += slide) {
      const std::int64_t last = start + size - 1;
      if (last < time || last + case_.lateness.count() <= watermark) continue;
      Taken& window = windows_[{e.user, start}];
      (last <= watermark ? window.after : window.in_time).push_back(e.n);
      taken = true;
    }
    if (!taken) late_.push_back(e);
  }

  /// All results, each as it was when it was given.
  std::vector<Result> all_results() const {
    std::vector<Result> all;
    for (const auto& [window, taken] : windows_) {
      const auto& [key, start] = window;
      Tally tally;
      const auto say = [&, key = key, start = start] {
        all.push_back({key, start, start + case_.spec.size.count(), tally});
      };
      for (const std::int64_t n : taken.in_time) tally.add(n);
      if (!taken.in_time.empty()) say();
      for (const std::int64_t n : taken.after) {
        tally.add(n);
        say();
      }
    }
    return sorted(std::move(all));
  }
  std::vector<Event> late() const { return sorted(late_); }

 private:
  Case case_;
  std::vector<std::int64_t> newest_;
  std::map<std::pair<std::string, std::int64_t>, Taken> windows_;
  std::vector<Event> late_;
};

/// Events of few keys, most of them near the newest time, some far behind it.
std::vector<Event> scattered(std::uint64_t seed, int count) {
  Random random(seed);
  std::vector<Event> events;
  std::int64_t now = -300;
  for (int i = 0; i < count; ++i) {
    now += static_cast<std::int64_t>(random.below(random.chance(0.05) ? 250 : 9));
    const std::uint64_t back = random.chance(0.3) ? random.below(300) : random.below(12);
    events.push_back(event("u" + std::to_string(random.below(4)),
                           now - static_cast<std::int64_t>(back),
                           static_cast<std::int64_t>(1 + random.below(1'000'000))));
  }
  return events;
}

/// Of each window the first and the last result, and how many there are between them: with several
/// splits, late records come there in any order, and one of them is first where none was in time.
std::vector<Result> ends_of(const std::vector<Result>& all) {
  std::vector<Result> ends;
  for (std::size_t i = 0; i < all.size();) {
    const std::size_t first = i;
    const auto same = [&](const Result& r) {
      return r.key == all[first].key && r.start == all[first].start;
    };
    while (i < all.size() && same(all[i])) ++i;
    const bool certain = all[first].tally.count > 1 || i - first == 1;
    if (certain) ends.push_back(all[first]);
    ends.push_back(all[i - 1]);
    ends.push_back({all[first].key, all[first].start, static_cast<std::int64_t>(i - first), {}});
  }
  return ends;
}

TEST(PaneWindow, LateRecordsEqualTheModelEveryWay) {
  std::uint64_t seed = 100;
  for (const Case& c : kCases) {
    SCOPED_TRACE(name_of(c));
    const auto events = scattered(++seed, 250);
    Model model(c, 1);
    for (const Event& e : events) model.take(e, 0);
    ASSERT_FALSE(model.late().empty());
    run_every_way(
        tallying(c, 1),
        [&](Harness& h, int half) {
          const std::size_t middle = events.size() / 2;
          for (std::size_t i = half == 1 ? 0 : middle; i < (half == 1 ? middle : events.size());
               ++i)
            h.push("events", events[i]);
        },
        [&](Harness& h) {
          EXPECT_THAT(difference(results(h.committed<Row>("tallies")), model.all_results()),
                      IsEmpty());
          EXPECT_THAT(difference(sorted(h.committed<Event>("late")), model.late()), IsEmpty());
          EXPECT_EQ(h.state_rows("windows"), 0u);
        },
        seed);
  }
}

/// Feeds events of two splits in small steps, and goes on from a snapshot now and then.
class Walk {
 public:
  Walk(const Case& c, std::uint64_t seed)
      : random_(seed), harness_(tallying(c, kSplits), options()), model_(c, kSplits) {}

  void go(const std::vector<Event>& events) {
    for (const Event& e : events) {
      const unsigned split = static_cast<unsigned>(random_.below(kSplits));
      harness_.push("events", e, split);
      model_.take(e, split);
      if (random_.chance(0.3)) harness_.run();
      if (random_.chance(0.2)) harness_.run_a_little();
      if (random_.chance(0.04)) resume();
    }
    harness_.end_all();
    harness_.run();
  }
  void check() {
    EXPECT_THAT(difference(ends_of(results(harness_.output<Row>("tallies"))),
                           ends_of(model_.all_results())),
                IsEmpty());
    EXPECT_EQ(sorted(harness_.output<Event>("late")), model_.late());
    EXPECT_EQ(harness_.state_rows("windows"), 0u);
  }

 private:
  static constexpr unsigned kSplits = 2;
  Options options() {
    return {.parallelism = static_cast<std::uint32_t>(1 + random_.below(3)),
            .seed = 1 + random_.below(1'000'000)};
  }
  void resume() { harness_ = harness_.restore(harness_.snapshot(), options()); }

  Random random_;
  Harness harness_;
  Model model_;
};

TEST(PaneWindow, AnyWalkWithRestoresEqualsTheModel) {
  for (const Case& c : kCases) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      const std::uint64_t number = seed + seed_offset();
      SCOPED_TRACE(name_of(c) + ", seed " + std::to_string(number));
      Walk walk(c, number);
      walk.go(scattered(number * 7, 200));
      walk.check();
    }
  }
}

TEST(PaneWindow, AWindowOfManyPanesJoinsEachRecordAFewTimes) {
  static std::int64_t joins;
  joins = 0;
  constexpr std::int64_t kRecords = 5000;
  Harness h([](Job& job, Inputs& in, Outputs& out) {
    auto windows =
        in.stream<Event>(job, "events", {.event_time = &Event::time})
            .key_by(&Event::user)
            .window<Tally>(
                "windows", sliding(1000ms, 1ms), [](Tally& t, const Event& e) { t.add(e.n); },
                [](Tally& t, const Tally& other) {
                  ++joins;
                  t.join(other);
                });
    out.collect(windows.results, "tallies");
  });
  for (std::int64_t i = 0; i < kRecords; ++i) h.push("events", event("a", i, i));
  h.end("events");
  h.run();
  EXPECT_EQ(h.output<Row>("tallies").size(), kRecords + 999);
  EXPECT_LT(joins, 4 * kRecords);
}

/// Panes as a plain map, and the windows over them.
TEST(PaneEditor, EqualsAMapOfPanes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed + seed_offset());
    const std::int64_t size = static_cast<std::int64_t>(1 + random.below(12));
    auto combine = [](Tally& t, const Tally& other) { t.join(other); };
    PaneState<Tally> state;
    PaneEditor<Tally, decltype(combine)> editor(state, combine);
    std::map<std::int64_t, Tally> model;
    for (std::int64_t window = 0; window < 300; ++window) {
      for (std::uint64_t i = random.below(6); i > 0; --i) {
        const std::int64_t pane =
            window + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(size) + 3));
        const auto n = static_cast<std::int64_t>(random.below(1000));
        const bool fresh = !model.contains(pane);
        model[pane].add(n);
        Tally one;
        one.add(n);
        if (random.chance(0.5))
          EXPECT_EQ(editor.join(pane, one), fresh);
        else
          EXPECT_EQ(editor.add(pane, [&](Tally& t) { t.add(n); }), fresh);
      }
      Tally expected, total;
      for (const auto& [pane, tally] : model) {
        if (pane < window + size) expected.join(tally);
      }
      EXPECT_EQ(editor.sum(window + size, total), expected.count > 0);
      EXPECT_EQ(total, expected) << window;
      model.erase(window);
      editor.drop_before(window + 1);
      EXPECT_EQ(state.has_panes(), !model.empty());
      EXPECT_EQ(editor.first(), model.empty() ? INT64_MIN : model.begin()->first);
    }
  }
}

}  // namespace
}  // namespace weir::test
