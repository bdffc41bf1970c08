// Options of the commands of a cluster; see cluster_options.h.
#include "cli/cluster_options.h"

#include <charconv>
#include <cstdlib>

#include "weir/base/storage.h"

namespace weir::cli {

Result<std::string> token_of(const Args& args) {
  std::string token;
  if (const std::string* path = args.value("token-file")) {
    auto storage = make_posix_storage();
    WEIR_ASSIGN(token, read_file(*storage, *path, 4096));
    token.erase(token.find_last_not_of(" \t\r\n") + 1);
    if (token.empty()) return Error{ErrorCode::invalid_argument, *path + " holds no token"};
  } else if (const char* given = std::getenv("WEIR_TOKEN")) {
    token = given;
  }
  return token;
}

Result<cluster::Address> parse_address(const std::string& option, const std::string& text,
                                       bool any_port) {
  const Error wrong{ErrorCode::invalid_argument,
                    "--" + option + ": '" + text + "' is not HOST:PORT"};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return wrong;
  std::string host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end || (port == 0 && !any_port) || host.empty()) {
    return wrong;
  }
  return cluster::Address{host, port};
}

}  // namespace weir::cli
