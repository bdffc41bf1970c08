// The operator at the end of a stream: writes through a SinkWriter, keeps what is staged in the
// checkpoint, and commits it once that checkpoint is complete (hazards H1, H7).
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/runtime/letters.h"
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
  /// The newest checkpoint up to which all is committed.
  CheckpointId committed() const {
    if (quiescent()) return due_;
    return waiting_.empty() || waiting_.front().first == 0 ? 0 : waiting_.front().first - 1;
  }
  /// How long input should wait between two batches, since so much is due and cannot be committed:
  /// the more the longer, but never for good, lest barriers do not come through.
  std::chrono::milliseconds hold_back() const;
  /// Everything not known to be committed, for the checkpoint.
  std::vector<Committable> uncommitted() const;

 private:
  void count_due();
  Status start();
  Status finished(std::size_t count, Status status);

  TaskServices* task_ = nullptr;
  std::string step_;
  Commit commit_;
  std::deque<std::pair<std::uint64_t, Committable>> waiting_;
  std::uint64_t due_ = 0;
  std::uint64_t due_bytes_ = 0;
  bool running_ = false;
  int failures_ = 0;
  SteadyTime next_try_{};
};

/// Takes what a writer refuses: into the dead letters of its step, or, of a letter that is being
/// replayed, as its failure.
class RefusedRecords final : public DeadLetterSink {
 public:
  void open(OperatorContext& context) { context_ = &context; }
  void add(DeadLetter letter) override;

 private:
  OperatorContext* context_ = nullptr;
};

/// All of a sink that does not depend on the type of its records.
class UntypedSinkOperator : public Operator {
 public:
  Status open(OperatorContext& context) override;
  Status restore(RestoreRequest& request) override;
  Status snapshot(SnapshotRequest& request) override;
  void on_complete(CheckpointId id) override { committer_.complete(id); }
  CheckpointId committed() const override { return committer_.committed(); }
  bool quiescent() const override { return committer_.quiescent(); }
  std::chrono::milliseconds hold_back() const override { return committer_.hold_back(); }
  /// That of the sink (runtime/sink.h). Needs no `open`.
  virtual std::string destination() const = 0;
  Status on_idle() override {
    WEIR_TRY(committer_.retry());
    return writer_idle();
  }

 protected:
  virtual SinkCommitter::Commit commit_function() const = 0;
  virtual Status open_writer(const std::vector<std::string>& carried) = 0;
  virtual Result<Staged> stage(CheckpointId id, bool last) = 0;
  virtual std::vector<std::string> carried_over() const = 0;
  virtual Status writer_idle() = 0;
  /// A write failed: the attempt must end, nothing more may be written.
  void write_failed(Status status);

  SinkContext sink_context_;
  RefusedRecords refused_;
  Status failed_;

 private:
  SinkCommitter committer_;
};

template <class T>
class SinkOperator final : public UntypedSinkOperator {
 public:
  explicit SinkOperator(std::shared_ptr<const Sink<T>> sink) : sink_(std::move(sink)) {}

  std::string destination() const override { return sink_->destination(); }
  void on_batch(std::uint32_t, BatchBase& base) override {
    auto& batch = static_cast<Batch<T>&>(base);
    context_->metrics->records_in.add(batch.size());
    if (!failed_.ok()) return;
    if (Status status = writer_->write(batch); !status.ok()) write_failed(std::move(status));
  }
  Status replay(const DeadLetter& letter) override {
    return replay_record<T>(*context_, letter, [this](Batch<T>& batch) { on_batch(0, batch); });
  }

 protected:
  SinkCommitter::Commit commit_function() const override {
    return [sink = sink_, at = sink_context_](const std::vector<Committable>& c) {
      return sink->commit(at, c);
    };
  }
  Status open_writer(const std::vector<std::string>& carried) override {
    WEIR_ASSIGN(writer_, sink_->open(sink_context_, carried));
    return {};
  }
  Result<Staged> stage(CheckpointId id, bool last) override { return writer_->stage(id, last); }
  std::vector<std::string> carried_over() const override { return writer_->carried_over(); }
  Status writer_idle() override { return writer_->idle(); }

 private:
  std::shared_ptr<const Sink<T>> sink_;
  std::unique_ptr<SinkWriter<T>> writer_;
};

}  // namespace weir
