// The Kafka sources a job uses.
//
//   auto events = job.source("events", weir::kafka::source<Event>({.brokers =
//   job.config("kafka.brokers"), .topic = "shop-events"}), {.event_time = &Event::at});
//
// Partitions are splits; the offset of each is part of the checkpoint. A record that cannot be
// decoded becomes a dead letter with its exact bytes, key and headers. Offsets that the topic no
// longer holds fail the job, since exactly once would no longer hold.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "weir/connectors/file/field.h"
#include "weir/connectors/kafka/message.h"
#include "weir/connectors/kafka/options.h"
#include "weir/connectors/kafka/untyped.h"

namespace weir::kafka {

/// Decodes JSON objects into described structs T: a key is needed unless its field is a
/// std::optional or has a default; further keys are ignored, but the whole value must be valid
/// JSON. For std::string it gives the bytes of the value, for RawRecord the whole record.
template <class T>
std::shared_ptr<Source<T>> source(SourceOptions options) {
  std::unique_ptr<detail::DecoderFactory> decoders;
  if constexpr (std::is_same_v<T, std::string>) {
    decoders = detail::value_decoders();
  } else if constexpr (std::is_same_v<T, RawRecord>) {
    decoders = detail::raw_decoders();
  } else {
    decoders = detail::json_decoders(file::detail::fields_of<T>(), options);
  }
  return std::make_shared<detail::TypedSource<T>>(
      detail::make_source(std::move(options), std::move(decoders)));
}

/// Decodes by `decode(const Message&, T& record, std::string& error)`, which returns false and says
/// why when it cannot. It is called by several threads; what it throws is why, too.
template <class T, class Decode>
std::shared_ptr<Source<T>> source(SourceOptions options, Decode decode) {
  static_assert(std::is_invocable_r_v<bool, const Decode&, const Message&, T&, std::string&>,
                "A decoder is called as bool(const kafka::Message&, Record&, std::string& error)");
  return std::make_shared<detail::TypedSource<T>>(detail::make_source(
      std::move(options),
      detail::custom_decoders([decode](const Message& message, void* row, std::string& error) {
        return decode(message, *static_cast<T*>(row), error);
      })));
}

}  // namespace weir::kafka
