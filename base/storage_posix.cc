// Storage on the operating system's file system. Holds no state of its own; the file objects hold a
// descriptor each. Any thread may use the storage and a ReadFile, one at a time an AppendFile.
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "weir/base/path.h"
#include "weir/base/storage.h"

namespace weir {
namespace {

ErrorCode code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::not_found;
    case EEXIST:
    case ENOTEMPTY:
      return ErrorCode::already_exists;
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::disk_full;
    default:
      return ErrorCode::io;
  }
}

/// What a person can do about it, or nothing where the system's words already say it.
const char* advice_for(int error) {
  switch (error) {
    case ENOSPC:
      return "; free space on that disk";
    case EDQUOT:
      return "; free space or raise the quota";
    case EACCES:
    case EPERM:
      return "; check the owner and the permissions";
    case EROFS:
      return "; choose a folder on a disk that may be written";
    case EMFILE:
    case ENFILE:
      return "; raise the limit of open files (ulimit -n)";
    case EIO:
      return "; check that disk";
    default:
      return "";
  }
}

bool may_heal(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
    case EIO:  // also where the server of a network file system is away, as the next two
    case ESTALE:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

Error failure(const char* action, const std::string& path, int error) {
  return {code_of(error),
          std::string("cannot ") + action + " " + path + ": " +
              std::generic_category().message(error) + advice_for(error),
          may_heal(error)};
}

Error sync_failure(const std::string& path, int error) {
  return {ErrorCode::fsync_failed, "cannot make " + path +
                                       " durable: " + std::generic_category().message(error) +
                                       "; what was written to it may be lost, so it is not used"};
}

int open_retrying(const std::string& path, int flags) {
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

/// Two names of one file.
bool are_one_file(const std::string& a, const std::string& b) {
  struct stat of_a, of_b;
  return ::stat(a.c_str(), &of_a) == 0 && ::stat(b.c_str(), &of_b) == 0 &&
         of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

/// The system has answered, and the answer was no; others may come from a network that broke.
bool surely_not_done(int error) {
  switch (error) {
    case EEXIST:
    case ENOENT:
    case ENOTDIR:
    case ENOSPC:
    case EDQUOT:
    case EACCES:
    case EROFS:
    case EXDEV:
    case EMLINK:
    case ENAMETOOLONG:
      return true;
    default:
      return false;
  }
}

Status rename_without_links(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
  return failure("rename", from + " to " + to, errno);
}

class PosixAppendFile : public AppendFile {
 public:
  PosixAppendFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixAppendFile() override {
    if (fd_ >= 0) ::close(fd_);
  }

  Status append(std::string_view bytes) override {
    if (unusable()) return refused("append to");
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0) {
        if (errno == EINTR) continue;
        // Part of the bytes may be there, so nothing can follow them.
        broken_ = true;
        return failure("append to", path_, errno);
      }
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  Status sync() override {
    if (unusable()) return refused("sync");
    // Not retried, not even after EINTR: the kernel may have marked the lost pages clean (H15).
    if (::fdatasync(fd_) == 0) return {};
    broken_ = true;
    return sync_failure(path_, errno);
  }

  Status close() override {
    if (fd_ < 0) return {};
    const int fd = fd_;
    fd_ = -1;
    // Linux closes the descriptor in any case; after EINTR there is nothing left to do.
    if (::close(fd) != 0 && errno != EINTR) {
      broken_ = true;
      return failure("close", path_, errno);
    }
    return {};
  }

 private:
  bool unusable() const { return broken_ || fd_ < 0; }
  Error refused(const char* action) const {
    return {ErrorCode::io,
            std::string("cannot ") + action + " " + path_ +
                (broken_ ? ": an earlier write to it failed; throw it away" : ": it is closed")};
  }

  int fd_;
  std::string path_;
  bool broken_ = false;
};

class PosixReadFile : public ReadFile {
 public:
  PosixReadFile(int fd, std::string path, std::uint64_t size)
      : fd_(fd), path_(std::move(path)), size_(size) {}
  ~PosixReadFile() override { ::close(fd_); }

  std::uint64_t size_bytes() const override { return size_; }

  Result<std::size_t> read_at(std::uint64_t offset, char* buffer, std::size_t size) override {
    std::size_t done = 0;
    while (done < size) {
      const ssize_t n = ::pread(fd_, buffer + done, size - done, static_cast<off_t>(offset + done));
      if (n < 0) {
        if (errno == EINTR) continue;
        return failure("read", path_, errno);
      }
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

 private:
  int fd_;
  std::string path_;
  std::uint64_t size_;
};

/// By flock(2): the kernel gives it back however the process ends.
class PosixFileLock : public FileLock {
 public:
  explicit PosixFileLock(int fd) : fd_(fd) {}
  ~PosixFileLock() override { ::close(fd_); }

 private:
  int fd_;
};

class PosixStorage : public Storage {
 public:
  Result<std::unique_ptr<AppendFile>> create(const std::string& path) override {
    const int fd = open_retrying(path, O_WRONLY | O_CREAT | O_TRUNC);
    if (fd < 0) return failure("create", path, errno);
    return std::unique_ptr<AppendFile>(std::make_unique<PosixAppendFile>(fd, path));
  }

  Result<std::unique_ptr<ReadFile>> open(const std::string& path) override {
    const int fd = open_retrying(path, O_RDONLY | O_NONBLOCK);  // a pipe must not block here
    if (fd < 0) return failure("open", path, errno);
    struct stat info;
    const int error = ::fstat(fd, &info) == 0 ? 0 : errno;
    if (error != 0 || !S_ISREG(info.st_mode)) {
      ::close(fd);
      if (error != 0) return failure("open", path, error);
      return Error{ErrorCode::invalid_argument, "cannot open " + path + ": it is not a file"};
    }
    return std::unique_ptr<ReadFile>(
        std::make_unique<PosixReadFile>(fd, path, static_cast<std::uint64_t>(info.st_size)));
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) == 0) return {};
    return failure("rename", from + " to " + to, errno);
  }

  Status rename_new(const std::string& from, const std::string& to) override {
    // link(2), since every file system that hosts share makes it exclusive, NFS too.
    int error = ::link(from.c_str(), to.c_str()) == 0 ? 0 : errno;
    if (error == EPERM || error == EOPNOTSUPP || error == ENOSYS) {  // it has no links
      return rename_without_links(from, to);
    }
    // A server that did it, but whose answer was lost, finds the name taken when asked again.
    if (error != 0 && are_one_file(from, to)) error = 0;
    if (error == 0) {
      // One that stays is a second name of a file that has its own, which costs nothing.
      static_cast<void>(::unlink(from.c_str()));
      return {};
    }
    if (surely_not_done(error)) return failure("rename", from + " to " + to, error);
    return Error{ErrorCode::fsync_failed, "cannot tell whether " + from + " was renamed to " + to +
                                              ": " + std::generic_category().message(error)};
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    return failure("remove", path, errno);
  }

  Status remove_all(const std::string& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error) return failure("remove", path, error.value());
    return {};
  }

  Status make_dirs(const std::string& path) override {
    if (path.empty()) return {};
    if (::mkdir(path.c_str(), 0755) == 0) return sync_dir(parent_path(path));
    if (errno == ENOENT && parent_path(path) != path) {
      WEIR_TRY(make_dirs(parent_path(path)));
      if (::mkdir(path.c_str(), 0755) == 0) return sync_dir(parent_path(path));
    }
    const int error = errno;
    struct stat info;
    if (error == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
    return failure("create folder", path, error);
  }

  Status sync_dir(const std::string& path) override {
    const int fd = open_retrying(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return failure("open folder", path, errno);
    const int error = ::fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    // EINVAL: this file system has no such operation for folders; names are durable by themselves.
    if (error != 0 && error != EINVAL) return sync_failure(path, error);
    return {};
  }

  Result<std::vector<StorageEntry>> list(const std::string& path) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.empty() ? "." : path.c_str()),
                                                     ::closedir);
    if (folder == nullptr) return failure("list", path, errno);
    std::vector<StorageEntry> entries;
    for (;;) {
      errno = 0;
      const dirent* const found = ::readdir(folder.get());
      if (found == nullptr) break;
      const std::string_view name = found->d_name;
      if (name == "." || name == "..") continue;
      struct stat info;
      // An entry that vanished meanwhile, or a link to nowhere, is not there.
      if (::fstatat(::dirfd(folder.get()), found->d_name, &info, 0) != 0) continue;
      const bool is_directory = S_ISDIR(info.st_mode);
      entries.push_back({std::string(name), is_directory,
                         is_directory ? 0 : static_cast<std::uint64_t>(info.st_size)});
    }
    if (errno != 0) return failure("list", path, errno);
    std::sort(entries.begin(), entries.end(),
              [](const StorageEntry& a, const StorageEntry& b) { return a.name < b.name; });
    return entries;
  }

  Result<bool> exists(const std::string& path) override {
    struct stat info;
    if (::stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return failure("look for", path, errno);
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    const int fd = open_retrying(path, O_RDWR | O_CREAT);
    if (fd < 0) return failure("create", path, errno);
    auto held = std::make_unique<PosixFileLock>(fd);
    int error = 0;
    do {
      error = ::flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
    } while (error == EINTR);
    if (error == 0) return std::unique_ptr<FileLock>(std::move(held));
    if (error != EWOULDBLOCK) return failure("lock", path, error);
    return Error{ErrorCode::already_exists, "cannot lock " + path + ": it is locked already"};
  }
};

}  // namespace

std::unique_ptr<Storage> make_posix_storage() { return std::make_unique<PosixStorage>(); }

}  // namespace weir
