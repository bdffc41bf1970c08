// Which requests are carried out; see http_head.h.
#include "weir/cluster/http_head.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/string.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "weir/net/hello.h"

namespace weir::cluster {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

std::string_view text(beast::string_view field) { return {field.data(), field.size()}; }

bool same(std::string_view a, std::string_view b) {
  return beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

bool all_digits(std::string_view text) {
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

HttpReply bad(const std::string& what) { return http_error(400, "invalid_argument", what); }

// ---- framing ------------------------------------------------------------------------------------

/// The names in all Transfer-Encoding fields together, which are one list.
std::vector<std::string_view> codings_of(const HttpHead& head) {
  std::vector<std::string_view> names;
  const auto [first, last] = head.equal_range(http::field::transfer_encoding);
  for (auto field = first; field != last; ++field) {
    std::string_view list = text(field->value());
    while (!list.empty()) {
      const std::size_t comma = std::min(list.find(','), list.size());
      std::string_view name = list.substr(0, comma);
      list.remove_prefix(std::min(comma + 1, list.size()));
      name.remove_prefix(std::min(name.find_first_not_of(" \t"), name.size()));
      name = name.substr(0, name.find_last_not_of(" \t") + 1);
      if (!name.empty()) names.push_back(name);
    }
  }
  return names;
}

std::optional<HttpReply> wrong_length(const HttpHead& head) {
  const std::size_t lengths = head.count(http::field::content_length);
  const std::string_view length = text(head[http::field::content_length]);
  if (lengths > 1 || (lengths == 1 && (length.empty() || !all_digits(length)))) {
    return bad("A request has one Content-Length, a whole number");
  }
  if (head.count(http::field::transfer_encoding) == 0) return {};
  if (lengths > 0) return bad("A request has Content-Length or Transfer-Encoding, not both");
  if (head.version() < 11) return bad("Transfer-Encoding needs HTTP/1.1");
  const auto codings = codings_of(head);
  const auto chunked = [](std::string_view name) { return same(name, "chunked"); };
  if (codings.size() == 1 && chunked(codings[0])) return {};
  if (codings.empty() || std::any_of(codings.begin(), codings.end() - 1, chunked)) {
    return bad("Transfer-Encoding must be 'chunked', once and last");
  }
  return http_error(501, "invalid_argument", "No Transfer-Encoding but 'chunked' is known here");
}

// ---- host ---------------------------------------------------------------------------------------

/// RFC 3986, section 3.2.2: registered names and IPv4 addresses.
bool is_name(std::string_view host) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=";
  constexpr std::string_view kHex = "0123456789abcdefABCDEF";
  for (std::size_t i = 0; i < host.size(); ++i) {
    if (kPlain.find(host[i]) != std::string_view::npos) continue;
    const bool escape = host[i] == '%' && i + 2 < host.size() &&
                        host.substr(i + 1, 2).find_first_not_of(kHex) == std::string_view::npos;
    if (!escape) return false;
    i += 2;
  }
  return !host.empty() && host.size() <= 255;
}

/// The host of "127.0.0.1:7070", "[::1]:7070" or "localhost", without port and brackets; nothing
/// for what is no host with a port or without.
std::optional<std::string> host_of(std::string_view authority) {
  std::string_view host = authority.substr(0, authority.find(':')), rest;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return {};
    host = authority.substr(1, end - 1);
    rest = authority.substr(end + 1);
    boost::system::error_code failed;
    boost::asio::ip::make_address_v6(std::string(host), failed);
    if (failed || host.find('%') != std::string_view::npos) return {};
  } else {
    if (!is_name(host)) return {};
    rest = authority.substr(host.size());
  }
  if (!rest.empty() && (rest[0] != ':' || rest.size() > 6 || !all_digits(rest.substr(1))))
    return {};
  return std::string(host);
}

std::optional<HttpReply> wrong_host(const HttpHead& head) {
  const std::size_t hosts = head.count(http::field::host);
  if (hosts == 0 && head.version() < 11) return {};
  if (hosts != 1) return bad("A request of HTTP/1.1 has one Host field");
  const std::string_view host = text(head[http::field::host]);
  // RFC 9112, section 3.2: it is empty where the caller knows no name.
  if (!host.empty() && !host_of(host)) return bad("The Host field names no host");
  return {};
}

// ---- callers ------------------------------------------------------------------------------------

/// Without a token whoever reaches this host's loopback may do everything: that must not be a page
/// of another site in a browser here, be it under a name that leads here.
bool is_foreign(const HttpHead& head, bool secure) {
  const std::string_view authority = text(head[http::field::host]);
  const auto host = host_of(authority);
  if (!host || !(is_loopback(*host) || same(*host, "localhost"))) return true;
  if (const std::size_t origins = head.count(http::field::origin); origins > 0) {
    const std::string own = (secure ? "https://" : "http://") + std::string(authority);
    if (origins > 1 || !same(text(head[http::field::origin]), own)) return true;
  }
  const auto [first, last] = head.equal_range("Sec-Fetch-Site");
  return !std::all_of(first, last, [](const auto& field) {
    return text(field.value()) == "same-origin" || text(field.value()) == "none";
  });
}

bool has_token(const HttpHead& head, const std::string& token) {
  std::string_view given = text(head[http::field::authorization]);
  constexpr std::string_view kScheme = "Bearer ";
  if (!same(given.substr(0, kScheme.size()), kScheme)) return false;
  given.remove_prefix(kScheme.size());
  return net::same_secret(given, token);
}

}  // namespace

std::optional<HttpReply> unsound(const HttpHead& head) {
  if (auto no = wrong_length(head)) return no;
  return wrong_host(head);
}

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
  if (options.token.empty()) {
    if (!is_foreign(head, options.tls != nullptr)) return {};
    return http_error(403, "unauthorized",
                      "Without a token this cluster serves programs of its own host only, by "
                      "127.0.0.1 or localhost");
  }
  if (has_token(head, options.token)) return {};
  HttpReply reply = http_error(401, "unauthorized",
                               head.count(http::field::authorization) == 0
                                   ? "This cluster wants a token: Authorization: Bearer TOKEN"
                                   : "The token is not that of this cluster");
  reply.headers["WWW-Authenticate"] = "Bearer";
  return reply;
}

bool takes_body(const HttpHead& head, const HttpServerOptions& options) {
  const bool changes = head.method() == http::verb::post || head.method() == http::verb::put;
  return changes && !is_open(head, options);
}

}  // namespace weir::cluster
