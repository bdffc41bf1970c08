// Options of a command from the environment: --token-file of `weir worker` is also
// WEIR_WORKER_TOKEN_FILE. What stands on the command line wins; the file of --config, which is read
// afterwards, loses.
#pragma once

#include <string>

#include "cli/args.h"

namespace weir::cli {

/// The variable for an option: "WEIR_WORKER_TOKEN_FILE".
std::string variable_of(const Command& command, std::string_view option);

/// Adds what the variables in `environment` ("NAME=VALUE", null at the end, as environ(7)) say to
/// `args`. Empty variables say nothing, nor do those that Kubernetes makes for a service of the
/// name weir-worker ("WEIR_WORKER_SERVICE_HOST"). Error: invalid_argument, which names the
/// variable, when there is no such option or its value cannot be.
Status add_environment(Args& args, const char* const* environment);

/// `given` with what the environment and the file of --config add to it.
Result<Args> with_configuration(const Args& given);

/// Removes the variables of a command's options from this process's environment, for children that
/// get all their options in words. While there are no other threads.
void clear_variables_of(const Command& command);

}  // namespace weir::cli
