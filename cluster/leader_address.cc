// Addresses of leaders as text; see leader_address.h.
#include "weir/cluster/leader_address.h"

#include <sstream>

namespace weir::cluster {

std::string to_text(const LeaderAddress& address) {
  return "workers=" + address.workers + " http=" + address.http + " id=" + address.id;
}

LeaderAddress parse_leader_address(const std::string& text) {
  LeaderAddress address;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = word.substr(0, equals), value = word.substr(equals + 1);
    if (name == "workers") address.workers = value;
    if (name == "http") address.http = value;
    if (name == "id") address.id = value;
  }
  return address;
}

}  // namespace weir::cluster
