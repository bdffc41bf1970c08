// The cohorts of examples/shop_cohorts, from a topic of invoice lines to a compacted topic of
// memberships: whoever reads that topic to its end knows who is in which cohort, exactly.
#include <weir/kafka.h>
#include <weir/weir.h>

#include "../shop_cohorts/customer.h"

using cohorts::Customer;

/// That a customer is in a cohort; without one the customer has left it.
struct Membership {
  std::string customer;
  Cohort cohort{};
  Change change{};
  weir::EventTime since;

  std::string key() const {
    std::string key = customer + "/";
    weir::for_each_enumerator<Cohort>([&](const char* name, Cohort candidate) {
      if (candidate == cohort) key += name;
    });
    return key;
  }
};
WEIR_DESCRIBE(Membership, customer, cohort, change, since);

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
    ctx.emit(Membership{ctx.key(), cohort, now ? Change::entered : Change::left, timer.time});
  };
  hold(Cohort::big_spenders, customer.is_big_spender());
  hold(Cohort::repeat_buyers, customer.is_repeat_buyer());
  hold(Cohort::returners, customer.is_returner(timer.time));
  hold(Cohort::lapsed, customer.is_lapsed(timer.time));
}

static void kafka_cohorts(weir::Job& job) {
  const std::string brokers = job.config("kafka.brokers");

  auto rows = job.source("rows",
                         weir::kafka::source<Row>({.brokers = brokers,
                                                   .topic = job.config("input", "invoice-rows"),
                                                   .bounded = job.config("bounded", false),
                                                   .group = job.config("group", "kafka-cohorts"),
                                                   .not_empty = {"invoice"}}),
                         {.event_time = &Row::invoice_time});

  auto [memberships, behind] =
      rows.filter("known", [](const Row& row) { return !row.customer_id.empty(); })
          .key_by(&Row::customer_id)
          .in_event_time_order()
          .process<Customer, Membership>(
              "cohorts", [](auto& customer, auto& row, auto& ctx) { take_row(customer, row, ctx); },
              [](auto& customer, auto& timer, auto& ctx) { judge(customer, timer, ctx); });

  memberships.sink("memberships",
                   weir::kafka::sink<Membership>(
                       {.brokers = brokers,
                        .topic = job.config("output", "memberships"),
                        .key = &Membership::key,
                        .remove_if = [](const Membership& m) { return m.change == Change::left; },
                        .upsert = true}));
}
WEIR_JOB(kafka_cohorts);
