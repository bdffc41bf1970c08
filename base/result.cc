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
    case ErrorCode::peer_lost:
      return "peer_lost";
    case ErrorCode::killed:
      return "killed";
  }
  return "unknown";
}

ErrorCode parse_error_code(std::string_view name) {
  for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(ErrorCode::killed); ++i) {
    if (name == to_string(static_cast<ErrorCode>(i))) return static_cast<ErrorCode>(i);
  }
  return ErrorCode::io;
}

}  // namespace weir
