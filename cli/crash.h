// What is said when a function of a job crashes the process: which steps it was working for, where
// the state is, and how to go on. The default action of the signal follows, so a core file is
// written where those are switched on.
#pragma once

#include <cstdint>
#include <string>

namespace weir::cli {

/// Installs handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT.
void install_crash_handler();

/// Says what is running. Called on one thread, before and between runs, not during a crash.
void set_crash_context(const std::string& library, const std::string& state_dir);
/// Thread-safe.
void set_crash_checkpoint(std::uint64_t id);

}  // namespace weir::cli
