// The operator at the end of a stream: writes through a SinkWriter, keeps what is staged in the
// checkpoint, and commits it once that checkpoint is complete (hazards H1, H7).
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/runtime/operator.h"
#include "weir/runtime/sink.h"

namespace weir {

/// The committing half, without the type. Commits run one after another, in order, on I/O threads;
/// the rest on the task's thread.
class SinkCommitter {
 public:
  using Commit = std::function<Status(const std::vector<Committable>&)>;
  void open(TaskServices& task, std::string step, Commit commit) {
    task_ = &task;
    step_ = std::move(step);
    commit_ = std::move(commit);
  }
  /// `committables` become due when `checkpoint` is complete.
  void staged(std::uint64_t checkpoint, std::vector<Committable> committables);
  /// Makes due all that was staged up to `checkpoint`.
  void complete(std::uint64_t checkpoint);
  /// Tries again what failed, when its time has come. Call now and then.
  Status retry();
  /// Nothing is due.
  bool quiescent() const {
    return !running_ && (waiting_.empty() || waiting_.front().first > due_);
  }
  /// Everything not known to be committed, for the checkpoint.
  std::vector<Committable> uncommitted() const;

 private:
  Status start();
  Status finished(std::size_t count, Status status);

  TaskServices* task_ = nullptr;
  std::string step_;
  Commit commit_;
  std::deque<std::pair<std::uint64_t, Committable>> waiting_;
  std::uint64_t due_ = 0;
  bool running_ = false;
  int failures_ = 0;
  SteadyTime next_try_{};
};

template <class T>
class SinkOperator final : public Operator {
 public:
  explicit SinkOperator(std::shared_ptr<const Sink<T>> sink) : sink_(std::move(sink)) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    sink_context_ = {
        &context.task->env(), context.job,     context.run_id,      context.attempt,
        context.step,         context.subtask, context.parallelism, context.first_checkpoint,
        context.restored};
    committer_.open(*context.task, context.step,
                    [sink = sink_, at = sink_context_](const std::vector<Committable>& c) {
                      return sink->commit(at, c);
                    });
    if (context.restored) return {};  // `restore` opens the writer
    return open_writer({});
  }

  Status restore(RestoreRequest& request) override {
    context_->watermark = request.watermark;
    std::vector<Committable> staged;
    std::vector<std::string> carried;
    for (StateItem& item : request.items) {
      (item.key.starts_with(kStaged) ? staged : carried).push_back(std::move(item.value));
    }
    // Completion may never have been announced, so restoring commits too (H7).
    committer_.staged(0, std::move(staged));
    committer_.complete(0);
    return open_writer(carried);
  }

  void on_batch(std::uint32_t, BatchBase& base) override {
    auto& batch = static_cast<Batch<T>&>(base);
    context_->metrics->records_in.add(batch.size());
    if (!failed_.ok()) return;
    failed_ = writer_->write(batch);
    if (!failed_.ok()) context_->task->post([status = failed_] { return status; });
  }

  Status snapshot(SnapshotRequest& request) override {
    if (!failed_.ok()) return failed_;
    WEIR_ASSIGN(Staged staged, writer_->stage(request.id, request.last));
    committer_.staged(request.id, std::move(staged.committables));
    request.durable = std::move(staged.durable);
    std::size_t n = 0;
    for (const Committable& c : committer_.uncommitted()) {
      request.items.push_back({kStaged + number(n++), c});
    }
    for (const std::string& c : writer_->carried_over()) {
      request.items.push_back({kCarried + number(n++), c});
    }
    return {};
  }

  void on_complete(CheckpointId id) override { committer_.complete(id); }
  bool quiescent() const override { return committer_.quiescent(); }
  Status on_idle() override {
    WEIR_TRY(committer_.retry());
    return writer_->idle();
  }

 private:
  static constexpr const char* kStaged = "s";
  static constexpr const char* kCarried = "c";
  static std::string number(std::size_t n) {
    std::string digits = std::to_string(n);
    return std::string(10 - std::min<std::size_t>(10, digits.size()), '0') + digits;
  }
  Status open_writer(const std::vector<std::string>& carried) {
    WEIR_ASSIGN(writer_, sink_->open(sink_context_, carried));
    return {};
  }

  std::shared_ptr<const Sink<T>> sink_;
  SinkContext sink_context_;
  std::unique_ptr<SinkWriter<T>> writer_;
  SinkCommitter committer_;
  Status failed_;
};

}  // namespace weir
