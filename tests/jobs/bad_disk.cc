// A disk that is slow or refuses, for programs that are started with this library in LD_PRELOAD:
// stands between them and the operating system for all files below some folders.
//
//   WEIR_BAD_DISK=CONTROL:FOLDER[:FOLDER]...
//
// CONTROL is a file of one `Weather`, which a test rewrites while the programs run. Without the
// variable nothing changes. See disks.py. Any thread.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

/// Numbers of 32 bits in the order of the machine.
struct Weather {
  std::uint32_t delay_ms;   ///< before each operation
  std::uint32_t error;      ///< the errno of those that fail
  std::uint32_t per_mille;  ///< how many fail
  std::uint32_t lost;       ///< of those on names, how many in a thousand were done all the same
};

constexpr std::size_t kMostFiles = 65536;

class Sky {
 public:
  Sky() {
    const char* said = std::getenv("WEIR_BAD_DISK");
    if (said == nullptr) return;
    std::string_view rest = said;
    for (bool first = true; !rest.empty(); first = false) {
      const std::string part(rest.substr(0, rest.find(':')));
      rest.remove_prefix(std::min(rest.size(), part.size() + 1));
      if (first)
        look_at(part);
      else
        folders_.push_back(part + "/");
    }
  }

  bool covers(const char* path) const {
    if (weather_ == nullptr || path == nullptr) return false;
    for (const std::string& folder : folders_) {
      if (std::string_view(path).starts_with(folder)) return true;
    }
    return false;
  }
  bool covers(int file) const {
    return weather_ != nullptr && file >= 0 && static_cast<std::size_t>(file) < kMostFiles &&
           covered_[static_cast<std::size_t>(file)].load(std::memory_order_relaxed);
  }
  void note(int file, bool covered) {
    if (weather_ == nullptr || file < 0 || static_cast<std::size_t>(file) >= kMostFiles) return;
    covered_[static_cast<std::size_t>(file)].store(covered, std::memory_order_relaxed);
  }

  /// Runs `operation`, which returns what a system call does, in this weather.
  template <class F>
  auto through(bool covered, F operation, decltype(operation()) failed, bool names = false) const {
    if (!covered) return operation();
    // Each field by itself: a mixture of two weathers is one, too.
    if (const std::uint32_t delay = read(weather_->delay_ms)) ::usleep(delay * 1000);
    if (roll() >= read(weather_->per_mille)) return operation();
    if (names && roll() < read(weather_->lost)) static_cast<void>(operation());
    errno = static_cast<int>(read(weather_->error));
    return failed;
  }

 private:
  static std::uint32_t read(const std::uint32_t& field) {
    return __atomic_load_n(&field, __ATOMIC_RELAXED);
  }
  static std::uint32_t roll() {
    thread_local std::minstd_rand chance{std::random_device{}()};
    return static_cast<std::uint32_t>(chance() % 1000);
  }
  void look_at(const std::string& control) {
    const auto system_open =
        reinterpret_cast<int (*)(const char*, int, ...)>(::dlsym(RTLD_NEXT, "open"));
    const int file = system_open(control.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    void* const mapped = ::mmap(nullptr, sizeof(Weather), PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) weather_ = static_cast<const Weather*>(mapped);
  }

  const Weather* weather_ = nullptr;
  std::vector<std::string> folders_;
  std::array<std::atomic<bool>, kMostFiles> covered_{};  // by file descriptor
};

/// Never destroyed: files are closed until the very end of the process.
Sky& sky() {
  static Sky* const instance = new Sky;
  return *instance;
}

template <class F>
F* next(F*, const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

#define NEXT(name) static auto* const system = next(&::name, #name)

extern "C" {

int open(const char* path, int flags, ...) {
  NEXT(open);
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  const bool covered = sky().covers(path);
  const int file = sky().through(
      covered, [&] { return system(path, flags, mode); }, -1);
  sky().note(file, covered);
  return file;
}

int close(int file) {
  NEXT(close);
  sky().note(file, false);
  return system(file);
}

ssize_t write(int file, const void* bytes, size_t size) {
  NEXT(write);
  return sky().through(
      sky().covers(file), [&] { return system(file, bytes, size); }, ssize_t{-1});
}

ssize_t pread(int file, void* bytes, size_t size, off_t offset) {
  NEXT(pread);
  return sky().through(
      sky().covers(file), [&] { return system(file, bytes, size, offset); }, ssize_t{-1});
}

int fsync(int file) {
  NEXT(fsync);
  return sky().through(
      sky().covers(file), [&] { return system(file); }, -1);
}

int fdatasync(int file) {
  NEXT(fdatasync);
  return sky().through(
      sky().covers(file), [&] { return system(file); }, -1);
}

int rename(const char* from, const char* to) noexcept {
  NEXT(rename);
  return sky().through(
      sky().covers(to), [&] { return system(from, to); }, -1, true);
}

int link(const char* from, const char* to) noexcept {
  NEXT(link);
  return sky().through(
      sky().covers(to), [&] { return system(from, to); }, -1, true);
}

int unlink(const char* path) noexcept {
  NEXT(unlink);
  return sky().through(
      sky().covers(path), [&] { return system(path); }, -1, true);
}

int mkdir(const char* path, mode_t mode) noexcept {
  NEXT(mkdir);
  return sky().through(
      sky().covers(path), [&] { return system(path, mode); }, -1, true);
}

int stat(const char* __restrict path, struct stat* __restrict info) noexcept {
  NEXT(stat);
  return sky().through(
      sky().covers(path), [&] { return system(path, info); }, -1);
}

DIR* opendir(const char* path) {
  NEXT(opendir);
  return sky().through(
      sky().covers(path), [&] { return system(path); }, static_cast<DIR*>(nullptr));
}

}  // extern "C"
