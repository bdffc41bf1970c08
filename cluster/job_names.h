// What requests may name: jobs, libraries, settings, folders. Names become parts of log lines, of
// paths and of other systems' names; what those cannot hold is refused at the first door. Pure
// functions: any thread.
#pragma once

#include <string>
#include <string_view>

#include "weir/base/result.h"
#include "weir/cluster/records.h"

namespace weir::cluster {

inline constexpr std::size_t kMaxJobName = 100;  ///< bytes

/// A path of files or objects that was given as `field`, with room left for what is written below
/// it. Error: invalid_argument, which names the field.
Status check_path(const std::string& field, std::string_view path);

/// All names and paths of a spec, those that are empty included. Error: invalid_argument, which
/// names the field.
Status check_names(const JobSpec& spec);

}  // namespace weir::cluster
