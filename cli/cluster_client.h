// The API of a cluster as its commands use it: finds the leader, and says what went wrong. One
// thread at a time.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "cli/args.h"
#include "weir/net/tls.h"

namespace weir::cli {

class ClusterClient {
 public:
  /// The cluster of --cluster, WEIR_CLUSTER, or this host. Errors: invalid_argument; of the token's
  /// file, and those of TLS.
  static Result<ClusterClient> of(const Args& args);

  /// Whether the caller said which cluster, rather than that of this host by default.
  bool given() const { return given_; }
  /// Where its coordinators are: "http://HOST:PORT" or "https://HOST:PORT".
  const std::vector<std::string>& urls() const { return urls_; }
  /// For requests to them; may be null.
  const std::shared_ptr<net::Tls>& tls() const { return tls_; }

  // Each answers the object that the leader did. While nobody leads it is tried again for some ten
  // seconds. Errors: io when no coordinator answers; incompatible when the token is refused; and
  // whatever the leader says.
  Result<boost::json::object> get(const std::string& path);
  Result<boost::json::object> post(const std::string& path, const boost::json::object& body,
                                   std::chrono::milliseconds timeout = std::chrono::minutes(2));
  Result<boost::json::object> put(const std::string& path, std::string bytes);

  /// A job by its id, the beginning of one, or its name; an error suggests near names.
  Result<boost::json::object> job(const std::string& text);
  /// Asks for something of a job: "stop", "cancel", ...
  Result<boost::json::object> post_job(const std::string& text, const std::string& verb,
                                       const boost::json::object& body = {},
                                       std::chrono::milliseconds timeout = std::chrono::minutes(2));

 private:
  struct Call {
    std::string method, path, body, type;
    std::chrono::milliseconds timeout;
    bool again;  ///< does no harm when it is carried out twice
  };
  Result<boost::json::object> send(const Call& call);
  Error nobody(const std::string& why) const;
  Error with_near_names(Error error, const std::string& text);

  std::vector<std::string> urls_;
  std::string token_;
  std::shared_ptr<net::Tls> tls_;
  bool given_ = false;
};

/// Waits until a job is over, for as long as that takes; its record then. What the job waits for
/// itself is said on standard error when it takes more than two seconds.
Result<boost::json::object> wait_until_over(ClusterClient& client, const std::string& id);

/// A text, or a number as text, of an object; "" when it is not there.
std::string field(const boost::json::object& object, const char* name);

}  // namespace weir::cli
