// JSON lines in memory. Threads: as of Source and SplitReader.
#include "weir/connectors/file/memory.h"

#include "weir/connectors/file/json.h"

namespace weir::memory::detail {
namespace {

using file::detail::InputSpec;
using file::detail::JsonPlan;
using file::detail::SplitSetup;
using file::detail::TextPosition;
using file::detail::UntypedReader;

class JsonMemorySource final : public file::detail::UntypedSource {
 public:
  JsonMemorySource(std::string_view text, InputSpec spec,
                   Result<std::shared_ptr<const JsonPlan>> plan)
      : text_(text), spec_(std::move(spec)), plan_(std::move(plan)) {}

  Result<std::vector<std::string>> discover(const SourceContext&) const override {
    if (!plan_.ok()) return plan_.error();
    std::vector<std::string> splits;
    std::uint64_t begin = 0;
    do {
      splits.push_back("memory#" + std::to_string(begin) + "-" +
                       std::to_string(begin + spec_.split_bytes));
      begin += spec_.split_bytes;
    } while (begin < text_.size());
    return splits;
  }
  std::optional<Duration> discovery_interval() const override { return std::nullopt; }
  Result<std::unique_ptr<UntypedReader>> open(const SourceContext&, const std::string& split,
                                              const std::string& position) const override {
    if (!plan_.ok()) return plan_.error();
    SplitSetup setup = parse_split(split, spec_);
    WEIR_ASSIGN(const TextPosition start, TextPosition::decode(position, setup));
    if (start.offset > text_.size() && start.offset != setup.begin) return bad_position(split);
    const bool early = setup.begin > 0 && start.offset == setup.begin;
    auto input = file::detail::open_memory(text_, early ? start.offset - 1 : start.offset);
    return make_json_reader(std::move(input), std::move(setup), start, plan_.value());
  }
  Status decode(const DeadLetter& letter, void* row) const override {
    if (!plan_.ok()) return plan_.error();
    return file::detail::decode_json(plan_.value(), letter.bytes, row);
  }
  std::string describe() const override {
    return "JSON lines in memory, " + std::to_string(text_.size()) + " bytes";
  }

 private:
  std::string_view text_;
  InputSpec spec_;
  Result<std::shared_ptr<const JsonPlan>> plan_;
};

}  // namespace

std::unique_ptr<file::detail::UntypedSource> make_json_source(
    std::string_view text, unsigned splits, file::JsonOptions options,
    std::vector<file::detail::Field> fields) {
  InputSpec spec =
      file::detail::InputSpec{"memory", false, {}, 0, options.max_record, PayloadFormat::json};
  spec.split_bytes = std::max<std::uint64_t>(1, (text.size() + splits - 1) / splits);
  return std::make_unique<JsonMemorySource>(text, std::move(spec),
                                            JsonPlan::make(std::move(fields), options));
}

std::optional<std::uint64_t> parse_index(const std::string& text) {
  std::uint64_t value = 0;
  if (text.empty()) return value;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

Error bad_position(const std::string& split) {
  return {ErrorCode::incompatible,
          "the saved position in split '" + split +
              "' lies outside the values that the source has now; start without the saved state, "
              "or restore the values",
          false};
}

Error no_decoding(const char* source) {
  return {ErrorCode::invalid_argument,
          std::string("the source '") + source + "' reads no raw records, so it can replay none",
          false};
}

}  // namespace weir::memory::detail
