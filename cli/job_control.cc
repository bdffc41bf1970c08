// Answering other commands; see job_control.h.
#include "cli/job_control.h"

#include <chrono>

#include "cli/job_view.h"
#include "cli/replay.h"
#include "weir/cluster/stored_view.h"

namespace weir::cli {
namespace json = boost::json;

JobControl::JobControl(JobRunner& runner, std::string state_dir, std::function<void()> stop)
    : runner_(runner), state_dir_(std::move(state_dir)), stop_(std::move(stop)) {}

void JobControl::ended(const std::string& outcome, CheckpointId checkpoint) {
  {
    const std::lock_guard lock(mutex_);
    outcome_ = outcome;
    checkpoint_ = checkpoint;
  }
  wake_.notify_all();
}

bool JobControl::wait_until_running() {
  std::unique_lock lock(mutex_);
  while (outcome_.empty()) {
    lock.unlock();
    const bool running = !runner_.status().steps.empty();
    lock.lock();
    if (running) return true;
    wake_.wait_for(lock, std::chrono::milliseconds(10));
  }
  return false;
}

Result<json::object> JobControl::handle(const json::object& object) {
  WEIR_ASSIGN(const ControlRequest request, parse_request(object));
  switch (request.kind) {
    case ControlRequest::Kind::status:
      return status_view(runner_);
    case ControlRequest::Kind::graph:
      return graph_view(runner_);
    case ControlRequest::Kind::checkpoints:
      return checkpoints();
    case ControlRequest::Kind::exceptions:
      return exceptions_view(runner_);
    case ControlRequest::Kind::dead_letters:
      return cluster::stored_letters(state_dir_,
                                     {request.step, request.reason, request.after, request.limit});
    case ControlRequest::Kind::subtasks:
      return subtasks_view(runner_, request.step);
    case ControlRequest::Kind::stop:
      return stop();
    case ControlRequest::Kind::savepoint:
      return savepoint(request);
    case ControlRequest::Kind::replay:
    case ControlRequest::Kind::drop:
      break;
  }
  return letters(request);
}

JobControl::Answer JobControl::checkpoints() {
  WEIR_ASSIGN(json::array stored, cluster::stored_checkpoints(state_dir_));
  json::object answer = history_view(runner_);
  answer["checkpoints"] = std::move(stored);
  return answer;
}

JobControl::Answer JobControl::stop() {
  stop_();
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return !outcome_.empty(); });
  return json::object{{"outcome", outcome_}, {"checkpoint", checkpoint_}};
}

JobControl::Answer JobControl::savepoint(const ControlRequest& request) {
  if (!wait_until_running()) return Error{ErrorCode::cancelled, "The job has just ended"};
  WEIR_ASSIGN(const Manifest manifest, wait_for([&](JobRunner::Done done) {
                runner_.savepoint(request.to, request.stop, std::move(done));
              }));
  if (request.stop) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return !outcome_.empty(); });
    if (outcome_ == "failed") {
      return Error{ErrorCode::cancelled,
                   "The savepoint is complete in " + request.to +
                       ", but the job failed before it had stopped, and may go on: stop it, or do "
                       "not begin another one from the savepoint",
                   true};
    }
  }
  return json::object{{"checkpoint", manifest.id}, {"to", request.to}};
}

JobControl::Answer JobControl::letters(const ControlRequest& request) {
  WEIR_ASSIGN(const LetterEditor editor, LetterEditor::create(request.edits));
  const std::lock_guard lock(letters_mutex_);
  if (!wait_until_running()) return Error{ErrorCode::cancelled, "The job has just ended"};
  const bool drop = request.kind == ControlRequest::Kind::drop;
  WEIR_ASSIGN(const auto outcomes, replay_letters(runner_, state_dir_, request.ids, editor, drop));
  return to_object(outcomes);
}

}  // namespace weir::cli
