// Dead letters: records that cannot go on, kept with all that is needed to understand, repair and
// replay them at the step that failed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "weir/base/describe.h"
#include "weir/base/result.h"
#include "weir/base/time.h"

namespace weir {

/// Why a record became a dead letter.
enum class DeadLetterReason : std::uint8_t {
  decode,      ///< the source could not read it
  user_error,  ///< a function of the job threw
  late,        ///< too late, and the job takes no late stream there
  too_large,   ///< larger than the source or sink allows
  parked,      ///< waits behind an earlier dead letter of its key
};
WEIR_DESCRIBE_ENUM(DeadLetterReason, decode, user_error, late, too_large, parked);
const char* to_string(DeadLetterReason reason);

/// In which form `DeadLetter::bytes` is.
enum class PayloadFormat : std::uint8_t {
  text,    ///< raw bytes of no known structure
  json,    ///< raw bytes, meant to be JSON
  csv,     ///< one raw CSV record; headers["csv.header"] is the header record
  record,  ///< a typed record encoded by base/codec.h; `schema` says how
};
WEIR_DESCRIBE_ENUM(PayloadFormat, text, json, csv, record);
const char* to_string(PayloadFormat format);

struct DeadLetter {
  std::string id;    ///< unique within the job: "CHECKPOINT.TASK.NUMBER", in order of arrival
  std::string step;  ///< the step that failed; replay starts there
  DeadLetterReason reason = DeadLetterReason::decode;
  std::string message;  ///< what went wrong, for people
  PayloadFormat format = PayloadFormat::text;
  std::string bytes;        ///< the original record
  std::string schema;       ///< canonical JSON of its Schema when format is record
  std::uint32_t input = 0;  ///< which input of the step
  std::string source;       ///< split and position, "orders.csv@10240 (line 118)", when known
  std::string key;          ///< encoded key at a keyed step
  std::uint64_t key_hash = 0;
  bool keyed = false;
  std::int64_t event_time_ms = 0;              ///< when known, else 0
  std::int64_t seen_ms = INT64_MIN;            ///< watermark of its split when it was read
  std::map<std::string, std::string> headers;  ///< of the record at its source
  std::uint32_t attempt = 1;                   ///< how often it was tried
  EventTime first_failed{}, last_failed{};     ///< wall time
  std::string job;                             ///< the name of the job
  std::string job_version;                     ///< build id of the library that failed
};
WEIR_DESCRIBE(DeadLetter, id, step, reason, message, format, bytes, schema, input, source, key,
              key_hash, keyed, event_time_ms, seen_ms, headers, attempt, first_failed, last_failed,
              job, job_version);

/// The stored form (fields with tags, unknown tags are skipped).
std::string encode_dead_letter(const DeadLetter& letter);
Result<DeadLetter> decode_dead_letter(std::string_view bytes);

/// Where a source reader reports what it cannot read.
class DeadLetterSink {
 public:
  virtual ~DeadLetterSink() = default;
  /// Fills in id, step, times, job and version, and keeps the letter for the next checkpoint.
  virtual void add(DeadLetter letter) = 0;
};

}  // namespace weir
