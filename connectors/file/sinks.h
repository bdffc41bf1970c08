// The sinks a job uses: exactly once into files, at least once to standard output.
//
//   alerts.sink("alerts", weir::file::json_sink<Alert>({.path = job.config("output") +
//   "/alerts"}));
//
// A reader of the folder sees whole files `part-*` only, and each record in one of them. How that
// is done: connectors/file/part_files.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "weir/base/json.h"
#include "weir/base/path.h"
#include "weir/connectors/file/csv_text.h"
#include "weir/connectors/file/options.h"
#include "weir/connectors/file/part_writer.h"
#include "weir/runtime/sink.h"

namespace weir::file {

namespace detail {

/// How rows of T become lines: one JSON value, one CSV record, or the text itself.
template <class T>
struct JsonRows {
  void append(std::string& out, const T& row) const {
    to_json(out, row);
    out.push_back('\n');
  }
};
template <class T>
struct CsvRows {
  char delimiter = ',';
  void append(std::string& out, const T& row) const { append_csv_row(out, row, delimiter); }
};
struct TextRows {
  void append(std::string& out, const std::string& row) const {
    out.append(row);
    out.push_back('\n');
  }
};

template <class T, class Rows>
class FileSinkWriter final : public SinkWriter<T> {
 public:
  FileSinkWriter(const SinkContext& context, PartOptions options, Rows rows,
                 const std::vector<std::string>& carried_over)
      : rows_(rows), parts_(context, std::move(options), carried_over) {}
  Status write(Batch<T>& batch) override {
    lines_.clear();
    for (const T& row : batch) rows_.append(lines_, row);
    return parts_.write(lines_);
  }
  Result<Staged> stage(std::uint64_t checkpoint, bool last) override {
    return parts_.stage(checkpoint, last);
  }
  std::vector<std::string> carried_over() const override { return parts_.carried_over(); }

 private:
  Rows rows_;
  PartWriter parts_;
  std::string lines_;  // of one batch; reused
};

template <class T, class Rows>
class FileSink final : public Sink<T> {
 public:
  FileSink(PartOptions options, Rows rows) : options_(std::move(options)), rows_(rows) {}
  Status prepare(const SinkContext& context, const std::vector<std::string>& live) const override {
    return prepare_parts(context, options_.folder, live);
  }
  Result<std::unique_ptr<SinkWriter<T>>> open(
      const SinkContext& context, const std::vector<std::string>& carried_over) const override {
    return std::unique_ptr<SinkWriter<T>>(
        std::make_unique<FileSinkWriter<T, Rows>>(context, options_, rows_, carried_over));
  }
  Status commit(const SinkContext& context,
                const std::vector<Committable>& committables) const override {
    return commit_parts(context, options_.folder, committables);
  }
  std::string destination() const override {
    const std::string folder = canonical_path(options_.folder);
    return folder.empty() ? folder : "folder " + folder;
  }
  std::string describe() const override {
    return options_.folder + "/part-*." + options_.extension;
  }

 private:
  PartOptions options_;
  Rows rows_;
};

/// Writes all of `text` to standard output at once.
Status write_stdout(std::string_view text);

template <class T>
class PrintWriter final : public SinkWriter<T> {
 public:
  Status write(Batch<T>& batch) override {
    using Rows = std::conditional_t<std::is_same_v<T, std::string>, TextRows, JsonRows<T>>;
    lines_.clear();
    for (const T& row : batch) Rows().append(lines_, row);
    return write_stdout(lines_);
  }
  Result<Staged> stage(std::uint64_t, bool) override { return Staged(); }

 private:
  std::string lines_;  // of one batch; reused
};

template <class T>
class PrintSink final : public Sink<T> {
 public:
  Status prepare(const SinkContext&, const std::vector<std::string>&) const override { return {}; }
  Result<std::unique_ptr<SinkWriter<T>>> open(const SinkContext&,
                                              const std::vector<std::string>&) const override {
    return std::unique_ptr<SinkWriter<T>>(std::make_unique<PrintWriter<T>>());
  }
  Status commit(const SinkContext&, const std::vector<Committable>&) const override { return {}; }
  bool at_least_once() const override { return true; }
  std::string describe() const override { return "standard output"; }
};

}  // namespace detail

/// Each record as one line of JSON, in `part-*.jsonl`.
template <class T>
std::shared_ptr<Sink<T>> json_sink(SinkOptions options) {
  return std::make_shared<detail::FileSink<T, detail::JsonRows<T>>>(
      detail::PartOptions{options.path, "jsonl", "", options.roll_bytes, options.roll_interval},
      detail::JsonRows<T>());
}

/// The fields of described struct T as CSV records, in `part-*.csv`.
template <class T>
std::shared_ptr<Sink<T>> csv_sink(CsvSinkOptions options) {
  static_assert(Described<T>,
                "Weir writes described structs as CSV: write WEIR_DESCRIBE(Type, fields...) after "
                "the definition of the type");
  std::string header = options.header ? detail::csv_header<T>(options.delimiter) : "";
  return std::make_shared<detail::FileSink<T, detail::CsvRows<T>>>(
      detail::PartOptions{options.path, "csv", std::move(header), options.roll_bytes,
                          options.roll_interval},
      detail::CsvRows<T>{options.delimiter});
}

/// Each string as one line, in `part-*.txt`.
inline std::shared_ptr<Sink<std::string>> text_sink(SinkOptions options) {
  return std::make_shared<detail::FileSink<std::string, detail::TextRows>>(
      detail::PartOptions{options.path, "txt", "", options.roll_bytes, options.roll_interval},
      detail::TextRows());
}

}  // namespace weir::file

namespace weir {

/// Each record as a line on standard output: a string as it is, anything else as JSON. At least
/// once: what was printed before a crash may be printed again.
template <class T>
std::shared_ptr<Sink<T>> print() {
  return std::make_shared<file::detail::PrintSink<T>>();
}

}  // namespace weir
