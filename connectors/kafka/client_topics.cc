// Asking a cluster about topics, partitions and offsets; see client.h. All calls block up to their
// limits.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <regex>
#include <thread>

#include "weir/connectors/kafka/client.h"

namespace weir::kafka::detail {
namespace {

template <class T, void (*Free)(T*)>
struct Freer {
  void operator()(T* p) const { Free(p); }
};
template <class T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, Freer<T, Free>>;

struct FreeMetadata {
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, FreeMetadata>;
using PartitionList = Owned<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>;
using TopicHandle = Owned<rd_kafka_topic_t, rd_kafka_topic_destroy>;

/// Between two looks at whether waiting is in vain, in milliseconds.
constexpr int kGlance = 500;

int ms(Millis limit) { return static_cast<int>(limit.count()); }

Error topic_error(const Handle& handle, const std::string& topic, rd_kafka_resp_err_t err) {
  if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
    return {ErrorCode::not_found,
            "topic '" + topic + "' does not exist on " + handle.connection().brokers +
                "; create it, or put .topic right",
            false};
  }
  Error error = handle.error(err, false);
  error.message = "topic '" + topic + "': " + error.message;
  return error;
}

/// Of one topic, or of all when `topic` is null.
Result<Metadata> ask_metadata(const Handle& handle, const std::string* topic, Millis limit) {
  TopicHandle one;
  if (topic != nullptr) one.reset(rd_kafka_topic_new(handle.get(), topic->c_str(), nullptr));
  const auto give_up = std::chrono::steady_clock::now() + limit;
  auto err = RD_KAFKA_RESP_ERR_NO_ERROR;
  do {
    const rd_kafka_metadata_t* metadata = nullptr;
    err = rd_kafka_metadata(handle.get(), topic == nullptr, one.get(), &metadata, kGlance);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) return Metadata(metadata);
    if (err == RD_KAFKA_RESP_ERR__TRANSPORT) std::this_thread::sleep_for(Millis{50});
  } while (!handle.is_refused() && std::chrono::steady_clock::now() < give_up);
  Error error = handle.error(err, true);
  error.message = "no broker answers: " + error.message;
  return error;
}

/// Offsets of `partitions`, all of them asked for at once.
PartitionList list_of(const std::vector<Partition>& partitions, std::int64_t offset) {
  PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const Partition& p : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), p.topic.c_str(), p.number)->offset = offset;
  }
  return list;
}

Result<std::vector<std::int64_t>> offsets_in(const Handle& handle,
                                             const rd_kafka_topic_partition_list_t& list) {
  std::vector<std::int64_t> offsets;
  for (int i = 0; i < list.cnt; ++i) {
    const auto& entry = list.elems[i];
    if (entry.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return topic_error(handle, entry.topic, entry.err);
    }
    offsets.push_back(entry.offset);
  }
  return offsets;
}

/// Runs one request of the admin interface and hands its result event to `use`.
template <class Ask, class Use>
Status administer(const Handle& handle, Millis limit, Ask&& ask, Use&& use) {
  Owned<rd_kafka_queue_t, rd_kafka_queue_destroy> queue(rd_kafka_queue_new(handle.get()));
  Owned<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy> options(
      rd_kafka_AdminOptions_new(handle.get(), RD_KAFKA_ADMIN_OP_ANY));
  std::array<char, 256> why{};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), ms(limit), why.data(), why.size());
  ask(options.get(), queue.get());
  Owned<rd_kafka_event_t, rd_kafka_event_destroy> event(
      rd_kafka_queue_poll(queue.get(), ms(limit) + 1000));
  if (!event) return Error{ErrorCode::io, "no broker answers" + handle.trouble(), true};
  if (const auto err = rd_kafka_event_error(event.get()); err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return handle.error(err, true);
  }
  return use(*event);
}

}  // namespace

std::string to_string(const Partition& partition) {
  return partition.topic + "/" + std::to_string(partition.number);
}

namespace {

Result<std::vector<Topic>> look_for_topics(const Handle& handle, const std::string& topic,
                                           Millis limit) {
  const bool pattern = topic.starts_with('^');
  std::regex expression;
  try {
    if (pattern) expression = std::regex(topic);
  } catch (const std::regex_error&) {
    return Error{ErrorCode::invalid_argument,
                 "the pattern " + topic + " is not a regular expression", false};
  }
  WEIR_ASSIGN(const Metadata metadata, ask_metadata(handle, pattern ? nullptr : &topic, limit));
  std::vector<Topic> found;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const auto& entry = metadata->topics[i];
    const std::string name = entry.topic;
    if (pattern && (name.starts_with("__") || !std::regex_search(name, expression))) continue;
    if (entry.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      // A leader is being elected.
      if (entry.err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
        return Error{ErrorCode::io, "topic '" + name + "' has no leader yet", true};
      }
      return topic_error(handle, name, entry.err);
    }
    found.push_back({name, entry.partition_cnt});
  }
  if (!pattern && found.empty()) {
    return topic_error(handle, topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  }
  std::sort(found.begin(), found.end(), [](auto& a, auto& b) { return a.name < b.name; });
  return found;
}

}  // namespace

Result<std::vector<Topic>> find_topics(const Handle& handle, const std::string& topic, Millis limit,
                                       Millis patience) {
  const auto give_up = std::chrono::steady_clock::now() + patience;
  for (;;) {
    auto found = look_for_topics(handle, topic, limit);
    const bool missing = !found.ok() && found.error().code == ErrorCode::not_found;
    if (!missing || std::chrono::steady_clock::now() > give_up) return found;
    std::this_thread::sleep_for(Millis{50});
  }
}

std::optional<std::string> topic_setting(const Handle& handle, const std::string& topic,
                                         const std::string& name, Millis limit) {
  Owned<rd_kafka_ConfigResource_t, rd_kafka_ConfigResource_destroy> resource(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  std::optional<std::string> found;
  const Status asked = administer(
      handle, limit,
      [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_ConfigResource_t* one = resource.get();
        rd_kafka_DescribeConfigs(handle.get(), &one, 1, options, queue);
      },
      [&](rd_kafka_event_t& event) -> Status {
        const auto* result = rd_kafka_event_DescribeConfigs_result(&event);
        std::size_t count = 0;
        const auto** resources = rd_kafka_DescribeConfigs_result_resources(result, &count);
        for (std::size_t r = 0; r < count; ++r) {
          std::size_t entries = 0;
          const auto** configs = rd_kafka_ConfigResource_configs(resources[r], &entries);
          for (std::size_t i = 0; i < entries; ++i) {
            const char* value = rd_kafka_ConfigEntry_value(configs[i]);
            if (value != nullptr && name == rd_kafka_ConfigEntry_name(configs[i])) found = value;
          }
        }
        return {};
      });
  return asked.ok() ? found : std::nullopt;
}

Status create_topic(const Handle& handle, const std::string& topic, const Settings& settings,
                    Millis limit) {
  std::array<char, 256> why{};
  Owned<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy> fresh(
      rd_kafka_NewTopic_new(topic.c_str(), 1, -1, why.data(), why.size()));
  if (!fresh) return Error{ErrorCode::invalid_argument, why.data(), false};
  for (const auto& [name, value] : settings) {
    rd_kafka_NewTopic_set_config(fresh.get(), name.c_str(), value.c_str());
  }
  return administer(
      handle, limit,
      [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_NewTopic_t* one = fresh.get();
        rd_kafka_CreateTopics(handle.get(), &one, 1, options, queue);
      },
      [&](rd_kafka_event_t& event) -> Status {
        std::size_t count = 0;
        const auto** topics =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(&event), &count);
        for (std::size_t i = 0; i < count; ++i) {
          const auto err = rd_kafka_topic_result_error(topics[i]);
          if (err == RD_KAFKA_RESP_ERR_NO_ERROR || err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            continue;
          }
          Error error = topic_error(handle, topic, err);
          error.message = "cannot create " + error.message;
          return error;
        }
        return {};
      });
}

Result<Bounds> bounds_of(const Handle& handle, const Partition& partition, Millis limit) {
  Bounds bounds;
  const auto err =
      rd_kafka_query_watermark_offsets(handle.get(), partition.topic.c_str(), partition.number,
                                       &bounds.begin, &bounds.end, ms(limit));
  if (err == RD_KAFKA_RESP_ERR_NO_ERROR) return bounds;
  Error error = handle.error(err, true);
  error.message = "cannot ask for the offsets of " + to_string(partition) + ": " + error.message;
  return error;
}

Result<std::vector<std::int64_t>> offsets_at(const Handle& handle,
                                             const std::vector<Partition>& partitions,
                                             EventTime time, Millis limit) {
  const PartitionList list = list_of(partitions, to_millis(time));
  const auto err = rd_kafka_offsets_for_times(handle.get(), list.get(), ms(limit));
  if (err != RD_KAFKA_RESP_ERR_NO_ERROR) return handle.error(err, true);
  WEIR_ASSIGN(std::vector<std::int64_t> offsets, offsets_in(handle, *list));
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] >= 0) continue;
    WEIR_ASSIGN(const Bounds bounds, bounds_of(handle, partitions[i], limit));
    offsets[i] = bounds.end;
  }
  return offsets;
}

Result<std::vector<std::int64_t>> committed_offsets(const Handle& handle,
                                                    const std::vector<Partition>& partitions,
                                                    Millis limit) {
  const PartitionList list = list_of(partitions, RD_KAFKA_OFFSET_INVALID);
  const auto err = rd_kafka_committed(handle.get(), list.get(), ms(limit));
  if (err != RD_KAFKA_RESP_ERR_NO_ERROR) return handle.error(err, true);
  WEIR_ASSIGN(std::vector<std::int64_t> offsets, offsets_in(handle, *list));
  for (std::int64_t& offset : offsets) offset = std::max<std::int64_t>(offset, -1);
  return offsets;
}

Status commit_offsets(const Handle& handle,
                      const std::vector<std::pair<Partition, std::int64_t>>& offsets,
                      Millis limit) {
  PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [p, offset] : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), p.topic.c_str(), p.number)->offset = offset;
  }
  Owned<rd_kafka_queue_t, rd_kafka_queue_destroy> queue(rd_kafka_queue_new(handle.get()));
  auto err = rd_kafka_commit_queue(handle.get(), list.get(), queue.get(), nullptr, nullptr);
  if (err != RD_KAFKA_RESP_ERR_NO_ERROR) return handle.error(err, true);
  Owned<rd_kafka_event_t, rd_kafka_event_destroy> event(
      rd_kafka_queue_poll(queue.get(), ms(limit)));
  err = event ? rd_kafka_event_error(event.get()) : RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (err == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return handle.error(err, true);
}

}  // namespace weir::kafka::detail
