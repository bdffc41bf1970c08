// Named places in which a test can make a process die or an operation fail.
//
//   WEIR_FAILPOINT("checkpoint.before_manifest");
//
// Armed by the environment variable WEIR_FAILPOINTS or by `arm_failpoints`:
//   name=kill        SIGKILL at the first pass
//   name=kill@3      SIGKILL at the third pass
//   name=error@2     the second pass returns ErrorCode::io (places that can fail use the _STATUS
//   form) name=error@*     every pass does name=sleep:500   sleeps that many milliseconds at each
//   pass
// Entries are separated by ';'. Costs one relaxed load where nothing is armed.
#pragma once

#include <atomic>
#include <cstddef>
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

/// A string literal as a template argument.
template <std::size_t N>
struct Name {
  constexpr Name(const char (&literal)[N]) {
    for (std::size_t i = 0; i < N; ++i) text[i] = literal[i];
  }
  char text[N];
};

/// One failpoint. A static member, not a static local: it registers the name when the library is
/// loaded, whether or not the place is ever passed.
template <Name name>
struct Site {
  static const Registrar registrar;
  static Status pass() {
    static_cast<void>(&registrar);
    if (!any_armed.load(std::memory_order_relaxed)) [[likely]]
      return {};
    return hit(name.text);
  }
};
template <Name name>
const Registrar Site<name>::registrar{name.text};
}  // namespace failpoint_detail

/// Arms the failpoints of `spec` (see the top of this file), replacing those armed before; an empty
/// spec disarms all. A malformed spec is ErrorCode::invalid_argument and changes nothing.
/// Thread-safe.
Status arm_failpoints(std::string_view spec);

/// All failpoint names compiled into this process, sorted, for tests that visit each.
std::vector<std::string> failpoint_names();

}  // namespace weir

/// A place that can kill or delay. `name` is a string literal `folder.what_happens_here`.
#define WEIR_FAILPOINT(name) static_cast<void>(WEIR_FAILPOINT_STATUS(name))

/// The same for a place that can fail; an expression of type Status.
#define WEIR_FAILPOINT_STATUS(name) (::weir::failpoint_detail::Site<name>::pass())
