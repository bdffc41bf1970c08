// Where the control socket of a job lies.
#pragma once

#include <string>

#include "weir/base/result.h"

namespace weir::cli {

/// The folder itself where the state is in files. A socket cannot lie on S3: for a state there, a
/// folder of this host that belongs to the caller alone, so that commands on this host reach the
/// job; made if `make` says so. Error: io, when somebody else's is in its place.
Result<std::string> control_folder(const std::string& state_dir, bool make);

}  // namespace weir::cli
