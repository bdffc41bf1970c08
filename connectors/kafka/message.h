// A record of Kafka as it was read: what decoders see, and what raw sources give.
//
// Used by one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/describe.h"
#include "weir/base/time.h"

struct rd_kafka_message_s;

namespace weir::kafka {

struct Header {
  std::string name;
  std::optional<std::string> value;
};
WEIR_DESCRIBE(Header, name, value);

struct RawRecord;

/// A record on its way into a decoder. It and what it shows live as long as that call.
class Message {
 public:
  explicit Message(const rd_kafka_message_s& raw) : raw_(&raw) {}
  explicit Message(const RawRecord& record) : record_(&record) {}

  std::string_view topic() const;
  std::int32_t partition() const;
  std::int64_t offset() const;
  /// When it was produced, or appended, as the topic has it.
  EventTime timestamp() const;
  std::optional<std::string_view> key() const;
  /// Nothing: a tombstone.
  std::optional<std::string_view> value() const;
  /// The last header of that name; nothing when there is none, or it has no value.
  std::optional<std::string_view> header(std::string_view name) const;
  std::vector<Header> headers() const;

 private:
  const rd_kafka_message_s* raw_ = nullptr;  // or else
  const RawRecord* record_ = nullptr;
};

/// A whole record, for jobs that decode it themselves.
struct RawRecord {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  EventTime timestamp = kBeginningOfTime;
  std::optional<std::string> key, value;
  std::vector<Header> headers;
};
WEIR_DESCRIBE(RawRecord, topic, partition, offset, timestamp, key, value, headers);

/// Copies `message`.
RawRecord raw_record(const Message& message);

}  // namespace weir::kafka
