// Dead letters in a Kafka topic, where other people's tools find them.
//
//   job.dead_letters().sink("letters", weir::kafka::dead_letter_sink({.topic = "shop-dead"}));
//
// A record of the topic is the one that failed: its key, value and headers as they came from Kafka,
// and headers that say what went wrong. A letter of a typed record has its JSON as value. Exactly
// once, as any Kafka sink: a letter is there when the checkpoint that keeps it is complete.
//
// The letters stay in the job's own queue, which `weir dlq` lists, repairs and replays; one that
// fails again comes to the topic again with one attempt more.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "weir/connectors/kafka/message.h"
#include "weir/connectors/kafka/options.h"
#include "weir/runtime/dead_letter.h"
#include "weir/runtime/sink.h"

namespace weir::kafka {

/// Whose names the headers have that say what went wrong. Numbers are text, but in those of Spring.
enum class LetterHeaders : std::uint8_t {
  connect,  ///< Kafka Connect: __connect.errors.topic, .exception.message, ...
  streams,  ///< Kafka Streams (KIP-1034): __streams.errors.topic, .message, ...
  spring,   ///< Spring for Apache Kafka: kafka_dlt-original-topic, -exception-message, ...
};

struct DeadLetterOptions {
  /// As in SourceOptions.
  std::string brokers = {};
  std::string topic = {};
  /// Any number of kinds. Weir's own headers are always there: weir.id, weir.job, weir.step,
  /// weir.reason, weir.message, weir.attempt, weir.source, weir.format, weir.failed_at.
  std::vector<LetterHeaders> headers = {LetterHeaders::connect};
  Delivery delivery = Delivery::exactly_once;
  /// As in SinkOptions. What is larger is in the job's queue alone.
  std::size_t max_record = 0;
  std::string id = {};
  std::string progress_topic = {};
  Settings settings = {};
};

/// For `job.dead_letters()`.
std::shared_ptr<Sink<DeadLetter>> dead_letter_sink(DeadLetterOptions options);

namespace detail {

/// The headers of the record for `letter`: those that it came with, then what went wrong.
std::vector<Header> headers_of_letter(const DeadLetter& letter,
                                      const std::vector<LetterHeaders>& kinds);
/// Appends the key: that of its record in Kafka, or else of the keyed step that failed, as text
/// where it is text. False: it has none.
bool append_letter_key(std::string& out, const DeadLetter& letter);

}  // namespace detail
}  // namespace weir::kafka
