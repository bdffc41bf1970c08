// Test job over rees46 rows: merging sessions, a funnel in event-time order, days, repeats and late
// rows. What is right is said by tests/oracle/events_windows.py.
#include <weir/weir.h>

#include <optional>
#include <string>
#include <utility>

#include "tests/jobs/results.h"

using namespace std::chrono_literals;
using weir::EventTime;

struct Click {
  EventTime event_time;
  std::string event_type, product_id, category_id, category_code, brand, price, user_id,
      user_session;
};
WEIR_DESCRIBE(Click, event_time, event_type, product_id, category_id, category_code, brand, price,
              user_id, user_session);

struct SessionSpan {
  std::string session;
  EventTime start, end;
  std::int64_t count = 0;
};
WEIR_DESCRIBE(SessionSpan, session, start, end, count);

struct Funnel {
  std::string user, product;
  EventTime viewed_at, carted_at, purchased_at;
};
WEIR_DESCRIBE(Funnel, user, product, viewed_at, carted_at, purchased_at);

/// The newest view, and the newest cart row with the newest view at or before it.
struct Path {
  std::optional<EventTime> viewed_at, carted_at, viewed_before_cart;
};
WEIR_DESCRIBE(Path, viewed_at, carted_at, viewed_before_cart);

static Seen seen_of(const Click& c) { return {c.user_id, c.event_type, c.event_time}; }

static void step_on(Path& path, const Click& c, auto& ctx) {
  const EventTime now = c.event_time;
  if (c.event_type == "view") {
    path.viewed_at = now;
  } else if (c.event_type == "cart") {
    path.carted_at = now;
    path.viewed_before_cart = path.viewed_at;
  } else if (c.event_type == "purchase" && path.carted_at && path.viewed_before_cart &&
             now - *path.viewed_before_cart <= 30min) {
    ctx.emit(Funnel{c.user_id, c.product_id, *path.viewed_before_cart, *path.carted_at, now});
  }
}

static int rank(const Click& c) {
  return c.event_type == "view" ? 0 : c.event_type == "cart" ? 1 : 2;
}

static void clicks(weir::Job& job) {
  const std::string out = job.config("output");
  auto rows = job.source("rows",
                         weir::file::csv<Click>({.path = job.config("input"),
                                                 .rate_per_second = job.config("rate", 0.0)}),
                         {.event_time = &Click::event_time,
                          .out_of_order = job.config("allowance", weir::Duration(0))});

  rows.key_by(&Click::user_session)
      .window<std::int64_t>("shop_sessions", weir::session(5min), count_one<Click>, add_counts)
      .results
      .map("session_rows",
           [](const auto& w) {
             return SessionSpan{w.key, w.start, w.end, w.value};
           })
      .sink("sessions_out", weir::file::json_sink<SessionSpan>({.path = out + "/shop_sessions"}));
  rows.key_by(&Click::user_id)
      .window<std::int64_t>("daily", weir::tumbling(24h), count_one<Click>, add_counts)
      .results.map("daily_rows", span_of)
      .sink("daily_out", weir::file::json_sink<UserSpan>({.path = out + "/daily"}));
  rows.key_by([](const Click& c) { return std::pair(c.user_id, c.event_type); })
      .dedupe("dedupe_kinds", {.ttl = 24h})
      .unique.map("first_kinds", seen_of)
      .sink("dedupe_out", weir::file::json_sink<Seen>({.path = out + "/dedupe_kinds"}));

  auto [funnels, behind] =
      rows.key_by([](const Click& c) { return std::pair(c.user_id, c.product_id); })
          .in_event_time_order(rank)
          .process<Path, Funnel>(
              "funnels", [](Path& path, const Click& c, auto& ctx) { step_on(path, c, ctx); });
  funnels.sink("funnels_out", weir::file::json_sink<Funnel>({.path = out + "/funnels"}));
  rows.late()
      .union_with("too_late", behind)
      .map("late_rows", seen_of)
      .sink("late", weir::file::json_sink<Seen>({.path = out + "/late"}));
}
WEIR_JOB(clicks);
