// The crash handler; see crash.h. Runs in a signal handler: only async-signal-safe calls there.
#include "cli/crash.h"

#include <execinfo.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cli/exit_codes.h"
#include "weir/runtime/worker.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMaxPath = 1024;
char library_path[kMaxPath], state_path[kMaxPath];
constexpr std::uint64_t kNotBegun = UINT64_MAX;
std::atomic<std::uint64_t> last_checkpoint{kNotBegun};
std::atomic<bool> crashing{false};
std::atomic<int> exit_guards{0};
pid_t guarded_process = 0;

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
  const std::uint64_t id = last_checkpoint.load();
  if (id == kNotBegun) {
    say("weir: it had not begun; what ");
    say(state_path);
    say(" holds is as it was.\n");
    return;
  }
  say("weir: its state is safe in ");
  say(state_path);
  if (id > 0) {
    say("; run it again to resume from checkpoint ");
    say(id);
    say(".\n");
  } else {
    say("; it had no checkpoint yet, so run again it begins anew.\n");
  }
}

void say_where() {
  if (const char* steps = current_task_steps(); steps != nullptr) {
    say(" in a function of the job (task of ");
    say(steps);
    say(").\n");
  } else if (last_checkpoint.load() == kNotBegun) {
    say(" while it was loaded or built its graph.\n");
  } else {
    say(" outside of the job's steps.\n");
  }
}

/// Whether the fault is at the end of the stack: near where the stack pointer was.
bool is_stack_overflow(int signal, const siginfo_t* info, const void* context) {
#if defined(__x86_64__)
  if (signal != SIGSEGV || info == nullptr || context == nullptr) return false;
  const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext.gregs;
  const auto pointer = static_cast<std::uint64_t>(registers[REG_RSP]);
  const auto fault = reinterpret_cast<std::uint64_t>(info->si_addr);
  constexpr std::uint64_t kNear = 65536;
  return fault + kNear > pointer && fault < pointer + kNear;
#else
  static_cast<void>(signal), static_cast<void>(info), static_cast<void>(context);
  return false;
#endif
}

void on_crash(int signal, siginfo_t* info, void* context) {
  if (!crashing.exchange(true)) {
    say("\nweir: ");
    say(*library_path ? library_path : "the process");
    say(" crashed with ");
    say(name_of(signal));
    if (is_stack_overflow(signal, info, context)) say(", its stack full (an endless recursion?),");
    say_where();
    void* frames[32];
    ::backtrace_symbols_fd(frames, ::backtrace(frames, 32), STDERR_FILENO);
    say_how_to_go_on();
    say("weir: to find the place, build the job with -g and run this command in a debugger: "
        "gdb --args weir run ...\n");
  }
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

void on_exit() {
  if (exit_guards == 0 || ::getpid() != guarded_process) return;  // not for a child that was forked
  std::fflush(stdout);
  say("\nweir: ");
  say(*library_path ? library_path : "the job");
  say(" called exit");
  say_where();
  say_how_to_go_on();
  say("weir: a job ends when its input does; to give up, throw an exception.\n");
  ::_exit(kFailed);
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
  static char stack_bytes[65536];
  const stack_t stack{stack_bytes, 0, sizeof stack_bytes};
  ::sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_NODEFER | SA_ONSTACK | SA_SIGINFO;
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    ::sigaction(signal, &action, nullptr);
  }
}

void set_crash_context(const std::string& library, const std::string& state_dir) {
  keep(library_path, library);
  keep(state_path, state_dir);
}

void set_crash_checkpoint(std::uint64_t id) { last_checkpoint = id; }

ExitGuard::ExitGuard() {
  // Handlers run in the reverse order, mixed with the destructors of the library's own objects.
  std::atexit(on_exit);
  std::at_quick_exit(on_exit);
  guarded_process = ::getpid();
  ++exit_guards;
}
ExitGuard::~ExitGuard() { --exit_guards; }

}  // namespace weir::cli
