// The state folder that a command is about; how it is read, see runtime/state_folder.h.
#pragma once

#include <string>

#include "cli/args.h"
#include "weir/runtime/state_folder.h"

namespace weir::cli {

/// The folder of the job that --state or the operand names; see job_place.h.
Result<std::string> state_option(const Args& args);

/// The option itself, for the tables of commands.
inline constexpr const char* kStateHelp = "state folder of the job, or a job of the cluster";

}  // namespace weir::cli
