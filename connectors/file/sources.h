// The file sources a job uses: text lines, CSV rows, JSON lines.
//
//   auto rows = job.source("rows", weir::file::csv<Row>({.path = job.config("input")}), {...});
//
// What cannot be read becomes a dead letter with its exact bytes; reading goes on after it. A file
// that vanished, shrank or was replaced under its position fails the job, since exactly once would
// no longer hold.
#pragma once

#include <memory>
#include <string>

#include "weir/connectors/file/field.h"
#include "weir/connectors/file/options.h"
#include "weir/connectors/file/untyped.h"

namespace weir::file {

namespace detail {
std::unique_ptr<UntypedSource> make_lines_source(LinesOptions options);
std::unique_ptr<UntypedSource> make_csv_source(CsvOptions options, std::vector<Field> fields);
std::unique_ptr<UntypedSource> make_json_source(JsonOptions options, std::vector<Field> fields);
}  // namespace detail

/// Lines of text.
inline std::shared_ptr<Source<std::string>> lines(LinesOptions options) {
  return std::make_shared<detail::TypedSource<std::string>>(
      detail::make_lines_source(std::move(options)));
}

/// CSV records as described structs T. A column is needed unless its field is a std::optional
/// (empty means none) or has a default; further columns are ignored.
template <class T>
std::shared_ptr<Source<T>> csv(CsvOptions options) {
  return std::make_shared<detail::TypedSource<T>>(
      detail::make_csv_source(std::move(options), detail::fields_of<T>()));
}

/// JSON objects, one a line, as described structs T. A key is needed unless its field is a
/// std::optional (absent and null mean none) or has a default; further keys are ignored, but the
/// whole line must be valid JSON.
template <class T>
std::shared_ptr<Source<T>> json(JsonOptions options) {
  return std::make_shared<detail::TypedSource<T>>(
      detail::make_json_source(std::move(options), detail::fields_of<T>()));
}

}  // namespace weir::file
