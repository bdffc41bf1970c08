// Letters of records and back; see letter.h.
#include "weir/connectors/kafka/letter.h"

#include <cstdlib>

#include "weir/connectors/kafka/client.h"

namespace weir::kafka::detail {
namespace {

constexpr std::string_view kHeader = "header.", kNullHeader = "header_null.";

/// Where "#2" of a repeated name begins; npos when there is none.
std::size_t count_of(std::string_view name) {
  const std::size_t mark = name.rfind('#');
  const bool counted = mark != std::string_view::npos && mark + 1 < name.size() &&
                       name.find_first_not_of("0123456789", mark + 1) == std::string_view::npos;
  return counted ? mark : std::string_view::npos;
}

/// A name that is not taken: NAME, NAME#2, NAME#3, ... One that looks so by itself begins with
/// NAME#1.
std::string free_name(const DeadLetter& letter, const std::string& name) {
  const bool looks_counted = count_of(name) != std::string_view::npos;
  std::string free = looks_counted ? name + "#1" : name;
  for (int n = 2; letter.headers.contains(free); ++n) free = name + "#" + std::to_string(n);
  return free;
}

std::int64_t number(const DeadLetter& letter, const char* name) {
  const auto found = letter.headers.find(name);
  return found == letter.headers.end() ? 0 : std::atoll(found->second.c_str());
}

/// Without the "#2" of a repeated name.
std::string plain_name(std::string_view name) {
  return std::string(name.substr(0, count_of(name)));
}

}  // namespace

DeadLetter to_letter(const Message& message, DeadLetterReason reason, PayloadFormat format,
                     std::string why) {
  DeadLetter letter;
  letter.reason = reason;
  letter.message = std::move(why);
  letter.format = format;
  const auto value = message.value();
  if (value) letter.bytes = *value;
  letter.source = to_string(Partition{std::string(message.topic()), message.partition()}) + "@" +
                  std::to_string(message.offset());
  letter.headers["kafka.topic"] = message.topic();
  letter.headers["kafka.partition"] = std::to_string(message.partition());
  letter.headers["kafka.offset"] = std::to_string(message.offset());
  letter.headers["kafka.timestamp"] = std::to_string(to_millis(message.timestamp()));
  if (const auto key = message.key()) letter.headers["kafka.key"] = *key;
  if (!value) letter.headers["kafka.no_value"] = "true";
  for (const Header& header : message.headers()) {
    const std::string prefix(header.value ? kHeader : kNullHeader);
    letter.headers[free_name(letter, prefix + header.name)] = header.value.value_or("");
  }
  return letter;
}

RawRecord from_letter(const DeadLetter& letter) {
  RawRecord record;
  if (const auto topic = letter.headers.find("kafka.topic"); topic != letter.headers.end()) {
    record.topic = topic->second;
  }
  record.partition = static_cast<std::int32_t>(number(letter, "kafka.partition"));
  record.offset = number(letter, "kafka.offset");
  record.timestamp = from_millis(number(letter, "kafka.timestamp"));
  if (const auto key = letter.headers.find("kafka.key"); key != letter.headers.end()) {
    record.key = key->second;
  }
  // One that has been given bytes by a repair is no tombstone any more.
  if (!letter.headers.contains("kafka.no_value") || !letter.bytes.empty()) {
    record.value = letter.bytes;
  }
  for (const auto& [name, value] : letter.headers) {
    if (name.starts_with(kHeader)) {
      record.headers.push_back({plain_name(std::string_view(name).substr(kHeader.size())), value});
    } else if (name.starts_with(kNullHeader)) {
      record.headers.push_back(
          {plain_name(std::string_view(name).substr(kNullHeader.size())), std::nullopt});
    }
  }
  return record;
}

}  // namespace weir::kafka::detail
