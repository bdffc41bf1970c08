// Waiting for signals; see stop_signal.h.
#include "cli/stop_signal.h"

#include <pthread.h>

namespace weir::cli {

StopSignal::StopSignal() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGCHLD);
  ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

void StopSignal::wait() {
  while (wait_or_child()) {
  }
}

bool StopSignal::wait_or_child() {
  int signal = 0;
  ::sigwait(&signals_, &signal);
  return signal == SIGCHLD;
}

void StopSignal::restore_in_child() {
  sigset_t none;
  sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace weir::cli
