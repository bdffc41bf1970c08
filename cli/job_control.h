// What other commands may ask of a job that runs in this process, over its control socket.
#pragma once

#include <boost/json/object.hpp>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

#include "cli/control_request.h"
#include "weir/runtime/run.h"

namespace weir::cli {

/// Answers the requests of control_socket.h. Thread-safe.
class JobControl {
 public:
  /// `stop` asks for a stop with a last checkpoint; see Watch::request_stop.
  JobControl(JobRunner& runner, std::string state_dir, std::function<void()> stop);

  Result<boost::json::object> handle(const boost::json::object& object);
  /// The job has ended, `outcome` in a word, with this last checkpoint: waiting requests are
  /// answered. The runner must live until all calls of `handle` have returned.
  void ended(const std::string& outcome, CheckpointId checkpoint);

 private:
  using Answer = Result<boost::json::object>;
  Answer checkpoints();
  Answer savepoint(const ControlRequest& request);
  Answer stop();
  Answer letters(const ControlRequest& request);
  /// Waits until requests reach the job; false when it has ended.
  bool wait_until_running();

  JobRunner& runner_;
  const std::string state_dir_;
  const std::function<void()> stop_;
  std::mutex mutex_;  // guards outcome_ and checkpoint_
  std::condition_variable wake_;
  std::string outcome_;
  CheckpointId checkpoint_ = 0;
  std::mutex letters_mutex_;  // one request for dead letters at a time: each sees what the last did
};

}  // namespace weir::cli
