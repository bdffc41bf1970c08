// What the head of a request must be for the request to be carried out: decided from the head
// alone, before a byte of a body is read. Not for others than the HTTP server. Pure functions: any
// thread.
#pragma once

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <optional>

#include "weir/cluster/http_server.h"

namespace weir::cluster {

using HttpHead = boost::beast::http::request_header<>;

/// What OPTIONS and 405 say.
inline constexpr const char* kHttpMethods = "GET, HEAD, OPTIONS, POST, PUT, DELETE";

/// Whether the request is for one of the open paths, which need no token.
bool is_open(const HttpHead& head, const HttpServerOptions& options);
/// The answer to a request that is not carried out, whatever its body is; nothing for the others.
std::optional<HttpReply> refusal_of(const HttpHead& head, const HttpServerOptions& options);

}  // namespace weir::cluster
