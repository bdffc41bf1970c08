// Alerts on shoppers who looked at a product, put one into the cart and did not order within half
// an hour. README.md beside this file says exactly when.
#include <weir/weir.h>

#include <optional>

using namespace std::chrono_literals;

constexpr weir::Duration kPatience = 30min;

/// A Segment `track` call, as far as this job looks; the fields have the names of its keys.
struct Event {
  std::string messageId, userId, event;
  weir::EventTime timestamp;
};
WEIR_DESCRIBE(Event, messageId, userId, event, timestamp);

struct Alert {
  std::string user, event;
  std::string added_at, at;  ///< ISO 8601 with milliseconds, as in the events
};
WEIR_DESCRIBE(Alert, user, event, added_at, at);

/// What counts of a shopper.
struct Shopper {
  std::optional<weir::EventTime> viewed_at;  ///< the newest view
  std::optional<weir::EventTime> added_at;   ///< of the open episode
};
WEIR_DESCRIBE(Shopper, viewed_at, added_at);

// At one instant orders come first, and views before additions.
static int rank(const Event& e) {
  return e.event == "Order Completed" ? 0 : e.event == "Product Viewed" ? 1 : 2;
}

static void alert_if_due(Shopper& shopper, weir::EventTime now, auto& ctx) {
  if (!shopper.added_at || *shopper.added_at + kPatience > now) return;
  ctx.emit(Alert{ctx.key(), "HighIntentCartAbandonment", weir::to_iso8601(*shopper.added_at, true),
                 weir::to_iso8601(now, true)});
  shopper.added_at.reset();
}

static void on_event(Shopper& shopper, const Event& e, auto& ctx) {
  if (e.event == "Order Completed") {
    shopper.added_at.reset();
  } else if (e.event == "Product Viewed") {
    shopper.viewed_at = e.timestamp;
    ctx.set_timer(e.timestamp + kPatience);
  } else if (e.event == "Product Added") {
    alert_if_due(shopper, e.timestamp, ctx);  // what falls due now goes before a new episode
    if (shopper.added_at || !shopper.viewed_at) return;
    if (*shopper.viewed_at < e.timestamp - kPatience) return;
    shopper.added_at = e.timestamp;
    ctx.set_timer(e.timestamp + kPatience);
  }
}

// Comes after all events of its time, so nothing that happened then is forgotten.
static void on_timer(Shopper& shopper, const weir::Timer& timer, auto& ctx) {
  alert_if_due(shopper, timer.time, ctx);
  const bool viewed = shopper.viewed_at && *shopper.viewed_at + kPatience > timer.time;
  if (!viewed && !shopper.added_at) ctx.clear_state();
}

static void cart_abandonment(weir::Job& job) {
  const std::string output = job.config("output");
  auto events = job.source("events",
                           weir::file::json<Event>({.path = job.config("input"),
                                                    .not_empty = {"messageId", "userId", "event"},
                                                    .times = weir::file::TimeFormat::iso8601,
                                                    .rate_per_second = job.config("rate", 0.0)}),
                           {.event_time = &Event::timestamp, .out_of_order = 10s});

  auto [unique, forgotten] = events.key_by(&Event::messageId).dedupe("unique", {.ttl = 24h});

  auto [alerts, behind] =
      unique.key_by(&Event::userId)
          .in_event_time_order(rank)
          .process<Shopper, Alert>(
              "abandoned",
              [](auto& shopper, auto& event, auto& ctx) { on_event(shopper, event, ctx); },
              [](auto& shopper, auto& timer, auto& ctx) { on_timer(shopper, timer, ctx); });

  alerts.sink("alerts", weir::file::json_sink<Alert>({.path = output + "/alerts"}));
  events.late()
      .union_with("too_late", forgotten, behind)
      .sink("late", weir::file::json_sink<Event>({.path = output + "/late"}));
}
WEIR_JOB(cart_abandonment);
