// See failure_rank.h.
#include "weir/cluster/failure_rank.h"

namespace weir::cluster {

int failure_rank(const Failure& failure) {
  if (!failure.retryable) return 3;
  return failure.code == to_string(ErrorCode::peer_lost) ? 1 : 2;
}

Failure to_failure(const Error& error, const std::string& worker) {
  Failure failure;
  failure.code = to_string(error.code);
  failure.message = error.message;
  // Another attempt has other processes, which trust no file of this one that was not synced.
  failure.retryable = error.retryable || error.code == ErrorCode::fsync_failed;
  failure.worker = worker;
  return failure;
}

}  // namespace weir::cluster
