// Committing staged output in order; see sink_operator.h.
#include "weir/runtime/sink_operator.h"

#include <algorithm>
#include <chrono>

#include "weir/base/failpoint.h"
#include "weir/base/log.h"

namespace weir {

void SinkCommitter::staged(std::uint64_t checkpoint, std::vector<Committable> committables) {
  for (Committable& c : committables) waiting_.emplace_back(checkpoint, std::move(c));
}

void SinkCommitter::complete(std::uint64_t checkpoint) {
  due_ = std::max(due_, checkpoint);
  if (Status status = start(); !status.ok()) {
    task_->post([status] { return status; });
  }
}

std::vector<Committable> SinkCommitter::uncommitted() const {
  std::vector<Committable> all;
  all.reserve(waiting_.size());
  for (const auto& [checkpoint, committable] : waiting_) all.push_back(committable);
  return all;
}

Status SinkCommitter::retry() {
  if (failures_ == 0 || task_->env().clock->steady_now() < next_try_) return {};
  return start();
}

Status SinkCommitter::start() {
  if (running_) return {};
  std::vector<Committable> batch;
  for (const auto& [checkpoint, committable] : waiting_) {
    if (checkpoint > due_) break;
    batch.push_back(committable);
  }
  if (batch.empty()) return {};
  running_ = true;
  task_->async_begin();
  task_->env().io->post([this, task = task_, commit = commit_, batch = std::move(batch)] {
    WEIR_FAILPOINT("sink.before_commit");
    Status status = commit(batch);
    WEIR_FAILPOINT("sink.after_commit");
    task->post([this, task, count = batch.size(), status] {
      task->async_end();
      return finished(count, status);
    });
  });
  return {};
}

Status SinkCommitter::finished(std::size_t count, Status status) {
  running_ = false;
  if (status.ok()) {
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    failures_ = 0;
    return start();
  }
  if (!status.error().retryable) return status;
  // The checkpoint holds what is staged, so waiting loses nothing.
  ++failures_;
  const auto pause = std::chrono::milliseconds(100) * (1 << std::min(failures_, 6));
  next_try_ = task_->env().clock->steady_now() + pause;
  log_warn("sink " + step_, "cannot commit, will try again: " + status.error().message);
  return {};
}

}  // namespace weir
