// One HTTP/1.1 request to a server, with TLS or without: for etcd and for our own API. Blocks the
// caller for no longer than it allows. Each request has a connection of its own. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "weir/base/result.h"
#include "weir/net/tls.h"

namespace weir::cluster {

struct HttpRequest {
  std::string method = "GET";
  std::string
      url;  ///< "http[s]://host:port/path?query", with what needs it percent-encoded already
  std::string body;
  std::string content_type = "application/json";  ///< of `body`, if there is one
  std::string bearer_token;                       ///< sent when not empty
  std::uint64_t body_limit = 64ull << 20;         ///< of the answer, in bytes
  /// For https: whom to believe and what to show; null: the authorities of the system, nothing.
  std::shared_ptr<net::Tls> tls = nullptr;
};

struct HttpResponse {
  unsigned status = 0;  ///< as the server gave it: 404 is an answer, not an error
  std::string content_type;
  std::string body;
};

/// Sends `request` and reads the whole answer, all within `timeout`, the look-up of the host's name
/// included; a name with several addresses is tried at each. Redirects are not followed.
/// Of https the server's certificate must name the host of the URL.
/// `*maybe_sent` (when given) becomes true as soon as the server may have seen the request: after
/// an error it tells whether the request may have been carried out.
/// Errors name the URL: invalid_argument for a request that cannot be made; io, retryable, when
/// there was no whole answer; io, not retryable, for an answer over the limit.
Result<HttpResponse> http_request(const HttpRequest& request, std::chrono::milliseconds timeout,
                                  bool* maybe_sent = nullptr);

}  // namespace weir::cluster
