// Which of several reports about one failed attempt says the most. Pure functions: any thread.
#pragma once

#include "weir/base/result.h"
#include "weir/cluster/records.h"

namespace weir::cluster {

/// 3: cannot heal by itself; 2: any other; 1: merely that the connection to a peer is gone, which
/// says that something happened elsewhere.
int failure_rank(const Failure& failure);

/// `error` as an attempt's failure on `worker`; the attempt and the time are the caller's. What a
/// process must not try again, another attempt may.
Failure to_failure(const Error& error, const std::string& worker);

}  // namespace weir::cluster
