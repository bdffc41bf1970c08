// Reading the progress topic; see progress.h.
#include "weir/connectors/kafka/progress.h"

#include <librdkafka/rdkafka.h>

#include <charconv>

#include "weir/base/json.h"
#include "weir/base/json_tree.h"
#include "weir/base/schema.h"
#include "weir/checkpoint/attempt.h"
#include "weir/connectors/kafka/message.h"

namespace weir::kafka::detail {
namespace {

constexpr Millis kAnswer{15'000};

Result<std::shared_ptr<Handle>> reader(const Connection& to, const char* isolation) {
  WEIR_ASSIGN(std::shared_ptr<Handle> made, Handle::make(Handle::Kind::consumer, to,
                                                         {{"isolation.level", isolation},
                                                          {"auto.offset.reset", "error"},
                                                          {"enable.partition.eof", "true"},
                                                          {"allow.auto.create.topics", "false"},
                                                          {"fetch.wait.max.ms", "10"},
                                                          {"reconnect.backoff.max.ms", "1000"},
                                                          {"socket.nagle.disable", "true"}}));
  return made;
}

/// The shard that a key names which begins with `prefix`.
std::optional<std::uint32_t> shard_of(const std::string& prefix, std::string_view key) {
  if (!key.starts_with(prefix)) return std::nullopt;
  key.remove_prefix(prefix.size());
  std::uint32_t shard = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), shard);
  if (error != std::errc() || end != key.data() + key.size()) return std::nullopt;
  return shard;
}

Status take(const ProgressPlace& place, const rd_kafka_message_s& raw, Standing& found) {
  const Message message(raw);
  if (!message.key()) return {};
  Status read;
  if (const auto mine = shard_of(place.id + "/" + place.run + "/", *message.key())) {
    if (message.value())
      read = from_json(*message.value(), found.progress[*mine]);
    else
      found.progress.erase(*mine);
  } else if (const auto owned = shard_of(place.id + "/owner/", *message.key())) {
    auto owner = parse_owner(std::string(message.value().value_or("{}")));
    if (owner.ok()) {
      found.owners[*owned] = *std::move(owner);
    } else {
      read = owner.error();
    }
  }
  if (read.ok()) return {};
  return Error{ErrorCode::corrupt,
               "the record at offset " + std::to_string(raw.offset) + " of the progress topic " +
                   place.topic + " is not one of Weir's",
               false};
}

}  // namespace

Result<OwnerRecord> parse_owner(const std::string& text) {
  WEIR_ASSIGN(const JsonValue json, parse_json(text));
  if (!json.is(JsonValue::Kind::object)) return Error{ErrorCode::corrupt, "it is no JSON object"};
  const auto read = [&json](const char* name) {
    const JsonValue* value = json.find(name);
    return value != nullptr && value->is(JsonValue::Kind::string) ? value->text : std::string();
  };
  return OwnerRecord{read("attempt"), read("state"), read("folder"), read("host")};
}

Status check_owner(const OwnerRecord& mine, const OwnerRecord& owner, const std::string& id) {
  if (owner.attempt == mine.attempt) return {};
  if (owner.state.empty() || owner.state == mine.state) {
    return Error{ErrorCode::fenced,
                 "another process (attempt " + owner.attempt +
                     (owner.host.empty() ? "" : " on " + owner.host) +
                     ") has taken over transactional id " + id +
                     "; this one must not write any more. Of jobs with one name, or sinks with one "
                     ".id, only one may run",
                 false};
  }
  return Error{ErrorCode::already_exists,
               "another job, on " + owner.host + " with the state folder " + owner.folder +
                   ", has taken over transactional id " + id +
                   ". Two jobs of one name, or sinks with one .id, must not run at the same time: "
                   "they end each other's transactions. Stop one of them; or, if both are to run, "
                   "give this job another name, or its sink an .id of its own",
               false};
}

Status check_not_newer(const OwnerRecord& mine, const OwnerRecord& owner, const std::string& id) {
  if (owner.state.empty() || owner.state != mine.state) return {};
  const auto theirs = attempt_number(owner.attempt), ours = attempt_number(mine.attempt);
  if (!theirs || !ours || *theirs <= *ours) return {};
  return check_owner(mine, owner, id);
}

Status ensure_progress_topic(const Connection& to, const std::string& topic) {
  WEIR_ASSIGN(const std::shared_ptr<Handle> handle, reader(to, "read_committed"));
  auto found = find_topics(*handle, topic, kAnswer, Millis{0});
  if (found.ok()) {
    if (found->front().partitions == 1) return {};
    return Error{ErrorCode::incompatible,
                 "the progress topic " + topic + " must have one partition, but has " +
                     std::to_string(found->front().partitions),
                 false};
  }
  if (found.error().code != ErrorCode::not_found) return found.error();
  Status made = create_topic(*handle, topic,
                             {{"cleanup.policy", "compact"},
                              {"segment.bytes", "16777216"},
                              {"min.cleanable.dirty.ratio", "0.1"}},
                             kAnswer);
  if (!made.ok()) {
    return Error{made.error().code,
                 made.error().message +
                     ". Create it by hand, compacted and with one partition, or "
                     "name another with .progress_topic",
                 made.error().retryable};
  }
  found = find_topics(*handle, topic, kAnswer, Millis{5000});
  return found.ok() ? Status() : Status(found.error());
}

Result<Standing> read_progress(const Connection& to, const ProgressPlace& place, ReadTo how_far,
                               Millis limit) {
  const Partition partition{place.topic, 0};
  Bounds bounds;
  {
    // What readers of committed records call the end may lie before our own newest record.
    WEIR_ASSIGN(const std::shared_ptr<Handle> all,
                reader(to, how_far == ReadTo::end ? "read_uncommitted" : "read_committed"));
    WEIR_ASSIGN(bounds, bounds_of(*all, partition, kAnswer));
  }
  Standing found;
  if (bounds.begin == bounds.end) return found;
  WEIR_ASSIGN(std::shared_ptr<Handle> handle, reader(to, "read_committed"));
  WEIR_ASSIGN(const std::unique_ptr<Fetch> fetch, Fetch::start(handle, partition, bounds.begin));
  const auto give_up = std::chrono::steady_clock::now() + limit;
  Messages messages;
  for (std::int64_t next = bounds.begin; next < bounds.end;) {
    fetch->next(messages, 1000, Millis{20});
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const rd_kafka_message_s& raw = *messages[i];
      if (raw.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        next = std::max<std::int64_t>(next, raw.offset);
      } else if (raw.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return client_error(raw.err, "cannot read the progress topic " + place.topic, to, true);
      } else {
        next = raw.offset + 1;
        WEIR_TRY(take(place, raw, found));
      }
    }
    if (next < bounds.end && std::chrono::steady_clock::now() > give_up) {
      return Error{ErrorCode::io,
                   "the progress topic " + place.topic + " cannot be read to its end: at offset " +
                       std::to_string(next) + " of " + std::to_string(bounds.end) +
                       " a transaction is open; should it stay so, it hangs in the broker, and "
                       "`kafka-transactions.sh find-hanging` shows it" +
                       handle->trouble(),
                   true};
    }
  }
  return found;
}

}  // namespace weir::kafka::detail
