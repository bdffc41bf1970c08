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
  count_due();
  if (Status status = start(); !status.ok()) {
    task_->post([status] { return status; });
  }
}

void SinkCommitter::count_due() {
  due_bytes_ = 0;
  for (const auto& [checkpoint, committable] : waiting_) {
    if (checkpoint > due_) break;
    due_bytes_ += committable.size();
  }
}

std::chrono::milliseconds SinkCommitter::hold_back() const {
  constexpr std::uint64_t kPlenty = std::uint64_t{256} << 20, kStep = std::uint64_t{64} << 20;
  if (due_bytes_ < kPlenty) [[likely]]
    return {};
  const std::uint64_t steps = std::min<std::uint64_t>((due_bytes_ - kPlenty) / kStep, 12);
  return std::chrono::milliseconds(5) * (std::int64_t{1} << steps);
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
  task_->env().remote_pool().post([this, task = task_, commit = commit_, batch = std::move(batch)] {
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
    count_due();
    failures_ = 0;
    return start();
  }
  if (!status.error().retryable) {
    return Error{status.error().code, "Sink '" + step_ + "': " + status.error().message, false};
  }
  // The checkpoint holds what is staged, so waiting loses nothing.
  ++failures_;
  const auto pause = std::chrono::milliseconds(100) * (1 << std::min(failures_, 6));
  next_try_ = task_->env().clock->steady_now() + pause;
  log_warn("sink " + step_, "cannot commit, will try again: " + status.error().message);
  return {};
}

namespace {

constexpr const char* kStaged = "s";
constexpr const char* kCarried = "c";

/// Keys of items sort in the order in which their values were staged.
std::string item_key(const char* kind, std::size_t n) {
  const std::string digits = std::to_string(n);
  return kind + std::string(10 - std::min<std::size_t>(10, digits.size()), '0') + digits;
}

}  // namespace

void RefusedRecords::add(DeadLetter letter) {
  if (context_->replaying) {
    context_->replay_outcome = Error{ErrorCode::invalid_argument, letter.message, false};
  } else {
    context_->dead_letters->add(std::move(letter));
  }
}

Status UntypedSinkOperator::open(OperatorContext& context) {
  context_ = &context;
  refused_.open(context);
  sink_context_ = {
      &context.task->env(), context.job,     context.run_id,      context.attempt,
      context.step,         context.subtask, context.parallelism, context.first_checkpoint,
      context.restored};
  sink_context_.dead_letters = &refused_;
  committer_.open(*context.task, context.step, commit_function());
  if (context.restored) return {};  // `restore` opens the writer
  return open_writer({});
}

Status UntypedSinkOperator::restore(RestoreRequest& request) {
  context_->watermark = request.watermark;
  std::vector<Committable> staged;
  std::vector<std::string> carried;
  for (StateItem& item : request.items) {
    (item.key.starts_with(kStaged) ? staged : carried).push_back(std::move(item.value));
  }
  // Completion may never have been announced, so restoring commits too (H7); but only once the task
  // runs, since an attempt of which another part cannot be restored is taken down at once.
  committer_.staged(0, std::move(staged));
  context_->task->post([this] {
    committer_.complete(0);
    return Status();
  });
  return open_writer(carried);
}

Status UntypedSinkOperator::snapshot(SnapshotRequest& request) {
  if (!failed_.ok()) return failed_;
  auto result = stage(request.id, request.last);
  if (!result.ok()) {
    // What cannot be staged now can only be written anew, even when no further record comes to
    // find that out: the attempt fails. Declining alone would decline the last checkpoint for ever.
    write_failed(result.error());
    return failed_;
  }
  Staged staged = std::move(*result);
  committer_.staged(request.id, std::move(staged.committables));
  request.durable = std::move(staged.durable);
  std::size_t n = 0;
  for (const Committable& c : committer_.uncommitted()) {
    request.items.push_back({item_key(kStaged, n++), c});
  }
  for (const std::string& c : carried_over()) request.items.push_back({item_key(kCarried, n++), c});
  return {};
}

void UntypedSinkOperator::write_failed(Status status) {
  failed_ = std::move(status);
  context_->task->post([failure = failed_] { return failure; });
}

}  // namespace weir
