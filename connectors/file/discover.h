// From the path that a job gives to the splits of its source. Runs on an I/O thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/base/storage.h"
#include "weir/connectors/file/text_reader.h"

namespace weir::file::detail {

/// What the sources of lines, CSV and JSON have in common.
struct InputSpec {
  std::string path;
  bool follow = false;
  Duration discovery_interval{};
  std::uint64_t split_bytes = 0;
  std::size_t max_record = 0;
  PayloadFormat format = PayloadFormat::text;
  double rate_per_second = 0;
};

/// The files that `path` means, sorted: itself, what matches it as a pattern, or what lies in it.
/// Nothing at all is an error, except below a followed folder or pattern.
Result<std::vector<std::string>> find_files(Storage& storage, const InputSpec& spec);

/// The splits of `spec`: file names, or `NAME#BEGIN-END` where plain files are cut. Cuts lie at
/// multiples of `split_bytes`, so that the splits of a file keep their names when it grows.
Result<std::vector<std::string>> find_splits(Storage& storage, const InputSpec& spec);

/// Reads the name of a split back.
SplitSetup parse_split(const std::string& split, const InputSpec& spec);

}  // namespace weir::file::detail
