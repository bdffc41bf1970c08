// Watches over a job while it runs: Ctrl-C and SIGTERM, and the live line. On a thread of its own.
//
// The first signal asks for a stop with a last checkpoint, the second one ends the job at once, the
// third the process.
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "weir/base/clock.h"
#include "weir/runtime/run.h"

namespace weir::cli {

class Watch {
 public:
  /// `live`: draw a line on standard error that is kept up to date.
  Watch(JobRunner& runner, bool live);
  ~Watch() { finish(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// Asks the job to stop with a last checkpoint, also before it has begun or while it restarts.
  /// From any thread.
  void request_stop();
  /// Ends the thread, erases the live line, gives the signals back.
  void finish();

 private:
  void loop();
  void on_signal();
  void carry_out_stop(const JobStatus& status);
  void draw(const JobStatus& status);
  void erase();

  JobRunner& runner_;
  const bool live_;
  std::unique_ptr<Clock> clock_;
  int wake_;
  std::atomic<bool> ending_{false};
  std::atomic<bool> stop_wanted_{false};
  int signals_ = 0;
  int stop_sent_in_restart_ = -1;
  std::uint64_t last_records_ = 0;
  SteadyTime last_drawn_{};
  bool drawn_ = false;
  std::thread thread_;
};

/// What all steps together say.
struct JobTotals {
  std::uint64_t records = 0;  ///< read by sources
  std::uint64_t dead_letters = 0;
  std::int64_t watermark_ms = INT64_MIN;  ///< of the source that is furthest back
};
JobTotals totals_of(const JobStatus& status);

}  // namespace weir::cli
