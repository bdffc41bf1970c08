// Starting and ending child processes; see worker_child.h.
#include "weir/cluster/worker_child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

namespace weir::cluster {
namespace {

/// Null-terminated, as execve(2) takes them; `texts` must outlive it.
std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> environment_with(
    const std::vector<std::pair<std::string, std::string>>& changes) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto changed = [&](const auto& change) { return text.starts_with(change.first + "="); };
    if (std::none_of(changes.begin(), changes.end(), changed)) all.push_back(text);
  }
  for (const auto& [name, value] : changes) {
    if (!value.empty()) all.push_back(name + "=" + value);
  }
  return all;
}

struct Prepared {
  const char* program;
  char** arguments;
  char** environment;
  int input, output, failure;
  pid_t parent;
};

/// In the child: other threads of the parent may have held any lock, so only what signal-safety(7)
/// allows. Ends with the number of the error in `failure`.
[[noreturn]] void become(const Prepared& to) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD}) ::signal(signal, SIG_DFL);
  ::setpgid(0, 0);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::dup2(to.input, STDIN_FILENO) >= 0 &&
      ::dup2(to.output, STDOUT_FILENO) >= 0 && ::dup2(to.output, STDERR_FILENO) >= 0 &&
      ::close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0) {
    // A parent that died before prctl() sent no signal.
    if (::getppid() != to.parent) ::_exit(127);
    ::execve(to.program, to.arguments, to.environment);
  }
  const int error = errno;
  static_cast<void>(!::write(to.failure, &error, sizeof error));
  ::_exit(127);
}

/// What the child says before it is another program: the number of an error, or 0.
int error_from(int fd) {
  int error = 0;
  ssize_t n = 0;
  do n = ::read(fd, &error, sizeof error);
  while (n < 0 && errno == EINTR);
  return n == sizeof error ? error : 0;
}

Error cannot_start(const std::string& program, int error) {
  return {ErrorCode::io, "Cannot start " + program + ": " + std::strerror(error), true};
}

ChildProcess::End end_of(int status) {
  if (WIFEXITED(status)) {
    const int code = WEXITSTATUS(status);
    return {code == 0, "ended with exit status " + std::to_string(code)};
  }
  const int signal = WTERMSIG(status);
  if (signal == SIGKILL) {
    return {
        false,
        "was ended by signal 9 (SIGKILL): likely by the kernel, since the host or its container "
        "ran out of memory (its log, dmesg, says so), or by an operator",
        true};
  }
  const bool asked = signal == SIGTERM || signal == SIGINT || signal == SIGHUP;
  const char* name = ::sigabbrev_np(signal);
  if (name == nullptr) return {false, "was ended by signal " + std::to_string(signal), asked};
  return {false, "was ended by signal SIG" + std::string(name) + " (" + ::sigdescr_np(signal) + ")",
          asked};
}

/// The number of the parent of process `pid`; 0 when that is gone.
pid_t parent_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(") ");  // PID (NAME) STATE PARENT
  pid_t parent = 0;
  if (name_end != std::string::npos && text.size() > name_end + 4) {
    std::from_chars(text.data() + name_end + 4, text.data() + text.size(), parent);
  }
  return parent;
}

/// Whether process `pid` was started with one of these in its environment; that of others than its
/// own user cannot be read.
bool carries(const std::string& pid, const std::set<std::string>& marks) {
  std::ifstream file("/proc/" + pid + "/environ");
  for (std::string entry; std::getline(file, entry, '\0');) {
    if (marks.contains(entry)) return true;
  }
  return false;
}

std::vector<pid_t> children_with(const std::set<std::string>& marks) {
  namespace fs = std::filesystem;
  std::vector<pid_t> found;
  std::error_code failed;
  for (fs::directory_iterator it("/proc", failed), end; !failed && it != end;
       it.increment(failed)) {
    const std::string name = it->path().filename();
    pid_t pid = 0;
    const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || stop != name.data() + name.size()) continue;
    if (parent_of(name) == ::getpid() && carries(name, marks)) found.push_back(pid);
  }
  return found;
}

}  // namespace

bool adopt_orphans() { return ::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0; }

void bury_orphans(const std::set<pid_t>& known) {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    // One of those hides the others until somebody has asked how it ended.
    if (known.contains(info.si_pid)) return;
    ::waitpid(info.si_pid, nullptr, WNOHANG);
  }
}

bool end_orphans(const std::set<std::string>& marks) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
  do {
    const std::vector<pid_t> orphans = children_with(marks);
    if (orphans.empty()) return true;
    for (const pid_t pid : orphans) ::kill(pid, SIGKILL);
    // What they leave behind is found by the next round.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    for (const pid_t pid : orphans) ::waitpid(pid, nullptr, WNOHANG);
  } while (std::chrono::steady_clock::now() < give_up);
  return false;
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const Command& command) {
  std::vector<std::string> words = {"weir"};
  words.insert(words.end(), command.arguments.begin(), command.arguments.end());
  const std::vector<std::string> variables = environment_with(command.environment);
  auto arguments = pointers(words);
  auto environment = pointers(variables);
  int said[2];
  if (::pipe2(said, O_CLOEXEC) != 0) return cannot_start(command.program, errno);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    become({command.program.c_str(), arguments.data(), environment.data(), nothing, command.output,
            said[1], parent});
  }
  int error = pid < 0 ? errno : 0;
  ::close(said[1]);
  if (nothing >= 0) ::close(nothing);
  if (error == 0) error = error_from(said[0]);
  ::close(said[0]);
  if (error == 0) return std::unique_ptr<ChildProcess>(new ChildProcess(pid));
  if (pid > 0) ::waitpid(pid, nullptr, 0);
  return cannot_start(command.program, error);
}

ChildProcess::~ChildProcess() {
  if (end_) return;
  kill();
  ::waitpid(pid_, nullptr, 0);
}

void ChildProcess::kill() {
  if (!end_) ::kill(-pid_, SIGKILL);
}

std::optional<ChildProcess::End> ChildProcess::ended() {
  if (end_) return end_;
  // Its number, which is also that of its group, is not given away before waitpid().
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      info.si_pid == 0) {
    return {};
  }
  kill();
  int status = 0;
  ::waitpid(pid_, &status, 0);
  end_ = end_of(status);
  return end_;
}

}  // namespace weir::cluster
