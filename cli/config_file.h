// The file given with --config: YAML with the long names of options as keys, and the job's settings
// under `set`. What stands on the command line wins.
//
//   parallelism: 2
//   checkpoint-interval: 10s
//   set:
//     input: /data/orders.csv
#pragma once

#include <string>

#include "cli/args.h"

namespace weir::cli {

/// Adds what `path` says to `args`. Errors: not_found; invalid_argument with the line of what is
/// wrong, such as a key that is no option.
Status add_config_file(Args& args, const std::string& path);
/// The same of its text; `path` is for messages.
Status add_config_text(Args& args, const std::string& text, const std::string& path);

}  // namespace weir::cli
