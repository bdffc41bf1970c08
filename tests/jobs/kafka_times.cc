// Test job of event time over Kafka: windows over a topic some of whose partitions are empty, and
// two topics that stay beside each other.
#include <weir/kafka.h>
#include <weir/weir.h>

#include <string>

using namespace std::chrono_literals;

struct Tick {
  std::string from;
  weir::EventTime at{};
};
WEIR_DESCRIBE(Tick, from, at);

struct Minute {
  std::string from;
  weir::EventTime start{};
  std::int64_t count = 0;
};
WEIR_DESCRIBE(Minute, from, start, count);

static void kafka_times(weir::Job& job) {
  using namespace weir;
  const std::string brokers = job.config("brokers");
  const auto source = [&](const char* name) {
    return job.source(name,
                      kafka::source<Tick>({
                          .brokers = brokers,
                          .topic = job.config(name),
                          .idle_at_end = 200ms,
                          .settings = {{"queued.max.messages.kbytes", "256"}},
                      }),
                      {.event_time = &Tick::at,
                       .align = job.config("align", false) ? "both" : "",
                       .align_drift = job.config("drift", Duration(10'000))});
  };
  auto slow = source("slow"), quick = source("quick");
  auto all = slow.union_with("all", quick);
  all.map("passed", [](const Tick& tick) { return tick; }, {.parallelism = 1})
      .sink(
          "seen",
          kafka::sink<Tick>({.brokers = brokers, .topic = job.config("seen"), .key = &Tick::from}),
          {.parallelism = 1});
  all.key_by(&Tick::from)
      .window<std::int64_t>(
          "minutes", tumbling(1min), [](std::int64_t& n, const Tick&) { ++n; },
          [](std::int64_t& n, std::int64_t later) { n += later; })
      .results.map("rows",
                   [](const auto& w) {
                     return Minute{w.key, w.start, w.value};
                   })
      .sink("counts",
            kafka::sink<Minute>(
                {.brokers = brokers, .topic = job.config("counts"), .key = &Minute::from}));
}
WEIR_JOB(kafka_times);
