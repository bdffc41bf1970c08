// Kafka's topics as a source: partitions, where they begin, and readers. Threads: as of Source.
#include "weir/connectors/kafka/source.h"

#include <algorithm>
#include <chrono>
#include <mutex>

#include "weir/base/log.h"
#include "weir/connectors/kafka/client.h"
#include "weir/connectors/kafka/letter.h"
#include "weir/connectors/kafka/position.h"
#include "weir/connectors/kafka/reader.h"
#include "weir/runtime/environment.h"

namespace weir::kafka::detail {
namespace {

constexpr Millis kAnswer{15'000};              // of a broker, to a question
constexpr std::chrono::seconds kPatience{30};  // between two complaints of one kind

Settings consumer_settings(const SourceOptions& options) {
  return {{"isolation.level", options.read_uncommitted ? "read_uncommitted" : "read_committed"},
          {"auto.offset.reset", "error"},  // never jump silently
          {"enable.partition.eof", "true"},
          {"enable.auto.commit", "false"},
          {"enable.auto.offset.store", "false"},
          {"allow.auto.create.topics", "false"},
          // The reading client learns by itself of a partition that discovery has found.
          {"topic.metadata.refresh.interval.ms", "5000"},
          {"fetch.wait.max.ms", "100"},
          {"fetch.error.backoff.ms", "100"},
          {"queued.min.messages", "100000"},
          {"queued.max.messages.kbytes", "16384"},  // for each partition
          {"reconnect.backoff.max.ms", "1000"},
          {"socket.nagle.disable", "true"}};
}

class KafkaSource final : public UntypedSource {
 public:
  KafkaSource(SourceOptions options, std::unique_ptr<DecoderFactory> decoders)
      : options_(std::move(options)), decoders_(std::move(decoders)) {
    options_.brokers = brokers_or_default(options_.brokers);
  }
  ~KafkaSource() override { commit_rest(); }

  Result<std::vector<std::string>> discover(const SourceContext& context) const override;
  Result<std::vector<NewSplit>> first_positions(
      const SourceContext& context, const std::vector<std::string>& splits) const override;
  void positions_durable(const SourceContext& context,
                         const std::vector<NewSplit>& positions) const override;
  bool wants_durable_positions() const override { return !options_.group.empty(); }
  std::optional<Duration> discovery_interval() const override {
    if (options_.bounded) return std::nullopt;
    return options_.discovery_interval;
  }
  Result<std::unique_ptr<UntypedReader>> open(const SourceContext& context,
                                              const std::string& split,
                                              const std::string& position) const override;
  Status decode(const DeadLetter& letter, void* row) const override;
  std::string describe() const override {
    return "Kafka topic " + options_.topic + (options_.bounded ? ", up to its end" : "");
  }

 private:
  Status check() const;
  Connection connection(const std::string& step) const {
    return {options_.brokers, options_.settings, "source " + step};
  }
  /// The one consumer of all readers.
  Result<std::shared_ptr<Handle>> consumer(const std::string& step) const;
  Result<std::shared_ptr<Handle>> group_client(const std::string& step) const;
  Result<std::vector<std::int64_t>> starts(const SourceContext& context, const Handle& handle,
                                           const std::vector<Partition>& partitions) const;
  void commit_rest();

  SourceOptions options_;
  std::unique_ptr<DecoderFactory> decoders_;
  mutable std::mutex telling_;  // the group of positions; before `mutex_`
  mutable std::mutex mutex_;
  mutable std::weak_ptr<Handle> consumer_;  // readers keep it
  mutable std::shared_ptr<Handle> asking_;  // of discovery: a client lives on between looks
  mutable std::shared_ptr<Handle> group_;
  mutable std::map<std::string, std::int64_t> to_commit_;  // by split
  mutable std::chrono::steady_clock::time_point last_commit_{}, last_trouble_{};
};

Status KafkaSource::check() const {
  if (options_.topic.empty()) {
    return Error{ErrorCode::invalid_argument, "it has no topic; set .topic", false};
  }
  if (options_.start.kind() == Start::Kind::group && options_.group.empty()) {
    return Error{ErrorCode::invalid_argument, "it starts where its group is; set .group", false};
  }
  WEIR_TRY(connection("").check());
  WEIR_TRY(decoders_->make());
  return {};
}

Result<std::shared_ptr<Handle>> KafkaSource::consumer(const std::string& step) const {
  const std::lock_guard lock(mutex_);
  if (auto shared = consumer_.lock()) return shared;
  WEIR_ASSIGN(std::shared_ptr<Handle> made,
              Handle::make(Handle::Kind::consumer, connection(step), consumer_settings(options_)));
  consumer_ = made;
  return made;
}

Result<std::shared_ptr<Handle>> KafkaSource::group_client(const std::string& step) const {
  const std::lock_guard lock(mutex_);
  if (group_) return group_;
  Settings settings = consumer_settings(options_);
  settings["group.id"] = options_.group;
  WEIR_ASSIGN(group_, Handle::make(Handle::Kind::consumer, connection(step), settings));
  return group_;
}

Result<std::vector<std::string>> KafkaSource::discover(const SourceContext& context) const {
  WEIR_TRY(check());
  if (!asking_) {  // one look at a time: no lock
    WEIR_ASSIGN(asking_, Handle::make(Handle::Kind::consumer, connection(context.step),
                                      consumer_settings(options_)));
  }
  auto topics = find_topics(*asking_, options_.topic, kAnswer);
  std::vector<std::string> splits;
  if (!topics.ok()) {
    if (context.first) {  // the address is more likely wrong than Kafka away
      return Error{topics.error().code, topics.error().message, false};
    }
    // What is known is being read; new partitions are found when Kafka answers again.
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    if (last_trouble_.time_since_epoch().count() != 0 && now - last_trouble_ < kPatience) {
      return splits;
    }
    last_trouble_ = now;
    log_warn("source " + context.step, "cannot look for new partitions: " + topics.error().message);
    return splits;
  }
  for (const Topic& topic : *topics) {
    for (std::int32_t p = 0; p < topic.partitions; ++p) {
      splits.push_back(to_string(Partition{topic.name, p}));
    }
  }
  return splits;
}

Result<std::vector<std::int64_t>> KafkaSource::starts(
    const SourceContext& context, const Handle& handle,
    const std::vector<Partition>& partitions) const {
  std::vector<std::int64_t> offsets(partitions.size(), -1);  // -1: the earliest
  if (!context.first) return offsets;  // added since: nothing of them has been read
  switch (options_.start.kind()) {
    case Start::Kind::earliest:
    case Start::Kind::latest:
      break;
    case Start::Kind::time:
      return offsets_at(handle, partitions, options_.start.time(), kAnswer);
    case Start::Kind::group: {
      WEIR_ASSIGN(const std::shared_ptr<Handle> group, group_client(context.step));
      return committed_offsets(*group, partitions, kAnswer);
    }
    case Start::Kind::offsets:
      for (std::size_t i = 0; i < partitions.size(); ++i) {
        const auto given = options_.start.given().find(partitions[i].number);
        if (given != options_.start.given().end()) offsets[i] = given->second;
      }
  }
  return offsets;
}

Result<std::vector<NewSplit>> KafkaSource::first_positions(
    const SourceContext& context, const std::vector<std::string>& splits) const {
  std::vector<Partition> partitions;
  for (const std::string& split : splits) {
    WEIR_ASSIGN(Partition partition, parse_split(split));
    partitions.push_back(std::move(partition));
  }
  WEIR_ASSIGN(const std::vector<std::int64_t> offsets, starts(context, *asking_, partitions));
  std::vector<NewSplit> begun;
  for (std::size_t i = 0; i < splits.size(); ++i) {
    WEIR_ASSIGN(const Bounds bounds, bounds_of(*asking_, partitions[i], kAnswer));
    Position position;
    position.next = offsets[i] >= 0 ? offsets[i] : bounds.begin;
    if (context.first && options_.start.kind() == Start::Kind::latest) position.next = bounds.end;
    if (options_.bounded) position.end = bounds.end;
    begun.push_back({splits[i], position.encode()});
  }
  return begun;
}

Result<std::unique_ptr<UntypedReader>> KafkaSource::open(const SourceContext& context,
                                                         const std::string& split,
                                                         const std::string& position) const {
  WEIR_ASSIGN(const Partition partition, parse_split(split));
  WEIR_ASSIGN(const Position from, Position::decode(position));
  WEIR_ASSIGN(std::unique_ptr<Decoder> decoder, decoders_->make());
  WEIR_ASSIGN(std::shared_ptr<Handle> handle, consumer(context.step));
  WEIR_ASSIGN(std::unique_ptr<Fetch> fetch, Fetch::start(std::move(handle), partition, from.next));
  return std::unique_ptr<UntypedReader>(std::make_unique<PartitionReader>(
      PartitionReader::Setup{&options_, decoders_->format(), context.env->clock},
      std::move(decoder), std::move(fetch), partition, from));
}

Status KafkaSource::decode(const DeadLetter& letter, void* row) const {
  WEIR_ASSIGN(const std::unique_ptr<Decoder> decoder, decoders_->make());
  const RawRecord record = from_letter(letter);
  std::string error = "the record has no value";
  if (!record.value && decoder->needs_value()) {
    return Error{ErrorCode::invalid_argument, error, false};
  }
  if (decoder->decode(Message(record), row, error)) return {};
  return Error{ErrorCode::invalid_argument, error, false};
}

void KafkaSource::positions_durable(const SourceContext& context,
                                    const std::vector<NewSplit>& positions) const {
  constexpr std::chrono::seconds kPause{1};  // small checkpoints come often
  {
    const std::lock_guard lock(mutex_);
    for (const NewSplit& split : positions) {
      const auto position = Position::decode(split.position);
      if (position.ok()) to_commit_[split.id] = position->next;
    }
    const auto now = std::chrono::steady_clock::now();
    if (!context.last && now - last_commit_ < kPause) return;
    last_commit_ = now;
  }
  // One after another, so that of two positions of a split the newer one stays.
  const std::lock_guard telling(telling_);
  std::map<std::string, std::int64_t> due;
  {
    const std::lock_guard lock(mutex_);
    due.swap(to_commit_);
  }
  if (due.empty()) return;
  auto client = group_client(context.step);
  if (!client.ok()) return log_warn("source " + context.step, client.error().message);
  std::vector<std::pair<Partition, std::int64_t>> offsets;
  for (const auto& [split, offset] : due) offsets.emplace_back(*parse_split(split), offset);
  if (Status done = commit_offsets(**client, offsets, Millis{5000}); !done.ok()) {
    log_warn("source " + context.step,
             "cannot tell the group " + options_.group + ": " + done.error().message);
  }
}

/// What the newest checkpoints held, of a job that ended without a last one.
void KafkaSource::commit_rest() {
  if (!group_ || to_commit_.empty()) return;
  std::vector<std::pair<Partition, std::int64_t>> offsets;
  for (const auto& [split, offset] : to_commit_) offsets.emplace_back(*parse_split(split), offset);
  static_cast<void>(commit_offsets(*group_, offsets, Millis{2000}));
}

}  // namespace

std::unique_ptr<UntypedSource> make_source(SourceOptions options,
                                           std::unique_ptr<DecoderFactory> decoders) {
  return std::make_unique<KafkaSource>(std::move(options), std::move(decoders));
}

}  // namespace weir::kafka::detail
