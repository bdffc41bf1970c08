// How other hosts reach this one, where nobody has said so. Any thread; looks names up, which may
// take seconds.
#pragma once

#include <string>

namespace weir::cluster {

/// The name of this host when that leads to another address than loopback; else the first such
/// address of its interfaces, since a name that only this host knows, as many systems make it,
/// leads others to themselves; else the name all the same. `by_name`: the name in any case, if
/// there is one.
std::string own_address(bool by_name = false);

/// Whether this is no host to go to but all addresses of the one that listens: 0.0.0.0 or ::.
bool is_any_address(const std::string& host);

}  // namespace weir::cluster
