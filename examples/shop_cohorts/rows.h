// What goes into the job and what comes out of it.
#pragma once

#include <weir/weir.h>

#include <optional>
#include <string>

#include "decimal.h"

/// One line of an invoice.
struct Row {
  std::string invoice;  ///< begins with C: a cancellation
  std::string stock_code;
  std::int32_t quantity = 0;  ///< negative in cancellations and corrections
  weir::EventTime invoice_time;
  Decimal unit_price;
  std::string customer_id;  ///< empty: unknown
  std::optional<std::string> country;

  bool is_cancellation() const { return invoice.starts_with('C'); }
};
WEIR_DESCRIBE(Row, invoice, stock_code, quantity, invoice_time, unit_price, customer_id, country);

/// A row whose customer nobody knows.
struct AnonymousRow {
  std::string invoice, stock_code;
  std::int32_t quantity = 0;
  weir::EventTime invoice_time;
  Decimal unit_price;
};
WEIR_DESCRIBE(AnonymousRow, invoice, stock_code, quantity, invoice_time, unit_price);

enum class Cohort : std::uint8_t { big_spenders, repeat_buyers, returners, lapsed };
WEIR_DESCRIBE_ENUM(Cohort, big_spenders, repeat_buyers, returners, lapsed);
enum class Change : std::uint8_t { left, entered };
WEIR_DESCRIBE_ENUM(Change, left, entered);

/// A customer's membership changed at a moment of event time.
struct CohortChange {
  std::string customer;
  Cohort cohort{};
  Change change{};
  weir::EventTime at;
};
WEIR_DESCRIBE(CohortChange, customer, cohort, change, at);
