// How the log of a process of a job stays small. The process itself begins a new file and points
// its standard output and error there, so that nothing that it writes is lost and nobody else need
// stand between it and its log: whoever copies and cuts a file loses what is written meanwhile, and
// a pipe through the worker would keep jobs waiting for it, or end them by SIGPIPE, when it is
// frozen or gone. The price is that the bound is not sharp: nothing ends a write but the next look.
//
//   PATH      the newest lines
//   PATH.1    those before
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "weir/base/result.h"

namespace weir::cluster {

/// When a log has so many bytes it is full. It may become longer by what a process says between two
/// looks: 20 ms, and the sooner, down to half a millisecond, the faster it grows.
inline constexpr std::uint64_t kFullLog = std::uint64_t{64} << 20;

/// Where the lines before those of the log `path` are, if there are any.
std::string older_log(const std::string& path);

/// Makes `path` its own older log if it has `full` bytes or more, and points `descriptors`, which
/// are open for writing to it, at a new file of that path. Whether it did. Error: io; then they go
/// on to write where they did.
Result<bool> rotate_log(const std::string& path, std::uint64_t full,
                        std::initializer_list<int> descriptors);

/// Looks after standard output and error, which go to `path`, until the process ends: on a thread
/// of its own.
void bound_own_log(const std::string& path);

}  // namespace weir::cluster
