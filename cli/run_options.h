// From the arguments of a command to the options of a job.
#pragma once

#include <map>
#include <string>

#include "cli/args.h"
#include "weir/runtime/job_library.h"
#include "weir/runtime/run.h"

namespace weir::cli {

/// The values of --set. Error: one that is not name=value.
Result<std::map<std::string, std::string>> settings_of(const Args& args);

/// What `weir run` was asked for.
Result<RunOptions> run_options(const Args& args, const JobLibrary& library);

}  // namespace weir::cli
