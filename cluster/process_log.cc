// See process_log.h.
#include "weir/cluster/process_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include "weir/base/log.h"

namespace weir::cluster {
namespace {

constexpr std::chrono::microseconds kLook{20'000}, kLookSoon{500};

/// How long until the next look at a log that has grown from `before` to `now` in `passed`: half of
/// the time in which it would be full at that rate, but within the two.
std::chrono::microseconds next_look(std::uint64_t before, std::uint64_t now,
                                    std::chrono::microseconds passed) {
  if (now <= before) return kLook;
  const std::uint64_t left = now < kFullLog ? kFullLog - now : 0;
  const double share = static_cast<double>(left) / static_cast<double>(now - before) / 2;
  const double wait = share * static_cast<double>(passed.count());
  if (wait >= static_cast<double>(kLook.count())) return kLook;
  return std::max(kLookSoon, std::chrono::microseconds(static_cast<std::int64_t>(wait)));
}

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
    using Clock = std::chrono::steady_clock;
    bool said = false;
    std::uint64_t before = 0;
    for (auto pause = kLook;;) {
      const auto since = Clock::now();
      std::this_thread::sleep_for(pause);
      const auto rotated = rotate_log(path, kFullLog, {STDOUT_FILENO, STDERR_FILENO});
      if (!rotated.ok() && !said) log_warn("job process", rotated.error().message);
      said = !rotated.ok();
      struct stat info {};
      static_cast<void>(::fstat(STDOUT_FILENO, &info));
      const auto size = static_cast<std::uint64_t>(info.st_size);
      const bool fresh = rotated.ok() && *rotated;
      // One that cannot be renamed is not looked at more often for being full.
      pause = said ? kLook
                   : next_look(fresh ? 0 : before, size,
                               std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() -
                                                                                     since));
      before = size;
    }
  }).detach();
}

}  // namespace weir::cluster
