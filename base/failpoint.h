// Named places in which a test can make a process die or an operation fail.
//
//   WEIR_FAILPOINT("checkpoint.before_manifest");
//
// Armed by the environment variable WEIR_FAILPOINTS or by `arm_failpoints`:
//   name=kill        SIGKILL at the first pass
//   name=kill@3      SIGKILL at the third pass
//   name=error@2     the second pass returns ErrorCode::io (places that can fail use the _STATUS form)
//   name=sleep:500   sleeps that many milliseconds at each pass
// Entries are separated by ';'. Costs one relaxed load where nothing is armed.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"

namespace weir {

namespace failpoint_detail {
extern std::atomic<bool> any_armed;
Status hit(const char* name);
struct Registrar {
  explicit Registrar(const char* name);
};
}  // namespace failpoint_detail

/// Arms the failpoints of `spec` (see the top of this file), replacing those armed before. Thread-safe.
Status arm_failpoints(std::string_view spec);

/// All failpoint names compiled into this process, sorted, for tests that visit each.
std::vector<std::string> failpoint_names();

}  // namespace weir

/// A place that can kill or delay. `name` is a string literal `folder.what_happens_here`.
#define WEIR_FAILPOINT(name) static_cast<void>(WEIR_FAILPOINT_STATUS(name))

/// The same for a place that can fail; an expression of type Status.
#define WEIR_FAILPOINT_STATUS(name)                                                   \
  ([]() -> ::weir::Status {                                                           \
    static const ::weir::failpoint_detail::Registrar weir_registrar_(name);           \
    if (!::weir::failpoint_detail::any_armed.load(std::memory_order_relaxed)) [[likely]] \
      return {};                                                                      \
    return ::weir::failpoint_detail::hit(name);                                       \
  }())
