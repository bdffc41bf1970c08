// See windows_job.h.
#include "bench/windows_job.h"

#include <algorithm>
#include <chrono>

#include "bench/scratch.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

struct Event {
  std::uint64_t user = 0;
  EventTime at{};
  std::uint32_t val = 0;
};
WEIR_DESCRIBE(Event, user, at, val);

struct Totals {
  std::uint32_t count = 0;
  std::uint32_t highest = 0;
  std::uint64_t sum = 0;
};
WEIR_DESCRIBE(Totals, count, highest, sum);

WindowsJob current;
WindowsResult said;

/// The generator of the twin as a source of one split.
class Generator final : public Source<Event> {
 public:
  class Reader final : public SplitReader<Event> {
   public:
    Reader() : generator_(current.keys) {}
    Result<ReadStatus> read(Batch<Event>& out, DeadLetterSink&) override {
      WindowEvent event;
      while (!out.full() && next_ < current.events) {
        generator_.next(next_++, event);
        Event& to = out.push_empty();
        to.user = event.user;
        to.at = from_millis(event.ts);
        to.val = event.val;
      }
      return next_ < current.events ? ReadStatus::more : ReadStatus::end;
    }
    std::string position() const override { return std::to_string(next_); }

   private:
    std::uint64_t next_ = 0;
    WindowGenerator generator_;
  };

  Result<std::vector<std::string>> discover(const SourceContext&) const override {
    return std::vector<std::string>{"all"};
  }
  Result<std::unique_ptr<SplitReader<Event>>> open(const SourceContext&, const std::string&,
                                                   const std::string&) const override {
    return std::unique_ptr<SplitReader<Event>>(std::make_unique<Reader>());
  }
  Result<Event> decode(const DeadLetter&) const override {
    return Error{ErrorCode::invalid_argument, "generated events are not decoded"};
  }
  std::string describe() const override { return "xorshift64 events"; }
};

using Row = Windowed<std::uint64_t, Totals>;

/// Adds up the checksum of the results; of one subtask.
class ChecksumSink final : public Sink<Row> {
 public:
  class Writer final : public SinkWriter<Row> {
   public:
    Status write(Batch<Row>& batch) override {
      std::uint64_t sum = 0;
      for (const Row& row : batch) {
        sum += window_checksum(row.key, to_millis(row.start),
                               {row.value.count, row.value.highest, row.value.sum});
      }
      said.checksum += sum;
      said.results += batch.size();
      return {};
    }
    Result<Staged> stage(std::uint64_t, bool) override { return Staged{}; }
  };
  Status prepare(const SinkContext&, const std::vector<std::string>&) const override { return {}; }
  Result<std::unique_ptr<SinkWriter<Row>>> open(const SinkContext&,
                                                const std::vector<std::string>&) const override {
    return std::unique_ptr<SinkWriter<Row>>(std::make_unique<Writer>());
  }
  Status commit(const SinkContext&, const std::vector<Committable>&) const override { return {}; }
  std::string describe() const override { return "checksum"; }
};

void windows_job(Job& job) {
  job.source("events", std::make_shared<Generator>(),
             {.event_time = &Event::at, .out_of_order = Duration(kDisorderMs)})
      .key_by(&Event::user)
      .window<Totals>(
          "windows", current.spec,
          [](Totals& totals, const Event& e) {
            ++totals.count;
            totals.sum += e.val;
            totals.highest = std::max(totals.highest, e.val);
          },
          [](Totals& totals, const Totals& other) {
            totals.count += other.count;
            totals.sum += other.sum;
            totals.highest = std::max(totals.highest, other.highest);
          })
      .results.sink("checksum", std::make_shared<ChecksumSink>());
}

}  // namespace

WindowsResult run_windows_job(const WindowsJob& job) {
  current = job;
  said = {};
  const ScratchFolder state("windows");
  RunOptions options;
  options.name = "windows";
  options.parallelism = options.threads = 1;
  options.state_dir = state.path();
  options.checkpoint_interval = job.interval;
  const auto begin = std::chrono::steady_clock::now();
  const auto result = run(windows_job, options);
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
  WEIR_CHECK(result.ok(), result.ok() ? "" : result.error().message.c_str());
  said.ns_per_event = took.count() / static_cast<double>(job.events);
  return said;
}

}  // namespace weir::bench
