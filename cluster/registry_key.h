// What both kinds of registry ask of keys and values. Pure functions: any thread.
#pragma once

#include <cstddef>
#include <string>

#include "weir/base/result.h"
#include "weir/cluster/registry.h"

namespace weir::cluster {

/// Error: invalid_argument, unless `prefix` can begin a key.
inline Status check_key_prefix(const std::string& prefix) {
  for (const char c : prefix) {
    const bool letter_or_digit =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter_or_digit || c == '-' || c == '_' || c == '/') continue;
    return Error{ErrorCode::invalid_argument,
                 "The registry cannot have the key '" + prefix +
                     "': only letters, digits, '-', '_' and '/' are allowed"};
  }
  if (prefix.size() <= kMaxKeyBytes) return {};
  return Error{ErrorCode::invalid_argument, "The registry cannot have the key '" + prefix +
                                                "': it is longer than " +
                                                std::to_string(kMaxKeyBytes) + " characters"};
}

/// Error: invalid_argument, unless `key` can hold `value`.
inline Status check_record(const std::string& key, const std::string& value) {
  WEIR_TRY(check_key_prefix(key));
  if (key.empty()) return Error{ErrorCode::invalid_argument, "A key of the registry is not empty"};
  if (value.size() <= kMaxValueBytes) return {};
  return Error{ErrorCode::invalid_argument,
               "The " + std::to_string(value.size()) + " bytes of '" + key +
                   "' are more than the " + std::to_string(kMaxValueBytes) +
                   " that the registry takes; it is made for small records"};
}

/// The lead of `epoch` is over; `what` was therefore not done.
inline Error not_leading(const std::string& what, std::uint64_t epoch) {
  return {ErrorCode::not_found, "Cannot " + what + ": epoch " + std::to_string(epoch) +
                                    " does not lead the cluster (any more)"};
}

}  // namespace weir::cluster
