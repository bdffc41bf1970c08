// Signals and the live line; see watch.h.
#include "cli/watch.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/crash.h"
#include "cli/exit_codes.h"
#include "cli/output.h"

namespace weir::cli {
namespace {

std::atomic<int> signal_event{-1};  // where the handler writes; one job runs at a time
std::atomic<int> signals_seen{0};

void on_interrupt(int) {
  signals_seen.fetch_add(1);
  const std::uint64_t one = 1;
  static_cast<void>(!::write(signal_event.load(), &one, sizeof one));
}

void handle_interrupts(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

std::size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10 ? size.ws_col : 80;
}

}  // namespace

Watch::Watch(JobRunner& runner, bool live)
    : runner_(runner),
      live_(live),
      clock_(make_system_clock()),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  signals_seen = 0;
  signal_event = wake_;
  handle_interrupts(on_interrupt);
  thread_ = std::thread([this] { loop(); });
}

void Watch::finish() {
  if (!thread_.joinable()) return;
  ending_ = true;
  ::eventfd_write(wake_, 1);
  thread_.join();
  handle_interrupts(SIG_DFL);
  signal_event = -1;
  ::close(wake_);
}

void Watch::request_stop() {
  stop_wanted_ = true;
  ::eventfd_write(wake_, 1);
}

void Watch::loop() {
  while (!ending_) {
    pollfd event{wake_, POLLIN, 0};
    ::poll(&event, 1, stop_wanted_ || end_at_ ? 20 : 200);
    eventfd_t count = 0;
    ::eventfd_read(wake_, &count);
    while (signals_ < signals_seen.load()) on_signal();
    end_if_due();
    const JobStatus status = runner_.status();
    if (!status.steps.empty()) {
      last_checkpoint_ = status.last_checkpoint;
      set_crash_checkpoint(last_checkpoint_);
    }
    carry_out_stop(status);
    if (live_ && !status.steps.empty()) draw(status);
  }
  erase();
}

void Watch::on_signal() {
  erase();
  switch (++signals_) {
    case 1:
      std::fputs("weir: stopping with a last checkpoint; press Ctrl-C again to end at once\n",
                 stderr);
      stop_wanted_ = true;
      return;
    case 2:
      std::fputs("weir: ending at once\n", stderr);
      end_at_ = clock_->steady_now() + std::chrono::seconds(1);
      runner_.cancel();
      return;
    default:
      ::_exit(kCancelled);
  }
}

void Watch::end_if_due() {
  if (!end_at_ || clock_->steady_now() < *end_at_) return;
  erase();
  const std::string& state = runner_.options().state_dir;
  std::string how;
  if (!state.empty() && last_checkpoint_ > 0) {
    how = "; run it again to resume from checkpoint " + std::to_string(last_checkpoint_);
  }
  std::fprintf(stderr, "weir: ended at once, in the middle of a function of the job%s\n",
               how.c_str());
  ::_exit(kCancelled);
}

/// A job that is still restoring, or restarting after a failure, does not hear; so it is told again
/// once it runs.
void Watch::carry_out_stop(const JobStatus& status) {
  const int restart = static_cast<int>(status.restarts);
  if (!stop_wanted_ || status.steps.empty() || stop_sent_in_restart_ == restart) return;
  stop_sent_in_restart_ = restart;
  runner_.stop();
}

void Watch::draw(const JobStatus& status) {
  const SteadyTime now = clock_->steady_now();
  const double seconds = std::chrono::duration<double>(now - last_drawn_).count();
  if (drawn_ && seconds < 0.5) return;
  const JobTotals totals = totals_of(status);
  const double rate = last_drawn_ == SteadyTime{} || seconds <= 0 || totals.records < last_records_
                          ? 0
                          : static_cast<double>(totals.records - last_records_) / seconds;
  last_records_ = totals.records;
  last_drawn_ = now;
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(status.checkpoint_age).count();
  std::string line =
      with_commas(totals.records) + " records, " + with_commas(static_cast<std::uint64_t>(rate)) +
      "/s  dead letters " + with_commas(totals.dead_letters) + "  checkpoint " +
      (status.last_checkpoint
           ? std::to_string(status.last_checkpoint) + " (" + std::to_string(age) + "s ago)"
           : "-") +
      (status.failed_checkpoints > 0
           ? ", " + std::to_string(status.failed_checkpoints) + " failed since"
           : "") +
      "  watermark " + time_text(totals.watermark_ms);
  if (status.restarts > 0) line += "  restarts " + std::to_string(status.restarts);
  std::fprintf(stderr, "\r\033[K%s", line.substr(0, terminal_columns() - 1).c_str());
  std::fflush(stderr);
  drawn_ = true;
}

void Watch::erase() {
  if (!drawn_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace weir::cli
