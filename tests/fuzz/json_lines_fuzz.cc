// The decoder of JSON lines: it refuses exactly what is not a JSON object, decodes a line the same
// alone and among others, and reads what is written.
#include <boost/json/parse.hpp>

#include <map>
#include <optional>

#include "tests/fuzz/fuzz.h"
#include "weir/base/json.h"
#include "weir/connectors/file/json_decoder.h"

namespace weir::fuzz {

enum class Tier : std::uint8_t { basic, gold };
WEIR_DESCRIBE_ENUM(Tier, basic, gold)

struct Row {
  std::string user;
  std::optional<std::int64_t> count;
  std::optional<double> price;
  std::optional<EventTime> at;
  std::optional<bool> flag;
  std::optional<Tier> tier;
  std::optional<std::vector<std::string>> tags;
  std::uint8_t small = 0;
};
WEIR_DESCRIBE(Row, user, count, price, at, flag, tier, tags, small)

/// Wants nothing that a line may hold, so that only the grammar counts.
struct Nothing {
  std::optional<bool> a_name_that_no_line_has;
};
WEIR_DESCRIBE(Nothing, a_name_that_no_line_has)

namespace {

using file::detail::JsonDecoder;
using file::detail::JsonPlan;

constexpr unsigned kDepth = 32;

template <class T>
std::shared_ptr<const JsonPlan> plan(file::JsonOptions options) {
  options.max_depth = kDepth;
  return JsonPlan::make(file::detail::fields_of<T>(), options).value();
}

/// Nothing where it cannot tell: no double can hold a number.
std::optional<bool> is_object(std::string_view line) {
  boost::json::parse_options options;
  options.max_depth = kDepth;
  boost::json::error_code failed;
  const auto value = boost::json::parse({line.data(), line.size()}, failed, {}, options);
  if (failed == boost::json::error::exponent_overflow) return std::nullopt;
  return !failed && value.is_object();
}

void check_grammar(JsonDecoder& decoder, std::string_view line) {
  Nothing row;
  std::string error;
  const bool taken = decoder.decode(line, &row, error);
  WEIR_CHECK(taken == is_object(line).value_or(taken), "a line is taken when it is a JSON object");
  WEIR_CHECK(taken || !error.empty(), "who refuses says why");
}

/// The row as JSON, or nothing and why.
std::optional<std::string> decoded(JsonDecoder& decoder, std::string_view line,
                                   std::string& error) {
  Row row;
  if (!decoder.decode(line, &row, error)) return std::nullopt;
  std::string json;
  to_json(json, row);
  return json;
}

void check_typed(const std::shared_ptr<const JsonPlan>& rows, JsonDecoder& in_block,
                 std::string_view line) {
  const std::string copy(line);
  JsonDecoder alone(rows);
  alone.begin_block(copy);
  std::string error, error_alone;
  const auto json = decoded(in_block, line, error);
  const auto json_alone = decoded(alone, copy, error_alone);
  WEIR_CHECK(json == json_alone, "a line means the same in any block");
  if (!json) return check_same(error, error_alone, "a line is refused alike in any block");
  JsonDecoder again(rows);
  again.begin_block(*json);
  const auto json_again = decoded(again, *json, error);
  WEIR_CHECK(json_again, "a row that is written can be read");
  check_same(*json, *json_again, "a row that is written reads back as the same");
}

}  // namespace

void run(std::string_view input) {
  static const auto nothing = plan<Nothing>({});
  static const auto rows = plan<Row>({.defaults = {{"small", "7"}}, .not_empty = {"user"}});
  const std::string block(input);  // a copy, so that a look behind its end is seen
  JsonDecoder grammar(nothing), typed(rows);
  grammar.begin_block(block);
  typed.begin_block(block);
  for (std::string_view rest = block; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) {
      check_grammar(grammar, line);
      check_typed(rows, typed, line);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

std::vector<std::string> seeds() {
  return {
      R"({"user":"ann","count":-3,"price":1.5e3,"at":"2020-01-01T00:00:00Z",)"
      R"("flag":true,"tier":"gold","tags":["a","\u00e9"],"small":255}
)",
      "{\"user\":\"x\",\"at\":1600000000000,\"count\":null}\r\n\n{\"user\":\"\"}\n{\"user\":\"y\","
      "\"user\":\"z\"}\n",
      R"({"x":{"y":[[],{},"\\\"",-0.0,1E+2,false,null]},"user":"\ud83d\ude00"})",
      "[1]\n{}\n{\"user\":1}\n{\"a\":}\n", "{\"user\":\"open\n{\"user\":\"b\"}\n"};
}

}  // namespace weir::fuzz
