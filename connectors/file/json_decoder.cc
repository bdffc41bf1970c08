// Blocks and lines of JSON; the walk over the structure of a line is in json_walk.h. Used by one
// thread at a time.
#include "weir/connectors/file/json_decoder.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>

#include "weir/connectors/file/json_shape.h"
#include "weir/connectors/file/json_walk.h"

namespace weir::file::detail {
namespace {

/// simdjson's first stage alone: the offsets of all tokens of a text. It chooses the best code for
/// this processor at run time.
class Tokens {
 public:
  /// Fails when the text is not UTF-8, or a string in it is open or holds a control character.
  simdjson::error_code find(std::string_view text) {
    reserve(text.size());
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
    const auto error = stage_->stage1(bytes, text.size(), simdjson::stage1_mode::regular);
    if (error != simdjson::EMPTY) return error;
    stage_->structural_indexes[0] = static_cast<std::uint32_t>(text.size());
    stage_->n_structural_indexes = 0;
    return simdjson::SUCCESS;
  }
  /// Ends with the size of the text.
  const std::uint32_t* begin() const { return stage_->structural_indexes.get(); }
  /// Where that size is.
  const std::uint32_t* last() const { return begin() + stage_->n_structural_indexes; }

 private:
  void reserve(std::size_t bytes) {
    if (stage_ != nullptr && bytes <= stage_->capacity()) return;
    constexpr std::size_t kLeast = 64 * 1024, kDepthUnused = 1;
    const std::size_t capacity = std::bit_ceil(std::max(bytes, kLeast));
    const auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
        capacity, kDepthUnused, stage_);
    WEIR_CHECK(error == simdjson::SUCCESS, "simdjson has no memory for its structure");
  }
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stage_;
};

const char* explain(simdjson::error_code code) {
  switch (code) {
    case simdjson::UTF8_ERROR:
      return "is not valid UTF-8";
    case simdjson::UNCLOSED_STRING:
      return "ends within a string";
    case simdjson::UNESCAPED_CHARS:
      return "has a bare control character within a string";
    default:
      return "is not JSON";
  }
}

}  // namespace

struct JsonDecoder::Scanner {
  Tokens tokens;
  std::string_view block;
  simdjson::error_code block_error = simdjson::EMPTY;
  bool escapes = true;  // in the block
  const std::uint32_t* token = nullptr;
  std::string scratch;
  JsonShapes shapes;

  simdjson::error_code scan(std::string_view text) {
    block = text;
    block_error = tokens.find(text);
    token = tokens.begin();
    escapes = has_escapes(text);
    return block_error;
  }
  static bool has_escapes(std::string_view text) {
    return text.find('\\') != std::string_view::npos;
  }
  /// Reads the line from `token` on to `end` into `row`.
  bool decode(const JsonPlan& plan, std::string_view line, void* row, std::string& error) {
    const auto begin = static_cast<std::size_t>(line.data() - block.data());
    const std::size_t end = begin + line.size();
    while (*token < begin) ++token;
    const bool escaped = escapes && has_escapes(line);
    JsonWalk walk(plan, block.data(), token, end, escaped, scratch, row);
    const bool good =
        escaped ? walk.run() : decode_plain({block.data(), begin, end, token, tokens.last()}, walk);
    if (!good) error = walk.error();
    token = walk.token();
    return good;
  }
  /// `line` has no escapes.
  bool decode_plain(const JsonLine& line, JsonWalk& walk) {
    if (const JsonShape* shape = shapes.find(line)) return walk.run(*shape);
    const bool learn = shapes.wants_more();
    if (learn) walk.note(shapes.wanted);
    if (!walk.run()) return false;
    if (learn) shapes.learn(line, static_cast<std::size_t>(walk.token() - line.tokens));
    return true;
  }
};

JsonDecoder::JsonDecoder(std::shared_ptr<const JsonPlan> plan)
    : plan_(std::move(plan)), scanner_(std::make_unique<Scanner>()) {}
JsonDecoder::~JsonDecoder() = default;

void JsonDecoder::begin_block(std::string_view block) { (void)scanner_->scan(block); }

bool JsonDecoder::decode(std::string_view line, void* row, std::string& error) {
  Scanner& scanner = *scanner_;
  if (scanner.block_error != simdjson::SUCCESS) {
    // One bad line spoils the structure of its whole block, so these lines are taken one by one.
    const auto code = scanner.scan(line);
    scanner.block_error = simdjson::EMPTY;
    if (code != simdjson::SUCCESS) {
      error = std::string("the line ") + explain(code);
      return false;
    }
  }
  return scanner.decode(*plan_, line, row, error);
}

}  // namespace weir::file::detail
