// See windows_twin.h.
#include "bench/twins/windows_twin.h"

#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <vector>

namespace weir::bench {
namespace {

// The finaliser of MurmurHash3 (Appleby 2011): every bit of the result depends on all of `x`.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdull;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ull;
  return x ^ (x >> 33);
}

void add(WindowTotals& totals, const WindowEvent& event) {
  ++totals.count;
  totals.sum += event.val;
  totals.highest = std::max(totals.highest, event.val);
}
void add(WindowTotals& totals, const WindowTotals& other) {
  totals.count += other.count;
  totals.sum += other.sum;
  totals.highest = std::max(totals.highest, other.highest);
}

/// Takes the results.
struct Results {
  WindowsResult result;
  void say(std::uint64_t user, std::int64_t start, const WindowTotals& totals) {
    result.checksum += window_checksum(user, start, totals);
    ++result.results;
  }
};

/// Runs `take(event, watermark)` over all events, then `finish()`; all that in the time.
template <class Take, class Finish>
double timed(std::uint64_t events, std::uint64_t keys, Take&& take, Finish&& finish) {
  WindowGenerator generator(keys);
  WindowEvent event{};
  std::int64_t newest = 0;
  const auto start = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < events; ++i) {
    generator.next(i, event);
    newest = std::max(newest, event.ts);
    take(event, newest - static_cast<std::int64_t>(kDisorderMs));
  }
  finish();
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  return took.count() / static_cast<double>(std::max<std::uint64_t>(events, 1));
}

/// The panes of a user: a ring of those that are open or in the window, by their number. Those of
/// the last flip hold, instead of their own, the totals from them to the end of that flip; what
/// came behind it is in `since`. So a result is two totals (the two-stacks queue).
struct Panes {
  static constexpr std::int64_t kCount = 60, kRing = 64;
  std::array<WindowTotals, kRing> ring;
  WindowTotals since;
};

}  // namespace

std::uint64_t window_checksum(std::uint64_t user, std::int64_t start, const WindowTotals& totals) {
  return mix(mix(mix(user + 1) + static_cast<std::uint64_t>(start)) + totals.count +
             (totals.sum << 20) + (std::uint64_t{totals.highest} << 50));
}

WindowsResult run_tumbling_twin(std::uint64_t events, std::uint64_t keys, std::int64_t size_ms) {
  Results out;
  // A table for the window that is about to end and one for the next.
  std::array<boost::unordered_flat_map<std::uint64_t, WindowTotals>, 2> tables;
  std::int64_t oldest = 0;
  const auto say_oldest = [&] {
    auto& table = tables[static_cast<std::size_t>(oldest & 1)];
    for (const auto& [user, totals] : table) out.say(user, oldest * size_ms, totals);
    table.clear();
    ++oldest;
  };
  out.result.ns_per_event = timed(
      events, keys,
      [&](const WindowEvent& event, std::int64_t watermark) {
        while ((oldest + 1) * size_ms <= watermark) say_oldest();
        add(tables[static_cast<std::size_t>(event.ts / size_ms & 1)][event.user], event);
      },
      [&] { say_oldest(), say_oldest(); });
  return out.result;
}

WindowsResult run_sliding_twin(std::uint64_t events, std::uint64_t keys, std::int64_t pane_ms) {
  constexpr std::int64_t kCount = Panes::kCount, kRing = Panes::kRing;
  Results out;
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> places;
  std::vector<Panes> users;
  std::vector<std::uint64_t> names;
  std::int64_t ending = 0, newest = 0;  // the pane that ends next; the last one with an event
  const auto at = [](Panes& panes, std::int64_t pane) -> WindowTotals& {
    return panes.ring[static_cast<std::size_t>(pane & (kRing - 1))];
  };
  const auto end_pane = [&] {
    const std::int64_t first = ending - kCount + 1;
    const bool flip = ending % kCount == kCount - 1;
    for (std::size_t i = 0; i < users.size(); ++i) {
      Panes& panes = users[i];
      add(panes.since, at(panes, ending));
      WindowTotals totals = panes.since;
      if (!flip) add(totals, at(panes, first));
      if (totals.count > 0) out.say(names[i], first * pane_ms, totals);
      if (flip) {
        panes.since = {};
        for (std::int64_t k = ending; k > first; --k) add(at(panes, k - 1), at(panes, k));
      }
      at(panes, first) = {};
    }
    ++ending;
  };
  out.result.ns_per_event = timed(
      events, keys,
      [&](const WindowEvent& event, std::int64_t watermark) {
        const std::int64_t pane = event.ts / pane_ms;
        while ((ending + 1) * pane_ms <= watermark) end_pane();
        newest = std::max(newest, pane);
        const auto [place, fresh] =
            places.try_emplace(event.user, static_cast<std::uint32_t>(users.size()));
        if (fresh) {
          users.emplace_back();
          names.push_back(event.user);
        }
        add(at(users[place->second], pane), event);
      },
      [&] {
        while (ending < newest + kCount) end_pane();
      });
  return out.result;
}

WindowsResult run_session_twin(std::uint64_t events, std::uint64_t keys, std::int64_t gap_ms) {
  struct Session {
    std::int64_t start = 0, end = 0;  // open when end > start
    WindowTotals totals;
  };
  Results out;
  // While the bound is less than the gap, a user has at most two sessions that have not ended.
  boost::unordered_flat_map<std::uint64_t, std::array<Session, 2>> users;
  const auto say_ended = [&](std::uint64_t user, Session& session, std::int64_t watermark) {
    if (session.end <= session.start || session.end - 1 > watermark) return;
    out.say(user, session.start, session.totals);
    session = {};
  };
  const auto say_all_ended = [&](std::int64_t watermark) {
    for (auto& [user, sessions] : users) {
      for (Session& session : sessions) say_ended(user, session, watermark);
    }
  };
  const auto reaches = [&](const Session& session, std::int64_t time) {
    return session.end > session.start && time < session.end && session.start < time + gap_ms;
  };
  const auto take_in = [&](Session& session, const WindowEvent& event) {
    session.start = std::min(session.start, event.ts);
    session.end = std::max(session.end, event.ts + gap_ms);
    add(session.totals, event);
  };
  std::int64_t looked = 0;
  out.result.ns_per_event = timed(
      events, keys,
      [&](const WindowEvent& event, std::int64_t watermark) {
        if (watermark >= looked + 1000) say_all_ended(looked = watermark);
        auto& [first, second] = users[event.user];
        const bool in_first = reaches(first, event.ts), in_second = reaches(second, event.ts);
        if (in_first) {
          take_in(first, event);
          if (!in_second) return;
          first.start = std::min(first.start, second.start);
          first.end = std::max(first.end, second.end);
          add(first.totals, second.totals);
          second = {};
        } else if (in_second) {
          take_in(second, event);
        } else {
          say_ended(event.user, first, watermark);
          Session& place = first.end > first.start ? second : first;
          say_ended(event.user, second, watermark);
          place = {event.ts, event.ts + gap_ms, {}};
          add(place.totals, event);
        }
      },
      [&] { say_all_ended(INT64_MAX); });
  return out.result;
}

}  // namespace weir::bench
