// See process_log.h.
#include "weir/cluster/process_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include "weir/base/log.h"

namespace weir::cluster {
namespace {

constexpr std::chrono::milliseconds kLook{500};

Error failure(const std::string& what, const std::string& path) {
  return {ErrorCode::io, "Cannot " + what + " the log " + path + ": " + std::strerror(errno), true};
}

}  // namespace

std::string older_log(const std::string& path) { return path + ".1"; }

Result<bool> rotate_log(const std::string& path, std::uint64_t full,
                        std::initializer_list<int> descriptors) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return failure("look at", path);
  if (static_cast<std::uint64_t>(info.st_size) < full) return false;
  if (::rename(path.c_str(), older_log(path).c_str()) != 0) return failure("rename", path);
  const int fresh = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fresh < 0) {
    const Error error = failure("begin anew", path);
    // It keeps its name, so that the next look finds it.
    static_cast<void>(::rename(older_log(path).c_str(), path.c_str()));
    return error;
  }
  // At once for each: no line falls between the two files.
  for (const int each : descriptors) ::dup2(fresh, each);
  ::close(fresh);
  return true;
}

void bound_own_log(const std::string& path) {
  std::thread([path] {
    for (bool said = false;;) {
      std::this_thread::sleep_for(kLook);
      const auto rotated = rotate_log(path, kFullLog, {STDOUT_FILENO, STDERR_FILENO});
      if (!rotated.ok() && !said) log_warn("job process", rotated.error().message);
      said = !rotated.ok();
    }
  }).detach();
}

}  // namespace weir::cluster
