// Which requests are carried out; see http_head.h.
#include "weir/cluster/http_head.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>

#include "weir/net/hello.h"

namespace weir::cluster {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

std::string_view text(beast::string_view field) { return {field.data(), field.size()}; }

/// "127.0.0.1:7070", "[::1]:7070" or "localhost" without its port and brackets.
std::string host_name(std::string_view authority) {
  if (authority.starts_with('[')) {
    return std::string(authority.substr(1, std::min(authority.find(']'), authority.size()) - 1));
  }
  return std::string(authority.substr(0, authority.find(':')));
}

/// Without a token whoever reaches this host's loopback may do everything: that must not be a page
/// of another site in a browser here, be it under a name that leads here.
std::optional<HttpReply> foreign(const HttpHead& head) {
  const std::string_view host = text(head[http::field::host]);
  const std::string_view origin = text(head[http::field::origin]);
  const bool same = origin.empty() || origin.substr(origin.find("//") + 2) == host;
  if (same && (host.empty() || is_loopback(host_name(host)))) return {};
  return http_error(403, "unauthorized",
                    "Without a token this cluster serves programs of its own host only, by "
                    "127.0.0.1 or localhost");
}

bool has_token(const HttpHead& head, const std::string& token) {
  std::string_view given = text(head[http::field::authorization]);
  constexpr std::string_view kScheme = "Bearer ";
  if (!beast::iequals({given.data(), std::min(given.size(), kScheme.size())},
                      {kScheme.data(), kScheme.size()})) {
    return false;
  }
  given.remove_prefix(kScheme.size());
  return net::same_secret(given, token);
}

}  // namespace

bool is_open(const HttpHead& head, const HttpServerOptions& options) {
  const std::string_view target = text(head.target());
  const auto& open = options.open_paths;
  return std::find(open.begin(), open.end(), target.substr(0, target.find('?'))) != open.end();
}

std::optional<HttpReply> refusal_of(const HttpHead& head, const HttpServerOptions& options) {
  switch (head.method()) {
    case http::verb::get:
    case http::verb::head:
    case http::verb::post:
    case http::verb::put:
    case http::verb::delete_:
      break;
    default: {
      HttpReply reply = http_error(405, "invalid_argument", "There is no such method here");
      reply.headers["Allow"] = kHttpMethods;
      return reply;
    }
  }
  if (is_open(head, options)) return {};
  if (options.token.empty()) return foreign(head);
  if (has_token(head, options.token)) return {};
  HttpReply reply = http_error(401, "unauthorized",
                               head.count(http::field::authorization) == 0
                                   ? "This cluster wants a token: Authorization: Bearer TOKEN"
                                   : "The token is not that of this cluster");
  reply.headers["WWW-Authenticate"] = "Bearer";
  return reply;
}

}  // namespace weir::cluster
