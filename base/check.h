// Assertions that stay on in every build: a bug aborts, it is never carried on.
#pragma once

namespace weir {

/// Prints `condition`, the place and `message` to standard error and aborts the process.
[[noreturn]] void check_failed(const char* condition, const char* file, int line,
                               const char* message);

}  // namespace weir

/// Aborts when `condition` is false. `message` says which invariant of ours is broken.
#define WEIR_CHECK(condition, message)                                 \
  do {                                                                 \
    if (!(condition)) [[unlikely]]                                     \
      ::weir::check_failed(#condition, __FILE__, __LINE__, (message)); \
  } while (false)
