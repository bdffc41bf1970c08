// Dead letters as records of Kafka; see dead_letters.h.
//
// Names of headers: Kafka Connect's DeadLetterQueueReporter, KIP-1034 for Kafka Streams, and
// KafkaHeaders of Spring for Apache Kafka, whose numbers are big-endian.
#include "weir/connectors/kafka/dead_letters.h"

#include <cstdlib>
#include <optional>

#include "weir/base/bytes.h"
#include "weir/base/utf8.h"
#include "weir/connectors/kafka/letter.h"
#include "weir/connectors/kafka/sink.h"
#include "weir/runtime/letter_payload.h"

namespace weir::kafka {
namespace detail {
namespace {

/// Where a letter's record was in Kafka, if it came from there.
std::optional<RawRecord> origin_of(const DeadLetter& letter) {
  if (!letter.headers.contains("kafka.topic")) return std::nullopt;
  return from_letter(letter);
}

std::string class_of(const DeadLetter& letter) {
  return std::string("weir.") + to_string(letter.reason);
}

/// What stands where others have a stack trace.
std::string trace_of(const DeadLetter& letter) {
  std::string trace = class_of(letter) + ": " + letter.message + "\n\tat step " + letter.step +
                      " of job " + letter.job + "\n";
  if (!letter.source.empty()) trace += "\tat " + letter.source + "\n";
  return trace;
}

/// Big-endian, as Java's ByteBuffer has it.
template <class N>
std::string java_number(N number) {
  std::string bytes;
  for (int shift = (sizeof number - 1) * 8; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(static_cast<std::uint64_t>(number) >> shift & 0xff);
  }
  return bytes;
}

class HeaderList {
 public:
  explicit HeaderList(std::vector<Header>& out) : out_(out) {}
  void add(const char* prefix, const char* name, std::string value) {
    out_.push_back({std::string(prefix) + name, std::move(value)});
  }

 private:
  std::vector<Header>& out_;
};

void add_weir(HeaderList& out, const DeadLetter& letter) {
  const char* prefix = "weir.";
  out.add(prefix, "id", letter.id);
  out.add(prefix, "job", letter.job);
  out.add(prefix, "step", letter.step);
  out.add(prefix, "reason", to_string(letter.reason));
  out.add(prefix, "message", letter.message);
  out.add(prefix, "attempt", std::to_string(letter.attempt));
  if (!letter.source.empty()) out.add(prefix, "source", letter.source);
  out.add(prefix, "format", to_string(letter.format));
  out.add(prefix, "failed_at", to_iso8601(letter.last_failed, true));
}

/// At which stage of a Connect pipeline this would have happened.
const char* connect_stage(DeadLetterReason reason) {
  const bool reading = reason == DeadLetterReason::decode || reason == DeadLetterReason::too_large;
  return reading ? "VALUE_CONVERTER" : "TRANSFORMATION";
}

void add_connect(HeaderList& out, const DeadLetter& letter, const RawRecord* origin) {
  const char* prefix = "__connect.errors.";
  if (origin != nullptr) {
    out.add(prefix, "topic", origin->topic);
    out.add(prefix, "partition", std::to_string(origin->partition));
    out.add(prefix, "offset", std::to_string(origin->offset));
  }
  out.add(prefix, "connector.name", letter.job);
  const std::size_t task = letter.id.find('.') + 1;  // "CHECKPOINT.TASK.NUMBER"
  out.add(prefix, "task.id", letter.id.substr(task, letter.id.find('.', task) - task));
  out.add(prefix, "stage", connect_stage(letter.reason));
  out.add(prefix, "class.name", letter.step);
  out.add(prefix, "exception.class.name", class_of(letter));
  out.add(prefix, "exception.message", letter.message);
  out.add(prefix, "exception.stacktrace", trace_of(letter));
}

void add_streams(HeaderList& out, const DeadLetter& letter, const RawRecord* origin) {
  const char* prefix = "__streams.errors.";
  out.add(prefix, "exception", class_of(letter));
  out.add(prefix, "stacktrace", trace_of(letter));
  out.add(prefix, "message", letter.message);
  if (origin == nullptr) return;
  out.add(prefix, "topic", origin->topic);
  out.add(prefix, "partition", std::to_string(origin->partition));
  out.add(prefix, "offset", std::to_string(origin->offset));
}

void add_spring(HeaderList& out, const DeadLetter& letter, const RawRecord* origin) {
  const char* prefix = "kafka_dlt-";
  out.add(prefix, "exception-fqcn", class_of(letter));
  out.add(prefix, "exception-message", letter.message);
  out.add(prefix, "exception-stacktrace", trace_of(letter));
  if (origin == nullptr) return;
  out.add(prefix, "original-topic", origin->topic);
  out.add(prefix, "original-partition", java_number(origin->partition));
  out.add(prefix, "original-offset", java_number(origin->offset));
  out.add(prefix, "original-timestamp", java_number(to_millis(origin->timestamp)));
  out.add(prefix, "original-timestamp-type", "CREATE_TIME");
}

/// The record that failed: its bytes, or of a typed record its JSON. Nothing for a tombstone.
std::optional<std::string> value_of(const DeadLetter& letter) {
  if (letter.format == PayloadFormat::record) return payload_text(letter);
  return from_letter(letter).value;
}

}  // namespace

std::vector<Header> headers_of_letter(const DeadLetter& letter,
                                      const std::vector<LetterHeaders>& kinds) {
  std::optional<RawRecord> origin = origin_of(letter);
  std::vector<Header> headers;
  if (origin) headers = std::move(origin->headers);
  const RawRecord* from = origin ? &*origin : nullptr;
  HeaderList out(headers);
  for (const LetterHeaders kind : kinds) {
    switch (kind) {
      case LetterHeaders::connect:
        add_connect(out, letter, from);
        break;
      case LetterHeaders::streams:
        add_streams(out, letter, from);
        break;
      case LetterHeaders::spring:
        add_spring(out, letter, from);
        break;
    }
  }
  add_weir(out, letter);
  return headers;
}

bool append_letter_key(std::string& out, const DeadLetter& letter) {
  if (const auto key = letter.headers.find("kafka.key"); key != letter.headers.end()) {
    out += key->second;
    return true;
  }
  if (!letter.keyed) return false;
  ByteReader reader(letter.key);  // text is stored with its length before it
  const std::string_view text = reader.string();
  const bool is_text = !reader.failed() && reader.at_end() && is_utf8(text);
  out += is_text ? text : std::string_view(letter.key);
  return true;
}

}  // namespace detail

std::shared_ptr<Sink<DeadLetter>> dead_letter_sink(DeadLetterOptions options) {
  SinkOptions<DeadLetter> sink_options;
  sink_options.brokers = std::move(options.brokers);
  sink_options.topic = std::move(options.topic);
  sink_options.key = [](const DeadLetter& letter) -> std::optional<std::string> {
    std::string key;
    if (!detail::append_letter_key(key, letter)) return std::nullopt;
    return key;
  };
  sink_options.value = detail::value_of;
  sink_options.headers = [kinds = std::move(options.headers)](const DeadLetter& letter,
                                                              std::vector<Header>& headers) {
    headers = detail::headers_of_letter(letter, kinds);
  };
  sink_options.timestamp = [](const DeadLetter& letter) { return letter.last_failed; };
  sink_options.delivery = options.delivery;
  sink_options.max_record = options.max_record;
  sink_options.id = std::move(options.id);
  sink_options.progress_topic = std::move(options.progress_topic);
  sink_options.settings = std::move(options.settings);
  return sink<DeadLetter>(std::move(sink_options));
}

}  // namespace weir::kafka
