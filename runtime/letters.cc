// Dead letters: stored form, log and messages; see dead_letter.h, letters.h and letter_log.h.
//
//   letter := (varint tag, string value)*      tags below; numbers are zigzag varints in the string
//   header tag: string name, string value
#include "weir/runtime/letters.h"

#include <exception>
#include <utility>

#include "weir/base/bytes.h"
#include "weir/runtime/letter_log.h"

namespace weir {
namespace {

enum Tag : std::uint64_t {
  kId = 1,
  kStep,
  kReason,
  kMessage,
  kFormat,
  kBytes,
  kSchema,
  kInput,
  kSource,
  kKey,
  kKeyHash,
  kEventTime,
  kSeen,
  kHeader,
  kAttempt,
  kFirst,
  kLast,
  kVersion,
  kJob,
};

void put_text(ByteWriter& w, Tag tag, std::string_view value) {
  if (value.empty()) return;
  w.varint(tag);
  w.string(value);
}
void put_number(ByteWriter& w, Tag tag, std::int64_t value) {
  std::string bytes;
  ByteWriter(bytes).zigzag(value);
  w.varint(tag);
  w.string(bytes);
}

/// Reads a number that is all of `bytes`; false when an N cannot hold it.
template <class N>
bool take_number(std::string_view bytes, N& out) {
  ByteReader r(bytes);
  const std::int64_t value = r.zigzag();
  out = static_cast<N>(value);
  return !r.failed() && r.at_end() && std::in_range<N>(value);
}

template <class E>
bool take_enumerator(std::string_view bytes, E last, E& out) {
  std::uint8_t number = 0;
  if (!take_number(bytes, number) || number > static_cast<std::uint8_t>(last)) return false;
  out = static_cast<E>(number);
  return true;
}

bool take_time(std::string_view bytes, EventTime& out) {
  std::int64_t millis = 0;
  const bool good = take_number(bytes, millis);
  out = from_millis(millis);
  return good;
}

bool take_hash(std::string_view bytes, DeadLetter& l) {
  std::int64_t bits = 0;
  l.keyed = take_number(bytes, bits);
  l.key_hash = static_cast<std::uint64_t>(bits);
  return l.keyed;
}

bool take_header(std::string_view bytes, DeadLetter& l) {
  ByteReader r(bytes);
  const std::string name(r.string());
  l.headers[name] = std::string(r.string());
  return !r.failed() && r.at_end();
}

/// False when the field is damaged.
bool take_field(DeadLetter& l, std::uint64_t tag, std::string_view value) {
  switch (tag) {
    case kId:
      l.id = value;
      return true;
    case kStep:
      l.step = value;
      return true;
    case kReason:
      return take_enumerator(value, DeadLetterReason::parked, l.reason);
    case kMessage:
      l.message = value;
      return true;
    case kFormat:
      return take_enumerator(value, PayloadFormat::record, l.format);
    case kBytes:
      l.bytes = value;
      return true;
    case kSchema:
      l.schema = value;
      return true;
    case kInput:
      return take_number(value, l.input);
    case kSource:
      l.source = value;
      return true;
    case kKey:
      l.key = value;
      return true;
    case kKeyHash:
      return take_hash(value, l);
    case kEventTime:
      return take_number(value, l.event_time_ms);
    case kSeen:
      return take_number(value, l.seen_ms);
    case kHeader:
      return take_header(value, l);
    case kAttempt:
      return take_number(value, l.attempt);
    case kFirst:
      return take_time(value, l.first_failed);
    case kLast:
      return take_time(value, l.last_failed);
    case kVersion:
      l.job_version = value;
      return true;
    case kJob:
      l.job = value;
      return true;
    default:
      return true;  // of a later version
  }
}

}  // namespace

const char* to_string(DeadLetterReason reason) {
  switch (reason) {
    case DeadLetterReason::decode:
      return "decode";
    case DeadLetterReason::user_error:
      return "user_error";
    case DeadLetterReason::late:
      return "late";
    case DeadLetterReason::too_large:
      return "too_large";
    case DeadLetterReason::parked:
      return "parked";
  }
  return "unknown";
}

const char* to_string(PayloadFormat format) {
  switch (format) {
    case PayloadFormat::text:
      return "text";
    case PayloadFormat::json:
      return "json";
    case PayloadFormat::csv:
      return "csv";
    case PayloadFormat::record:
      return "record";
  }
  return "unknown";
}

std::string encode_dead_letter(const DeadLetter& l) {
  std::string bytes;
  ByteWriter w(bytes);
  put_text(w, kId, l.id);
  put_text(w, kStep, l.step);
  put_number(w, kReason, static_cast<std::int64_t>(l.reason));
  put_text(w, kMessage, l.message);
  put_number(w, kFormat, static_cast<std::int64_t>(l.format));
  put_text(w, kBytes, l.bytes);
  put_text(w, kSchema, l.schema);
  put_number(w, kInput, l.input);
  put_text(w, kSource, l.source);
  put_text(w, kKey, l.key);
  if (l.keyed) put_number(w, kKeyHash, static_cast<std::int64_t>(l.key_hash));
  put_number(w, kEventTime, l.event_time_ms);
  put_number(w, kSeen, l.seen_ms);
  for (const auto& [name, value] : l.headers) {
    std::string both;
    ByteWriter b(both);
    b.string(name);
    b.string(value);
    put_text(w, kHeader, both);
  }
  put_number(w, kAttempt, l.attempt);
  put_number(w, kFirst, to_millis(l.first_failed));
  put_number(w, kLast, to_millis(l.last_failed));
  put_text(w, kVersion, l.job_version);
  put_text(w, kJob, l.job);
  return bytes;
}

Result<DeadLetter> decode_dead_letter(std::string_view bytes) {
  DeadLetter letter;
  ByteReader r(bytes);
  while (!r.at_end()) {
    const std::uint64_t tag = r.varint();
    const std::string_view value = r.string();
    if (r.failed() || !take_field(letter, tag, value)) {
      return Error{ErrorCode::corrupt, "A dead letter does not read back"};
    }
  }
  return letter;
}

std::string late_message(std::int64_t time_ms, std::int64_t watermark_ms) {
  return "event time " + to_iso8601(from_millis(time_ms), true) + " is not after the watermark " +
         to_iso8601(from_millis(watermark_ms), true) + " of its split";
}

std::string current_exception_text() {
  try {
    throw;
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

namespace letters_detail {

DeadLetter make(DeadLetterReason reason, std::string bytes, const std::string& schema,
                std::int64_t time_ms) {
  DeadLetter letter;
  letter.reason = reason;
  letter.format = PayloadFormat::record;
  letter.bytes = std::move(bytes);
  letter.schema = schema;
  letter.event_time_ms = time_ms;
  return letter;
}

Result<Schema> schema_of_letter(const DeadLetter& letter) {
  auto schema = parse_schema(letter.schema);
  if (!schema.ok()) return unreadable(letter, schema.error());
  return schema;
}

Error unreadable(const DeadLetter& letter, const Status& why) {
  const std::string at = "Dead letter " + letter.id + " of step '" + letter.step + "': ";
  if (why.ok()) return {ErrorCode::corrupt, at + "its record does not read back"};
  return {why.error().code, at + why.error().message};
}

bool fail_replay(OperatorContext& context) {
  if (!context.replaying) return false;
  context.replay_outcome = Error{ErrorCode::user_code, current_exception_text()};
  return true;
}

void add(OperatorContext& context, DeadLetter letter, std::int64_t seen_ms, std::uint32_t input,
         const std::string& step) {
  letter.message = current_exception_text();
  letter.seen_ms = seen_ms;
  letter.input = input;
  letter.step = step;
  context.dead_letters->add(std::move(letter));
}

}  // namespace letters_detail

void LetterLog::add(DeadLetter letter) {
  if (letter.step.empty()) letter.step = step_;
  letter.job = job_;
  letter.job_version = job_version_;
  letter.last_failed = clock_.wall_now();
  if (letter.first_failed == EventTime{}) letter.first_failed = letter.last_failed;
  metrics_.dead_letters.add(1);
  letters_.push_back(std::move(letter));
}

void LetterLog::add_again(const DeadLetter& old, const Status& status) {
  DeadLetter letter = old;
  letter.message = status.error().message;
  ++letter.attempt;
  letter.last_failed = clock_.wall_now();
  letter.job = job_;
  letter.job_version = job_version_;
  letters_.push_back(std::move(letter));
}

void LetterLog::remove(std::string id) {
  // It may have failed again since the last barrier.
  std::erase_if(letters_, [&](const DeadLetter& letter) { return letter.id == id; });
  removed_.push_back(std::move(id));
}

std::vector<DeadLetter> LetterLog::take(std::uint64_t checkpoint, std::uint32_t task,
                                        std::uint32_t& number) {
  for (DeadLetter& letter : letters_) {
    if (!letter.id.empty()) continue;  // one that failed again keeps its name and its place
    letter.id =
        std::to_string(checkpoint) + "." + std::to_string(task) + "." + std::to_string(number++);
  }
  return std::exchange(letters_, {});
}

std::string letter_row_key(const std::string& id) {
  std::string key;
  for (std::size_t begin = 0; begin <= id.size();) {
    const std::size_t end = std::min(id.find('.', begin), id.size());
    key += std::string(20 - std::min<std::size_t>(20, end - begin), '0');
    key += id.substr(begin, end - begin) + ".";
    begin = end + 1;
  }
  return key;
}

}  // namespace weir
