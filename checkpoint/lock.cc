// One process a state folder, by flock(2): the kernel releases it however the process ends. It lies
// outside the Storage seam, since it excludes real processes, which a simulation has none of.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "weir/checkpoint/store.h"

namespace weir {
namespace {

Error lock_error(const std::string& path, int error_number) {
  return {ErrorCode::io,
          "Cannot lock the state folder through " + path + ": " + std::strerror(error_number) +
              ". Check that the folder exists and may be written.",
          false};
}

/// The process id that the holder has written, for people.
std::string holder_of(int fd) {
  std::array<char, 32> text;
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  std::string pid(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!pid.empty() && pid.back() == '\n') pid.pop_back();
  return pid.empty() ? "another process" : "process " + pid;
}

bool write_pid(int fd) {
  const std::string text = std::to_string(::getpid()) + "\n";
  return ::ftruncate(fd, 0) == 0 &&
         ::pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

}  // namespace

Result<std::unique_ptr<StateLock>> StateLock::acquire(const std::string& root) {
  std::error_code created;
  std::filesystem::create_directories(root, created);
  const std::string path = root + "/lock";
  if (created) return lock_error(path, created.value());
  // O_CLOEXEC: a child of a user's function must not keep the lock when we are gone.
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return lock_error(path, errno);
  std::unique_ptr<StateLock> lock(new StateLock(fd));
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
    if (!write_pid(fd)) return lock_error(path, errno);
    return lock;
  }
  if (errno != EWOULDBLOCK) return lock_error(path, errno);
  return Error{ErrorCode::already_exists,
               "The state folder " + root + " is in use by " + holder_of(fd) +
                   ". Stop that job first, or give this one another folder with --state.",
               false};
}

// The file stays: removing it would let two processes hold locks on two files of one name.
StateLock::~StateLock() { ::close(fd_); }

}  // namespace weir
