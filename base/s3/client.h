// Requests to an S3 server: signed, with time-outs, tried again while that can help. Internal to
// base/s3. Thread-safe: each request under way has a connection of its own, which later ones reuse.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/s3/s3.h"

namespace weir::s3 {

/// An object, or the beginning of the names of some.
struct Place {
  std::string bucket, key;
  /// For messages.
  std::string text() const { return "s3://" + bucket + (key.empty() ? "" : "/" + key); }
};

/// Takes s3://BUCKET/NAME apart, without needless slashes. Error: invalid_argument.
Result<Place> parse_place(std::string_view path);

/// Percent-encodes all but letters, digits and -._~ (RFC 3986), and but '/' if `slashes` says so.
std::string encode_uri(std::string_view text, bool slashes);

struct Request {
  const char* method = "GET";
  Place place;
  std::vector<std::pair<std::string, std::string>> query = {};  ///< not encoded, sorted by name
  std::vector<std::string> headers = {};                        ///< "name: value"
  std::string_view body = {};                                   ///< must live until the answer
  std::uint64_t most_bytes = 1 << 20;                           ///< of an answer; more is a failure
  bool retry_conflicts = false;  ///< 409: others write the same object at this moment
};

/// What came of a request and its repetitions.
struct Answer {
  long status = 0;      ///< of HTTP; 0 when the last try brought none
  std::string code;     ///< of the server, such as "NoSuchKey"; empty when it gave none
  std::string message;  ///< the server's, or what went wrong on the way
  std::string body, etag, content_range, upload_mark;
  std::uint64_t content_length = 0;
  /// A try before the last one, or the last one itself, may have had its effect, now or later.
  bool unknown = false;

  bool ok() const { return status >= 200 && status < 300; }
  bool may_heal() const;
};

/// The header by which an object says which upload it came from, as a request writes it.
inline constexpr const char* kUploadMark = "x-amz-meta-weir-upload";

class Client {
 public:
  explicit Client(S3Options options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Sends until there is an answer that repeating cannot change, or time is up.
  Answer send(const Request& request);
  /// An error for `answer`: `action` is as "write" or "list".
  Error failure(const char* action, const Place& place, const Answer& answer) const;
  const S3Options& options() const { return options_; }

 private:
  Answer try_once(const Request& request, const std::string& url,
                  const std::vector<std::string>& headers);
  std::string url_of(const Request& request) const;
  void* take_handle();
  void give_handle(void* handle);

  const S3Options options_;
  std::mutex mutex_;
  std::vector<void*> idle_;  // handles of libcurl with their connections
};

}  // namespace weir::s3
