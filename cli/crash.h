// What is said when a function of a job ends the process, by a crash or by calling exit: which
// steps it was working for, where the state is, and how to go on. The default action of a signal
// follows, so a core file is written where those are switched on.
#pragma once

#include <cstdint>
#include <string>

namespace weir::cli {

/// Installs handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT. They run on a stack of their
/// own on this thread and on those of workers, so a stack that is full is reported too.
void install_crash_handler();

/// Says what is running. Called on one thread, before and between runs, not during a crash.
void set_crash_context(const std::string& library, const std::string& state_dir);
/// From here on the job may write to its state; `id` is its newest checkpoint, 0 for none.
/// Thread-safe.
void set_crash_checkpoint(std::uint64_t id);

/// While one exists, code of a job that calls exit or quick_exit ends the process with status 1 and
/// a message, instead of with success and not a word. Make one before the job's code is loaded, and
/// another before it runs: the later it is made, the earlier in the exit it takes effect.
class ExitGuard {
 public:
  ExitGuard();
  ~ExitGuard();
  ExitGuard(const ExitGuard&) = delete;
  ExitGuard& operator=(const ExitGuard&) = delete;
};

}  // namespace weir::cli
