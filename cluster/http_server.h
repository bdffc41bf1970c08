// A small HTTP/1.1 server for the API of a cluster: keep-alive, limits on everything that a caller
// can make large or slow, a bearer token, errors as JSON, TLS by choice.
//
//   error := {"error": {"code": text, "message": text}}
//
// Threads: the handler is called on one of the server's threads, several at a time; it may answer
// there, or later from any thread. It should not block for long. What it throws (a library that
// gets no memory, say) is the answer to that request, 500, and a line in the log.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/cluster/http_limits.h"
#include "weir/net/tls.h"

namespace weir::cluster {

/// A request as the handler sees it: its method is known, its caller has shown the token.
struct HttpCall {
  std::string method;                        ///< "GET" also for HEAD, whose body is not sent
  std::vector<std::string> path;             ///< decoded segments: {"api", "v1", "jobs"}
  std::map<std::string, std::string> query;  ///< decoded; of repeated names the last one
  std::string body;                          ///< empty for uploads
  std::string upload;                        ///< the file that holds the body of an upload; it is
                                             ///< removed after the answer, unless it was moved
  std::string peer;                          ///< address of the caller, for the log
};

/// "GET /api/v1/jobs/x of 10.0.0.7", for the log: no more than a line's length of it.
std::string to_string(const HttpCall& call);

struct HttpReply {
  unsigned status = 200;
  std::string body;
  std::string type = "application/json";
  std::map<std::string, std::string> headers = {};  ///< besides the usual ones
};

/// A reply with an error as JSON. `code` as of to_string(ErrorCode), or another word.
HttpReply http_error(unsigned status, const std::string& code, const std::string& message);
/// The same for an error, with the status that fits its code.
HttpReply http_error(const Error& error);

struct HttpServerOptions {
  std::string host = "127.0.0.1";  ///< an address of this host
  std::uint16_t port = 0;          ///< 0: any free one
  /// What callers must show. Without one only callers of this host are served, and pages of other
  /// sites in their browsers are not. Error of `start`: none, and `host` is not loopback.
  std::string token;
  /// With it callers must speak TLS (https); a certificate of theirs is by choice.
  std::shared_ptr<net::Tls> tls;
  std::vector<std::string> open_paths;  ///< "/health": need no token
  /// Bodies of PUT below this path ("/api/v1/libraries/") are kept as files in `upload_folder`.
  std::string upload_path, upload_folder;
  std::uint64_t max_upload_bytes = 256ull << 20;
  std::size_t max_uploads = 4;  ///< at a time
  std::size_t max_body_bytes = 4 << 20;
  std::uint64_t max_bodies_bytes = 64ull << 20;  ///< of all requests at a time, uploads aside
  HttpGuests::Limits max_connections;
  unsigned threads = 3;
  /// Until TLS has begun, the first request's head is there, or that of a later one which has
  /// begun, and a body; until an answer has been taken; and how long a connection may wait between
  /// two.
  std::chrono::milliseconds tls_time{10000}, head_time{10000}, body_time{30000},
      upload_time{600000}, write_time{30000}, idle_time{60000};
};

/// Whether an address ("127.0.0.1", "::1", "localhost") is only reached from this host.
bool is_loopback(const std::string& host);

class HttpServer {
 public:
  using Reply = std::function<void(HttpReply)>;  ///< to be called once; any thread, at any time
  using Handler = std::function<void(HttpCall, Reply)>;

  /// Errors: io when it cannot listen there; invalid_argument when a token is needed.
  static Result<std::unique_ptr<HttpServer>> start(HttpServerOptions options, Handler handler);
  /// Closes all connections and waits for handlers to return; replies after that are dropped.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;
  /// Answers a call with what `work` returns on one of the server's threads; not at all when the
  /// server ends. What `work` throws is answered with 500 and logged with `call`, as to_string
  /// gives it. Any thread.
  void run(std::string call, Reply reply, std::function<HttpReply()> work);

 private:
  struct Core;
  explicit HttpServer(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;  // shared with connections, which late replies keep
};

}  // namespace weir::cluster
