// What a job says about its Kafka topics, whatever the type of their records.
//
// Plain data: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/time.h"
#include "weir/connectors/file/options.h"

namespace weir::kafka {

/// Settings of librdkafka, by their names there, passed on as they are: "security.protocol",
/// "ssl.ca.location", "sasl.username". A value `env:NAME` is taken from the environment,
/// `file:PATH` from a file without its last line end. Passwords and private keys must be given in
/// one of these two ways, so that they stand in no configuration, log or checkpoint. What Weir's
/// guarantees rest on (acks, isolation.level, transactional.id, ...) is refused here.
using Settings = std::map<std::string, std::string>;

/// Where a source begins to read a partition. It holds for the partitions that are there when a job
/// first starts; of one that is added later everything is read. It is resolved to an offset once,
/// and that offset is part of the next checkpoint.
class Start {
 public:
  enum class Kind : std::uint8_t { earliest, latest, time, group, offsets };

  /// All that the topic still holds.
  static Start earliest() { return Start(Kind::earliest); }
  /// What is produced from now on.
  static Start latest() { return Start(Kind::latest); }
  /// The first record with a timestamp at or after `time`; the end where there is none.
  static Start at(EventTime time) {
    Start start(Kind::time);
    start.time_ = time;
    return start;
  }
  /// Where the group of the options has committed; where it has not, all.
  static Start group() { return Start(Kind::group); }
  /// Given offsets by partition; of partitions not named, all. For sources of one topic.
  static Start offsets(std::map<std::int32_t, std::int64_t> offsets) {
    Start start(Kind::offsets);
    start.offsets_ = std::move(offsets);
    return start;
  }

  Kind kind() const { return kind_; }
  EventTime time() const { return time_; }
  const std::map<std::int32_t, std::int64_t>& given() const { return offsets_; }

 private:
  explicit Start(Kind kind) : kind_(kind) {}
  Kind kind_;
  EventTime time_ = kBeginningOfTime;
  std::map<std::int32_t, std::int64_t> offsets_;
};

/// Topics to read.
struct SourceOptions {
  /// "host:port,host:port". Empty: the environment variable WEIR_KAFKA_BROKERS.
  std::string brokers = {};
  /// A name, or a regular expression that begins with `^`: "^shop-.*".
  std::string topic = {};
  Start start = Start::earliest();
  /// Ends where the partitions end when the job first starts, as for filling state from the past.
  bool bounded = false;
  /// Positions are committed to this group once a checkpoint holds them, for tools that watch lag,
  /// and `Start::group()` begins at them. Nothing else depends on it. Empty: none.
  std::string group = {};
  /// How often to look for new partitions and topics.
  Duration discovery_interval{5000};
  /// A partition that has been at its end for so long does not hold event time back.
  Duration idle_at_end{1000};
  /// Also records of transactions that were aborted or have not ended.
  bool read_uncommitted = false;
  /// Larger records become dead letters (too_large).
  std::size_t max_record = std::size_t{1} << 20;
  /// Records without a value (tombstones) are passed over. Otherwise they become dead letters where
  /// the decoder needs a value.
  bool skip_tombstones = false;

  // For JSON into described structs:
  /// Described field -> key, where they differ; dots lead into objects: "properties.price".
  std::map<std::string, std::string> keys = {};
  /// Described field -> JSON text that stands for an absent key or null: "0", "\"EUR\"".
  std::map<std::string, std::string> defaults = {};
  /// Described fields whose text must not be empty.
  std::vector<std::string> not_empty = {};
  file::TimeFormat times = file::TimeFormat::millis;  ///< of numbers; strings are ISO 8601
  unsigned max_depth = 64;                            ///< deeper nested values become dead letters
  /// Described field that gets the record's key, its timestamp; described field -> header.
  std::string key_field = {};
  std::string timestamp_field = {};
  std::map<std::string, std::string> header_fields = {};

  Settings settings = {};
};

enum class Delivery : std::uint8_t {
  /// Staged in the checkpoint, then written in one transaction. Seen by `read_committed` readers
  /// once, whatever dies.
  exactly_once,
  /// Written at once and flushed before a checkpoint completes. Quicker; after a crash records may
  /// come again.
  at_least_once,
};

}  // namespace weir::kafka
