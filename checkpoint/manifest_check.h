// What must hold between the parts of a manifest. Internal to checkpoint/.
#pragma once

#include <string>

#include "weir/checkpoint/manifest.h"

namespace weir {

/// The format that this version writes, and the newest it reads.
inline constexpr std::uint32_t kManifestFormat = 1;

/// Says what is wrong with `manifest`, or nothing: steps sorted by name without repeats; subtasks
/// by index below the parallelism; the key groups of a keyed step cover [0, max_parallelism)
/// exactly once (else a restore would lose or double state); run names that stay in their folder
/// and mean one file.
std::string find_manifest_problem(const Manifest& manifest);

}  // namespace weir
