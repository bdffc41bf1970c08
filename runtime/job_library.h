// Jobs as shared libraries. `WEIR_JOB(function)` in one of its files makes a library loadable:
//
//   static void word_count(weir::Job& job) { ... }
//   WEIR_JOB(word_count)
//
// The library exports one C symbol with the version of the binary interface and the build id of the
// headers it was compiled with; both are compared before any of its code is called (hazard H34).
#pragma once

#include <cstdint>
#include <string>

#include "weir/base/result.h"
#include "weir/build_id.h"
#include "weir/runtime/run.h"

namespace weir {

/// Grows with each change of JobEntry itself.
inline constexpr std::uint32_t kJobAbi = 1;

/// What a job library exports as `weir_job_entry`. The layout is fixed.
struct JobEntry {
  std::uint32_t abi;
  const char* build_id;  ///< of the Weir headers and compiler
  const char* name;      ///< of the function
  JobFunction function;
};

/// A library in memory. Libraries are never unloaded: code and types of theirs may live on.
struct JobLibrary {
  std::string path;     ///< as given
  std::string version;  ///< content hash of the file
  const JobEntry* entry = nullptr;
  std::string name;  ///< of the job: the file name without its ending
};

/// Loads a library from a copy under its content hash, so that a file replaced under the same path
/// is seen as new and one that is overwritten does not pull the code from under us.
Result<JobLibrary> load_job_library(const std::string& path);
/// Loads a library from where it lies: a copy under its content hash already, in a folder of this
/// user alone. Error: corrupt, when it is not what `hash` says.
Result<JobLibrary> load_job_copy(const std::string& path, const std::string& hash);

}  // namespace weir

#define WEIR_JOB(function)                          \
  extern "C" __attribute__((visibility("default"))) \
  const ::weir::JobEntry weir_job_entry = {::weir::kJobAbi, WEIR_BUILD_ID, #function, function}
