// The crash handler; see crash.h. Runs in a signal handler: only async-signal-safe calls there.
#include "cli/crash.h"

#include <execinfo.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "weir/runtime/worker.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMaxPath = 1024;
char library_path[kMaxPath], state_path[kMaxPath];
std::atomic<std::uint64_t> last_checkpoint{0};
std::atomic<bool> crashing{false};

void say(const char* text) {
  const char* end = text + std::strlen(text);
  while (text < end) {
    const ssize_t n = ::write(STDERR_FILENO, text, static_cast<std::size_t>(end - text));
    if (n <= 0) return;
    text += n;
  }
}

void say(std::uint64_t number) {
  char digits[24];
  char* p = digits + sizeof digits - 1;
  *p = 0;
  do {
    *--p = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number > 0);
  say(p);
}

const char* name_of(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGFPE:
      return "SIGFPE";
    case SIGILL:
      return "SIGILL";
    default:
      return "SIGABRT";
  }
}

void say_how_to_go_on() {
  if (*state_path == 0) {
    say("weir: the job ran without --state, so nothing of it is kept.\n");
    return;
  }
  say("weir: its state is safe in ");
  say(state_path);
  if (const std::uint64_t id = last_checkpoint.load(); id > 0) {
    say("; run it again to resume from checkpoint ");
    say(id);
    say(".\n");
  } else {
    say("; it had no checkpoint yet, so run again it begins anew.\n");
  }
}

void on_crash(int signal) {
  if (!crashing.exchange(true)) {
    const char* steps = current_task_steps();
    say("\nweir: ");
    say(*library_path ? library_path : "the process");
    say(" crashed with ");
    say(name_of(signal));
    if (steps != nullptr) {
      say(" in a function of the job (task of ");
      say(steps);
      say(").\n");
    } else {
      say(" outside of the job's steps.\n");
    }
    void* frames[32];
    ::backtrace_symbols_fd(frames, ::backtrace(frames, 32), STDERR_FILENO);
    say_how_to_go_on();
    say("weir: to find the place, build the job with -g and run this command in a debugger: "
        "gdb --args weir run ...\n");
  }
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

void keep(char (&to)[kMaxPath], const std::string& from) {
  const std::size_t size = std::min(from.size(), kMaxPath - 1);
  std::memcpy(to, from.data(), size);
  to[size] = 0;
}

}  // namespace

void install_crash_handler() {
  void* frame = nullptr;
  ::backtrace(&frame, 1);  // loads what it needs now, since it may not within the handler
  struct sigaction action {};
  action.sa_handler = on_crash;
  action.sa_flags = SA_NODEFER;
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    ::sigaction(signal, &action, nullptr);
  }
}

void set_crash_context(const std::string& library, const std::string& state_dir) {
  keep(library_path, library);
  keep(state_path, state_dir);
}

void set_crash_checkpoint(std::uint64_t id) { last_checkpoint = id; }

}  // namespace weir::cli
