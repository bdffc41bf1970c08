// Ctrl-C and SIGTERM for commands that serve until they are told to end: blocked in all threads,
// and waited for in one.
#pragma once

#include <signal.h>

namespace weir::cli {

class StopSignal {
 public:
  /// Before there are other threads.
  StopSignal();
  /// Waits for one of them.
  void wait();
  /// The same, but also ends when a child process does; true for a child.
  bool wait_or_child();
  /// What a child process must do before anything else, so that it sees signals again.
  static void restore_in_child();

 private:
  sigset_t signals_;
};

}  // namespace weir::cli
