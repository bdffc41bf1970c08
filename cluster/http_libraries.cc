// Job libraries in the shared storage, by content; see http_api.h.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "weir/base/hash.h"
#include "weir/base/log.h"
#include "weir/base/storage.h"
#include "weir/cluster/http_api.h"
#include "weir/cluster/http_json.h"

namespace weir::cluster {
namespace {

bool is_hash(const std::string& text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// The content hash of a file, as load_job_library makes it.
Result<std::string> hash_of(Storage& storage, const std::string& path) {
  WEIR_ASSIGN(const auto file, storage.open(path));
  ContentHasher hasher;
  std::string piece(1 << 20, '\0');
  for (std::uint64_t at = 0; at < file->size_bytes();) {
    WEIR_ASSIGN(const std::size_t n, file->read_at(at, piece.data(), piece.size()));
    if (n == 0) return Error{ErrorCode::io, path + " became shorter while it was read"};
    hasher.update({piece.data(), n});
    at += n;
  }
  return hasher.digest().hex();
}

Status sync_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = file >= 0 && ::fsync(file) == 0;
  if (file >= 0) ::close(file);
  if (synced) return {};
  return Error{ErrorCode::fsync_failed, "Cannot make " + path + " durable"};
}

/// Checks an upload, and gives it its name.
Status keep_upload(const std::string& upload, const std::string& folder, const std::string& hash) {
  auto storage = make_posix_storage();
  WEIR_ASSIGN(const std::string seen, hash_of(*storage, upload));
  if (seen != hash) {
    return Error{ErrorCode::invalid_argument, "The library's content hash is " + seen + ", not " +
                                                  hash + "; it may have been damaged on its way"};
  }
  WEIR_TRY(sync_file(upload));  // a failed one is thrown away with the upload
  WEIR_TRY(storage->rename(upload, folder + "/" + hash + ".so"));
  return storage->sync_dir(folder);
}

}  // namespace

Result<bool> HttpApi::has_library(const std::string& hash) const {
  if (!is_hash(hash)) {
    return Error{ErrorCode::invalid_argument,
                 "'" + hash + "' is no content hash: 32 hexadecimal digits"};
  }
  auto storage = make_posix_storage();
  return storage->exists(server_.options().storage + "/libraries/" + hash + ".so");
}

void HttpApi::handle_library(const HttpCall& call, const std::string& hash, const Reply& reply) {
  if (call.method != "GET" && call.method != "PUT") return reply(wrong_method("GET, PUT"));
  const auto there = has_library(hash);
  if (!there.ok()) return reply(http_error(there.error()));
  const boost::json::object found{{"hash", hash}};
  if (*there) return reply(json_reply(200, found));
  if (call.method == "GET") {
    return reply(http_error(404, "not_found", "There is no library " + hash));
  }
  if (call.upload.empty()) return reply(http_error(400, "invalid_argument", "The body is empty"));
  const std::string folder = server_.options().storage + "/libraries";
  if (Status kept = keep_upload(call.upload, folder, hash); !kept.ok()) {
    return reply(http_error(kept.error()));
  }
  log_info("api", call.peer + " uploaded library " + hash);
  reply(json_reply(201, found));
}

}  // namespace weir::cluster
