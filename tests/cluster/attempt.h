// Attempts of a job with real processes, for tests: this process is what the worker and the leader
// are to them. Each process is this test binary, started anew (see attempt_job.cc).
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "weir/cluster/messages.h"
#include "weir/net/link.h"
#include "weir/net/network.h"

namespace weir::cluster {

/// How an attempt ended, as its processes told.
struct AttemptEnd {
  JobState outcome = JobState::running;  ///< of the master, if it said so
  std::uint64_t checkpoint = 0;
  std::vector<Error> failures;
  std::vector<std::uint32_t> gone;  ///< processes whose connection broke without a last word
};

class Attempt {
 public:
  /// Starts one process for each of `slots`, which says how many slots it has.
  Attempt(JobSpec spec, std::uint64_t number, std::vector<std::uint32_t> slots);
  /// Kills what is left.
  ~Attempt();

  /// Waits until the master says how the job ended, or any process ends otherwise.
  AttemptEnd wait();
  /// Waits until all processes run, or the attempt has ended; whether they run.
  bool wait_until_running();
  void kill(std::uint32_t process);
  /// Asks the master.
  Result<std::string> ask(const std::string& json);
  /// Waits until the master has told of a checkpoint, or the attempt has ended.
  void wait_for_checkpoint();

 private:
  void spawn(std::uint32_t process);
  void arrived(const net::Hello& theirs, std::unique_ptr<net::Link> link);
  void received(std::uint32_t process, std::string_view bytes);
  void on_report(const ProcessReport& report);
  bool over() const;

  const JobSpec spec_;
  const std::uint64_t number_;
  const std::vector<std::uint32_t> slots_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint32_t, ProcessReport> reports_;
  std::map<std::uint64_t, Answer> answers_;
  std::uint64_t next_request_ = 1;
  bool told_peers_ = false;
  AttemptEnd end_;
  std::vector<pid_t> pids_;
  std::uint16_t port_ = 0;
  std::map<std::uint32_t, std::unique_ptr<net::Link>> links_;
  std::unique_ptr<net::Network> network_;  // destroyed before what its callbacks use
};

}  // namespace weir::cluster
