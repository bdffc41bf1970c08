// The end of a failed WEIR_CHECK. Runs on any thread, in a process whose state is broken: it uses
// nothing but stdio.
#include "weir/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace weir {

void check_failed(const char* condition, const char* file, int line, const char* message) {
  std::fprintf(stderr, "weir: bug: %s:%d: %s is false: %s\n", file, line, condition, message);
  std::fflush(stderr);
  std::abort();
}

}  // namespace weir
