// A plain client of Kafka for tests, which shares nothing with Weir: it makes topics, produces, and
// reads what a reader of committed records sees.
//
//   kafka_tool ADDRESS topic NAME PARTITIONS [SETTING=VALUE]...
//   kafka_tool ADDRESS partitions NAME COUNT            adds partitions
//   kafka_tool ADDRESS produce NAME                     lines PARTITION \t KEY \t VALUE
//   kafka_tool ADDRESS consume NAME [uncommitted|headers]
//                                                       prints PARTITION \t OFFSET \t KEY \t VALUE
//                                                       of all there is now; \N for no value; with
//                                                       `headers` each \t NAME=VALUE, in which
//                                                       all but printable ASCII is spaces
//   kafka_tool ADDRESS offsets GROUP NAME               prints PARTITION \t OFFSET
//   kafka_tool ADDRESS forget GROUP                     deletes the offsets of a group
//
// WEIR_KAFKA_SETTINGS="name=value;name=value" adds settings of librdkafka.
#include <librdkafka/rdkafka.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Settings = std::map<std::string, std::string>;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "kafka_tool: %s\n", why.c_str());
  std::exit(1);
}

std::pair<std::string, std::string> cut(const std::string& text, char at) {
  const std::size_t place = text.find(at);
  if (place == std::string::npos) return {text, ""};
  return {text.substr(0, place), text.substr(place + 1)};
}

rd_kafka_t* client(rd_kafka_type_t type, const std::string& address, Settings settings) {
  settings["bootstrap.servers"] = address;
  if (const char* more = std::getenv("WEIR_KAFKA_SETTINGS")) {
    std::istringstream list(more);
    for (std::string item; std::getline(list, item, ';');) {
      const auto [name, value] = cut(item, '=');
      settings[name] = value;
    }
  }
  char why[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK) {
      die(why);
    }
  }
  rd_kafka_t* made = rd_kafka_new(type, conf, why, sizeof why);
  if (made == nullptr) die(why);
  return made;
}

/// Waits for the answer to a request of the administrator.
rd_kafka_event_t* answer(rd_kafka_queue_t* queue) {
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 30'000);
  if (event == nullptr) die("no answer");
  if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    die(rd_kafka_event_error_string(event));
  }
  return event;
}

void check_topics(const rd_kafka_topic_result_t** results, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto err = rd_kafka_topic_result_error(results[i]);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      die(rd_kafka_err2str(err));
    }
  }
}

void make_topic(const std::string& address, const std::vector<std::string>& words) {
  rd_kafka_t* rk = client(RD_KAFKA_PRODUCER, address, {});
  char why[256];
  rd_kafka_NewTopic_t* topic =
      rd_kafka_NewTopic_new(words.at(0).c_str(), std::stoi(words.at(1)), 1, why, sizeof why);
  for (std::size_t i = 2; i < words.size(); ++i) {
    const auto [name, value] = cut(words[i], '=');
    rd_kafka_NewTopic_set_config(topic, name.c_str(), value.c_str());
  }
  rd_kafka_queue_t* queue = rd_kafka_queue_new(rk);
  rd_kafka_CreateTopics(rk, &topic, 1, nullptr, queue);
  std::size_t count = 0;
  const auto* result = rd_kafka_event_CreateTopics_result(answer(queue));
  check_topics(rd_kafka_CreateTopics_result_topics(result, &count), count);
}

void add_partitions(const std::string& address, const std::string& name, int total) {
  rd_kafka_t* rk = client(RD_KAFKA_PRODUCER, address, {});
  char why[256];
  rd_kafka_NewPartitions_t* more =
      rd_kafka_NewPartitions_new(name.c_str(), static_cast<std::size_t>(total), why, sizeof why);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(rk);
  rd_kafka_CreatePartitions(rk, &more, 1, nullptr, queue);
  std::size_t count = 0;
  const auto* result = rd_kafka_event_CreatePartitions_result(answer(queue));
  check_topics(rd_kafka_CreatePartitions_result_topics(result, &count), count);
}

void produce(const std::string& address, const std::string& name) {
  rd_kafka_t* rk =
      client(RD_KAFKA_PRODUCER, address, {{"enable.idempotence", "true"}, {"linger.ms", "1"}});
  rd_kafka_topic_t* topic = rd_kafka_topic_new(rk, name.c_str(), nullptr);
  for (std::string line; std::getline(std::cin, line);) {
    const auto [partition, rest] = cut(line, '\t');
    const auto [key, value] = cut(rest, '\t');
    const bool gone = value == "\\N";
    while (rd_kafka_produce(topic, std::stoi(partition), RD_KAFKA_MSG_F_COPY,
                            gone ? nullptr : const_cast<char*>(value.data()),
                            gone ? 0 : value.size(), key.data(), key.size(), nullptr) != 0) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        die(rd_kafka_err2str(rd_kafka_last_error()));
      }
      rd_kafka_poll(rk, 10);
    }
    rd_kafka_poll(rk, 0);
  }
  if (rd_kafka_flush(rk, 120'000) != RD_KAFKA_RESP_ERR_NO_ERROR) die("not all was delivered");
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(rk);
}

int partitions_of(rd_kafka_t* rk, rd_kafka_topic_t* topic) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto err = rd_kafka_metadata(rk, 0, topic, &metadata, 30'000);
  if (err != RD_KAFKA_RESP_ERR_NO_ERROR) die(rd_kafka_err2str(err));
  const int count = metadata->topics[0].partition_cnt;
  rd_kafka_metadata_destroy(metadata);
  return count;
}

void print(const rd_kafka_message_t& message) {
  std::printf("%d\t%lld\t", message.partition, static_cast<long long>(message.offset));
  std::fwrite(message.key, 1, message.key_len, stdout);
  std::putchar('\t');
  if (message.payload == nullptr)
    std::fputs("\\N", stdout);
  else
    std::fwrite(message.payload, 1, message.len, stdout);
}

void print_headers(const rd_kafka_message_t& message) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0;
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    std::string text(static_cast<const char*>(value == nullptr ? "" : value), size);
    for (char& c : text) c = c < ' ' || c > '~' ? ' ' : c;
    std::printf("\t%s=%s", name, text.c_str());
  }
}

void consume(const std::string& address, const std::string& name, bool committed, bool headers) {
  rd_kafka_t* rk = client(RD_KAFKA_CONSUMER, address,
                          {{"isolation.level", committed ? "read_committed" : "read_uncommitted"},
                           {"enable.partition.eof", "true"},
                           {"fetch.wait.max.ms", "10"},
                           {"auto.offset.reset", "error"}});
  rd_kafka_topic_t* topic = rd_kafka_topic_new(rk, name.c_str(), nullptr);
  const int partitions = partitions_of(rk, topic);
  for (int p = 0; p < partitions; ++p) {
    std::int64_t low = 0, high = 0;
    const auto err = rd_kafka_query_watermark_offsets(rk, name.c_str(), p, &low, &high, 30'000);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) die(rd_kafka_err2str(err));
    if (low >= high) continue;
    if (rd_kafka_consume_start(topic, p, low) != 0) die("cannot consume");
    for (bool end = false; !end;) {
      rd_kafka_message_t* message = rd_kafka_consume(topic, p, 30'000);
      if (message == nullptr) die("nothing comes");
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        print(*message);
        if (headers) print_headers(*message);
        std::putchar('\n');
      } else if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        die(rd_kafka_message_errstr(message));
      }
      end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF || message->offset + 1 >= high;
      rd_kafka_message_destroy(message);
    }
    rd_kafka_consume_stop(topic, p);
  }
}

void offsets(const std::string& address, const std::string& group, const std::string& name) {
  rd_kafka_t* rk = client(RD_KAFKA_CONSUMER, address, {{"group.id", group}});
  rd_kafka_topic_t* topic = rd_kafka_topic_new(rk, name.c_str(), nullptr);
  const int partitions = partitions_of(rk, topic);
  auto* list = rd_kafka_topic_partition_list_new(partitions);
  for (int p = 0; p < partitions; ++p) rd_kafka_topic_partition_list_add(list, name.c_str(), p);
  const auto err = rd_kafka_committed(rk, list, 30'000);
  if (err != RD_KAFKA_RESP_ERR_NO_ERROR) die(rd_kafka_err2str(err));
  for (int p = 0; p < partitions; ++p) {
    std::printf("%d\t%lld\n", p, static_cast<long long>(list->elems[p].offset));
  }
}

void forget(const std::string& address, const std::string& group) {
  rd_kafka_t* rk = client(RD_KAFKA_PRODUCER, address, {});
  rd_kafka_queue_t* queue = rd_kafka_queue_new(rk);
  rd_kafka_DeleteGroup_t* wanted = rd_kafka_DeleteGroup_new(group.c_str());
  rd_kafka_DeleteGroups(rk, &wanted, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 30'000);
  if (event == nullptr) die("no answer");
  if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    die(rd_kafka_event_error_string(event));
  }
  std::size_t count = 0;
  const auto* results =
      rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event), &count);
  for (std::size_t i = 0; i < count; ++i) {
    if (const auto* error = rd_kafka_group_result_error(results[i])) {
      die(rd_kafka_error_string(error));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 3) die("usage: see the top of kafka_tool.cc");
  const std::string &address = words[0], &verb = words[1], &name = words[2];
  if (verb == "topic")
    make_topic(address, {words.begin() + 2, words.end()});
  else if (verb == "partitions")
    add_partitions(address, name, std::stoi(words.at(3)));
  else if (verb == "produce")
    produce(address, name);
  else if (verb == "consume")
    consume(address, name, words.size() < 4 || words[3] != "uncommitted",
            words.size() > 3 && words[3] == "headers");
  else if (verb == "forget")
    forget(address, name);
  else if (verb == "offsets")
    offsets(address, name, words.at(3));
  else
    die("unknown verb " + verb);
  std::fflush(stdout);
  std::_Exit(0);  // what is left belongs to a process that ends
}
