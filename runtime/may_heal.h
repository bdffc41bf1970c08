// Which failures of an attempt the next one may be spared. Pure functions: any thread.
#pragma once

#include "weir/base/result.h"

namespace weir {

/// Whether another attempt may go better after `error`: when that says so, and when something could
/// not be reached. At a job's `first_start` the latter is likely a mistake, such as a wrong
/// address; later, what was there before is likely away for a while.
inline bool may_heal(const Error& error, bool first_start) {
  return error.retryable || (!first_start && error.code == ErrorCode::io);
}

}  // namespace weir
