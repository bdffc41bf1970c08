// Storage on servers that speak the S3 protocol: paths s3://BUCKET/NAME. What the checkpoints of a
// job need, no file system: no renames, no locks, no appending to what exists.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "weir/base/storage.h"

namespace weir {

/// How to reach a server, and how long to try.
struct S3Options {
  std::string endpoint;  ///< http://HOST:PORT or https://...; empty: that of AWS for the region
  std::string region = "us-east-1";
  std::string access_key, secret_key;
  std::string session_token;  ///< of temporary credentials, or empty
  /// Of one request that carries nothing; bytes have as much again for every 8 MiB.
  std::chrono::milliseconds request_timeout{30'000};
  std::chrono::milliseconds connect_timeout{5'000};
  /// A request that failed is not tried again when this has passed since its first try began.
  std::chrono::milliseconds retry_for{60'000};
  /// Before the second try, and twice as long before each further one, up to 5 s; less by up to a
  /// half, at random.
  std::chrono::milliseconds first_pause{100};
  /// Files that are longer are sent in parts of this size; servers want 5 MiB at least. There can
  /// be 10,000 parts.
  std::size_t part_bytes = 8u << 20;
  int list_page = 1000;  ///< names that a list asks for at a time; servers give 1000 at most
};

/// From AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_REGION or AWS_DEFAULT_REGION,
/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. Error: which of them is missing.
Result<S3Options> s3_options_from_environment();

/// All paths are s3://BUCKET/NAME, by path-style requests. Before the first file of a bucket that
/// must be new, tries whether the server heeds `If-None-Match: *`, and refuses one that does not.
std::unique_ptr<Storage> make_s3_storage(S3Options options);

/// Paths s3://... by S3, as the environment says when the first one is used; all others by the
/// operating system.
std::unique_ptr<Storage> make_storage();

}  // namespace weir
