// Producing; see producer.h.
#include "weir/connectors/kafka/producer.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>

namespace weir::kafka::detail {
namespace {

Settings producer_settings(const std::string& transactional_id, std::size_t max_record) {
  Settings settings = {{"enable.idempotence", "true"},
                       {"acks", "all"},
                       {"partitioner", "murmur2_random"},  // as Java's clients
                       {"linger.ms", "1"},                 // a commit flushes at once
                       {"batch.num.messages", "10000"},
                       {"queue.buffering.max.messages", "1000000"},
                       {"queue.buffering.max.kbytes", "1048576"},
                       {"reconnect.backoff.max.ms", "1000"},
                       {"socket.nagle.disable", "true"}};
  // A batch is what a broker compares with max.message.bytes, so it must not be larger either.
  settings["batch.size"] = std::to_string(std::min<std::size_t>(max_record, 1'000'000));
  settings["message.max.bytes"] = std::to_string(std::max<std::size_t>(max_record, 1000));
  if (!transactional_id.empty()) settings["transactional.id"] = transactional_id;
  return settings;
}

bool says_fenced(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
         code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
         code == RD_KAFKA_RESP_ERR_TRANSACTION_COORDINATOR_FENCED;
}

/// Trying again is in vain.
bool is_hopeless(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
         code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED ||
         code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
         code == RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT ||
         code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

}  // namespace

Producer::Producer(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}

Producer::~Producer() {
  for (auto& [name, topic] : topics_) rd_kafka_topic_destroy(topic);
  // What is still queued belongs to no transaction that will be committed.
  rd_kafka_purge(handle_->get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                     RD_KAFKA_PURGE_F_NON_BLOCKING);
}

Result<std::unique_ptr<Producer>> Producer::make(const Connection& to,
                                                 const std::string& transactional_id,
                                                 std::size_t max_record) {
  WEIR_ASSIGN(
      std::unique_ptr<Handle> handle,
      Handle::make(Handle::Kind::producer, to, producer_settings(transactional_id, max_record)));
  return std::unique_ptr<Producer>(new Producer(std::move(handle)));
}

Outcome Producer::outcome(void* raw) {
  auto* error = static_cast<rd_kafka_error_t*>(raw);
  if (error == nullptr) return {};
  const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
  const bool must_abort = rd_kafka_error_txn_requires_abort(error) != 0;
  std::string text = rd_kafka_error_string(error);
  rd_kafka_error_destroy(error);
  char fatal_text[256] = "";
  const rd_kafka_resp_err_t fatal =
      rd_kafka_fatal_error(handle_->get(), fatal_text, sizeof fatal_text);
  if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) text += std::string("; ") + fatal_text;
  Outcome out;
  out.fault = says_fenced(code) || says_fenced(fatal) ? Fault::fenced
              : must_abort                            ? Fault::abort
                                                      : Fault::unknown;
  out.error = client_error(code, text, handle_->connection(), !is_hopeless(code));
  if (code == RD_KAFKA_RESP_ERR__TIMED_OUT) out.error.message += handle_->trouble();
  return out;
}

Outcome Producer::init(Millis limit) {
  return outcome(rd_kafka_init_transactions(handle_->get(), static_cast<int>(limit.count())));
}

Outcome Producer::begin() { return outcome(rd_kafka_begin_transaction(handle_->get())); }

Outcome Producer::commit(Millis limit) {
  return outcome(rd_kafka_commit_transaction(handle_->get(), static_cast<int>(limit.count())));
}

Outcome Producer::abort(Millis limit) {
  return outcome(rd_kafka_abort_transaction(handle_->get(), static_cast<int>(limit.count())));
}

Status Producer::flush(Millis limit) {
  const auto err = rd_kafka_flush(handle_->get(), static_cast<int>(limit.count()));
  if (err != RD_KAFKA_RESP_ERR_NO_ERROR) return handle_->error(err, true);
  return handle_->take_delivery_failure();
}

Result<rd_kafka_topic_s*> Producer::topic(const std::string& name) {
  const auto known = topics_.find(name);
  if (known != topics_.end()) [[likely]]
    return known->second;
  rd_kafka_topic_t* made = rd_kafka_topic_new(handle_->get(), name.c_str(), nullptr);
  if (made == nullptr) return handle_->error(rd_kafka_last_error(), false);
  topics_.emplace(name, made);
  // Without this the first transaction waits for the next look at unknown topics, up to a second.
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(handle_->get(), 0, made, &metadata, 10'000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_metadata_destroy(metadata);
  }
  return made;
}

Outcome Producer::add(const std::string& name, const OutRecord& record) {
  auto found = topic(name);
  if (!found.ok()) return {Fault::abort, found.error()};
  const std::int32_t partition = record.partition >= 0 ? record.partition : RD_KAFKA_PARTITION_UA;
  const auto pointer = [](const std::optional<std::string_view>& text) {
    return text ? const_cast<char*>(text->data() != nullptr ? text->data() : "") : nullptr;
  };
  const auto size = [](const auto& text) { return text ? text->size() : 0; };
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (;;) {
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (record.headers.empty() && record.timestamp_ms == 0) {
      if (rd_kafka_produce(*found, partition, RD_KAFKA_MSG_F_COPY, pointer(record.value),
                           size(record.value), pointer(record.key), size(record.key),
                           nullptr) != 0) {
        err = rd_kafka_last_error();
      }
    } else {
      rd_kafka_headers_t* headers = nullptr;
      if (!record.headers.empty()) {
        headers = rd_kafka_headers_new(record.headers.size());
        for (const auto& header : record.headers) {
          rd_kafka_header_add(headers, header.name.data(), static_cast<ssize_t>(header.name.size()),
                              pointer(header.value), static_cast<ssize_t>(size(header.value)));
        }
      }
      err = rd_kafka_producev(
          handle_->get(), RD_KAFKA_V_RKT(*found), RD_KAFKA_V_PARTITION(partition),
          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
          RD_KAFKA_V_VALUE(pointer(record.value), size(record.value)),
          RD_KAFKA_V_KEY(pointer(record.key), size(record.key)),
          RD_KAFKA_V_TIMESTAMP(record.timestamp_ms), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
      if (err != RD_KAFKA_RESP_ERR_NO_ERROR && headers != nullptr) {
        rd_kafka_headers_destroy(headers);
      }
    }
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) [[likely]]
      return {};
    if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL && std::chrono::steady_clock::now() < give_up) {
      handle_->poll(Millis{5});
      continue;
    }
    char why[256] = "";
    const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(handle_->get(), why, sizeof why);
    const bool fenced = says_fenced(err) || says_fenced(fatal);
    Error error = handle_->error(err, !is_hopeless(err));
    error.message = "topic '" + name + "': " + error.message;
    return {fenced                                ? Fault::fenced
            : fatal != RD_KAFKA_RESP_ERR_NO_ERROR ? Fault::unknown
                                                  : Fault::abort,
            std::move(error)};
  }
}

}  // namespace weir::kafka::detail
