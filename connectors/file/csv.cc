// The source of CSV rows. Threads: as of Source and SplitReader.
//
// A record that breaks the grammar, or a quote that is never closed, costs its first line only: the
// line becomes a dead letter and reading goes on after it.
#include <algorithm>

#include "weir/connectors/file/csv_plan.h"
#include "weir/connectors/file/csv_record.h"
#include "weir/connectors/file/sources.h"
#include "weir/connectors/file/text_source.h"

namespace weir::file::detail {
namespace {

constexpr int kRecordsPerRead = 1024;
constexpr const char* kHeader = "csv.header";

/// A source's plan and the options that its readers need.
struct CsvFormat {
  CsvPlan plan;
  char delimiter = ',';
  bool header = true;
};

/// A header record, bound to the plan.
struct BoundHeader {
  std::string raw;
  CsvColumns columns;
};

/// `why` stands behind "the header record".
Error bad_header(const std::string& file, const std::string& why) {
  return {ErrorCode::incompatible,
          "CSV file '" + file + "': the header record " + why +
              "; quote it by RFC 4180, or set .header = false",
          false};
}

Result<BoundHeader> bind_header(const CsvFormat& format, std::string_view raw,
                                const std::string& file) {
  CsvRecord record;
  if (record.scan(raw, true, format.delimiter) != CsvScan::record) {
    return bad_header(file, record.error);
  }
  BoundHeader header;
  header.raw.assign(raw);
  WEIR_ASSIGN(header.columns, CsvColumns::bind(format.plan, record.fields, file));
  return header;
}

class CsvReader final : public TextReader {
 public:
  CsvReader(std::unique_ptr<ByteInput> input, SplitSetup setup, const TextPosition& start,
            std::shared_ptr<const CsvFormat> format, std::optional<BoundHeader> header)
      : TextReader(std::move(input), std::move(setup), start),
        format_(std::move(format)),
        header_(std::move(header)) {}

  Result<ReadStatus> read(Rows& rows, DeadLetterSink& dead) override {
    for (int budget = kRecordsPerRead; budget > 0 && !rows.full(); --budget) {
      WEIR_ASSIGN(const Next next, step(rows, dead));
      if (next == Next::waiting || next == Next::end) return status_of(next);
    }
    return ReadStatus::more;
  }

 private:
  /// Reads one record, or does a slice of other work.
  Result<Next> step(Rows& rows, DeadLetterSink& dead) {
    WEIR_ASSIGN(const Next entered, enter());
    if (entered != Next::ready) return entered;
    if (in_giant()) return skip_giant(dead);
    if (past_end()) return Next::end;
    CsvScan scanned = scan(false);
    if (wants_more(scanned)) {
      WEIR_ASSIGN(const Fill fill, input_->fill());
      if (fill == Fill::grew) return Next::again;
      if (fill == Fill::waiting) return Next::waiting;
      if (input_->window().empty()) return Next::end;
      scanned = scan(true);
    }
    if (!header_) {
      WEIR_TRY(take_header(scanned));
    } else if (scanned == CsvScan::record) {
      take_record(rows, dead);
    } else {
      take_line(scanned, dead);
    }
    return Next::again;
  }

  CsvScan scan(bool at_end) {
    const std::string_view reach = input_->window().substr(0, longest());
    if (reach.empty()) return CsvScan::incomplete;
    return record_.scan(reach, at_end, format_->delimiter);
  }

  /// Of a record that cannot be read the whole line is needed.
  bool wants_more(CsvScan scanned) const {
    const std::string_view window = input_->window();
    if (window.size() >= longest() || scanned == CsvScan::record) return false;
    return scanned == CsvScan::incomplete || window.find('\n') == std::string_view::npos;
  }

  Status take_header(CsvScan scanned) {
    const std::string_view raw = input_->window().substr(0, record_.content_bytes);
    if (scanned != CsvScan::record || raw.size() > setup_.max_record) {
      return bad_header(setup_.name, why_not(scanned));
    }
    WEIR_ASSIGN(header_, bind_header(*format_, raw, setup_.name));
    advance(record_.size_bytes, record_.newlines);
    return {};
  }

  void take_record(Rows& rows, DeadLetterSink& dead) {
    const std::string_view raw = input_->window().substr(0, record_.content_bytes);
    if (raw.size() > setup_.max_record) {
      dead.add(too_large(raw, raw.size()));
    } else if (!raw.empty() || header_->columns.count() == 1) {
      decode(raw, rows, dead);
    }
    advance(record_.size_bytes, record_.newlines);
  }

  void decode(std::string_view raw, Rows& rows, DeadLetterSink& dead) {
    if (header_->columns.decode(format_->plan, record_.fields, rows.add(), error_)) return;
    rows.drop_last();
    add_letter(raw, error_, dead);
  }

  /// Gives up the line at the start of the window.
  void take_line(CsvScan scanned, DeadLetterSink& dead) {
    const std::string_view window = input_->window();
    const std::size_t end = std::min(window.find('\n'), window.size());
    std::string_view line = window.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > setup_.max_record) {
      start_giant();
      return;
    }
    add_letter(line, "the record " + why_not(scanned), dead);
    advance(std::min(end + 1, window.size()), 1);
  }

  /// Why there is no record, to stand behind "the record".
  std::string why_not(CsvScan scanned) const {
    if (scanned == CsvScan::malformed) return record_.error;
    if (input_->window().size() < longest()) return "has a quoted field that is never closed";
    return "does not end within max_record = " + std::to_string(setup_.max_record) + " bytes";
  }

  void add_letter(std::string_view raw, const std::string& message, DeadLetterSink& dead) {
    DeadLetter result = letter(DeadLetterReason::decode, raw, message);
    if (header_ && !header_->raw.empty()) result.headers[kHeader] = header_->raw;
    dead.add(std::move(result));
  }

  void advance(std::size_t bytes, std::size_t lines) {
    input_->consume(bytes);
    record_offset_ += bytes;
    line_ += lines;
  }

  std::shared_ptr<const CsvFormat> format_;
  std::optional<BoundHeader> header_;
  CsvRecord record_;
  std::string error_;  // reused
};

class CsvSource final : public TextSource {
 public:
  CsvSource(InputSpec spec, const CsvOptions& options, Result<CsvPlan> plan)
      : TextSource(std::move(spec)),
        newlines_(!options.no_newlines_in_fields),
        delimiter_(options.delimiter) {
    if (!plan.ok()) {
      error_ = plan.error();
      return;
    }
    format_ = std::make_shared<CsvFormat>(
        CsvFormat{std::move(plan).value(), options.delimiter, options.header});
  }

  Status decode(const DeadLetter& letter, void* row) const override;
  std::string describe() const override { return "CSV of " + spec_.path; }

 private:
  Status check() const override {
    if (error_) return *error_;
    if (spec_.split_bytes > 0 && newlines_) {
      return Error{ErrorCode::invalid_argument,
                   "CSV source '" + spec_.path +
                       "': split_bytes cuts at line ends, but a quoted field may hold one; set "
                       ".no_newlines_in_fields = true if none does, or leave split_bytes out",
                   false};
    }
    if (delimiter_ == '"' || delimiter_ == '\n' || delimiter_ == '\r') {
      return Error{ErrorCode::invalid_argument,
                   "CSV source '" + spec_.path + "': a quote or line end cannot be the delimiter",
                   false};
    }
    return {};
  }

  Result<std::unique_ptr<UntypedReader>> make_reader(const SourceContext& context,
                                                     Opened opened) const override {
    std::optional<BoundHeader> header;
    if (!format_->header) {
      WEIR_ASSIGN(CsvColumns columns, CsvColumns::bind(format_->plan, {}, opened.setup.name));
      header = BoundHeader{"", std::move(columns)};
    } else if (opened.start.offset > 0) {
      WEIR_ASSIGN(header, read_header(context, opened.setup, opened.start));
    }
    return std::unique_ptr<UntypedReader>(
        std::make_unique<CsvReader>(std::move(opened.input), std::move(opened.setup), opened.start,
                                    format_, std::move(header)));
  }

  /// The header of a file that is entered further on; nothing when that is the header itself, after
  /// a byte-order mark.
  Result<std::optional<BoundHeader>> read_header(const SourceContext& context, SplitSetup setup,
                                                 const TextPosition& start) const {
    const bool first_split = setup.begin == 0;
    setup.begin = 0;
    WEIR_ASSIGN(const std::unique_ptr<ByteInput> input, open_input(context, spec_, setup, {}));
    CsvRecord record;
    Fill fill = Fill::grew;
    while (fill == Fill::grew && input->window().size() <= setup.max_record) {
      WEIR_ASSIGN(fill, input->fill());
      const std::string_view window = input->window();
      const std::size_t mark = window.starts_with("\xef\xbb\xbf") ? 3 : 0;
      if (first_split && start.offset <= mark) return std::optional<BoundHeader>();
      const std::string_view text = window.substr(mark);
      if (text.empty()) continue;
      const CsvScan scanned = record.scan(text, fill == Fill::end, delimiter_);
      if (scanned == CsvScan::malformed) return bad_header(setup.name, record.error);
      if (scanned != CsvScan::record) continue;
      WEIR_ASSIGN(BoundHeader header,
                  bind_header(*format_, text.substr(0, record.content_bytes), setup.name));
      return std::optional<BoundHeader>(std::move(header));
    }
    if (input->window().empty()) return std::optional<BoundHeader>();
    return bad_header(setup.name, "does not end within max_record bytes");
  }

  std::shared_ptr<const CsvFormat> format_;
  std::optional<Error> error_;
  bool newlines_;
  char delimiter_;
};

Status CsvSource::decode(const DeadLetter& letter, void* row) const {
  WEIR_TRY(check());
  const auto found = letter.headers.find(kHeader);
  const std::string header = found == letter.headers.end() ? "" : found->second;
  if (format_->header && header.empty()) {
    return Error{ErrorCode::invalid_argument,
                 "this dead letter lacks the header 'csv.header', which names its columns", false};
  }
  BoundHeader bound;
  if (format_->header) {
    WEIR_ASSIGN(bound, bind_header(*format_, header, letter.source));
  } else {
    WEIR_ASSIGN(bound.columns, CsvColumns::bind(format_->plan, {}, letter.source));
  }
  CsvRecord record;
  const CsvScan scanned = record.scan(letter.bytes, true, delimiter_);
  std::string error = "the bytes are not one record";
  if (scanned == CsvScan::malformed) error = std::string("the record ") + record.error;
  if (scanned == CsvScan::incomplete) error = "the record has a quoted field that is never closed";
  if (scanned == CsvScan::record && record.size_bytes == letter.bytes.size() &&
      bound.columns.decode(format_->plan, record.fields, row, error)) {
    return {};
  }
  return Error{ErrorCode::invalid_argument, error, false};
}

}  // namespace

std::unique_ptr<UntypedSource> make_csv_source(CsvOptions options, std::vector<Field> fields) {
  return std::make_unique<CsvSource>(input_spec(options, PayloadFormat::csv), options,
                                     CsvPlan::make(std::move(fields), options));
}

}  // namespace weir::file::detail
