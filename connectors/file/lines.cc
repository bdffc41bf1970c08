// The source of text lines. Threads: as of Source and SplitReader.
#include "weir/connectors/file/sources.h"
#include "weir/connectors/file/text_source.h"

namespace weir::file::detail {
namespace {

class PlainLineReader final : public LineReader {
 public:
  using LineReader::LineReader;

 private:
  void begin_block(std::string_view) override {}
  bool decode(std::string_view line, void* row, std::string&) override {
    static_cast<std::string*>(row)->assign(line);
    return true;
  }
  bool skips_empty_lines() const override { return false; }
};

class LinesSource final : public TextSource {
 public:
  using TextSource::TextSource;
  Status decode(const DeadLetter& letter, void* row) const override {
    if (letter.headers.contains("size_bytes")) {
      return Error{ErrorCode::invalid_argument,
                   "only the first bytes of this line were kept; raise max_record and read the "
                   "file again",
                   false};
    }
    static_cast<std::string*>(row)->assign(letter.bytes);
    return {};
  }
  std::string describe() const override { return "lines of " + spec_.path; }

 private:
  Result<std::unique_ptr<UntypedReader>> make_reader(const SourceContext&,
                                                     Opened opened) const override {
    return std::unique_ptr<UntypedReader>(std::make_unique<PlainLineReader>(
        std::move(opened.input), std::move(opened.setup), opened.start));
  }
};

}  // namespace

std::unique_ptr<UntypedSource> make_lines_source(LinesOptions options) {
  return std::make_unique<LinesSource>(input_spec(options, PayloadFormat::text));
}

}  // namespace weir::file::detail
