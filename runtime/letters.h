// Making dead letters of typed records and reading them back. Used by task threads.
#pragma once

#include <string>

#include "weir/base/codec.h"
#include "weir/base/evolve.h"
#include "weir/base/schema.h"
#include "weir/runtime/batch.h"
#include "weir/runtime/dead_letter.h"
#include "weir/runtime/operator.h"

namespace weir {

/// The text of the exception being handled; call inside a catch block.
std::string current_exception_text();

/// A letter that holds `record`; message, key and input are the caller's to fill in.
template <class T>
DeadLetter make_record_letter(DeadLetterReason reason, const T& record, std::int64_t time_ms) {
  static const std::string schema = to_json(schema_of<T>());
  DeadLetter letter;
  letter.reason = reason;
  letter.format = PayloadFormat::record;
  letter.bytes = encode_to_string(record);
  letter.schema = schema;
  letter.event_time_ms = time_ms;
  return letter;
}

/// Reads the record of a letter, also one that an earlier version of the job wrote.
template <class T>
Status decode_letter_record(const DeadLetter& letter, T& record) {
  const std::string at = "Dead letter " + letter.id + " of step '" + letter.step + "': ";
  auto schema = parse_schema(letter.schema);
  if (!schema.ok()) return Error{ErrorCode::corrupt, at + schema.error().message};
  StateDecoder<T> decoder;
  if (Status status = decoder.create(*schema); !status.ok()) {
    return Error{ErrorCode::incompatible, at + status.error().message};
  }
  ByteReader reader(letter.bytes);
  if (!decoder.decode(reader, record) || !reader.at_end()) {
    return Error{ErrorCode::corrupt, at + "its record does not read back"};
  }
  return {};
}

/// Call in the catch block around a user function: keeps `record` as a dead letter, or, when a
/// letter is being replayed, lets that one fail.
template <class T>
void user_error(OperatorContext& context, const T& record, std::int64_t time_ms,
                std::int64_t seen_ms, std::uint32_t input, const std::string& step = {}) {
  std::string why = current_exception_text();
  if (context.replaying) {
    context.replay_outcome = Error{ErrorCode::user_code, std::move(why)};
    return;
  }
  DeadLetter letter = make_record_letter(DeadLetterReason::user_error, record, time_ms);
  letter.message = std::move(why);
  letter.seen_ms = seen_ms;
  letter.input = input;
  letter.step = step;
  context.dead_letters->add(std::move(letter));
}

/// Replays a letter of a step with inputs of type T by `deliver(batch)`, a batch of one.
template <class T, class Deliver>
Status replay_record(OperatorContext& context, const DeadLetter& letter, Deliver&& deliver) {
  T record{};
  WEIR_TRY(decode_letter_record(letter, record));
  Batch<T> batch;
  batch.push(std::move(record), letter.event_time_ms, letter.seen_ms);
  context.replaying = true;
  context.replay_outcome = Status();
  deliver(batch);
  context.replaying = false;
  return context.replay_outcome;
}

/// "event time ... is behind the watermark ... of its split".
std::string late_message(std::int64_t time_ms, std::int64_t watermark_ms);

}  // namespace weir
