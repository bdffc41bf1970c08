// The broker is a child process; see kafka_cluster.h and tests/servers/kafka_broker.py.
#include "bench/kafka_cluster.h"

#include <librdkafka/rdkafka.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace weir::bench {
namespace {

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(77);
}

rd_kafka_t* producer(const std::string& address) {
  std::array<char, 256> why{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const std::pair<const char*, const char*> settings[] = {
      {"bootstrap.servers", address.c_str()},
      {"linger.ms", "20"},
      {"queue.buffering.max.messages", "1000000"}};
  for (const auto& [name, value] : settings) {
    rd_kafka_conf_set(conf, name, value, why.data(), why.size());
  }
  return rd_kafka_new(RD_KAFKA_PRODUCER, conf, why.data(), why.size());
}

/// The script, from the root of the tree, wherever the benchmark is started.
std::string script() {
  for (auto folder = std::filesystem::canonical("/proc/self/exe").parent_path();
       folder != folder.root_path(); folder = folder.parent_path()) {
    const auto path = folder / "tests/servers/kafka_broker.py";
    if (std::filesystem::exists(path)) return path;
  }
  const char* root = std::getenv("WEIR_SOURCE_DIR");
  return std::string(root != nullptr ? root : ".") + "/tests/servers/kafka_broker.py";
}

}  // namespace

KafkaCluster::KafkaCluster() {
  const std::string path = script();
  int in[2], out[2];
  if (::pipe(in) != 0 || ::pipe(out) != 0) die("no pipe");
  child_ = ::fork();
  if (child_ == 0) {
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    for (const int end : {in[0], in[1], out[0], out[1]}) ::close(end);
    ::execlp("python3", "python3", "-B", path.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  to_child_ = in[1];
  for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';) address_ += c;
  ::close(out[0]);
  if (address_.empty()) die("no broker; see " + path);
}

KafkaCluster::~KafkaCluster() {
  ::close(to_child_);
  ::waitpid(child_, nullptr, 0);
}

void KafkaCluster::make_topic(const std::string& name, int partitions) const {
  rd_kafka_t* rk = producer(address_);
  std::array<char, 256> why{};
  rd_kafka_NewTopic_t* topic =
      rd_kafka_NewTopic_new(name.c_str(), partitions, 1, why.data(), why.size());
  rd_kafka_queue_t* queue = rd_kafka_queue_new(rk);
  rd_kafka_CreateTopics(rk, &topic, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 30'000);
  if (event == nullptr || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    die("cannot make topic " + name);
  }
  rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy(topic);
  rd_kafka_destroy(rk);
}

void KafkaCluster::fill(const std::string& topic, int partitions, std::uint64_t records,
                        std::uint64_t users) const {
  rd_kafka_t* rk = producer(address_);
  rd_kafka_topic_t* to = rd_kafka_topic_new(rk, topic.c_str(), nullptr);
  std::string value(200, '.');
  for (std::uint64_t i = 0; i < records; ++i) {
    const std::uint64_t user = user_of(i, users);
    std::snprintf(value.data(), 30, "%010llu", static_cast<unsigned long long>(user));
    value[10] = ',';  // where the number ended
    const auto partition = static_cast<std::int32_t>(user % static_cast<std::uint64_t>(partitions));
    while (rd_kafka_produce(to, partition, RD_KAFKA_MSG_F_COPY, value.data(), value.size(),
                            value.data(), 10, nullptr) != 0) {
      rd_kafka_poll(rk, 5);
    }
  }
  if (rd_kafka_flush(rk, 120'000) != RD_KAFKA_RESP_ERR_NO_ERROR) die("cannot fill " + topic);
  rd_kafka_topic_destroy(to);
  rd_kafka_destroy(rk);
}

std::uint64_t user_of(std::uint64_t i, std::uint64_t users) {
  std::uint64_t x = i * 0x9e37'79b9'7f4a'7c15;
  x ^= x >> 32;
  return x % users;
}

std::uint64_t parse_user(const void* bytes, std::size_t size) {
  std::uint64_t user = 0;
  const char* text = static_cast<const char*>(bytes);
  std::from_chars(text, text + (size < 10 ? size : 10), user);
  return user;
}

}  // namespace weir::bench
