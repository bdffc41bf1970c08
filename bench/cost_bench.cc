// Bench `cost`: what the engine costs over a plain loop that does the same work. 64-byte events, a
// filter, a map, a key_by and an aggregate; see bench/README.md for the work and twins/cost_twin.h
// for the loop.
//
//   cost_bench [--json] [--runs N] [--events MILLIONS] [--keys K] [--case NAME]
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "bench/report.h"
#include "bench/scratch.h"
#include "bench/twins/cost_twin.h"
#include "weir/weir.h"

namespace {

using weir::bench::CostTotals;

struct Event {
  std::uint64_t user = 0;
  std::int64_t ts = 0;
  std::uint32_t type = 0;
  std::uint32_t val = 0;
  std::array<char, 40> pad;
};
WEIR_DESCRIBE(Event, user, ts, type, val, pad);
static_assert(sizeof(Event) == 64);

struct Totals {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  std::int64_t last = 0;
};
WEIR_DESCRIBE(Totals, count, sum, last);

struct Settings {
  std::uint64_t events = 0, keys = 0;
};
Settings settings;
std::atomic<std::uint64_t> checksum, rows;

/// The generator of the twin as a source; each split makes its share of the events.
class Generator final : public weir::Source<Event> {
 public:
  class Reader final : public weir::SplitReader<Event> {
   public:
    explicit Reader(std::uint64_t events) : events_(events), generator_(settings.keys) {}
    weir::Result<weir::ReadStatus> read(weir::Batch<Event>& out, weir::DeadLetterSink&) override {
      while (!out.full() && next_ < events_) {
        weir::bench::CostEvent event;
        generator_.next(next_++, event);
        Event& to = out.push_empty(event.ts);
        to.user = event.user;
        to.ts = event.ts;
        to.type = event.type;
        to.val = event.val;
      }
      return next_ < events_ ? weir::ReadStatus::more : weir::ReadStatus::end;
    }
    std::string position() const override { return std::to_string(next_); }

   private:
    std::uint64_t events_, next_ = 0;
    weir::bench::CostGenerator generator_;
  };

  explicit Generator(std::uint64_t splits) : splits_(splits) {}
  weir::Result<std::vector<std::string>> discover(const weir::SourceContext&) const override {
    std::vector<std::string> ids;
    for (std::uint64_t i = 0; i < splits_; ++i) ids.push_back(std::to_string(i));
    return ids;
  }
  weir::Result<std::unique_ptr<weir::SplitReader<Event>>> open(const weir::SourceContext&,
                                                               const std::string&,
                                                               const std::string&) const override {
    return std::unique_ptr<weir::SplitReader<Event>>(
        std::make_unique<Reader>(settings.events / splits_));
  }
  weir::Result<Event> decode(const weir::DeadLetter&) const override {
    return weir::Error{weir::ErrorCode::invalid_argument, "generated events are not decoded"};
  }
  std::string describe() const override { return "xorshift64 events"; }

 private:
  std::uint64_t splits_;
};

/// Adds up the checksum of what the aggregate says at the end.
class ChecksumSink final : public weir::Sink<weir::Keyed<std::uint64_t, Totals>> {
 public:
  using Row = weir::Keyed<std::uint64_t, Totals>;
  class Writer final : public weir::SinkWriter<Row> {
   public:
    weir::Status write(weir::Batch<Row>& batch) override {
      std::uint64_t sum = 0;
      for (const Row& row : batch) {
        sum +=
            weir::bench::cost_checksum(row.key, {row.value.count, row.value.sum, row.value.last});
      }
      checksum += sum;
      rows += batch.size();
      return {};
    }
    weir::Result<weir::Staged> stage(std::uint64_t, bool) override { return weir::Staged{}; }
  };
  weir::Status prepare(const weir::SinkContext&, const std::vector<std::string>&) const override {
    return {};
  }
  weir::Result<std::unique_ptr<weir::SinkWriter<Row>>> open(
      const weir::SinkContext&, const std::vector<std::string>&) const override {
    return std::unique_ptr<weir::SinkWriter<Row>>(std::make_unique<Writer>());
  }
  weir::Status commit(const weir::SinkContext&,
                      const std::vector<weir::Committable>&) const override {
    return {};
  }
  std::string describe() const override { return "checksum"; }
};

void cost_job(weir::Job& job) {
  job.source("events", std::make_shared<Generator>(job.config<std::uint64_t>("splits", 1)))
      .filter("wanted", [](const Event& e) { return e.type != 3; })
      .map("doubled",
           [](const Event& e) {
             Event out = e;
             out.val *= 2;
             return out;
           })
      .key_by(&Event::user)
      .aggregate<Totals>(
          "totals",
          [](Totals& t, const Event& e) {
            ++t.count;
            t.sum += e.val;
            t.last = e.ts;
          },
          [](Totals& t, const Totals& later) {
            t.count += later.count;
            t.sum += later.sum;
            t.last = later.last;
          })
      .sink("checksum", std::make_shared<ChecksumSink>());
}

/// Runs the job; nanoseconds of wall time an event.
double run_weir(std::uint32_t subtasks, weir::Duration interval) {
  const weir::bench::ScratchFolder state("cost");
  weir::RunOptions options;
  options.name = "cost";
  options.parallelism = subtasks;
  options.threads = subtasks;
  options.state_dir = state.path();
  options.checkpoint_interval = interval;
  options.config = {{"splits", std::to_string(subtasks)}};
  checksum = rows = 0;
  const auto begin = std::chrono::steady_clock::now();
  const auto result = weir::run(cost_job, options);
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
  WEIR_CHECK(result.ok(), result.ok() ? "" : result.error().message.c_str());
  return took.count() / static_cast<double>(settings.events);
}

double run_twin(bool check) {
  const auto twin = weir::bench::run_cost_twin(settings.events, settings.keys);
  WEIR_CHECK(!check || (twin.checksum == checksum && twin.users == rows),
             "the job's table differs from the twin's");
  return twin.ns_per_event;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = weir::bench::parse_report_options(argc, argv);
  settings = {weir::bench::number_option(options.rest, "--events", 60) * 1'000'000,
              weir::bench::number_option(options.rest, "--keys", 1'000'000)};
  const std::string only = weir::bench::text_option(options.rest, "--case", "");
  const auto wanted = [&](const char* name) { return only.empty() || only == name; };
  weir::bench::Report report("cost", options);
  const weir::Duration never = std::chrono::hours(1), each_second = std::chrono::seconds(1);
  const std::string keys = std::to_string(settings.keys / 1'000'000) + " M keys";
  if (wanted("plain")) {
    report.compare(
        "1 subtask, " + keys, "ns/event", [&] { return run_weir(1, never); },
        [] { return run_twin(true); });
  }
  if (wanted("checkpoints")) {
    report.compare(
        "1 subtask, " + keys + ", checkpoint 1 s", "ns/event",
        [&] { return run_weir(1, each_second); }, [] { return run_twin(true); });
  }
  if (wanted("two")) {
    report.compare(
        "2 subtasks beside 1 subtask, " + keys, "ns/event", [&] { return run_weir(2, never); },
        [&] { return run_weir(1, never); });
  }
}
