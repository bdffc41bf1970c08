// The binary codec with a type of every shape: what decodes encodes to bytes that mean the same,
// and reading by the type, by its schema alone and as JSON all agree.
#include <boost/json/parse.hpp>

#include "tests/base/described_types.h"
#include "tests/fuzz/fuzz.h"
#include "weir/base/codec.h"
#include "weir/base/json.h"

namespace weir::fuzz {
namespace {

using testing_types::Everything;

void check_json(const Everything& value, std::string_view bytes) {
  std::string typed, by_schema;
  to_json(typed, value);
  ByteReader reader(bytes);
  row_to_json(by_schema, reader, schema_of<Everything>());
  WEIR_CHECK(!reader.failed() && reader.at_end(), "what encodes can be shown");
  check_same(typed, by_schema, "JSON by the type is JSON by its schema");
  boost::json::error_code failed;
  boost::json::parse(typed, failed);
  WEIR_CHECK(!failed, "what is shown is JSON in UTF-8");
  // JSON cannot say everything: neither bytes that are not UTF-8 nor numbers that are none.
  if (typed.find("\xef\xbf\xbd") != typed.npos) return;
  Everything back;
  if (!from_json(typed, back).ok()) {
    WEIR_CHECK(typed.find("null") != typed.npos, "what was shown reads back");
    return;
  }
  std::string again;
  to_json(again, back);
  check_same(typed, again, "what was shown reads back as the same");
}

}  // namespace

void run(std::string_view input) {
  Everything value, again;
  ByteReader reader(input);
  decode(reader, value);
  if (reader.failed()) return;
  ByteReader skipped(input);
  skip_value(skipped, schema_of<Everything>());
  WEIR_CHECK(!skipped.failed() && skipped.remaining() == reader.remaining(),
             "passing over a value ends where reading it does");
  const std::string bytes = encode_to_string(value);
  WEIR_CHECK(decode_from(bytes, again), "what was encoded decodes");
  WEIR_CHECK(encode_to_string(again) == bytes, "a value has one encoding");
  check_json(value, bytes);
}

std::vector<std::string> seeds() {
  std::vector<std::string> all{encode_to_string(Everything())};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    all.push_back(encode_to_string(testing_types::RandomValues(seed).everything()));
  }
  return all;
}

}  // namespace weir::fuzz
