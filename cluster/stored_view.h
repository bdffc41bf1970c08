// What lies in the state folder of a job, as the API and the control socket show it; also while the
// job runs. docs/openapi.yaml describes the fields. Reads the storage, and so may block; any
// thread.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse_options.hpp>
#include <cstdint>
#include <string>

#include "weir/base/result.h"

namespace weir::cluster {

/// How such answers are read: dead letters hold JSON of users, which may be nested as deeply as
/// records may (base/json_tree.h).
boost::json::parse_options deep_json();

/// The checkpoints; none where the folder holds no state yet.
Result<boost::json::array> stored_checkpoints(const std::string& folder);

/// Which dead letters of the newest checkpoint; what is empty does not restrict.
struct LettersAsked {
  std::string step, reason;
  std::string after;          ///< the id of a letter: those that came later
  std::uint64_t limit = 100;  ///< at most so many
};
constexpr std::uint64_t kMostLettersAsked = 1000;

/// Dead letters in the order of their arrival, and whether there are more of them; an answer grows
/// no larger than some MiB. Errors: invalid_argument for a reason or an id that cannot be; corrupt.
Result<boost::json::object> stored_letters(const std::string& folder, const LettersAsked& asked);

}  // namespace weir::cluster
