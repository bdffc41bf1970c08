// The Kafka sink without the type of its records; see sink.h for what a job sees.
//
// Threads: as of Sink and SinkWriter in runtime/sink.h.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "weir/connectors/kafka/options.h"
#include "weir/runtime/sink.h"

namespace weir::kafka::detail {

struct OutRecord;
struct ShardOptions;
class Shards;

struct CoreOptions {
  std::string brokers, topic;
  Delivery delivery = Delivery::exactly_once;
  std::string id, progress_topic;
  std::size_t max_record = 0, transaction_bytes = 0;
  bool upsert = false;
  bool has_key = false;
  Settings settings;
};

/// Takes the encoded records of one subtask.
class OutWriter {
 public:
  virtual ~OutWriter() = default;
  virtual Status add(const OutRecord& record) = 0;
  virtual Result<Staged> stage(std::uint64_t checkpoint) = 0;
};

class SinkCore {
 public:
  explicit SinkCore(CoreOptions options);
  ~SinkCore();

  Status prepare(const SinkContext& context, const std::vector<std::string>& live) const;
  Status attach(const SinkContext& context) const;
  Result<std::unique_ptr<OutWriter>> open(const SinkContext& context) const;
  Status commit(const std::vector<Committable>& committables) const;
  bool at_least_once() const { return options_.delivery == Delivery::at_least_once; }
  std::string destination() const;
  std::string describe() const;

  /// Of the topic, when the attempt began.
  std::int32_t partitions() const { return partitions_.load(); }
  /// The topic is compacted, or the sink was asked for upserts.
  bool needs_key() const { return needs_key_.load(std::memory_order_relaxed); }
  /// Key, value and headers of a record may have so many bytes together.
  std::size_t most_bytes() const;

 private:
  Status check() const;
  Status look_at_topic(const SinkContext& context) const;
  ShardOptions shard_options(const SinkContext& context) const;

  CoreOptions options_;
  mutable std::atomic<std::int32_t> partitions_{1};
  mutable std::atomic<std::size_t> max_record_{1'000'000};
  mutable std::atomic<bool> needs_key_{false};
  mutable std::mutex mutex_;
  mutable std::shared_ptr<Shards> shards_;  // of the attempt; commits under way keep it
};

}  // namespace weir::kafka::detail
