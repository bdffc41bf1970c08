// The scanner of CSV records: what it says of a text does not depend on how much of the text it
// sees, fields that are written are those that are read, and repairs of dead letters read the same
// fields.
#include "tests/fuzz/fuzz.h"
#include "weir/connectors/file/csv_record.h"
#include "weir/connectors/file/csv_text.h"
#include "weir/runtime/letter_csv.h"

namespace weir::fuzz {
namespace {

using file::detail::CsvRecord;
using file::detail::CsvScan;

/// `seen` is what was scanned of a beginning of the text.
void check_beginning(CsvScan scanned, const CsvRecord& seen, std::string_view text,
                     char delimiter) {
  if (scanned == CsvScan::incomplete) return;
  for (const bool at_end : {false, true}) {
    CsvRecord whole;
    WEIR_CHECK(whole.scan(text, at_end, delimiter) == scanned, "more text changes nothing");
    if (scanned == CsvScan::malformed) continue;
    WEIR_CHECK(whole.fields == seen.fields && whole.size_bytes == seen.size_bytes &&
                   whole.content_bytes == seen.content_bytes && whole.newlines == seen.newlines,
               "more text changes no record");
  }
}

void check_written(const CsvRecord& record, char delimiter) {
  std::string text;
  for (const std::string_view field : record.fields) {
    if (!text.empty()) text.push_back(delimiter);
    file::detail::append_csv_text(text, field, delimiter);
  }
  text += "\r\n";
  CsvRecord again;
  WEIR_CHECK(again.scan(text, false, delimiter) == CsvScan::record, "what is written is a record");
  WEIR_CHECK(again.fields == record.fields && again.size_bytes == text.size(),
             "fields that are written are read");
}

void check_repair(const CsvRecord& record, std::string_view text, char delimiter) {
  if (record.size_bytes != text.size() || record.content_bytes != text.size()) return;
  DeadLetter letter;
  letter.format = PayloadFormat::csv;
  letter.bytes = text;
  letter.headers["csv.delimiter"] = std::string(1, delimiter);
  const auto payload = csv_to_json(letter);
  WEIR_CHECK(payload.ok() && payload->elements.size() == record.fields.size(),
             "a record can be repaired");
  for (std::size_t i = 0; i < record.fields.size(); ++i) {
    check_same(payload->elements[i].text, record.fields[i], "a repair sees the same fields");
  }
}

}  // namespace

void run(std::string_view input) {
  if (input.empty() || input.size() > 300) return;
  const char delimiter = ",;\t|"[static_cast<unsigned char>(input[0]) % 4];
  const std::string_view text = input.substr(1);
  for (std::size_t size = 0; size < text.size(); ++size) {
    // A copy, so that a look behind its end is seen.
    const std::string beginning(text.substr(0, size));
    CsvRecord seen;
    const CsvScan scanned = seen.scan(beginning, false, delimiter);
    check_beginning(scanned, seen, text, delimiter);
  }
  CsvRecord record;
  if (record.scan(text, true, delimiter) != CsvScan::record) return;
  check_written(record, delimiter);
  check_repair(record, text, delimiter);
}

std::vector<std::string> seeds() {
  return {"0a,b\r\n1,2\r\n", "0\"a \"\"quoted\"\" one\",,\"\r\n\"\n",
          "1a;b,c;\"\"\"\"", "2\t\n",
          "3a\rb|c\n",       "0\"open,\n"};
}

}  // namespace weir::fuzz
