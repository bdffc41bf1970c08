// Which job a command is about: that of a state folder, or one of a cluster.
#pragma once

#include <string>

#include "cli/args.h"

namespace weir::cli {

struct JobPlace {
  std::string folder;      ///< its state
  std::string cluster_id;  ///< of a job in a cluster; else empty
  bool over = false;       ///< of a job in a cluster: nothing of it runs any more
};

/// What --state or, where the command takes one, the first operand names: a folder that exists,
/// else a job of the cluster, else again a folder, which is not there. Errors: invalid_argument
/// when nothing is named; those of a cluster that the caller named.
Result<JobPlace> job_place(const Args& args);
/// The same of `text`.
Result<JobPlace> job_place(const Args& args, const std::string& text);

}  // namespace weir::cli
