// The Kafka sink a job uses.
//
//   alerts.sink("alerts", weir::kafka::sink<Alert>({.brokers = job.config("kafka.brokers"),
//                                                   .topic = "alerts", .key = &Alert::user}));
//
// Exactly once for readers with isolation.level=read_committed: records are staged in the
// checkpoint and written, once it is complete, in one short transaction. How: shards.h. A record
// that is larger than the topic allows becomes a dead letter.
#pragma once

#include <charconv>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "weir/base/json.h"
#include "weir/connectors/kafka/message.h"
#include "weir/connectors/kafka/options.h"
#include "weir/connectors/kafka/sink_core.h"
#include "weir/connectors/kafka/staged.h"
#include "weir/runtime/letters.h"

namespace weir::kafka {

/// The bytes of a key or value: any callable or member pointer that gives text or a whole number,
/// or a std::optional of these; nothing is no key, or no value.
template <class T>
class Text {
 public:
  Text() = default;
  template <class Fn>
  requires(std::is_invocable_v<const Fn&, const T&> && !std::is_same_v<Fn, Text>) Text(Fn fn)
      : append_([fn = std::move(fn)](std::string& out, const T& record) {
          return append(out, std::invoke(fn, record));
        }) {}
  explicit operator bool() const { return static_cast<bool>(append_); }
  /// False when the record has none.
  bool operator()(std::string& out, const T& record) const { return append_(out, record); }

 private:
  template <class V>
  static bool append(std::string& out, const std::optional<V>& value) {
    return value && append(out, *value);
  }
  template <class V>
  static bool append(std::string& out, const V& value) {
    if constexpr (std::is_convertible_v<const V&, std::string_view>) {
      out.append(std::string_view(value));
    } else {
      static_assert(std::is_integral_v<V>, "A key or value is text or a whole number");
      char digits[24];
      const auto end = std::to_chars(digits, digits + sizeof digits, value);
      out.append(digits, end.ptr);
    }
    return true;
  }
  std::function<bool(std::string&, const T&)> append_;
};

template <class T>
struct SinkOptions {
  /// As in SourceOptions.
  std::string brokers = {};
  std::string topic = {};
  /// Records of one key go to one partition, in order. None: to any, without a key.
  Text<T> key = {};
  /// Default: the record as JSON; a std::string as it is.
  Text<T> value = {};
  /// Records for which it is true are written without a value: tombstones, which remove their key
  /// from a compacted topic.
  std::function<bool(const T&)> remove_if = {};
  /// The topic keeps the newest record of each key (it is compacted). Needs `key`.
  bool upsert = false;
  /// The partition of a record, below `partitions`. Default: by key, as Java's clients do.
  std::function<std::int32_t(const T&, std::int32_t partitions)> partition = {};
  std::function<void(const T&, std::vector<Header>&)> headers = {};
  /// Default: when it is written.
  std::function<EventTime(const T&)> timestamp = {};

  Delivery delivery = Delivery::exactly_once;
  /// Larger records become dead letters. 0: larger than the topic's max.message.bytes.
  std::size_t max_record = 0;
  /// One transaction carries about so much; the output of a larger checkpoint is split.
  std::size_t transaction_bytes = std::size_t{32} << 20;
  /// What the ids of its transactions begin with, one for all starts of a job. Default: JOB/STEP.
  std::string id = {};
  /// Compacted, of one partition; made when missing. Default: weir-progress-JOB.
  std::string progress_topic = {};
  Settings settings = {};
};

namespace detail {

template <class T>
class KafkaSinkWriter final : public SinkWriter<T> {
 public:
  KafkaSinkWriter(const SinkOptions<T>& options, const SinkCore& core, DeadLetterSink* dead,
                  std::unique_ptr<OutWriter> out)
      : options_(options), core_(core), dead_(dead), out_(std::move(out)) {}

  Status write(Batch<T>& batch) override {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      OutRecord record;
      try {
        encode(batch[i], record);
      } catch (...) {
        refuse(DeadLetterReason::user_error, batch, i, current_exception_text());
        continue;
      }
      const std::size_t bytes = key_.size() + value_.size() + header_bytes_;
      if (bytes > core_.most_bytes()) [[unlikely]] {
        refuse(DeadLetterReason::too_large, batch, i,
               "the record has " + std::to_string(bytes) + " bytes, more than the " +
                   std::to_string(core_.most_bytes()) + " that the topic or .max_record allows");
        continue;
      }
      WEIR_TRY(out_->add(record));
    }
    return {};
  }
  Result<Staged> stage(std::uint64_t checkpoint, bool) override { return out_->stage(checkpoint); }

 private:
  void encode(const T& row, OutRecord& record) {
    key_.clear();
    value_.clear();
    header_bytes_ = 0;
    if (options_.key && options_.key(key_, row)) record.key = key_;
    if (core_.needs_key() && !record.key) {
      throw std::runtime_error("it has no key, and the topic keeps the newest record of each key");
    }
    if ((!options_.remove_if || !options_.remove_if(row)) && append_value(row)) {
      record.value = value_;
    }
    if (options_.timestamp) record.timestamp_ms = to_millis(options_.timestamp(row));
    if (options_.partition) record.partition = options_.partition(row, core_.partitions());
    if (options_.headers) encode_headers(row, record);
  }
  /// False: it has none.
  bool append_value(const T& row) {
    if (options_.value) return options_.value(value_, row);
    if constexpr (std::is_same_v<T, std::string>)
      value_ = row;
    else
      to_json(value_, row);
    return true;
  }
  void encode_headers(const T& row, OutRecord& record) {
    headers_.clear();
    views_.clear();
    options_.headers(row, headers_);
    for (const Header& header : headers_) {
      views_.push_back({header.name, header.value});
      header_bytes_ += header.name.size() + (header.value ? header.value->size() : 0) + 10;
    }
    record.headers = views_;
  }
  void refuse(DeadLetterReason reason, const Batch<T>& batch, std::size_t i, std::string why) {
    DeadLetter letter = make_record_letter(reason, batch[i], batch.times()[i]);
    letter.message = std::move(why);
    dead_->add(std::move(letter));
  }

  const SinkOptions<T>& options_;
  const SinkCore& core_;
  DeadLetterSink* dead_;
  std::unique_ptr<OutWriter> out_;
  std::string key_, value_;  // of one record; reused, as is what follows
  std::vector<Header> headers_;
  std::vector<OutRecord::OutHeader> views_;
  std::size_t header_bytes_ = 0;
};

template <class T>
class KafkaSink final : public Sink<T> {
 public:
  explicit KafkaSink(SinkOptions<T> options)
      : options_(std::move(options)),
        core_({options_.brokers, options_.topic, options_.delivery, options_.id,
               options_.progress_topic, options_.max_record, options_.transaction_bytes,
               options_.upsert, static_cast<bool>(options_.key), options_.settings}) {}

  Status prepare(const SinkContext& context, const std::vector<std::string>& live) const override {
    return core_.prepare(context, live);
  }
  Status attach(const SinkContext& context) const override { return core_.attach(context); }
  Result<std::unique_ptr<SinkWriter<T>>> open(const SinkContext& context,
                                              const std::vector<std::string>&) const override {
    WEIR_ASSIGN(std::unique_ptr<OutWriter> out, core_.open(context));
    return std::unique_ptr<SinkWriter<T>>(std::make_unique<KafkaSinkWriter<T>>(
        options_, core_, context.dead_letters, std::move(out)));
  }
  Status commit(const SinkContext&, const std::vector<Committable>& committables) const override {
    return core_.commit(committables);
  }
  bool at_least_once() const override { return core_.at_least_once(); }
  std::string destination() const override { return core_.destination(); }
  std::string describe() const override { return core_.describe(); }

 private:
  SinkOptions<T> options_;
  SinkCore core_;
};

}  // namespace detail

template <class T>
std::shared_ptr<Sink<T>> sink(SinkOptions<T> options) {
  return std::make_shared<detail::KafkaSink<T>>(std::move(options));
}

}  // namespace weir::kafka
