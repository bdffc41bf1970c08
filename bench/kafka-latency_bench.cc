// Bench `kafka-latency`: from the moment that a record is produced to the moment in which a reader
// of committed records has what a job made of it, and where that time goes.
//
//   kafka-latency_bench [--rate N] [--seconds N] [--interval MS] [--parallelism N]
//
// Producer, job and reader are threads of this process, the broker is a process on the same cores;
// 8 partitions, keyed count, exactly once. The first seconds are not counted. A record carries the
// times at which it was produced, decoded and staged; Kafka's timestamp of the output is when its
// transaction began.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "bench/kafka_cluster.h"
#include "bench/scratch.h"
#include "weir/kafka.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

constexpr int kPartitions = 8;
constexpr std::uint64_t kUsers = 10'000;
constexpr double kWarmUpSeconds = 5;

std::int64_t now_us() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

struct Hit {
  std::uint64_t user = 0;
  std::int64_t sent_us = 0, decoded_us = 0;
};
WEIR_DESCRIBE(Hit, user, sent_us, decoded_us);

struct Count {
  std::uint64_t user = 0, hits = 0;
  std::int64_t sent_us = 0, decoded_us = 0;

  std::string text() const {
    return std::to_string(sent_us) + " " + std::to_string(decoded_us) + " " +
           std::to_string(now_us());
  }
};
WEIR_DESCRIBE(Count, user, hits, sent_us, decoded_us);

struct Hits {
  std::uint64_t count = 0;
};
WEIR_DESCRIBE(Hits, count);

void count_hits(Job& job) {
  const std::string brokers = job.config("brokers");
  auto hits =
      job.source("hits", kafka::source<Hit>({.brokers = brokers, .topic = "hits"},
                                            [](const kafka::Message& m, Hit& hit, std::string&) {
                                              const std::string text(*m.value());
                                              hit.user = parse_user(text.data(), text.size());
                                              hit.sent_us = std::atoll(text.c_str() + 11);
                                              hit.decoded_us = now_us();
                                              return true;
                                            }));
  hits.key_by(&Hit::user)
      .process<Hits, Count>("count",
                            [](Hits& hits, const Hit& hit, auto& ctx) {
                              ctx.emit(Count{hit.user, ++hits.count, hit.sent_us, hit.decoded_us});
                            })
      .sink(
          "counts",
          kafka::sink<Count>(
              {.brokers = brokers, .topic = "counts", .key = &Count::user, .value = &Count::text}));
}

rd_kafka_t* client(rd_kafka_type_t type, const std::string& address) {
  std::array<char, 256> why{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", address.c_str(), why.data(), why.size());
  rd_kafka_conf_set(conf, "socket.nagle.disable", "true", why.data(), why.size());
  if (type == RD_KAFKA_PRODUCER) {
    rd_kafka_conf_set(conf, "linger.ms", "5", why.data(), why.size());
  } else {
    rd_kafka_conf_set(conf, "isolation.level", "read_committed", why.data(), why.size());
  }
  return rd_kafka_new(type, conf, why.data(), why.size());
}

void produce(const std::string& address, std::uint64_t rate, double seconds) {
  rd_kafka_t* rk = client(RD_KAFKA_PRODUCER, address);
  rd_kafka_topic_t* to = rd_kafka_topic_new(rk, "hits", nullptr);
  std::string value(200, '.');
  const auto begun = std::chrono::steady_clock::now();
  const auto total = static_cast<std::uint64_t>(static_cast<double>(rate) * seconds);
  for (std::uint64_t i = 0; i < total; ++i) {
    std::this_thread::sleep_until(begun + std::chrono::microseconds(i * 1'000'000 / rate));
    const std::uint64_t user = user_of(i, kUsers);
    std::snprintf(value.data(), 60, "%010llu %lld", static_cast<unsigned long long>(user),
                  static_cast<long long>(now_us()));
    rd_kafka_produce(to, static_cast<std::int32_t>(user % kPartitions), RD_KAFKA_MSG_F_COPY,
                     value.data(), value.size(), nullptr, 0, nullptr);
    rd_kafka_poll(rk, 0);
  }
  rd_kafka_flush(rk, 10'000);
  rd_kafka_topic_destroy(to);
  rd_kafka_destroy(rk);
}

/// Milliseconds between the stations of all records.
struct Stations {
  std::vector<double> to_source, in_job, to_transaction, to_reader, whole;
};

void note(const rd_kafka_message_t& message, std::int64_t seen_us, Stations& stations) {
  const std::string text(static_cast<const char*>(message.payload), message.len);
  long long sent = 0, decoded = 0, staged = 0;
  std::sscanf(text.c_str(), "%lld %lld %lld", &sent, &decoded, &staged);
  rd_kafka_timestamp_type_t type{};
  const auto written =
      static_cast<double>(rd_kafka_message_timestamp(&message, &type)) * 1000 + 500;
  const auto ms = [](double us) { return us / 1000; };
  stations.to_source.push_back(ms(static_cast<double>(decoded - sent)));
  stations.in_job.push_back(ms(static_cast<double>(staged - decoded)));
  stations.to_transaction.push_back(ms(written - static_cast<double>(staged)));
  stations.to_reader.push_back(ms(static_cast<double>(seen_us) - written));
  stations.whole.push_back(ms(static_cast<double>(seen_us - sent)));
}

void consume(const std::string& address, const std::atomic<bool>& end, Stations& stations) {
  rd_kafka_t* rk = client(RD_KAFKA_CONSUMER, address);
  rd_kafka_topic_t* from = rd_kafka_topic_new(rk, "counts", nullptr);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(rk);
  for (int p = 0; p < kPartitions; ++p) rd_kafka_consume_start_queue(from, p, 0, queue);
  const std::int64_t count_from = now_us() + static_cast<std::int64_t>(kWarmUpSeconds * 1e6);
  std::array<rd_kafka_message_t*, 1000> messages;
  while (!end) {
    const ssize_t got = rd_kafka_consume_batch_queue(queue, 1, messages.data(), messages.size());
    const std::int64_t seen = now_us();
    for (ssize_t i = 0; i < got; ++i) {
      rd_kafka_message_t* message = messages[static_cast<std::size_t>(i)];
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && seen > count_from) {
        note(*message, seen, stations);
      }
      rd_kafka_message_destroy(message);
    }
  }
  for (int p = 0; p < kPartitions; ++p) rd_kafka_consume_stop(from, p);
  rd_kafka_queue_destroy(queue);
  rd_kafka_topic_destroy(from);
  rd_kafka_destroy(rk);
}

void print(const char* name, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  };
  std::printf("%-34s %8.1f %8.1f %8.1f %8.1f\n", name, at(.5), at(.9), at(.99), at(1));
}

void print(const Stations& stations, std::uint64_t rate, int interval_ms) {
  std::printf("%llu records/s, checkpoint each %d ms, %zu records\n",
              static_cast<unsigned long long>(rate), interval_ms, stations.whole.size());
  std::printf("%-34s %8s %8s %8s %8s\n", "ms", "p50", "p90", "p99", "max");
  print("produced to decoded", stations.to_source);
  print("decoded to staged", stations.in_job);
  print("staged to its transaction's begin", stations.to_transaction);
  print("transaction's begin to reader", stations.to_reader);
  print("produced to reader", stations.whole);
  std::printf("%-34s %8s %8s %8s %8s\n", "Flink, checkpoint each 1 s", "882", "1362", "1729",
              "2018");
  std::printf("%-34s %8s %8s %8s %8s\n", "Flink, checkpoint each 100 ms", "302", "585", "758",
              "850");
  std::printf("%-34s %8s %8s %8s %8s\n", "Kafka Streams, commit each 100 ms", "110", "203", "398",
              "490");
}

int main_of(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const std::uint64_t rate = number_option(words, "--rate", 5000);
  const auto seconds = static_cast<double>(number_option(words, "--seconds", 20));
  const auto interval_ms = static_cast<int>(number_option(words, "--interval", 20));
  const KafkaCluster cluster;
  cluster.make_topic("hits", kPartitions);
  cluster.make_topic("counts", kPartitions);
  const ScratchFolder scratch("kafka-latency");
  RunOptions options;
  options.name = "count_hits";
  options.config = {{"brokers", cluster.address()}};
  options.parallelism = static_cast<std::uint32_t>(number_option(words, "--parallelism", 1));
  options.state_dir = scratch.path();
  options.checkpoint_interval = Duration(interval_ms);
  auto runner = JobRunner::create(count_hits, options);
  if (!runner.ok()) {
    std::fprintf(stderr, "%s\n", runner.error().message.c_str());
    return 1;
  }
  std::thread job([&] {
    if (const auto done = (*runner)->run(); !done.ok()) {
      std::fprintf(stderr, "%s\n", done.error().message.c_str());
      std::_Exit(1);
    }
  });
  Stations stations;
  std::atomic<bool> end = false;
  std::thread reader([&] { consume(cluster.address(), end, stations); });
  produce(cluster.address(), rate, kWarmUpSeconds + seconds);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  (*runner)->stop();
  job.join();
  end = true;
  reader.join();
  print(stations, rate, interval_ms);
  return 0;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) { return weir::bench::main_of(argc, argv); }
