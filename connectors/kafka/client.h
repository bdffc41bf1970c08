// librdkafka behind small types of ours: the only way to it (the library's header is included by
// .cc files of this folder alone). A failure comes as an Error whose text holds librdkafka's and
// names the setting that matters.
//
// Threads: every method is thread-safe unless it says otherwise. What blocks has a time limit.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/result.h"
#include "weir/connectors/kafka/options.h"

struct rd_kafka_s;
struct rd_kafka_message_s;
struct rd_kafka_queue_s;
struct rd_kafka_topic_s;

namespace weir::kafka::detail {

using Millis = std::chrono::milliseconds;

/// How to reach a cluster.
struct Connection {
  std::string brokers;
  Settings settings;  ///< of the job; secrets still as references
  std::string who;    ///< "source events", for the log

  /// Fails when brokers or a secret are missing, or a setting is not the job's to make.
  Status check() const;
};

/// `brokers`, or what the environment says when that is empty.
std::string brokers_or_default(const std::string& brokers);

/// An error of librdkafka in words, with the setting that matters. `retryable`: of `Error`.
Error client_error(int code, const std::string& text, const Connection& to, bool retryable);

/// A handle of librdkafka with its log and its last error.
class Handle {
 public:
  enum class Kind : std::uint8_t { consumer, producer };
  /// `ours` are the settings that the caller's guarantees rest on.
  static Result<std::unique_ptr<Handle>> make(Kind kind, Connection to, const Settings& ours);
  /// Disconnects. Blocks until librdkafka's threads have ended.
  ~Handle();
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  rd_kafka_s* get() const { return rk_; }
  const Connection& connection() const { return to_; }
  /// Serves librdkafka's callbacks; call now and then.
  void poll(Millis limit = Millis{0}) const;
  /// What went wrong last between the client and its brokers: "" or "; ...".
  std::string trouble() const;
  Error error(int code, bool retryable) const;
  /// What went wrong last was a name, a certificate or a password, which time does not heal.
  bool is_refused() const;
  /// Of a producer: why a record did not reach its broker, since the last call.
  Status take_delivery_failure() const;

  struct Events;

 private:
  explicit Handle(Connection to);
  Connection to_;
  std::unique_ptr<Events> events_;
  rd_kafka_s* rk_ = nullptr;
};

struct Topic {
  std::string name;
  std::int32_t partitions = 0;
};
/// The topics named `topic`, or all whose name matches when it begins with `^`; sorted by name.
/// Error: not_found when a topic of that name does not exist, and does not come up within
/// `patience`: news of a fresh one takes a while. Retryable when no broker answers in `limit`.
Result<std::vector<Topic>> find_topics(const Handle& handle, const std::string& topic, Millis limit,
                                       Millis patience = Millis{1000});
/// The topic's own setting `name`, such as "max.message.bytes"; nothing when it cannot be asked.
std::optional<std::string> topic_setting(const Handle& handle, const std::string& topic,
                                         const std::string& name, Millis limit);
/// Creates a topic of one partition unless it exists.
Status create_topic(const Handle& handle, const std::string& topic, const Settings& settings,
                    Millis limit);

struct Partition {
  std::string topic;
  std::int32_t number = 0;
  bool operator==(const Partition&) const = default;
};
std::string to_string(const Partition& partition);

struct Bounds {
  std::int64_t begin = 0, end = 0;
};
/// The offsets of a partition: its oldest record, and one past its newest. The end is what a reader
/// of the handle's isolation level can see now.
Result<Bounds> bounds_of(const Handle& handle, const Partition& partition, Millis limit);
/// The offset of the first record at or after `time` in each; the end where there is none.
Result<std::vector<std::int64_t>> offsets_at(const Handle& handle,
                                             const std::vector<Partition>& partitions,
                                             EventTime time, Millis limit);
/// What the handle's group has committed, or -1.
Result<std::vector<std::int64_t>> committed_offsets(const Handle& handle,
                                                    const std::vector<Partition>& partitions,
                                                    Millis limit);
Status commit_offsets(const Handle& handle,
                      const std::vector<std::pair<Partition, std::int64_t>>& offsets, Millis limit);

/// The messages that one call of `Fetch::next` gave; they live as long as this.
class Messages {
 public:
  Messages() = default;
  ~Messages() { clear(); }
  Messages(const Messages&) = delete;
  Messages& operator=(const Messages&) = delete;
  void clear();
  std::size_t size() const { return size_; }
  rd_kafka_message_s* operator[](std::size_t i) const { return all_[i]; }

 private:
  friend class Fetch;
  std::vector<rd_kafka_message_s*> all_;
  std::size_t size_ = 0;
};

/// One partition being read from an offset on, in the background. Used by one thread.
class Fetch {
 public:
  static Result<std::unique_ptr<Fetch>> start(std::shared_ptr<Handle> consumer,
                                              const Partition& partition, std::int64_t offset);
  ~Fetch();
  Fetch(const Fetch&) = delete;
  Fetch& operator=(const Fetch&) = delete;
  /// What has arrived, at most `most` messages, those that say "end of partition" and errors among
  /// them. Waits up to `limit` for the first.
  void next(Messages& out, std::size_t most, Millis limit) const;
  /// One past the newest record that the broker has told of, or -1.
  std::int64_t known_end() const;
  const Handle& consumer() const { return *consumer_; }

 private:
  Fetch(std::shared_ptr<Handle> consumer, Partition partition);
  std::shared_ptr<Handle> consumer_;
  Partition partition_;
  rd_kafka_topic_s* topic_ = nullptr;
  rd_kafka_queue_s* queue_ = nullptr;
};

}  // namespace weir::kafka::detail
