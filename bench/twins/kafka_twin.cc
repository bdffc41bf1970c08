// One thread and one client for each direction; librdkafka's own threads do the rest.
#include "bench/twins/kafka_twin.h"

#include <librdkafka/rdkafka.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <unordered_map>
#include <vector>

#include "bench/kafka_cluster.h"

namespace weir::bench {
namespace {

using Settings = std::vector<std::pair<const char*, std::string>>;

void check(rd_kafka_error_t* error) {
  if (error == nullptr) return;
  std::fprintf(stderr, "kafka twin: %s\n", rd_kafka_error_string(error));
  std::exit(1);
}

rd_kafka_t* client(rd_kafka_type_t type, const Settings& settings) {
  std::array<char, 256> why{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name, value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK) {
      std::fprintf(stderr, "%s\n", why.data());
      std::exit(1);
    }
  }
  return rd_kafka_new(type, conf, why.data(), why.size());
}

}  // namespace

void count_by_hand(const std::string& address, const std::string& input, int partitions,
                   const std::string& output, std::uint64_t records, int interval_ms) {
  using Clock = std::chrono::steady_clock;
  rd_kafka_t* consumer = client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", address},
                                                    {"group.id", output},
                                                    {"isolation.level", "read_committed"},
                                                    {"enable.auto.commit", "false"},
                                                    {"queued.min.messages", "1000000"},
                                                    {"fetch.wait.max.ms", "50"}});
  rd_kafka_t* producer = client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", address},
                                                    {"transactional.id", output},
                                                    {"linger.ms", "5"},
                                                    {"batch.num.messages", "10000"},
                                                    {"queue.buffering.max.messages", "1000000"},
                                                    {"queue.buffering.max.kbytes", "1048576"}});
  check(rd_kafka_init_transactions(producer, 60'000));
  rd_kafka_topic_t* to = rd_kafka_topic_new(producer, output.c_str(), nullptr);
  auto* positions = rd_kafka_topic_partition_list_new(partitions);
  for (int p = 0; p < partitions; ++p) {
    rd_kafka_topic_partition_list_add(positions, input.c_str(), p)->offset = 0;
  }
  rd_kafka_assign(consumer, positions);
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(consumer);
  std::vector<rd_kafka_message_t*> messages(10'000);
  std::unordered_map<std::uint64_t, std::uint64_t> counts;
  std::array<char, 32> value{};
  check(rd_kafka_begin_transaction(producer));
  auto begun = Clock::now();
  const auto commit = [&] {
    auto* group = rd_kafka_consumer_group_metadata(consumer);
    check(rd_kafka_send_offsets_to_transaction(producer, positions, group, 60'000));
    rd_kafka_consumer_group_metadata_destroy(group);
    check(rd_kafka_commit_transaction(producer, 60'000));
  };
  for (std::uint64_t done = 0; done < records;) {
    const ssize_t got = rd_kafka_consume_batch_queue(queue, 100, messages.data(), messages.size());
    for (ssize_t i = 0; i < got; ++i) {
      rd_kafka_message_t* message = messages[static_cast<std::size_t>(i)];
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const std::uint64_t count = ++counts[parse_user(message->payload, message->len)];
        const int size = std::snprintf(value.data(), value.size(), "%llu",
                                       static_cast<unsigned long long>(count));
        while (rd_kafka_produce(to, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value.data(),
                                static_cast<std::size_t>(size), message->key, message->key_len,
                                nullptr) != 0) {
          rd_kafka_poll(producer, 1);
        }
        positions->elems[message->partition].offset = message->offset + 1;
        ++done;
      }
      rd_kafka_message_destroy(message);
    }
    if (Clock::now() - begun < std::chrono::milliseconds(interval_ms)) continue;
    commit();
    check(rd_kafka_begin_transaction(producer));
    begun = Clock::now();
  }
  commit();
  rd_kafka_queue_destroy(queue);
  rd_kafka_topic_partition_list_destroy(positions);
  rd_kafka_topic_destroy(to);
  rd_kafka_destroy(producer);
  rd_kafka_destroy(consumer);
}

}  // namespace weir::bench
