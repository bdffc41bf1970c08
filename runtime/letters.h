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

namespace letters_detail {
DeadLetter make(DeadLetterReason reason, std::string bytes, const std::string& schema,
                std::int64_t time_ms);
Result<Schema> schema_of_letter(const DeadLetter& letter);
Error unreadable(const DeadLetter& letter, const Status& why);
/// Inside a catch block: if a letter is being replayed, lets that fail and returns true.
bool fail_replay(OperatorContext& context);
/// Inside a catch block: keeps `letter` with the text of the exception.
void add(OperatorContext& context, DeadLetter letter, std::int64_t seen_ms, std::uint32_t input,
         const std::string& step);
}  // namespace letters_detail

/// A letter that holds `record`; message, key and input are the caller's to fill in.
template <class T>
DeadLetter make_record_letter(DeadLetterReason reason, const T& record, std::int64_t time_ms) {
  static const std::string schema = to_json(schema_of<T>());
  return letters_detail::make(reason, encode_to_string(record), schema, time_ms);
}

/// Reads the record of a letter, also one that an earlier version of the job wrote.
template <class T>
Status decode_letter_record(const DeadLetter& letter, T& record) {
  WEIR_ASSIGN(const Schema schema, letters_detail::schema_of_letter(letter));
  StateDecoder<T> decoder;
  if (Status status = decoder.create(schema); !status.ok()) {
    return letters_detail::unreadable(letter, status);
  }
  ByteReader reader(letter.bytes);
  if (decoder.decode(reader, record) && reader.at_end()) return {};
  return letters_detail::unreadable(letter, {});
}

/// Call in the catch block around a user function: keeps `record` as a dead letter, or, when a
/// letter is being replayed, lets that one fail.
template <class T>
void user_error(OperatorContext& context, const T& record, std::int64_t time_ms,
                std::int64_t seen_ms, std::uint32_t input, const std::string& step = {}) {
  if (letters_detail::fail_replay(context)) return;
  letters_detail::add(context, make_record_letter(DeadLetterReason::user_error, record, time_ms),
                      seen_ms, input, step);
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
