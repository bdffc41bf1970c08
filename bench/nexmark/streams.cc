#include "bench/nexmark/streams.h"

#include "bench/nexmark/arrival.h"
#include "bench/nexmark/source.h"

namespace weir::bench::nexmark {

std::atomic<std::uint64_t> answered;

SourceStream<Event> events(Job& job) {
  const GeneratorSettings settings{
      .events = job.config<std::uint64_t>("events", 1'000'000),
      .events_per_second = job.config("rate", 100'000.0),
      .seed = job.config<std::uint64_t>("seed", 1),
      .start = from_millis(job.config<std::int64_t>("start", 0)),
  };
  return job.source("events", make_source(settings, job.config<std::uint32_t>("splits", 1)),
                    {.event_time = [](const Event& e) { return e.at(); },
                     .out_of_order = Arrival::kLongestDelay});
}

}  // namespace weir::bench::nexmark
