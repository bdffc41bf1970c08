// Bench `json`: the `cart` work, JSON lines in memory to abandoned-cart alerts, beside a program
// that an expert writes by hand for this work alone; see twins/cart_twin.h and bench/README.md.
//
//   json_bench [--json] [--runs N] [--lines N] [--case plain|checkpoints|two]
#include <algorithm>
#include <atomic>
#include <cstdio>

#include "bench/cartgen.h"
#include "bench/report.h"
#include "bench/scratch.h"
#include "bench/twins/cart_twin.h"
#include "weir/weir.h"

namespace {

using namespace std::chrono_literals;

struct Event {
  std::string event;
  std::string message_id;
  std::string user;
  weir::EventTime at{};
};
WEIR_DESCRIBE(Event, event, message_id, user, at);

struct Alert {
  std::string user;
  weir::EventTime added_at{};
};
WEIR_DESCRIBE(Alert, user, added_at);

/// Of one user: additions that wait for their order, and orders that an addition may still come
/// before.
struct Cart {
  std::vector<weir::EventTime> added;
  std::vector<weir::EventTime> ordered;
};
WEIR_DESCRIBE(Cart, added, ordered);

constexpr auto kPatience = 30min;
constexpr auto kDisorder = 10s;
constexpr std::size_t kPadding = std::max<std::size_t>(weir::bench::kCartPadding, 256);

std::string text;  // the lines and, behind them, what simdjson may read past
std::string_view lines;
std::string dealt;       // the same lines, the even ones before the odd ones, in halves of one size
std::string_view input;  // what the job reads
weir::bench::CartAnswers answers;
std::atomic<std::int64_t> alerts;

void add_to_cart(Cart& cart, const Event& e, auto& ctx) {
  const bool answered = std::any_of(cart.ordered.begin(), cart.ordered.end(),
                                    [&](auto t) { return e.at < t && t <= e.at + kPatience; });
  if (answered) return;
  cart.added.push_back(e.at);
  ctx.set_timer(e.at + kPatience);
}

void order(Cart& cart, const Event& e, auto& ctx) {
  std::erase_if(cart.added, [&](auto a) { return a < e.at && e.at <= a + kPatience; });
  // An addition that is still to come lies behind the watermark, so only later orders can answer
  // it.
  std::erase_if(cart.ordered, [&](auto t) { return t <= ctx.watermark(); });
  cart.ordered.push_back(e.at);
}

void alert(Cart& cart, const weir::Timer& timer, auto& ctx) {
  const auto due = [&](auto a) { return a + kPatience == timer.time; };
  const auto count = std::count_if(cart.added.begin(), cart.added.end(), due);
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    ctx.emit(Alert{ctx.key(), timer.time - std::chrono::duration_cast<weir::Duration>(kPatience)});
  }
  std::erase_if(cart.added, due);
}

class CountSink final : public weir::Sink<Alert> {
 public:
  class Writer final : public weir::SinkWriter<Alert> {
   public:
    weir::Status write(weir::Batch<Alert>& batch) override {
      alerts += static_cast<std::int64_t>(batch.size());
      return {};
    }
    weir::Result<weir::Staged> stage(std::uint64_t, bool) override { return weir::Staged{}; }
  };
  weir::Status prepare(const weir::SinkContext&, const std::vector<std::string>&) const override {
    return {};
  }
  weir::Result<std::unique_ptr<weir::SinkWriter<Alert>>> open(
      const weir::SinkContext&, const std::vector<std::string>&) const override {
    return std::unique_ptr<weir::SinkWriter<Alert>>(std::make_unique<Writer>());
  }
  weir::Status commit(const weir::SinkContext&,
                      const std::vector<weir::Committable>&) const override {
    return {};
  }
  std::string describe() const override { return "counts alerts"; }
};

void cart_job(weir::Job& job) {
  auto events = job.source(
      "events",
      weir::memory::json_lines<Event>(
          input, job.config<unsigned>("splits", 1),
          {.keys = {{"message_id", "messageId"}, {"user", "userId"}, {"at", "timestamp"}}}),
      {.event_time = &Event::at, .out_of_order = kDisorder});
  events.key_by(&Event::message_id)
      .dedupe("unique", {.ttl = 1h})
      .unique
      .filter(
          "cart_or_order",
          [](const Event& e) { return e.event == "Product Added" || e.event == "Order Completed"; })
      .key_by(&Event::user)
      .process<Cart, Alert>(
          "abandoned",
          [](Cart& cart, const Event& e, auto& ctx) {
            if (e.event == "Order Completed")
              order(cart, e, ctx);
            else
              add_to_cart(cart, e, ctx);
          },
          [](Cart& cart, const weir::Timer& timer, auto& ctx) { alert(cart, timer, ctx); })
      .sink("alerts", std::make_shared<CountSink>());
}

double run_weir(std::uint32_t subtasks, weir::Duration interval) {
  const weir::bench::ScratchFolder state("json");
  weir::RunOptions options;
  options.name = "cart";
  options.parallelism = options.threads = subtasks;
  options.state_dir = state.path();
  options.checkpoint_interval = interval;
  options.config = {{"splits", std::to_string(subtasks)}};
  alerts = 0;
  input = subtasks == 1 ? lines : std::string_view(dealt).substr(0, dealt.size() - kPadding);
  const auto begin = std::chrono::steady_clock::now();
  const auto result = weir::run(cart_job, options);
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
  WEIR_CHECK(result.ok(), result.ok() ? "" : result.error().message.c_str());
  WEIR_CHECK(alerts == answers.alerts, "the number of alerts is wrong");
  return took.count() / static_cast<double>(answers.lines);
}

double run_twin() {
  const auto twin = weir::bench::run_cart_twin(lines);
  WEIR_CHECK(twin.alerts == answers.alerts, "the twin's number of alerts is wrong");
  return twin.ns_per_line;
}

void make_lines(std::int64_t count) {
  weir::bench::CartGenerator generator(count);
  text.reserve(static_cast<std::size_t>(count) * 470);
  while (generator.append_line(text)) {
  }
  answers = generator.answers();
  const std::size_t size = text.size();
  text.append(kPadding, '\0');
  lines = std::string_view(text).substr(0, size);
}

/// Lines for two subtasks, as partitions of a topic hold them: both halves cover all the time.
void deal_lines() {
  std::string halves[2];
  for (std::string& half : halves) half.reserve(lines.size() / 2 + lines.size() / 100);
  std::size_t turn = 0;
  for (std::size_t begin = 0; begin < lines.size(); ++turn) {
    const std::size_t end = lines.find('\n', begin) + 1;
    halves[turn % 2] += lines.substr(begin, end - begin);
    begin = end;
  }
  std::string& shorter = halves[halves[0].size() < halves[1].size() ? 0 : 1];
  const std::size_t missing = std::max(halves[0].size(), halves[1].size()) - shorter.size();
  shorter.insert(shorter.size() - 1, missing, ' ');
  dealt = std::move(halves[0]);
  dealt += halves[1];
  dealt.append(kPadding, '\0');
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = weir::bench::parse_report_options(argc, argv);
  make_lines(
      static_cast<std::int64_t>(weir::bench::number_option(options.rest, "--lines", 2'000'000)));
  const std::string only = weir::bench::text_option(options.rest, "--case", "");
  const auto wanted = [&](const char* name) { return only.empty() || only == name; };
  if (!options.json) {
    std::printf("%lld lines, %lld alerts\n", static_cast<long long>(answers.lines),
                static_cast<long long>(answers.alerts));
  }
  weir::bench::Report report("json", options);
  const weir::Duration never = std::chrono::hours(1);
  if (wanted("plain")) {
    report.compare(
        "1 subtask", "ns/line", [&] { return run_weir(1, never); }, run_twin);
  }
  if (wanted("checkpoints")) {
    report.compare(
        "1 subtask, checkpoint 1 s", "ns/line", [&] { return run_weir(1, 1000ms); }, run_twin);
  }
  if (wanted("two")) {
    deal_lines();
    report.compare(
        "2 subtasks beside 1 subtask", "ns/line", [&] { return run_weir(2, never); },
        [&] { return run_weir(1, never); });
  }
}
