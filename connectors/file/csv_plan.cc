// Binding columns to fields. Any thread.
#include "weir/connectors/file/csv_plan.h"

#include <simdjson.h>

#include <algorithm>

namespace weir::file::detail {
namespace {

Error wrong(std::string message) {
  return {ErrorCode::invalid_argument, "CSV source: " + std::move(message), false};
}

template <class Names>
std::string join_names(const Names& names) {
  std::string text;
  for (const auto& name : names) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

Result<CsvField*> find_field(CsvPlan& plan, const char* option, const std::string& name) {
  std::vector<std::string> known;
  for (CsvField& field : plan.fields) {
    if (field.field.name == name) return &field;
    known.push_back(field.field.name);
  }
  return wrong("." + std::string(option) + " names the field '" + name +
               "', but the described fields are " + join_names(known));
}

/// A piece of a value that is safe in a message whatever its bytes.
std::string excerpt(std::string_view text) {
  constexpr std::size_t kMost = 60;
  std::string shown = "'";
  for (const char c : text.substr(0, kMost)) {
    shown += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  }
  return shown + (text.size() > kMost ? "...'" : "'");
}

bool all_utf8(const std::vector<std::string_view>& record) {
  return std::all_of(record.begin(), record.end(), [](std::string_view field) {
    return simdjson::validate_utf8(field.data(), field.size());
  });
}

}  // namespace

Result<CsvPlan> CsvPlan::make(std::vector<Field> fields, const CsvOptions& options) {
  CsvPlan plan;
  plan.times = options.times;
  for (Field& field : fields) {
    if (field.compound) {
      return wrong("field '" + field.name +
                   "' cannot be read from one column; specialise weir::file::FieldParser for its "
                   "type");
    }
    CsvField& bound = plan.fields.emplace_back();
    bound.column = field.name;
    bound.field = std::move(field);
  }
  for (const auto& [name, column] : options.columns) {
    WEIR_ASSIGN(CsvField * field, find_field(plan, "columns", name));
    field->column = column;
  }
  for (const auto& [name, text] : options.defaults) {
    WEIR_ASSIGN(CsvField * field, find_field(plan, "defaults", name));
    field->default_text = text;
    field->has_default = true;
  }
  for (const std::string& name : options.not_empty) {
    WEIR_ASSIGN(CsvField * field, find_field(plan, "not_empty", name));
    field->not_empty = true;
  }
  return plan;
}

Result<CsvColumns> CsvColumns::bind(const CsvPlan& plan, const std::vector<std::string_view>& names,
                                    const std::string& file) {
  CsvColumns columns;
  columns.count_ = names.empty() ? plan.fields.size() : names.size();
  for (std::size_t i = 0; i < plan.fields.size(); ++i) {
    const CsvField& field = plan.fields[i];
    if (names.empty()) {
      columns.place_.push_back(i);
      continue;
    }
    const auto found = std::find(names.begin(), names.end(), field.column);
    const bool absent = found == names.end();
    if (absent && !field.field.optional && !field.has_default) {
      return Error{ErrorCode::incompatible,
                   "CSV file '" + file + "' has no column '" + field.column + "' for field '" +
                       field.field.name + "'; its columns are " + join_names(names) +
                       ". Name the right one in .columns, or give the field a default",
                   false};
    }
    if (!absent && std::find(found + 1, names.end(), field.column) != names.end()) {
      return Error{ErrorCode::incompatible,
                   "CSV file '" + file + "' has two columns '" + field.column + "'", false};
    }
    columns.place_.push_back(absent ? kAbsent : static_cast<std::size_t>(found - names.begin()));
  }
  return columns;
}

bool CsvColumns::decode(const CsvPlan& plan, const std::vector<std::string_view>& record, void* row,
                        std::string& error) const {
  if (record.size() != count_) {
    error = "the record has " + std::to_string(record.size()) + " fields, not " +
            std::to_string(count_);
    return false;
  }
  if (!all_utf8(record)) {
    error = "the record is not valid UTF-8";
    return false;
  }
  for (std::size_t i = 0; i < plan.fields.size(); ++i) {
    const CsvField& field = plan.fields[i];
    std::string_view text = place_[i] == kAbsent ? std::string_view() : record[place_[i]];
    if (text.empty() && field.not_empty && !field.has_default) {
      error = "column '" + field.column + "' is empty";
      return false;
    }
    if (text.empty() && field.has_default) text = field.default_text;
    if (!field.field.set(row, {ValueKind::text, text}, plan.times)) {
      error = "column '" + field.column + "': " + excerpt(text) + " is not " + field.field.expected;
      return false;
    }
  }
  return true;
}

}  // namespace weir::file::detail
