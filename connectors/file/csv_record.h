// One CSV record, strictly by RFC 4180, except that a line may also end with a bare LF:
//
//   record  := field *(delimiter field) (CR LF / LF / end of file)
//   field   := '"' *(any byte but '"', or '""') '"'
//            / *(any byte but '"', delimiter, CR, LF)
//
// Pure functions: any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir::file::detail {

enum class CsvScan : unsigned char {
  record,
  incomplete,  ///< the text ends before the record does
  malformed,
};

/// The result of a scan; reused from record to record.
struct CsvRecord {
  std::vector<std::string_view> fields;  ///< unquoted; into the text or `unquoted`
  std::size_t size_bytes = 0;            ///< with the line end
  std::size_t content_bytes = 0;         ///< without it
  std::size_t newlines = 0;              ///< LF in it, with the last
  const char* error = "";                ///< of a malformed record
  bool open_quote = false;               ///< incomplete within a quoted field

  /// Reads the record that `text` begins with. `at_end`: nothing follows the text, so a record may
  /// lack its line end.
  CsvScan scan(std::string_view text, bool at_end, char delimiter);

 private:
  CsvScan scan_quoted(std::string_view text, std::size_t& at, bool at_end);
  CsvScan malformed(const char* why);
  std::size_t unquote(std::string_view quoted);

  std::string unquoted_;
  struct Piece {
    std::size_t field, begin, size;  // `fields[field]` is this part of `unquoted_`
  };
  std::vector<Piece> pieces_;
};

}  // namespace weir::file::detail
