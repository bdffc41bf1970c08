// A request and its answer as a row of asynchronous steps, each run to its end before the next, for
// the time limit that only those have; see http_client.h.
#include "weir/cluster/http_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <future>
#include <thread>
#include <vector>

#include "weir/cluster/http_stream.h"

namespace weir::cluster {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Endpoints = std::vector<tcp::endpoint>;
using Deadline = std::chrono::steady_clock::time_point;

/// The parts of a URL that a request needs.
struct Url {
  std::string authority;  ///< as written: host and perhaps port, for the Host field
  std::string host;       ///< without the brackets of an IPv6 address
  bool secure = false;
  std::uint16_t port = 80;
  std::string target = "/";
};

bool plain(std::string_view text, unsigned char first) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < first || byte >= 0x7f) return false;
  }
  return true;
}

Result<Url> parse_url(const std::string& text) {
  const auto bad = [&text](const std::string& why) {
    return Error{ErrorCode::invalid_argument, "Cannot ask '" + text + "': " + why};
  };
  const bool secure = text.starts_with("https://");
  const std::string_view scheme = secure ? "https://" : "http://";
  if (!text.starts_with(scheme)) return bad("a URL here begins with http:// or https://");
  if (!plain(text, '!')) return bad("spaces and other than ASCII characters must be encoded");
  const std::string_view rest = std::string_view(text).substr(scheme.size());
  const std::size_t path = std::min(rest.find_first_of("/?#"), rest.size());
  Url url;
  url.secure = secure;
  if (secure) url.port = 443;
  url.authority = rest.substr(0, path);
  const std::string_view target = rest.substr(path, rest.find('#') - path);
  url.target = (target.starts_with('/') ? "" : "/") + std::string(target);

  std::string_view host = url.authority;
  std::string_view port;
  const std::size_t bracket = host.starts_with('[') ? host.find(']') : 0;
  if (bracket == std::string_view::npos) return bad("a ']' is missing");
  if (const std::size_t colon = host.find(':', bracket); colon != std::string_view::npos) {
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (error != std::errc() || end != port.data() + port.size() || url.port == 0) {
      return bad("its port is not a number from 1 to 65535");
    }
  }
  if (bracket != 0 && host.size() == bracket + 1) host = host.substr(1, bracket - 1);
  if (host.empty() || host.find_first_of("@[]") != std::string_view::npos) {
    return bad("it names no host");
  }
  url.host = host;
  return url;
}

Error no_answer(const HttpRequest& request, const std::string& why) {
  return {ErrorCode::io, request.method + " " + request.url + " failed: " + why, true};
}

/// Names are looked up by the system's blocking call, which knows no limit: by a thread of its own,
/// which nobody waits for once the time is over.
Result<Endpoints> look_up(const HttpRequest& request, const Url& url, Deadline deadline) {
  error_code not_numeric;
  const asio::ip::address address = asio::ip::make_address(url.host, not_numeric);
  if (!not_numeric) return Endpoints{{address, url.port}};

  struct Found {
    error_code failed;
    Endpoints endpoints;
  };
  auto promise = std::make_shared<std::promise<Found>>();
  std::future<Found> future = promise->get_future();
  std::thread([promise, host = url.host, port = url.port] {
    Found found;
    asio::io_context io;
    tcp::resolver resolver(io);
    for (const auto& entry : resolver.resolve(host, std::to_string(port), found.failed)) {
      found.endpoints.push_back(entry.endpoint());
    }
    promise->set_value(std::move(found));
  }).detach();
  if (future.wait_until(deadline) != std::future_status::ready) {
    return no_answer(request, "the address of " + url.host + " could not be looked up in time");
  }
  Found found = future.get();
  if (found.failed) {
    return no_answer(request, "the address of " + url.host +
                                  " could not be looked up: " + found.failed.message());
  }
  return std::move(found.endpoints);
}

Result<http::request<http::string_body>> compose(const HttpRequest& request, const Url& url) {
  const auto bad = [&request](const std::string& what) {
    return Error{ErrorCode::invalid_argument, "Cannot send " + request.url + " a request with " +
                                                  what + " of other than ASCII characters"};
  };
  if (request.method.empty() || !plain(request.method, 'A')) return bad("a method");
  if (!plain(request.bearer_token, '!')) return bad("a token");
  if (!plain(request.content_type, ' ')) return bad("a content type");
  http::request<http::string_body> composed;
  composed.version(11);
  composed.method_string(request.method);
  composed.target(url.target);
  composed.set(http::field::host, url.authority);
  composed.set(http::field::connection, "close");
  if (!request.bearer_token.empty()) {
    composed.set(http::field::authorization, "Bearer " + request.bearer_token);
  }
  if (!request.body.empty()) composed.set(http::field::content_type, request.content_type);
  composed.body() = request.body;
  composed.prepare_payload();
  return composed;
}

/// One connection; its steps wait for each other.
class Exchange {
 public:
  explicit Exchange(Deadline deadline) : deadline_(deadline) {}

  error_code connect(const Endpoints& endpoints) {
    return step([&](auto done) {
      stream_.tcp().async_connect(
          endpoints, [done](error_code failed, const tcp::endpoint&) { done(failed); });
    });
  }
  error_code secure(net::SslPtr ssl) {
    return step([&](auto done) { stream_.async_secure(std::move(ssl), done); });
  }
  error_code send(const http::request<http::string_body>& request) {
    return step([&](auto done) {
      http::async_write(stream_, request, [done](error_code failed, std::size_t) { done(failed); });
    });
  }
  error_code read(http::response_parser<http::string_body>& parser) {
    return step([&](auto done) {
      http::async_read(stream_, buffer_, parser,
                       [done](error_code failed, std::size_t) { done(failed); });
    });
  }

  /// Of a step that failed.
  std::string why(const error_code& failed) { return stream_.why(failed); }

 private:
  template <class Begin>
  error_code step(const Begin& begin) {
    error_code result;
    stream_.tcp().expires_at(deadline_);
    begin([&result](error_code failed) { result = failed; });
    io_.restart();
    io_.run();
    return result;
  }

  Deadline deadline_;
  asio::io_context io_{1};
  HttpStream stream_{io_};
  beast::flat_buffer buffer_;
};

}  // namespace

Result<HttpResponse> http_request(const HttpRequest& request, std::chrono::milliseconds timeout,
                                  bool* maybe_sent) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  WEIR_ASSIGN(const Url url, parse_url(request.url));
  WEIR_ASSIGN(const auto composed, compose(request, url));
  std::shared_ptr<net::Tls> tls = request.tls;
  if (url.secure && !tls) {
    WEIR_ASSIGN(tls, net::Tls::open({}));
  }
  WEIR_ASSIGN(const Endpoints endpoints, look_up(request, url, deadline));
  Exchange exchange(deadline);
  const auto failure = [&](error_code why) {
    return no_answer(request, why == beast::error::timeout
                                  ? "no answer within " + std::to_string(timeout.count()) + " ms"
                                  : exchange.why(why));
  };

  if (const error_code failed = exchange.connect(endpoints)) return failure(failed);
  if (url.secure) {
    if (const error_code failed = exchange.secure(tls->call(url.host))) return failure(failed);
  }
  if (maybe_sent != nullptr) *maybe_sent = true;
  const error_code not_sent = exchange.send(composed);
  if (not_sent == beast::error::timeout) return failure(not_sent);
  // Who refuses a long body answers before its end and closes: that answer is what to tell.
  http::response_parser<http::string_body> parser;
  parser.body_limit(request.body_limit);
  parser.skip(composed.method() == http::verb::head);
  if (const error_code failed = exchange.read(parser)) {
    if (failed == http::error::body_limit) {
      return Error{ErrorCode::io, request.method + " " + request.url +
                                      " failed: the answer is longer than " +
                                      std::to_string(request.body_limit) + " bytes"};
    }
    return failure(not_sent ? not_sent : failed);
  }
  HttpResponse response;
  response.status = parser.get().result_int();
  response.content_type = std::string(parser.get()[http::field::content_type]);
  response.body = std::move(parser.get().body());
  return response;
}

}  // namespace weir::cluster
