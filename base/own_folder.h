// Folders of this user alone, for what others must neither replace nor read: code that is loaded,
// sockets that commands are taken from. Any thread.
#pragma once

#include <string>

#include "weir/base/result.h"

namespace weir {

/// Makes sure that `path` is a folder, and no link to one, that belongs to this user, and that
/// nobody else may look into; `make` makes it where it is missing (its parent must be there).
/// Errors: not_found; io, when somebody else's is in its place, or when others may have put
/// something there.
Status own_folder(const std::string& path, bool make);

}  // namespace weir
