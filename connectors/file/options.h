// What a job says about its files: the options of the sources and sinks in weir::file.
//
// The structs repeat their common members because designated initialisers do not reach into base
// classes. Plain data: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "weir/base/time.h"

namespace weir::file {

/// How a time is written in a file, where it is a number or bare text. JSON strings are always
/// ISO 8601.
enum class TimeFormat : std::uint8_t {
  iso8601,  ///< 2010-12-01 08:26:00, 2019-10-01T00:00:00.123Z, 2019-10-01 00:00:00 UTC
  seconds,  ///< since 1970; a fraction is cut at the millisecond
  millis,   ///< since 1970
};

/// Text lines, as std::string without their ends (LF or CR LF).
struct LinesOptions {
  /// One file, a pattern with `*`, `?` and `[...]` in any component, or a folder: all files in it
  /// whose names do not begin with `.` or `_`. Plain, gzip or zstd, told by their first bytes.
  std::string path = {};
  /// Look for new files every `discovery_interval` and read on as files grow; whole lines only.
  bool follow = false;
  Duration discovery_interval{1000};
  /// Cut larger plain files at line ends into splits of about so many bytes; 0: one file, one
  /// split. Not with `follow`.
  std::uint64_t split_bytes = 0;
  /// Longer lines become dead letters (too_large).
  std::size_t max_record = std::size_t{1} << 20;
  /// At most so many records a second from each split, so that a backfill does not flood what
  /// comes behind the job; 0: as fast as the job takes them.
  double rate_per_second = 0;
};

/// CSV by RFC 4180.
struct CsvOptions {
  std::string path = {};  ///< as in LinesOptions
  /// Described field -> name of its column, where they differ.
  std::map<std::string, std::string> columns = {};
  /// Described field -> text that stands for an absent column or an empty value.
  std::map<std::string, std::string> defaults = {};
  /// Described fields that must not be empty.
  std::vector<std::string> not_empty = {};
  char delimiter = ',';
  /// The first record names the columns. Otherwise they are the described fields, in order.
  bool header = true;
  TimeFormat times = TimeFormat::iso8601;
  bool follow = false;                ///< as in LinesOptions
  Duration discovery_interval{1000};  ///< as in LinesOptions
  /// As in LinesOptions; needs `no_newlines_in_fields`, since a cut looks for line ends.
  std::uint64_t split_bytes = 0;
  /// A promise: no quoted field holds a line end.
  bool no_newlines_in_fields = false;
  std::size_t max_record = std::size_t{1} << 20;
  double rate_per_second = 0;  ///< as in LinesOptions
};

/// JSON lines: one object a line.
struct JsonOptions {
  std::string path = {};  ///< as in LinesOptions
  /// Described field -> key, where they differ; dots lead into objects: "properties.price".
  std::map<std::string, std::string> keys = {};
  /// Described field -> JSON text that stands for an absent key or null: "0", "\"EUR\"".
  std::map<std::string, std::string> defaults = {};
  /// Described fields whose text must not be empty.
  std::vector<std::string> not_empty = {};
  TimeFormat times = TimeFormat::millis;  ///< of numbers; strings are ISO 8601
  /// Deeper nested lines become dead letters.
  unsigned max_depth = 64;
  bool follow = false;                ///< as in LinesOptions
  Duration discovery_interval{1000};  ///< as in LinesOptions
  std::uint64_t split_bytes = 0;      ///< as in LinesOptions
  std::size_t max_record = std::size_t{1} << 20;
  double rate_per_second = 0;  ///< as in LinesOptions
};

/// A folder into which a sink writes `part-*` files, exactly once.
struct SinkOptions {
  std::string path = {};
  /// A file is finished at the first barrier at which it is as large, or as old, as this.
  std::uint64_t roll_bytes = std::uint64_t{128} << 20;
  Duration roll_interval{10'000};
};

/// As SinkOptions, for CSV.
struct CsvSinkOptions {
  std::string path = {};
  std::uint64_t roll_bytes = std::uint64_t{128} << 20;
  Duration roll_interval{10'000};
  char delimiter = ',';
  bool header = true;  ///< each file begins with the names of the fields
};

}  // namespace weir::file
