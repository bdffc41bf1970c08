// Dead letters: what decodes is stored again as the same letter, can always be shown as a line of
// JSON, and a payload that can be read as JSON goes back to bytes of the same meaning.
#include <boost/json/parse.hpp>

#include "tests/fuzz/fuzz.h"
#include "weir/base/codec.h"
#include "weir/runtime/json_edit.h"
#include "weir/runtime/letter_log.h"
#include "weir/runtime/letter_payload.h"

namespace weir::fuzz {
namespace {

void check_json(const std::string& text) {
  boost::json::parse_options options;
  options.max_depth = 200;
  boost::json::error_code failed;
  boost::json::parse(text, failed, {}, options);
  WEIR_CHECK(!failed || failed == boost::json::error::exponent_overflow,
             "a letter is shown as JSON");
}

void check_payload(const DeadLetter& letter) {
  const auto payload = payload_of(letter);
  if (!payload.ok()) return;
  const auto bytes = payload_bytes(letter, *payload);
  if (!bytes.ok()) return;
  DeadLetter again = letter;
  again.bytes = *bytes;
  const auto reread = payload_of(again);
  WEIR_CHECK(reread.ok(), "a payload that was written back can be read");
  std::string one, other;
  append_json(one, *payload);
  append_json(other, *reread);
  check_same(one, other, "a payload that was written back is the same");
}

DeadLetter example(PayloadFormat format, std::string bytes, std::string schema = {}) {
  DeadLetter letter;
  letter.id = "3.0.14";
  letter.step = "parse";
  letter.reason = DeadLetterReason::user_error;
  letter.message = "what\xff went wrong";
  letter.format = format;
  letter.bytes = std::move(bytes);
  letter.schema = std::move(schema);
  letter.input = 1;
  letter.source = "orders.csv@10";
  letter.key = std::string("k\0", 2);
  letter.key_hash = 0xfedcba9876543210ull;
  letter.keyed = true;
  letter.event_time_ms = -77;
  letter.headers = {{"csv.header", "a,\"b;\",c"}};
  return letter;
}

}  // namespace

void run(std::string_view input) {
  const auto letter = decode_dead_letter(input);
  if (!letter.ok()) return;
  const std::string bytes = encode_dead_letter(*letter);
  const auto again = decode_dead_letter(bytes);
  WEIR_CHECK(again.ok(), "a letter that was stored again decodes");
  check_same(bytes, encode_dead_letter(*again), "a letter that was stored again is the same");
  check_json(letter_to_json(*letter, false));
  check_json(letter_to_json(*letter, true));
  check_json(payload_text(*letter));
  WEIR_CHECK(!letter_row_key(letter->id).empty(), "every letter has a place among the rows");
  check_payload(*letter);
}

std::vector<std::string> seeds() {
  const std::string schema =
      R"({"struct":"Row","fields":[["name","string"],["n",{"optional":"i64"}]]})";
  const std::string record(
      "\x03"
      "ann\x01\x08",
      6);
  return {encode_dead_letter(example(PayloadFormat::text, "plain")),
          encode_dead_letter(example(PayloadFormat::json, R"({"a":[1,{"b":null}]})")),
          encode_dead_letter(example(PayloadFormat::csv, "1,\"x \"\"y\"\"\",")),
          encode_dead_letter(example(PayloadFormat::record, record, schema))};
}

}  // namespace weir::fuzz
