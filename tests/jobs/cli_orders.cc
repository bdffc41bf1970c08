// The job of cli_test.py: CSV orders, of which some are broken, some are refused by a function, and
// those of customer "evil" do to the process what the setting "evil" says. Amounts are summed by
// customer. With the setting "say" each order is also told on standard output, by so many letters.
#include <weir/file.h>
#include <weir/weir.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

struct Order {
  std::string customer;
  std::int64_t amount = 0;
  weir::EventTime at{};
};
WEIR_DESCRIBE(Order, customer, amount, at);

struct Account {
  std::int64_t orders = 0;
  std::int64_t total = 0;
  weir::MapState<std::int64_t, std::int64_t> by_amount;
};
WEIR_DESCRIBE(Account, orders, total, by_amount);

struct Receipt {
  std::string customer;
  std::int64_t amount = 0;
  std::int64_t total = 0;
};
WEIR_DESCRIBE(Receipt, customer, amount, total);

static int deep(int depth) {
  volatile char local[4096] = {};
  return depth == 0 ? local[0] : deep(depth - 1) + local[0];
}

static void do_evil(const std::string& what) {
  if (what == "crash") std::raise(SIGSEGV);
  if (what == "exit") std::exit(0);
  if (what == "recursion") static_cast<void>(std::to_string(deep(1 << 30)));
  if (what == "escape") {  // clears the screen, names the window, rings
    std::printf(
        "\033[2J\033]0;taken\a \xc2\x9b"
        "31m\rover\n");
    std::fflush(stdout);
  }
  while (what == "hang") std::this_thread::sleep_for(std::chrono::hours(1));
}

static void cli_orders(weir::Job& job) {
  const weir::Duration pause = job.config("pause", weir::Duration(0));
  const std::string evil = job.config("evil", "");
  if (evil == "throw") throw 42;
  const std::string said(static_cast<std::size_t>(job.config("say", std::int64_t{0})), 'x');
  const weir::Duration roll = job.config("roll", weir::Duration(10'000));
  auto orders = job.source("orders", weir::file::csv<Order>({.path = job.config("input")}),
                           {.event_time = &Order::at, .out_of_order = std::chrono::hours(1)});
  orders
      .map("slow",
           [=](const Order& order) {
             if (pause.count() > 0) std::this_thread::sleep_for(pause);
             if (order.customer == "evil") do_evil(evil);
             if (!said.empty()) {
               std::printf("order %lld %s\n", static_cast<long long>(order.amount), said.c_str());
             }
             return order;
           })
      .key_by(&Order::customer)
      .process<Account, Receipt>(
          "accounts",
          [](Account& account, const Order& order, auto& ctx) {
            if (order.amount < 0) {
              throw std::runtime_error("a negative amount: " + std::to_string(order.amount));
            }
            ++account.orders;
            account.total += order.amount;
            ++account.by_amount[order.amount];
            ctx.emit(Receipt{order.customer, order.amount, account.total});
          })
      .sink("receipts",
            weir::file::json_sink<Receipt>({.path = job.config("output"), .roll_interval = roll}));
}
WEIR_JOB(cli_orders);
