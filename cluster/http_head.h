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

/// The answer to a head that another on the way might read in another way than this server, so that
/// nobody knows where the request ends or for whom it is (RFC 9112, sections 3.2 and 6): 400, or
/// 501 for an unknown transfer coding. Nothing for a sound one. The connection must end with it.
std::optional<HttpReply> unsound(const HttpHead& head);

/// Whether the request is for one of the open paths, which need no token.
bool is_open(const HttpHead& head, const HttpServerOptions& options);

/// The answer to a sound request that is not carried out, whatever its body is; nothing for the
/// others.
std::optional<HttpReply> refusal_of(const HttpHead& head, const HttpServerOptions& options);

/// Whether a request may have a body: those that change something, but for open paths.
bool takes_body(const HttpHead& head, const HttpServerOptions& options);

}  // namespace weir::cluster
