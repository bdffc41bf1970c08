// Watches over a job while it runs: Ctrl-C and SIGTERM, and the live line. On a thread of its own.
//
// The first signal asks for a stop with a last checkpoint, the second one ends the job at once. A
// function of the job may take its time, and threads cannot be made to leave one: so a second
// later, or with the third signal, the process ends.
#pragma once

#include <atomic>
#include <optional>
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
  /// Ends the process when the job has not ended within a second of being told to.
  void end_if_due();
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
  std::optional<SteadyTime> end_at_;  // of the process
  CheckpointId last_checkpoint_ = 0;  // as last seen
  int stop_sent_in_restart_ = -1;
  std::uint64_t last_records_ = 0;
  SteadyTime last_drawn_{};
  bool drawn_ = false;
  std::thread thread_;
};

}  // namespace weir::cli
