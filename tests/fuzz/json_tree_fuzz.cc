// The strict reader of JSON: it agrees with Boost.JSON on what is JSON, and what it reads it writes
// back as the same.
#include <boost/json/parse.hpp>
#include <optional>

#include "tests/fuzz/fuzz.h"
#include "weir/base/json_tree.h"
#include "weir/runtime/json_edit.h"

namespace weir::fuzz {
namespace {

/// Nothing where it cannot tell: a number that no double can hold is JSON, but stops it there.
std::optional<bool> is_json(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 100;
  boost::json::error_code failed;
  boost::json::parse({text.data(), text.size()}, failed, {}, options);
  if (failed == boost::json::error::exponent_overflow) return std::nullopt;
  return !failed;
}

/// Refused by limits of our own, not by the grammar.
bool by_limit(const std::string& message) {
  for (const char* limit : {"name twice", "levels deep", "512 characters"}) {
    if (message.find(limit) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

void run(std::string_view input) {
  const auto tree = parse_json(input);
  if (!tree.ok()) {
    WEIR_CHECK(by_limit(tree.error().message) || !is_json(input).value_or(false),
               "what is JSON is read");
    return;
  }
  WEIR_CHECK(is_json(input).value_or(true), "what is read is JSON");
  std::string text;
  append_json(text, *tree);
  const auto again = parse_json(text);
  WEIR_CHECK(again.ok() && same_json(*tree, *again), "what is written is what was read");
  std::string twice;
  append_json(twice, *again);
  check_same(text, twice, "a tree is written in one way");
}

std::vector<std::string> seeds() {
  return {R"({"a":[1,-2.5e3,true,false,null,"é\u00e9\ud83d\ude00\n"],"b":{}})",
          "[]",
          "  [ 1 , 1E400 ] ",
          R"("\"\\\/\b\f\n\r\t")",
          "-0.0",
          "123456789012345678901234567890",
          R"({"a":{"a":{"a":[[[0]]]}}})"};
}

}  // namespace weir::fuzz
