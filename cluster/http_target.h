// The target of an HTTP request, taken apart and decoded (RFC 3986, sections 2.1 and 3). Pure
// functions: any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::cluster {

struct HttpTarget {
  std::vector<std::string> path;             ///< decoded segments
  std::map<std::string, std::string> query;  ///< decoded; of repeated names the last one
};

/// Of "/a/b?c=d". Nothing when it does not begin with '/', holds a bad escape, a control character
/// or what is no UTF-8, or has more than 100 segments or parameters.
std::optional<HttpTarget> parse_target(std::string_view target);

/// `text` as a segment of a path, or as a name or value of a query.
std::string percent_encode(std::string_view text);

}  // namespace weir::cluster
