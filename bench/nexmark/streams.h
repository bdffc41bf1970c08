// What the queries share: the stream of events, the bids among them, and where answers go.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "bench/nexmark/event.h"
#include "weir/weir.h"

namespace weir::bench::nexmark {

/// The source, by the job's settings.
SourceStream<Event> events(Job& job);

/// The bids, each as what `row(const Bid&)` makes of it: a query takes along only what it needs.
template <class Row>
auto bids(const Stream<Event>& events, Row row) {
  using Out = std::remove_cvref_t<std::invoke_result_t<Row&, const Bid&>>;
  return events.flat_map<Out>("bids", [row](const Event& e, auto& out) {
    if (e.kind == Kind::bid) out.emit(row(e.bid));
  });
}
inline auto bids(const Stream<Event>& events) {
  return bids(events, [](const Bid& bid) { return bid; });
}

/// Days since 1970, and the minute of the day, in UTC.
inline std::int64_t day_of(EventTime at) {
  return std::chrono::floor<std::chrono::days>(at).time_since_epoch().count();
}
inline std::int64_t minute_of(EventTime at) {
  return (at - std::chrono::floor<std::chrono::days>(at)) / std::chrono::minutes(1);
}

/// How many rows all queries of this process have answered.
extern std::atomic<std::uint64_t> answered;

/// Counts rows, and lets go of them.
template <class T>
class CountSink final : public Sink<T> {
 public:
  class Writer final : public SinkWriter<T> {
   public:
    Status write(Batch<T>& batch) override {
      answered.fetch_add(batch.size(), std::memory_order_relaxed);
      return {};
    }
    Result<Staged> stage(std::uint64_t, bool) override { return Staged{}; }
  };
  Status prepare(const SinkContext&, const std::vector<std::string>&) const override { return {}; }
  Result<std::unique_ptr<SinkWriter<T>>> open(const SinkContext&,
                                              const std::vector<std::string>&) const override {
    return std::unique_ptr<SinkWriter<T>>(std::make_unique<Writer>());
  }
  Status commit(const SinkContext&, const std::vector<Committable>&) const override { return {}; }
  std::string describe() const override { return "counts rows"; }
};

/// Ends a query: its rows are counted, or written as JSON lines.
template <class T>
void answer(Job& job, const Stream<T>& rows) {
  const std::string folder = job.config("answers", "");
  if (folder.empty())
    rows.sink("answers", std::make_shared<CountSink<T>>());
  else
    rows.sink("answers", file::json_sink<T>({.path = folder}));
}

}  // namespace weir::bench::nexmark
