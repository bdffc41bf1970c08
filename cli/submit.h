// What `weir submit` and `weir update` share: a library on this host, looked at before it is sent.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "cli/cluster_client.h"
#include "weir/runtime/job.h"
#include "weir/runtime/job_library.h"

namespace weir::cli {

/// Sends the library to the cluster unless that has it. Errors: of the file, of the cluster;
/// invalid_argument when the file is not any more what was loaded.
Status upload_library(ClusterClient& client, const JobLibrary& library);

/// The options of `weir run` that a job of a cluster may have, as the API wants them.
std::map<std::string, std::string> job_options(const Args& args);

/// Says on standard error which settings name a file by a relative path: processes of a cluster run
/// in other folders.
void warn_of_relative_paths(const std::map<std::string, std::string>& settings);

boost::json::object to_object(const std::map<std::string, std::string>& map);

}  // namespace weir::cli
