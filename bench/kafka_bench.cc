// Bench `kafka`: from topic to topic, exactly once: for each record of 200 bytes the count so far
// of its user. The broker runs on the same cores.
//
//   kafka_bench [--json] [--runs N] [--records N] [--interval MS] [--parallelism N]
//
// The twin is a bare loop over librdkafka with transactions of the same interval. Time is from the
// start of the clients to the last commit. What others gave for such a job on two cores (16
// partitions): Flink 170,000 and 274,000 records/s, Kafka Streams 58,000 to 105,000.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/kafka_cluster.h"
#include "bench/report.h"
#include "bench/scratch.h"
#include "bench/twins/kafka_twin.h"
#include "weir/kafka.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

constexpr int kPartitions = 8;
constexpr std::uint64_t kUsers = 100'000;

struct Hit {
  std::uint64_t user = 0;
};
WEIR_DESCRIBE(Hit, user);

struct Count {
  std::uint64_t user = 0, hits = 0;

  std::string key() const {
    char text[24];
    std::snprintf(text, sizeof text, "%010llu", static_cast<unsigned long long>(user));
    return text;
  }
};
WEIR_DESCRIBE(Count, user, hits);

struct Hits {
  std::uint64_t count = 0;
};
WEIR_DESCRIBE(Hits, count);

void count_hits(Job& job) {
  const std::string brokers = job.config("brokers");
  auto hits = job.source(
      "hits", kafka::source<Hit>({.brokers = brokers, .topic = "hits", .bounded = true},
                                 [](const kafka::Message& message, Hit& hit, std::string&) {
                                   const auto value = *message.value();
                                   hit.user = parse_user(value.data(), value.size());
                                   return true;
                                 }));
  hits.key_by(&Hit::user)
      .process<Hits, Count>("count",
                            [](Hits& hits, const Hit& hit, auto& ctx) {
                              ctx.emit(Count{hit.user, ++hits.count});
                            })
      .sink("counts", kafka::sink<Count>({.brokers = brokers,
                                          .topic = job.config("output"),
                                          .key = &Count::key,
                                          .value = &Count::hits}));
}

int main_of(int argc, char** argv) {
  const ReportOptions options = parse_report_options(argc, argv);
  const std::uint64_t records = number_option(options.rest, "--records", 3'000'000);
  const auto interval_ms = static_cast<int>(number_option(options.rest, "--interval", 1000));
  const auto parallelism =
      static_cast<std::uint32_t>(number_option(options.rest, "--parallelism", 2));
  const KafkaCluster cluster;
  cluster.make_topic("hits", kPartitions);
  cluster.fill("hits", kPartitions, records, kUsers);
  int number = 0;
  const auto timed = [&](auto&& work) {
    const std::string output = "counts-" + std::to_string(++number);
    cluster.make_topic(output, kPartitions);
    const auto begun = std::chrono::steady_clock::now();
    work(output);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begun;
    return took.count() / static_cast<double>(records);
  };
  const auto weir_run = [&] {
    return timed([&](const std::string& output) {
      const ScratchFolder scratch("kafka_bench");
      RunOptions run_options;
      run_options.name = "count_hits";
      run_options.config = {{"brokers", cluster.address()}, {"output", output}};
      run_options.parallelism = parallelism;
      run_options.state_dir = scratch.path();
      run_options.checkpoint_interval = Duration(interval_ms);
      const auto done = run(count_hits, run_options);
      if (!done.ok()) {
        std::fprintf(stderr, "%s\n", done.error().message.c_str());
        std::exit(1);
      }
    });
  };
  const auto twin_run = [&] {
    return timed([&](const std::string& output) {
      count_by_hand(cluster.address(), "hits", kPartitions, output, records, interval_ms);
    });
  };
  Report report("kafka", options);
  report.compare("count, exactly once", "ns/record", weir_run, twin_run);
  return 0;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) { return weir::bench::main_of(argc, argv); }
