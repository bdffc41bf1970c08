// job.json in a state folder: how `weir run` was called, so that dead letters can be replayed and
// the job be found again without saying everything anew. Written before the job begins.
//
//   {"library": absolute path, "library_hash": hex, "job": name, "set": {key: value},
//    "parallelism": n, "threads": n, "directory": absolute path of the working directory}
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "weir/base/result.h"

namespace weir::cli {

struct JobFile {
  std::string library, library_hash, job;
  std::map<std::string, std::string> settings;
  unsigned parallelism = 1, threads = 0;
  std::string directory;  ///< to which relative paths among the settings refer
};

/// The text of the file, one line.
std::string job_file_text(const JobFile& job);
/// Reads that text. Error: corrupt when it is anything else; `path` is for the message.
Result<JobFile> parse_job_file(std::string_view text, const std::string& path);

/// Writes it atomically, the library by its absolute path. Errors are those of the disk.
Status write_job_file(const std::string& state_dir, const JobFile& job);
/// Error: not_found when there is none, corrupt when it is not one.
Result<JobFile> read_job_file(const std::string& state_dir);

}  // namespace weir::cli
