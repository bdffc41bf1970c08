// What a restore of a job from a checkpoint would do, step by step: for `weir plan --against` and
// `weir update`.
#pragma once

#include <string>

#include "weir/checkpoint/manifest.h"
#include "weir/runtime/job.h"

namespace weir::cli {

/// A checkpoint, and whether its files are what was written.
struct Against {
  Manifest manifest;
  Status intact;
};

/// Reads a checkpoint of a state folder or savepoint, and all its files. Errors as of StateFolder.
Result<Against> read_against(const std::string& dir, const std::string& checkpoint);

/// Prints what a restore would do. Error: it would fail, and why.
Status print_restore(const Job& job, const Against& against, bool allow_dropped, bool as_json);

/// Each line behind `by`.
std::string indented(const std::string& text, const std::string& by);

}  // namespace weir::cli
