// Which column goes to which field: the options and a header, bound together. Immutable once made;
// safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/connectors/file/field.h"

namespace weir::file::detail {

/// The fields of a struct with what the options say about them.
struct CsvField {
  Field field;
  std::string column;
  std::string default_text;
  bool has_default = false;
  bool not_empty = false;
};

struct CsvPlan {
  std::vector<CsvField> fields;
  TimeFormat times = TimeFormat::iso8601;

  /// Fails when the options name a field that does not exist or cannot come from text.
  static Result<CsvPlan> make(std::vector<Field> fields, const CsvOptions& options);
};

/// A plan for the files with one header.
class CsvColumns {
 public:
  /// `names`: those of the header, or empty when there is none. `file` is for the message when a
  /// column is missing.
  static Result<CsvColumns> bind(const CsvPlan& plan, const std::vector<std::string_view>& names,
                                 const std::string& file);
  std::size_t count() const { return count_; }
  /// Reads a record into `row`; false with `error` set when it does not fit.
  bool decode(const CsvPlan& plan, const std::vector<std::string_view>& record, void* row,
              std::string& error) const;

 private:
  static constexpr std::size_t kAbsent = SIZE_MAX;
  std::size_t count_ = 0;
  std::vector<std::size_t> place_;  // of each field's column in a record
};

}  // namespace weir::file::detail
