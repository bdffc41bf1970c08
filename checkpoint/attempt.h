// The names of attempts. An attempt is one try to run a job, from a start or restart to its end; it
// has the number that it has claimed in the state folder (CheckpointStore::claim), so that a later
// one has a higher number. What an attempt writes carries its name, whereby others know what they
// may remove. Pure functions: any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "weir/checkpoint/manifest.h"

namespace weir {

/// "a7_3f2c9b": attempt 7. `tag` is letters and digits, at least one, and random, since attempts of
/// several state folders may write to one output folder.
std::string attempt_name(CheckpointId number, std::string_view tag);

/// The number of the attempt that the name of a file speaks of, as a part between '-' or '.'; of
/// several the last. Nothing when there is none, as in names by older versions of Weir.
std::optional<CheckpointId> attempt_number(std::string_view file_name);

}  // namespace weir
