// What the job remembers of a customer, and which cohorts that puts them in. Knows nothing of
// streams: rows are taken in event-time order, and the cohorts are judged after all rows of a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rows.h"

namespace cohorts {

using namespace std::chrono_literals;
constexpr weir::Duration kWeek = 7 * 24h, kTwoWeeks = 14 * 24h, kMonth = 30 * 24h;
constexpr std::int64_t kBigSpending = 1000;

/// All that was spent at one moment.
struct Spending {
  weir::EventTime at;
  Decimal amount;
};
WEIR_DESCRIBE(Spending, at, amount);

/// Invariant: holds nothing that can no longer decide a cohort. Only the names of invoices stay for
/// ever, since a later row of an invoice must not count as a new one.
struct Customer {
  std::vector<Spending> spendings;        ///< of the last week, by time
  std::vector<weir::EventTime> invoices;  ///< earliest rows, of the last week, by time
  weir::MapState<std::string, weir::EventTime> seen_invoices;
  std::optional<weir::EventTime> bought, bought_before;  ///< newest two times with a purchase
  std::optional<weir::EventTime> returned;               ///< newest time with a cancellation
  std::uint8_t member_of = 0;                            ///< a bit for each cohort

  void take(const Row& row);
  /// Forgets what left the last week before `now`.
  void forget(weir::EventTime now);
  bool is_big_spender() const;
  bool is_repeat_buyer() const { return invoices.size() >= 2; }
  bool is_returner(weir::EventTime now) const;
  bool is_lapsed(weir::EventTime now) const { return bought && now - *bought >= kMonth; }

  bool is_member(Cohort cohort) const { return (member_of & bit(cohort)) != 0; }
  void toggle(Cohort cohort) { member_of ^= bit(cohort); }

 private:
  static std::uint8_t bit(Cohort cohort) {
    return static_cast<std::uint8_t>(1u << static_cast<unsigned>(cohort));
  }
  void take_purchase(const Row& row);
};
WEIR_DESCRIBE(Customer, spendings, invoices, seen_invoices, bought, bought_before, returned,
              member_of);

inline void Customer::take(const Row& row) {
  const weir::EventTime at = row.invoice_time;
  if (spendings.empty() || spendings.back().at != at) spendings.push_back({at, {}});
  spendings.back().amount += row.unit_price * row.quantity;
  if (row.is_cancellation())
    returned = at;
  else
    take_purchase(row);
}

inline void Customer::take_purchase(const Row& row) {
  const weir::EventTime at = row.invoice_time;
  if (bought != at) bought_before = bought;
  bought = at;
  if (seen_invoices.contains(row.invoice)) return;
  seen_invoices.put(row.invoice, at);
  invoices.push_back(at);
}

inline void Customer::forget(weir::EventTime now) {
  std::erase_if(spendings, [&](const Spending& s) { return s.at <= now - kWeek; });
  std::erase_if(invoices, [&](weir::EventTime at) { return at <= now - kWeek; });
}

inline bool Customer::is_big_spender() const {
  Decimal sum;
  for (const Spending& spending : spendings) sum += spending.amount;
  return sum > kBigSpending;
}

inline bool Customer::is_returner(weir::EventTime now) const {
  if (is_member(Cohort::returners)) return true;
  if (returned != now) return false;
  const std::optional<weir::EventTime> earlier = bought == now ? bought_before : bought;
  return earlier && *earlier >= now - kTwoWeeks;
}

}  // namespace cohorts
