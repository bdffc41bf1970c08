// See failure_rank.h.
#include "weir/cluster/failure_rank.h"

namespace weir::cluster {

int failure_rank(const Failure& failure) {
  if (!failure.retryable) return 3;
  // The words of net/connection.cc.
  const auto at = failure.message.find("The connection to ");
  const bool echo =
      at != std::string::npos && failure.message.find(" is gone", at) != std::string::npos;
  return echo ? 1 : 2;
}

Failure to_failure(const Error& error, const std::string& worker) {
  Failure failure;
  failure.code = to_string(error.code);
  failure.message = error.message;
  failure.retryable = error.retryable;
  failure.worker = worker;
  return failure;
}

}  // namespace weir::cluster
