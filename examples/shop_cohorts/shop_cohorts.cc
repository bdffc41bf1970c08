// Keeps four cohorts of a shop's customers up to date from the lines of its invoices, exactly.
// README.md beside this file defines the cohorts.
#include "customer.h"

using cohorts::Customer;

// Each row asks for a judgement after all rows of its time, and whenever its passing may matter.
static void take_row(Customer& customer, const Row& row, auto& ctx) {
  customer.take(row);
  ctx.set_timer(row.invoice_time);
  ctx.set_timer(row.invoice_time + cohorts::kWeek);
  if (!row.is_cancellation()) ctx.set_timer(row.invoice_time + cohorts::kMonth);
}

static void judge(Customer& customer, const weir::Timer& timer, auto& ctx) {
  customer.forget(timer.time);
  const auto hold = [&](Cohort cohort, bool now) {
    if (now == customer.is_member(cohort)) return;
    customer.toggle(cohort);
    ctx.emit(CohortChange{ctx.key(), cohort, now ? Change::entered : Change::left, timer.time});
  };
  hold(Cohort::big_spenders, customer.is_big_spender());
  hold(Cohort::repeat_buyers, customer.is_repeat_buyer());
  hold(Cohort::returners, customer.is_returner(timer.time));
  hold(Cohort::lapsed, customer.is_lapsed(timer.time));
}

static void tell_apart(const Row& row, auto& out) {
  if (row.customer_id.empty())
    out.emit(
        AnonymousRow{row.invoice, row.stock_code, row.quantity, row.invoice_time, row.unit_price});
  else
    out.emit(row);
}

static void shop_cohorts(weir::Job& job) {
  const std::string output = job.config("output");
  const auto folder = [&](const char* name) { return weir::file::SinkOptions{output + name}; };

  auto rows = job.source("rows",
                         weir::file::csv<Row>({.path = job.config("input"),
                                               .not_empty = {"invoice"},
                                               .rate_per_second = job.config("rate", 0.0)}),
                         {.event_time = &Row::invoice_time});

  auto [known, anonymous] = rows.flat_map<Row, AnonymousRow>(
      "customers", [](const Row& row, auto& out) { tell_apart(row, out); });

  auto [changes, behind] =
      known.key_by(&Row::customer_id)
          .in_event_time_order()
          .process<Customer, CohortChange>(
              "cohorts", [](auto& customer, auto& row, auto& ctx) { take_row(customer, row, ctx); },
              [](auto& customer, auto& timer, auto& ctx) { judge(customer, timer, ctx); });

  changes.sink("changes", weir::file::json_sink<CohortChange>(folder("/changes")));
  anonymous.sink("anonymous", weir::file::json_sink<AnonymousRow>(folder("/anonymous")));
  rows.late()
      .union_with("too_late", behind)
      .sink("late", weir::file::json_sink<Row>(folder("/late")));
}
WEIR_JOB(shop_cohorts);
