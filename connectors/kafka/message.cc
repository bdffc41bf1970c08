// Looking into a message of librdkafka; see message.h.
#include "weir/connectors/kafka/message.h"

#include <librdkafka/rdkafka.h>

namespace weir::kafka {
namespace {

std::string_view bytes(const void* data, std::size_t size) {
  return {static_cast<const char*>(data), size};
}

}  // namespace

std::string_view Message::topic() const {
  return record_ != nullptr ? record_->topic : std::string_view(rd_kafka_topic_name(raw_->rkt));
}
std::int32_t Message::partition() const {
  return record_ != nullptr ? record_->partition : raw_->partition;
}
std::int64_t Message::offset() const { return record_ != nullptr ? record_->offset : raw_->offset; }

EventTime Message::timestamp() const {
  if (record_ != nullptr) return record_->timestamp;
  rd_kafka_timestamp_type_t type{};
  return from_millis(rd_kafka_message_timestamp(raw_, &type));
}

std::optional<std::string_view> Message::key() const {
  if (record_ != nullptr) return record_->key;
  if (raw_->key == nullptr) return std::nullopt;
  return bytes(raw_->key, raw_->key_len);
}

std::optional<std::string_view> Message::value() const {
  if (record_ != nullptr) return record_->value;
  if (raw_->payload == nullptr) return std::nullopt;
  return bytes(raw_->payload, raw_->len);
}

std::optional<std::string_view> Message::header(std::string_view name) const {
  if (record_ != nullptr) {
    std::optional<std::string_view> last;
    for (const Header& header : record_->headers) {
      if (header.name == name) last = header.value;
    }
    return last;
  }
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(raw_, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
  const void* value = nullptr;
  std::size_t size = 0;
  const auto found = rd_kafka_header_get_last(headers, std::string(name).c_str(), &value, &size);
  if (found != RD_KAFKA_RESP_ERR_NO_ERROR || value == nullptr) return std::nullopt;
  return bytes(value, size);
}

std::vector<Header> Message::headers() const {
  if (record_ != nullptr) return record_->headers;
  std::vector<Header> all;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(raw_, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return all;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0;
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    all.push_back(
        {name, value == nullptr ? std::nullopt : std::optional(std::string(bytes(value, size)))});
  }
  return all;
}

RawRecord raw_record(const Message& message) {
  RawRecord record;
  record.topic = message.topic();
  record.partition = message.partition();
  record.offset = message.offset();
  record.timestamp = message.timestamp();
  if (const auto key = message.key()) record.key.emplace(*key);
  if (const auto value = message.value()) record.value.emplace(*value);
  record.headers = message.headers();
  return record;
}

}  // namespace weir::kafka
