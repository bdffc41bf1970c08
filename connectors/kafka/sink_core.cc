// What a Kafka sink does at the start, at barriers and at commits; see sink_core.h.
#include "weir/connectors/kafka/sink_core.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "weir/base/log.h"
#include "weir/connectors/kafka/shards.h"
#include "weir/connectors/kafka/staged.h"

namespace weir::kafka::detail {
namespace {

constexpr Millis kAnswer{15'000};
constexpr std::size_t kBlockBytes = std::size_t{1} << 20;
constexpr std::size_t kFraming = 512;  // of a record and its batch, generously

/// Stages: records lie in blocks until their checkpoint is complete.
class StagingWriter final : public OutWriter {
 public:
  StagingWriter(const std::string& topic, std::uint32_t shard)
      : blocks_(topic, shard, kBlockBytes) {}
  Status add(const OutRecord& record) override {
    blocks_.add(record);
    return {};
  }
  Result<Staged> stage(std::uint64_t checkpoint) override {
    return Staged{blocks_.take(checkpoint), {}};
  }

 private:
  BlockWriter blocks_;
};

/// Produces at once; a barrier waits until all is delivered.
class DirectWriter final : public OutWriter {
 public:
  DirectWriter(std::string topic, std::unique_ptr<Producer> producer)
      : topic_(std::move(topic)), state_(std::make_shared<State>()) {
    state_->producer = std::move(producer);
  }
  Status add(const OutRecord& record) override {
    const Outcome added = state_->producer->add(topic_, record);
    return added.ok() ? Status() : Status(added.error);
  }
  Result<Staged> stage(std::uint64_t) override {
    {
      const std::lock_guard lock(state_->mutex);
      WEIR_TRY(state_->lost);  // to be written anew, from the last checkpoint
    }
    Staged staged;
    staged.durable.push_back([state = state_] { return state->flush(); });
    return staged;
  }

 private:
  // Shared with flushes under way. librdkafka's calls are thread-safe.
  struct State {
    std::unique_ptr<Producer> producer;
    std::mutex mutex;
    Status lost;

    Status flush() {
      Status flushed = producer->flush(Millis{60'000});
      const std::lock_guard lock(mutex);
      if (!flushed.ok() && lost.ok()) lost = flushed;
      return flushed;
    }
  };
  std::string topic_;
  std::shared_ptr<State> state_;
};

/// A name that Kafka takes for a topic.
std::string as_topic(std::string name) {
  for (char& c : name) {
    const bool fine =
        std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
    if (!fine) c = '_';
  }
  return name.substr(0, 249);
}

}  // namespace

SinkCore::SinkCore(CoreOptions options) : options_(std::move(options)) {
  options_.brokers = brokers_or_default(options_.brokers);
}
SinkCore::~SinkCore() = default;

Status SinkCore::check() const {
  const auto wrong = [](const char* what) {
    return Error{ErrorCode::invalid_argument, what, false};
  };
  if (options_.topic.empty()) return wrong("it has no topic; set .topic");
  if (options_.upsert && !options_.has_key) {
    return wrong("with .upsert the newest record of a key counts; set .key");
  }
  return Connection{options_.brokers, options_.settings, ""}.check();
}

Status SinkCore::look_at_topic(const SinkContext& context) const {
  const Connection to{options_.brokers, options_.settings, "sink " + context.step};
  WEIR_ASSIGN(const auto handle, Handle::make(Handle::Kind::producer, to, {}));
  auto topics = find_topics(*handle, options_.topic, kAnswer);
  if (!topics.ok()) {
    Error error = topics.error();
    // At the first start the address is more likely wrong than Kafka away.
    error.retryable = error.retryable && context.restored;
    return error;
  }
  partitions_ = topics->front().partitions;
  std::size_t limit = 1'048'588;  // Kafka's default
  if (const auto said = topic_setting(*handle, options_.topic, "max.message.bytes", kAnswer)) {
    limit = std::max<std::size_t>(std::strtoull(said->c_str(), nullptr, 10), 2 * kFraming);
  }
  max_record_ = options_.max_record == 0 ? limit : std::min(limit, options_.max_record + kFraming);
  const auto policy = topic_setting(*handle, options_.topic, "cleanup.policy", kAnswer);
  const bool compacted = policy && policy->find("compact") != std::string::npos;
  needs_key_ = compacted || options_.upsert;
  if (compacted && !options_.has_key) {
    return Error{ErrorCode::invalid_argument,
                 "topic '" + options_.topic + "' is compacted, so its records need a key; set .key",
                 false};
  }
  if (options_.upsert && policy && !compacted) {
    log_warn("sink " + context.step, "topic '" + options_.topic +
                                         "' is not compacted (cleanup.policy=" + *policy +
                                         "), so older records of a key stay in it");
  }
  return {};
}

std::size_t SinkCore::most_bytes() const { return max_record_.load() - kFraming; }

ShardOptions SinkCore::shard_options(const SinkContext& context) const {
  ShardOptions shards;
  shards.to = {options_.brokers, options_.settings, "sink " + context.step};
  shards.id = options_.id.empty() ? context.job + "/" + context.step : options_.id;
  shards.place.topic = options_.progress_topic.empty() ? as_topic("weir-progress-" + context.job)
                                                       : options_.progress_topic;
  shards.place.id = shards.id;
  shards.place.run = context.run_id;
  char host[256] = {};
  static_cast<void>(::gethostname(host, sizeof host - 1));
  const std::string folder =
      context.owner.temporary ? "of a run without --state" : context.owner.path;
  shards.self = {context.attempt, context.owner.id, folder, host};
  shards.shards = context.parallelism;
  // At least once nothing is staged, so nothing more is committed than what was staged before.
  if (!at_least_once()) shards.here.insert(context.here.begin(), context.here.end());
  shards.max_record = max_record_.load();
  if (options_.transaction_bytes > 0) shards.transaction_bytes = options_.transaction_bytes;
  return shards;
}

Status SinkCore::prepare(const SinkContext& context, const std::vector<std::string>& live) const {
  WEIR_TRY(check());
  WEIR_TRY(look_at_topic(context));
  if (at_least_once() && live.empty()) return {};
  ShardOptions options = shard_options(context);
  WEIR_TRY(ensure_progress_topic(options.to, options.place.topic));
  auto made = std::make_shared<Shards>(std::move(options));
  WEIR_TRY(made->recover(live, context.restored_checkpoint));
  const std::lock_guard lock(mutex_);
  shards_ = std::move(made);
  return {};
}

Status SinkCore::attach(const SinkContext& context) const {
  WEIR_TRY(check());
  WEIR_TRY(look_at_topic(context));
  if (at_least_once()) return {};
  auto made = std::make_shared<Shards>(shard_options(context));
  WEIR_TRY(made->attach());
  const std::lock_guard lock(mutex_);
  shards_ = std::move(made);
  return {};
}

Result<std::unique_ptr<OutWriter>> SinkCore::open(const SinkContext& context) const {
  if (!at_least_once()) {
    return std::unique_ptr<OutWriter>(
        std::make_unique<StagingWriter>(options_.topic, context.subtask));
  }
  const Connection to{options_.brokers, options_.settings, "sink " + context.step};
  WEIR_ASSIGN(auto producer, Producer::make(to, "", max_record_.load()));
  return std::unique_ptr<OutWriter>(
      std::make_unique<DirectWriter>(options_.topic, std::move(producer)));
}

Status SinkCore::commit(const std::vector<Committable>& committables) const {
  if (at_least_once()) return {};  // staged before the job said so; `prepare` has committed that
  std::shared_ptr<Shards> shards;
  {
    const std::lock_guard lock(mutex_);
    shards = shards_;
  }
  WEIR_CHECK(shards != nullptr, "a Kafka sink commits before it was prepared or attached");
  return shards->commit(committables);
}

std::string SinkCore::destination() const {
  return options_.id.empty() ? "" : "transactional id " + options_.id + " at " + options_.brokers;
}

std::string SinkCore::describe() const {
  return "Kafka topic " + options_.topic + (options_.upsert ? ", newest by key" : "");
}

}  // namespace weir::kafka::detail
