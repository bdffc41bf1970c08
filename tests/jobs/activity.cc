// Test job over git_activity rows: every kind of step at once, each result into its own folder.
// What is right is said by tests/oracle/events_windows.py, whose queries have the names of the
// folders.
#include <weir/weir.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/jobs/results.h"

using namespace std::chrono_literals;
using weir::EventTime;

struct Activity {
  std::string arrival_time;
  EventTime event_time;
  std::string user, name, repo, event, tz_min, parents;
  std::int64_t subject_len = 0;
  std::string via, bot;
};
WEIR_DESCRIBE(Activity, arrival_time, event_time, user, name, repo, event, tz_min, parents,
              subject_len, via, bot);

struct Sum {
  std::int64_t count = 0, sum = 0, last = 0;
};
WEIR_DESCRIBE(Sum, count, sum, last);

static void add(Sum& s, const Activity& a) {
  ++s.count;
  s.sum += a.subject_len;
  s.last = a.subject_len;
}
static void combine(Sum& s, const Sum& later) {
  s.count += later.count;
  s.sum += later.sum;
  s.last = later.last;
}

struct WeekOfKind {
  std::string event;
  EventTime start, end;
  std::int64_t count = 0, sum = 0;
};
WEIR_DESCRIBE(WeekOfKind, event, start, end, count, sum);

struct UserTotal {
  std::string user;
  std::int64_t count = 0, sum = 0, last = 0;
};
WEIR_DESCRIBE(UserTotal, user, count, sum, last);

struct Pair {
  std::string user;
  EventTime commit_at, merge_at;
};
WEIR_DESCRIBE(Pair, user, commit_at, merge_at);

struct Judged {
  std::string user;
  bool followed = false;
};
WEIR_DESCRIBE(Judged, user, followed);

struct Followed {
  std::string user;
  std::int64_t commits = 0, followed = 0;
};
WEIR_DESCRIBE(Followed, user, commits, followed);

using Rows = weir::Stream<Activity>;
using Folder = std::string;

static Seen seen_of(const Activity& a) { return {a.user, a.event, a.event_time}; }

static std::string row_text(const Activity& a) {
  std::string text;
  weir::to_json(text, a);
  return text;
}

static void windows(const Rows& rows, const Folder& out) {
  rows.key_by(&Activity::user)
      .window<std::int64_t>("daily", weir::tumbling(24h), count_one<Activity>, add_counts)
      .results.map("daily_rows", span_of)
      .sink("daily_out", weir::file::json_sink<UserSpan>({.path = out + "/daily"}));
  rows.key_by(&Activity::event)
      .window<Sum>("weekly", weir::sliding(7 * 24h, 24h), add, combine)
      .results
      .map("weekly_rows",
           [](const auto& w) {
             return WeekOfKind{w.key, w.start, w.end, w.value.count, w.value.sum};
           })
      .sink("weekly_out", weir::file::json_sink<WeekOfKind>({.path = out + "/weekly"}));
  rows.key_by(&Activity::user)
      .window<std::int64_t>("sessions", weir::session(1h), count_one<Activity>, add_counts)
      .results.map("session_rows", span_of)
      .sink("sessions_out", weir::file::json_sink<UserSpan>({.path = out + "/sessions"}));
}

static void repeats(const Rows& rows, const Folder& out) {
  rows.key_by(row_text)
      .dedupe("dedupe_rows", {.ttl = 24h})
      .unique.map("first_rows", seen_of)
      .sink("dedupe_rows_out", weir::file::json_sink<Seen>({.path = out + "/dedupe_rows"}));
  rows.key_by([](const Activity& a) { return std::pair(a.user, a.event); })
      .dedupe("dedupe_kinds", {.ttl = 24h})
      .unique.map("first_kinds", seen_of)
      .sink("dedupe_kinds_out", weir::file::json_sink<Seen>({.path = out + "/dedupe_kinds"}));
}

static void totals(const Rows& rows, const Folder& out) {
  rows.key_by(&Activity::user)
      .aggregate<Sum>("totals", add, combine)
      .map("total_rows",
           [](const auto& t) {
             return UserTotal{t.key, t.value.count, t.value.sum, t.value.last};
           })
      .sink("totals_out", weir::file::json_sink<UserTotal>({.path = out + "/totals"}));
}

// Commits and merges that may still find each other.
struct Open {
  std::vector<EventTime> commits, merges;
};
WEIR_DESCRIBE(Open, commits, merges);

static void join_pairs(const Rows& rows, const Folder& out) {
  auto commits = rows.filter("commits", [](const Activity& a) { return a.event == "commit"; });
  auto merges = rows.filter("merges", [](const Activity& a) { return a.event == "merge"; });
  const auto pair_up = [](EventTime a, EventTime b, auto& ctx) {
    if (a < b && b <= a + 1h) ctx.emit(Pair{ctx.key(), a, b}, std::max(a, b));
  };
  commits.key_by(&Activity::user)
      .connect(merges.key_by(&Activity::user))
      .process<Open, Pair>(
          "join_pairs",
          [pair_up](Open& open, const Activity& commit, auto& ctx) {
            for (const EventTime b : open.merges) pair_up(commit.event_time, b, ctx);
            open.commits.push_back(commit.event_time);
            ctx.set_timer(commit.event_time + 1h);
          },
          [pair_up](Open& open, const Activity& merge, auto& ctx) {
            for (const EventTime a : open.commits) pair_up(a, merge.event_time, ctx);
            open.merges.push_back(merge.event_time);
            ctx.set_timer(merge.event_time);
          },
          [](Open& open, const weir::Timer& timer, auto& ctx) {
            std::erase_if(open.commits, [&](EventTime a) { return a + 1h <= timer.time; });
            std::erase_if(open.merges, [&](EventTime b) { return b <= timer.time; });
            if (open.commits.empty() && open.merges.empty()) ctx.clear_state();
          })
      .sink("join_pairs_out", weir::file::json_sink<Pair>({.path = out + "/join_pairs"}));
}

static void followed(const Rows& rows, const Folder& out) {
  auto [judged, behind] =
      rows.filter("relevant",
                  [](const Activity& a) { return a.event == "commit" || a.event == "merge"; })
          .key_by(&Activity::user)
          // A merge follows only commits before it.
          .in_event_time_order([](const Activity& a) { return a.event == "merge" ? 0 : 1; })
          .process<std::vector<EventTime>, Judged>(
              "follow",
              [](std::vector<EventTime>& open, const Activity& a, auto& ctx) {
                if (a.event == "merge") {
                  for (std::size_t i = 0; i < open.size(); ++i) ctx.emit(Judged{ctx.key(), true});
                  open.clear();
                } else {
                  open.push_back(a.event_time);
                  ctx.set_timer(a.event_time + 1h);
                }
              },
              [](std::vector<EventTime>& open, const weir::Timer& timer, auto& ctx) {
                const auto n =
                    std::erase_if(open, [&](EventTime at) { return at + 1h <= timer.time; });
                for (std::size_t i = 0; i < n; ++i) ctx.emit(Judged{ctx.key(), false});
              });
  judged.key_by(&Judged::user)
      .aggregate<Followed>(
          "followed",
          [](Followed& f, const Judged& j) {
            ++f.commits;
            f.followed += j.followed ? 1 : 0;
          },
          [](Followed& f, const Followed& more) {
            f.commits += more.commits;
            f.followed += more.followed;
          })
      .map("followed_rows",
           [](const auto& f) {
             return Followed{f.key, f.value.commits, f.value.followed};
           })
      .sink("followed_out", weir::file::json_sink<Followed>({.path = out + "/followed"}));
  behind.discard("behind");
}

static void activity(weir::Job& job) {
  const Folder out = job.config("output");
  auto rows = job.source("rows",
                         weir::file::csv<Activity>({.path = job.config("input"),
                                                    .times = weir::file::TimeFormat::seconds,
                                                    .rate_per_second = job.config("rate", 0.0)}),
                         {.event_time = &Activity::event_time,
                          .out_of_order = job.config("allowance", weir::Duration(0))});
  windows(rows, out);
  repeats(rows, out);
  totals(rows, out);
  join_pairs(rows, out);
  followed(rows, out);
  rows.late()
      .map("late_rows", seen_of)
      .sink("late", weir::file::json_sink<Seen>({.path = out + "/late"}));
}
WEIR_JOB(activity);
