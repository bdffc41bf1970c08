// Help texts, made from the table of commands.
#pragma once

#include <string>

#include "cli/args.h"

namespace weir::cli {

/// `weir --help`.
std::string general_help();
/// `weir GROUP --help` for a first word that several commands share; empty when none has it.
std::string group_help(const std::string& group);
/// `weir COMMAND --help`.
std::string command_help(const Command& command);

}  // namespace weir::cli
