// What `weir` tells its caller in its exit status. Scripts rely on these: never renumber.
#pragma once

#include "weir/base/result.h"

namespace weir::cli {

enum ExitCode : int {
  kOk = 0,
  kFailed = 1,      ///< the job failed, or the disk or network did
  kUsage = 2,       ///< an option, setting or graph is wrong; nothing was done
  kRefused = 3,     ///< does not fit (schema, interface, build), or something is in the way
  kNotFound = 4,    ///< a file, state folder, checkpoint, step or dead letter does not exist
  kDamaged = 5,     ///< stored bytes are not what was written
  kCancelled = 130  ///< ended at once by a second Ctrl-C
};

/// The exit status for an error.
inline int exit_code_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::invalid_argument:
      return kUsage;
    case ErrorCode::not_found:
      return kNotFound;
    case ErrorCode::already_exists:
    case ErrorCode::incompatible:
      return kRefused;
    case ErrorCode::corrupt:
      return kDamaged;
    case ErrorCode::disk_full:
    case ErrorCode::io:
    case ErrorCode::fsync_failed:
    case ErrorCode::cancelled:
    case ErrorCode::user_code:
    case ErrorCode::fenced:
    case ErrorCode::peer_lost:
    case ErrorCode::killed:
      return kFailed;
  }
  return kFailed;
}

}  // namespace weir::cli
