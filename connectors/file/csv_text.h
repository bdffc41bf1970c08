// Values as CSV fields (RFC 4180). Pure functions: any thread.
#pragma once

#include <string>
#include <string_view>

#include "weir/base/json.h"

namespace weir::file::detail {

/// Appends `text`, quoted where it must be. Empty text is quoted too, so that it differs from none.
void append_csv_text(std::string& out, std::string_view text, char delimiter);

/// Appends `value`: text as it is, none as nothing, times in ISO 8601, enums by name, compound
/// values as JSON text.
template <class M>
void append_csv_value(std::string& out, const M& value, char delimiter) {
  constexpr Shape shape = shape_of<M>;
  if constexpr (shape == Shape::string) {
    append_csv_text(out, value, delimiter);
  } else if constexpr (shape == Shape::optional) {
    if (value) append_csv_value(out, *value, delimiter);
  } else {
    std::string json;
    to_json(json, value);
    std::string_view text = json;
    if (text.size() >= 2 && text.front() == '"' && shape != Shape::custom) {
      text = text.substr(1, text.size() - 2);  // names and times need no escapes
    }
    append_csv_text(out, text, delimiter);
  }
}

/// Appends the fields of described struct `row` as one record with its line end.
template <class T>
void append_csv_row(std::string& out, const T& row, char delimiter) {
  bool first = true;
  for_each_field(row, [&](const char*, const auto& field) {
    if (!first) out.push_back(delimiter);
    first = false;
    append_csv_value(out, field, delimiter);
  });
  out.append("\r\n");
}

/// The header record of T.
template <class T>
std::string csv_header(char delimiter) {
  std::string out;
  const T row{};
  for_each_field(row, [&](const char* name, const auto&) {
    if (!out.empty()) out.push_back(delimiter);
    append_csv_text(out, name, delimiter);
  });
  return out + "\r\n";
}

}  // namespace weir::file::detail
