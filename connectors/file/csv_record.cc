// The scanner of RFC 4180. Pure functions: any thread.
#include "weir/connectors/file/csv_record.h"

#include <algorithm>

namespace weir::file::detail {

CsvScan CsvRecord::malformed(const char* why) {
  error = why;
  return CsvScan::malformed;
}

/// Appends the meaning of a quoted field's inside to `unquoted_`; returns its size.
std::size_t CsvRecord::unquote(std::string_view quoted) {
  const std::size_t before = unquoted_.size();
  while (!quoted.empty()) {
    const std::size_t quote = quoted.find('"');
    unquoted_.append(quoted.substr(0, quote == std::string_view::npos ? quote : quote + 1));
    if (quote == std::string_view::npos) break;
    quoted.remove_prefix(quote + 2);
  }
  return unquoted_.size() - before;
}

/// `at` is behind the opening quote; moves behind the closing one.
CsvScan CsvRecord::scan_quoted(std::string_view text, std::size_t& at, bool at_end) {
  const std::size_t begin = at;
  bool doubled = false;
  while (true) {
    const std::size_t quote = text.find('"', at);
    if (quote == std::string_view::npos || (quote + 1 == text.size() && !at_end)) {
      open_quote = true;
      return CsvScan::incomplete;
    }
    at = quote + 1;
    if (at == text.size() || text[at] != '"') break;
    doubled = true;
    ++at;
  }
  const std::string_view inside = text.substr(begin, at - 1 - begin);
  newlines += static_cast<std::size_t>(std::count(inside.begin(), inside.end(), '\n'));
  if (doubled) {
    const std::size_t start = unquoted_.size();
    pieces_.push_back({fields.size(), start, unquote(inside)});
    fields.emplace_back();
  } else {
    fields.push_back(inside);
  }
  return CsvScan::record;
}

CsvScan CsvRecord::scan(std::string_view text, bool at_end, char delimiter) {
  fields.clear();
  unquoted_.clear();
  pieces_.clear();
  newlines = 0;
  open_quote = false;
  std::size_t at = 0;
  while (true) {
    if (at < text.size() && text[at] == '"') {
      const CsvScan quoted = scan_quoted(text, ++at, at_end);
      if (quoted != CsvScan::record) return quoted;
    } else {
      const std::size_t begin = at;
      while (at < text.size() && text[at] != delimiter && text[at] != '\n' && text[at] != '\r') {
        if (text[at] == '"') return malformed("has a quote within an unquoted field");
        ++at;
      }
      fields.push_back(text.substr(begin, at - begin));
    }
    if (at < text.size() && text[at] == delimiter) {
      ++at;
      continue;
    }
    break;
  }
  content_bytes = at;
  if (at < text.size() && text[at] == '\r') ++at;
  if (at == text.size()) {
    if (!at_end) return CsvScan::incomplete;
    if (at != content_bytes) return malformed("has a carriage return without a line feed");
  } else if (text[at] != '\n') {
    return malformed(at == content_bytes ? "has something behind a closing quote"
                                         : "has a carriage return without a line feed");
  } else {
    ++at;
    ++newlines;
  }
  size_bytes = at;
  for (const Piece& piece : pieces_) {
    fields[piece.field] = std::string_view(unquoted_).substr(piece.begin, piece.size);
  }
  return CsvScan::record;
}

}  // namespace weir::file::detail
