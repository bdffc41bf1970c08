// Records of Kafka as dead letters: bytes are those of the value; the rest stands in the headers of
// the letter.
//
//   kafka.topic, kafka.partition, kafka.offset, kafka.timestamp (ms), kafka.key (if it has one),
//   kafka.no_value ("true" for a tombstone), header.NAME, header.NAME#2 (a repeated name), ...;
//   header.NAME#1 when NAME itself ends so; header_null.NAME for a header without a value
//
// Pure functions: any thread.
#pragma once

#include "weir/connectors/kafka/message.h"
#include "weir/runtime/dead_letter.h"

namespace weir::kafka::detail {

DeadLetter to_letter(const Message& message, DeadLetterReason reason, PayloadFormat format,
                     std::string why);
/// The record that a letter was made of, with the letter's bytes as its value.
RawRecord from_letter(const DeadLetter& letter);

}  // namespace weir::kafka::detail
