// See cost_job.h.
#include "bench/cost_job.h"

#include <atomic>
#include <chrono>

#include "bench/cost_events.h"
#include "bench/scratch.h"

namespace weir::bench {
namespace {

CostJob current;
std::atomic<std::uint64_t> checksum, rows;

/// The generator of the twin as a source; each split makes its share of the events.
class Generator final : public Source<Event> {
 public:
  class Reader final : public SplitReader<Event> {
   public:
    explicit Reader(std::uint64_t events)
        : events_(events), hot_(current.hot_percent), generator_(current.keys) {}
    Result<ReadStatus> read(Batch<Event>& out, DeadLetterSink&) override {
      while (!out.full() && next_ < events_) {
        CostEvent event;
        generator_.next(next_++, event);
        if (hot_ > 0 && event.user % 100 < hot_) [[unlikely]]
          event.user = 0;
        push(out, event);
      }
      return next_ < events_ ? ReadStatus::more : ReadStatus::end;
    }
    std::string position() const override { return std::to_string(next_); }

   private:
    std::uint64_t events_, hot_, next_ = 0;
    CostGenerator generator_;
  };

  explicit Generator(std::uint64_t splits) : splits_(splits) {}
  Result<std::vector<std::string>> discover(const SourceContext&) const override {
    std::vector<std::string> ids;
    for (std::uint64_t i = 0; i < splits_; ++i) ids.push_back(std::to_string(i));
    return ids;
  }
  Result<std::unique_ptr<SplitReader<Event>>> open(const SourceContext&, const std::string&,
                                                   const std::string&) const override {
    return std::unique_ptr<SplitReader<Event>>(std::make_unique<Reader>(current.events / splits_));
  }
  Result<Event> decode(const DeadLetter&) const override {
    return Error{ErrorCode::invalid_argument, "generated events are not decoded"};
  }
  std::string describe() const override { return "xorshift64 events"; }

 private:
  std::uint64_t splits_;
};

using Row = Keyed<std::uint64_t, Totals>;

/// Adds up the checksum of what the aggregate says at the end.
class ChecksumSink final : public Sink<Row> {
 public:
  class Writer final : public SinkWriter<Row> {
   public:
    Status write(Batch<Row>& batch) override {
      std::uint64_t sum = 0;
      for (const Row& row : batch) {
        sum += cost_checksum(row.key, {row.value.count, row.value.sum, row.value.last});
      }
      checksum += sum;
      rows += batch.size();
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

/// Source, filter and maps; the rest depends on how the totals are kept.
Stream<Event> prepared(Job& job) {
  Stream<Event> events = job.source("events", std::make_shared<Generator>(current.subtasks))
                             .filter("wanted", [](const Event& e) { return wanted(e); })
                             .map("doubled", [](const Event& e) { return doubled(e); });
  for (std::uint32_t i = 0; i < current.operators; ++i) {
    events = events.map("more-" + std::to_string(i), [](const Event& e) {
      Event out = e;
      ++out.val;
      return out;
    });
  }
  return events;
}

void aggregate_job(Job& job) {
  prepared(job)
      .key_by(&Event::user)
      .aggregate<Totals>(
          "totals", [](Totals& t, const Event& e) { add(t, e); },
          [](Totals& t, const Totals& later) {
            t.count += later.count;
            t.sum += later.sum;
            t.last = later.last;
          })
      .sink("checksum", std::make_shared<ChecksumSink>());
}

/// Says nothing before the end, as the aggregate does.
void process_job(Job& job) {
  prepared(job)
      .key_by(&Event::user)
      .process<Totals, Row>("totals", [](Totals& t, const Event& e, auto&) { add(t, e); })
      .sink("checksum", std::make_shared<ChecksumSink>());
}

}  // namespace

CostRun run_cost_job(const CostJob& job) {
  current = job;
  const ScratchFolder state("cost");
  RunOptions options;
  options.name = "cost";
  options.parallelism = job.subtasks;
  options.threads = job.subtasks;
  options.state_dir = state.path();
  options.checkpoint_interval = job.interval;
  checksum = rows = 0;
  const auto begin = std::chrono::steady_clock::now();
  const auto result = run(job.whole_events ? process_job : aggregate_job, options);
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
  WEIR_CHECK(result.ok(), result.ok() ? "" : result.error().message.c_str());
  return {took.count() / static_cast<double>(job.events), checksum, rows};
}

}  // namespace weir::bench
