// How a leader is reached, as its record in the registry shows it to others:
//
//   "workers=HOST:PORT http=HOST:PORT id=HEX"
//
// The id is another for each process, so that one started anew at the same address is told apart
// from the one before. Pure functions: any thread.
#pragma once

#include <string>

namespace weir::cluster {

struct LeaderAddress {
  std::string workers;  ///< where workers connect to
  std::string http;     ///< where its API is
  std::string id;
};

std::string to_text(const LeaderAddress& address);
/// Parts that are missing stay empty.
LeaderAddress parse_leader_address(const std::string& text);

}  // namespace weir::cluster
