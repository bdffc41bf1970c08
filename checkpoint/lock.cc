// One process a state folder, by flock(2): the kernel releases it however the process ends. It lies
// outside the Storage seam, since it excludes real processes, which a simulation has none of.
//
// The folder itself is locked, so removing files in it lets nobody in. Its file "lock" says who
// holds it; on file systems that lock no folders, such as NFS, that file is locked instead.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "weir/checkpoint/store.h"

namespace weir {
namespace {

Error lock_error(const std::string& path, int error_number) {
  return {ErrorCode::io,
          "Cannot lock the state folder through " + path + ": " + std::strerror(error_number) +
              ". Check that the folder exists and may be written.",
          false};
}

/// A file descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

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

/// The two files, of which one is locked, and that one.
struct Locked {
  Fd file, folder;
  bool is_folder = true;
  int failed = 0;  // errno of the lock
  int take() { return (is_folder ? folder : file).release(); }
};

/// Tries to lock `root`, whose file is `path`.
Result<Locked> lock_folder(const std::string& root, const std::string& path, int how) {
  // O_CLOEXEC: a child of a user's function must not keep the lock when we are gone.
  const bool shared = how == LOCK_SH;
  Fd file(::open(path.c_str(), (shared ? O_RDONLY : O_RDWR) | O_CREAT | O_CLOEXEC, 0644));
  if (file.get() < 0 && shared && (errno == EACCES || errno == EROFS)) {
    return Locked{std::move(file), Fd(-1), false, errno};  // another user's
  }
  if (file.get() < 0) return lock_error(path, errno);
  Fd folder(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) return lock_error(root, errno);
  Locked locked{std::move(file), std::move(folder)};
  locked.failed = ::flock(locked.folder.get(), how | LOCK_NB) == 0 ? 0 : errno;
  if (locked.failed != 0 && locked.failed != EWOULDBLOCK) {
    locked.is_folder = false;
    locked.failed = ::flock(locked.file.get(), how | LOCK_NB) == 0 ? 0 : errno;
  }
  if (locked.failed == EWOULDBLOCK) {
    return Error{ErrorCode::already_exists,
                 "The state folder " + root + " is in use by " + holder_of(locked.file.get()) +
                     ". Stop that job first, or give this one another folder with --state.",
                 shared};  // who has it for itself may only be looking
  }
  return locked;
}

}  // namespace

Result<std::unique_ptr<StateLock>> StateLock::acquire(const std::string& root) {
  std::error_code created;
  std::filesystem::create_directories(root, created);
  const std::string path = root + "/lock";
  if (created) return lock_error(path, created.value());
  WEIR_ASSIGN(Locked locked, lock_folder(root, path, LOCK_EX));
  if (locked.failed != 0) return lock_error(path, locked.failed);
  if (!write_pid(locked.file.get())) return lock_error(path, errno);
  return std::unique_ptr<StateLock>(new StateLock(locked.take()));
}

Result<std::unique_ptr<StateLock>> StateLock::acquire_shared(const std::string& root) {
  WEIR_ASSIGN(Locked locked, lock_folder(root, root + "/lock", LOCK_SH));
  if (locked.failed != 0) return std::unique_ptr<StateLock>();
  return std::unique_ptr<StateLock>(new StateLock(locked.take()));
}

// The file stays: where it is what is locked, removing it would let two processes hold locks on two
// files of one name.
StateLock::~StateLock() { ::close(fd_); }

}  // namespace weir
