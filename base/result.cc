// Names of error codes. They appear in JSON output: never change one.
#include "weir/base/result.h"

namespace weir {

const char* to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::already_exists:
      return "already_exists";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::incompatible:
      return "incompatible";
    case ErrorCode::disk_full:
      return "disk_full";
    case ErrorCode::io:
      return "io";
    case ErrorCode::fsync_failed:
      return "fsync_failed";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::user_code:
      return "user_code";
    case ErrorCode::fenced:
      return "fenced";
  }
  return "unknown";
}

}  // namespace weir
