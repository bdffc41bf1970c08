// Test job from a Kafka topic to another: what each user has ordered so far, one record out for
// each in. What is right is said by tests/oracle/kafka_orders.py.
#include <weir/kafka.h>
#include <weir/weir.h>

#include <stdexcept>
#include <string>

struct Order {
  std::string user;
  std::int64_t amount = 0;
};
WEIR_DESCRIBE(Order, user, amount);

struct Account {
  std::int64_t orders = 0, sum = 0;
};
WEIR_DESCRIBE(Account, orders, sum);

struct Balance {
  std::string user;
  std::int64_t amount = 0, orders = 0, sum = 0;
};
WEIR_DESCRIBE(Balance, user, amount, orders, sum);

/// "a=1;b=2" of a setting.
static weir::kafka::Settings settings(const std::string& text) {
  weir::kafka::Settings all;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(';', at), text.size());
    const std::size_t equals = text.find('=', at);
    all[text.substr(at, equals - at)] = text.substr(equals + 1, end - equals - 1);
    at = end + 1;
  }
  return all;
}

/// "earliest", "latest", "group", "time:MS" or "offset:N", which means partition 0.
static weir::kafka::Start start_of(const std::string& text) {
  using weir::kafka::Start;
  if (text == "latest") return Start::latest();
  if (text == "group") return Start::group();
  if (text.starts_with("time:")) return Start::at(weir::from_millis(std::stoll(text.substr(5))));
  if (text.starts_with("offset:")) return Start::offsets({{0, std::stoll(text.substr(7))}});
  return Start::earliest();
}

/// User "u7" into partition 7, counted round.
static std::int32_t partition_of(const Balance& balance, std::int32_t partitions) {
  return std::stoi(balance.user.substr(1)) % partitions;
}

static void kafka_orders(weir::Job& job) {
  using namespace weir;
  const std::string brokers = job.config("brokers");
  const std::string more = job.config("kafka", "");
  auto orders =
      job.source("orders", kafka::source<Order>({
                               .brokers = brokers,
                               .topic = job.config("input"),
                               .start = start_of(job.config("start", "earliest")),
                               .bounded = job.config("bounded", false),
                               .group = job.config("group", ""),
                               .discovery_interval = job.config("discover", Duration(500)),
                               .settings = settings(more),
                           }));
  orders.key_by(&Order::user)
      .process<Account, Balance>(
          "accounts",
          [](Account& account, const Order& order, auto& ctx) {
            if (order.amount < 0) throw std::runtime_error("a negative amount");
            ++account.orders;
            account.sum += order.amount;
            ctx.emit(Balance{order.user, order.amount, account.orders, account.sum});
          })
      .sink("balances",
            kafka::sink<Balance>({
                .brokers = job.config("sink_brokers", brokers.c_str()),
                .topic = job.config("output"),
                .key = &Balance::user,
                .partition = job.config("choose_partition", false)
                                 ? std::function(partition_of)
                                 : std::function<decltype(partition_of)>(),
                .delivery = job.config("at_least_once", false) ? kafka::Delivery::at_least_once
                                                               : kafka::Delivery::exactly_once,
                .max_record = static_cast<std::size_t>(job.config("max_record", std::int64_t{0})),
                .transaction_bytes = static_cast<std::size_t>(
                    job.config("transaction_bytes", std::int64_t{32} << 20)),
                .settings = settings(more + job.config("sink_kafka", "")),
            }));
  if (!job.has_config("letters")) return;
  job.dead_letters().sink(
      "letters", kafka::dead_letter_sink(
                     {.brokers = job.config("sink_brokers", brokers.c_str()),
                      .topic = job.config("letters"),
                      .headers = {kafka::LetterHeaders::connect, kafka::LetterHeaders::spring},
                      .settings = settings(more + job.config("sink_kafka", ""))}));
}
WEIR_JOB(kafka_orders);
