// The source of JSON lines. Threads: as of Source and SplitReader.
#include "weir/connectors/file/json.h"

#include "weir/connectors/file/sources.h"

namespace weir::file::detail {
namespace {

class JsonReader final : public LineReader {
 public:
  JsonReader(std::unique_ptr<ByteInput> input, SplitSetup setup, const TextPosition& start,
             std::shared_ptr<const JsonPlan> plan)
      : LineReader(std::move(input), std::move(setup), start), decoder_(std::move(plan)) {}

 private:
  void begin_block(std::string_view block) override { decoder_.begin_block(block); }
  bool decode(std::string_view line, void* row, std::string& error) override {
    return decoder_.decode(line, row, error);
  }
  bool skips_empty_lines() const override { return true; }

  JsonDecoder decoder_;
};

class JsonSource final : public TextSource {
 public:
  JsonSource(InputSpec spec, Result<std::shared_ptr<const JsonPlan>> plan)
      : TextSource(std::move(spec)), plan_(std::move(plan)) {}

  Status decode(const DeadLetter& letter, void* row) const override {
    WEIR_TRY(check());
    return decode_json(plan_.value(), letter.bytes, row);
  }
  std::string describe() const override { return "JSON lines of " + spec_.path; }

 private:
  Status check() const override { return plan_.ok() ? Status() : Status(plan_.error()); }
  Result<std::unique_ptr<UntypedReader>> make_reader(const SourceContext&,
                                                     Opened opened) const override {
    return make_json_reader(std::move(opened.input), std::move(opened.setup), opened.start, *plan_);
  }
  Result<std::shared_ptr<const JsonPlan>> plan_;
};

}  // namespace

std::unique_ptr<UntypedReader> make_json_reader(std::unique_ptr<ByteInput> input, SplitSetup setup,
                                                const TextPosition& start,
                                                std::shared_ptr<const JsonPlan> plan) {
  return std::make_unique<JsonReader>(std::move(input), std::move(setup), start, std::move(plan));
}

Status decode_json(const std::shared_ptr<const JsonPlan>& plan, std::string_view bytes, void* row) {
  if (bytes.find('\n') != std::string_view::npos) {
    std::string one_line(bytes);
    for (char& c : one_line) c = c == '\n' ? ' ' : c;  // a repaired record may be laid out freely
    return decode_json(plan, one_line, row);
  }
  JsonDecoder decoder(plan);
  decoder.begin_block(bytes);
  std::string error;
  if (decoder.decode(bytes, row, error)) return {};
  return Error{ErrorCode::invalid_argument, error, false};
}

std::unique_ptr<UntypedSource> make_json_source(JsonOptions options, std::vector<Field> fields) {
  return std::make_unique<JsonSource>(input_spec(options, PayloadFormat::json),
                                      JsonPlan::make(std::move(fields), options));
}

}  // namespace weir::file::detail
