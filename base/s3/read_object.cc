// Reading objects; see files.h. Most readers of checkpoints read a file from one end to the other
// before they use it, to compare its hash, and then again, or here and there for as long as the job
// runs, when it may long have been removed: so the object is fetched once, in large pieces, and
// read from this host.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "weir/base/s3/files.h"

namespace weir::s3 {
namespace {

constexpr std::uint64_t kPieceBytes = 8u << 20;      // of one request
constexpr std::uint64_t kMostInMemory = 64u * 1024;  // of one object

class MemoryObject final : public ReadFile {
 public:
  explicit MemoryObject(std::string bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size_bytes() const override { return bytes_.size(); }
  Result<std::size_t> read_at(std::uint64_t offset, char* buffer, std::size_t size) override {
    if (offset >= bytes_.size()) return std::size_t{0};
    return bytes_.copy(buffer, size, offset);
  }

 private:
  const std::string bytes_;
};

class LocalCopy final : public ReadFile {
 public:
  LocalCopy(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  ~LocalCopy() override { ::close(fd_); }

  static Result<std::unique_ptr<LocalCopy>> make(const Place& place) {
    const char* base = std::getenv("TMPDIR");
    std::string path =
        std::string(base != nullptr && *base != 0 ? base : "/tmp") + "/weir-s3-XXXXXX";
    const int fd = ::mkostemp(path.data(), O_CLOEXEC);
    if (fd < 0) return failed(place.text(), errno);
    ::unlink(path.c_str());
    return std::make_unique<LocalCopy>(fd, place.text());
  }

  Status append(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(size_bytes_));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed(name_, errno);
      bytes.remove_prefix(static_cast<std::size_t>(n));
      size_bytes_ += static_cast<std::uint64_t>(n);
    }
    return {};
  }

  std::uint64_t size_bytes() const override { return size_bytes_; }
  Result<std::size_t> read_at(std::uint64_t offset, char* buffer, std::size_t size) override {
    std::size_t done = 0;
    while (done < size) {
      const ssize_t n = ::pread(fd_, buffer + done, size - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed(name_, errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

 private:
  static Error failed(const std::string& name, int error) {
    const bool full = error == ENOSPC || error == EDQUOT;
    return {full ? ErrorCode::disk_full : ErrorCode::io,
            "cannot keep a local copy of " + name +
                " in the folder for temporary files: " + std::generic_category().message(error) +
                (full ? "; free space, or name another folder by TMPDIR" : ""),
            full || error == EMFILE || error == ENFILE};
  }

  int fd_;
  std::string name_;
  std::uint64_t size_bytes_ = 0;
};

/// "bytes FIRST-LAST/SIZE" of what was asked for.
bool read_range(std::string_view text, std::uint64_t first, std::uint64_t bytes,
                std::uint64_t& size) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || bytes == 0) return false;
  const std::string wanted =
      "bytes " + std::to_string(first) + "-" + std::to_string(first + bytes - 1);
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data() + slash + 1, end, size);
  return text.substr(0, slash) == wanted && error == std::errc() && at == end;
}

/// One piece, from `offset` on. `size` is that of the whole object; `etag` pins it if not empty.
Result<std::string> fetch(Client& client, const Place& place, std::uint64_t offset,
                          std::string& etag, std::uint64_t& size) {
  Request request{.place = place, .most_bytes = kPieceBytes};
  request.headers.push_back("Range: bytes=" + std::to_string(offset) + "-" +
                            std::to_string(offset + kPieceBytes - 1));
  if (!etag.empty()) request.headers.push_back("If-Match: " + etag);
  Answer answer = client.send(request);
  if (answer.status == 416 && offset == 0) {  // nothing of it can be in any range
    size = 0;
    return std::string();
  }
  if (answer.status == 412) {
    return Error{ErrorCode::io,
                 "cannot read " + place.text() + ": it was replaced while it was read", true};
  }
  if (!answer.ok()) return client.failure("read", place, answer);
  if (answer.status == 200 && offset == 0) {  // the server sent all of it
    size = answer.body.size();
  } else if (!read_range(answer.content_range, offset, answer.body.size(), size)) {
    return Error{ErrorCode::io, "cannot read " + place.text() +
                                    ": the server sent another range than it was asked for"};
  }
  etag = answer.etag;
  return std::move(answer.body);
}

}  // namespace

Result<std::unique_ptr<ReadFile>> read_object(Client& client, const Place& place) {
  if (place.key.empty()) {
    return Error{ErrorCode::invalid_argument, "cannot read " + place.text() + ": it is a bucket"};
  }
  std::string etag;
  std::uint64_t size = 0;
  WEIR_ASSIGN(std::string piece, fetch(client, place, 0, etag, size));
  if (size <= kMostInMemory) {
    return std::unique_ptr<ReadFile>(std::make_unique<MemoryObject>(std::move(piece)));
  }
  WEIR_ASSIGN(auto copy, LocalCopy::make(place));
  for (;;) {
    WEIR_TRY(copy->append(piece));
    if (copy->size_bytes() >= size) return std::unique_ptr<ReadFile>(std::move(copy));
    std::uint64_t same = 0;
    WEIR_ASSIGN(piece, fetch(client, place, copy->size_bytes(), etag, same));
    if (same != size || piece.empty()) {
      return Error{ErrorCode::io,
                   "cannot read " + place.text() + ": its size changed while it was read", true};
    }
  }
}

}  // namespace weir::s3
