// The part of a task that takes part in checkpoints: alignment of barriers, the snapshot at one,
// how input waits for memory, and the requests of the coordinator. See task.h and task_snapshot.cc.
#include <algorithm>

#include "weir/base/failpoint.h"
#include "weir/runtime/task_parts.h"

namespace weir {

void Task::on_barrier(Input& input, ChannelElement& element) {
  if (element.checkpoint < aligning_) return;  // of a checkpoint that was given up
  if (element.checkpoint > aligning_) {        // a newer one replaces it
    aligning_ = element.checkpoint;
    barriers_in_ = 0;
    for (auto& other : inputs_) other->at_barrier = false;
  }
  if (barriers_in_ == 0) first_barrier_ = env_.clock->steady_now();
  input.at_barrier = true;
  if (++barriers_in_ < inputs_.size()) return;
  if (restoring_) {  // all inputs wait behind it
    held_barrier_ = {element.checkpoint, element.last};
    return;
  }
  release_barrier(element.checkpoint, element.last);
}

void Task::release_barrier(CheckpointId id, bool last) {
  for (auto& other : inputs_) other->at_barrier = false;
  barriers_in_ = 0;
  begin_checkpoint(id, last);
}

/// One slice of each operator that restores in the background.
void Task::restore_slice() {
  restoring_ = false;
  for (auto& node : nodes_) {
    if (node->restoring) node->restoring = !node->op->restore_slice();
    restoring_ |= node->restoring;
  }
  if (restoring_) return;
  if (!inputs_.empty()) merge_watermark();
  if (held_barrier_) {
    const auto [id, last] = *std::exchange(held_barrier_, std::nullopt);
    release_barrier(id, last);
  }
}

void Task::begin_checkpoint(CheckpointId id, bool last) {
  const SteadyTime now = env_.clock->steady_now();
  WEIR_FAILPOINT("task.at_barrier");
  if (Status status = check_writing(now); !status.ok()) {
    fail(status.error());
    return;
  }
  while (snapshot_ && !snapshot_slice(/*may_wait=*/false)) {
  }
  auto job = std::make_shared<SnapshotJob>();
  job->id = id;
  job->last = last;
  if (!inputs_.empty()) job->phases.alignment = now - first_barrier_;
  job->parts.resize(nodes_.size());
  std::uint32_t letter_number = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = *nodes_[i];
    SnapshotPart& part = job->parts[i];
    part.node = &node;
    SnapshotRequest request;
    request.id = id;
    request.last = last;
    if (Status status = node.op->snapshot(request); !status.ok()) {
      if (status.error().retryable) {
        job->status = std::move(status);
      } else {
        fail(status.error());
        return;
      }
    }
    part.rows_done = !node.op->has_keyed_state();
    node.snapshots_out += part.rows_done ? 0 : 1;
    part.rewrite = std::exchange(node.rewrite, false);
    part.items = std::move(request.items);
    part.letters = node.letters->take(id, setup_.id, letter_number);
    part.removed_letters = node.letters->take_removed();
    std::move(request.durable.begin(), request.durable.end(), std::back_inserter(job->durable));
    part.result.step = node.step->name;
    part.result.manifest.index = setup_.subtask;
    part.result.manifest.groups =
        node.op->has_keyed_state() ? node.context.keys.groups : KeyGroupRange{};
    part.result.manifest.watermark_ms = to_millis(node.context.watermark);
    part.result.counters = StepView{node.step, &node.metrics, &times_}.counters();
  }
  last_barrier_ = last;  // not any more, when the last one was called off
  checkpoint_wanted_ = false;
  if (letters_out_ != nullptr) send_letters(*job);
  for (Partitioner* output : live_outputs_) output->barrier(id, last);
  job->writing_since = env_.clock->steady_now();
  job->phases.pause = job->writing_since - now;
  snapshot_ = std::move(job);
  snapshot_slice(/*may_wait=*/true);
}

/// The letters of this checkpoint to the step that takes them: before the barrier, so they belong
/// to the same checkpoint there.
void Task::send_letters(const SnapshotJob& job) {
  Batch<DeadLetter> batch;
  const auto send = [&] {
    letters_out_->receive(batch);
    batch.clear();
  };
  for (const SnapshotPart& part : job.parts) {
    for (const DeadLetter& letter : part.letters) {
      batch.push(letter, letter.event_time_ms);
      if (batch.full()) send();
    }
  }
  if (!batch.empty()) send();
}

namespace {

/// Between two batches, when snapshots of so many bytes could not be written: they are in memory
/// beside the state, and each further one adds to them. The more there are, the longer; but the
/// barrier of the next one comes through the same door.
std::chrono::milliseconds pause_for_unwritten(std::uint64_t bytes, std::uint64_t budget_bytes) {
  constexpr std::uint64_t kLeast = 1 << 20, kDoublings = 6;
  const std::uint64_t quarters = bytes / std::max(budget_bytes / 4, kLeast);
  return std::chrono::milliseconds(quarters == 0 ? 0 : 5 << std::min(quarters - 1, kDoublings));
}

}  // namespace

/// Whether a step's memory is so full of changes that input has to wait. For a snapshot on its way
/// to disk it waits as long as that takes; for the barrier of the next one it must go on, slowly,
/// since that comes with the input. So it does behind a sink that cannot commit.
bool Task::must_wait(SteadyTime now) {
  std::chrono::milliseconds pause{0};
  bool being_written = false;
  for (const auto& node : nodes_) {
    pause = std::max(pause, node->op->hold_back());
    if (setup_.state_budget_bytes == 0) continue;
    pause = std::max(pause, pause_for_unwritten(node->unwritten_bytes, setup_.state_budget_bytes));
    if (!node->op->is_full()) continue;
    pause = std::max(pause, std::chrono::milliseconds(5));
    being_written |= node->snapshots_out > 0;
  }
  const bool reluctant = pause.count() > 0;
  holding_ = being_written || (reluctant && now - last_reluctant_ < pause);
  if (reluctant && !holding_) last_reluctant_ = now;
  return holding_;
}

/// Once between two barriers, for an operator whose memory is full of changes.
void Task::ask_for_checkpoint() {
  if (checkpoint_wanted_ || setup_.state_budget_bytes == 0) return;
  for (const auto& node : nodes_) checkpoint_wanted_ |= node->op->wants_checkpoint();
  if (checkpoint_wanted_) listener_.checkpoint_wanted(setup_.id);
}

void Task::trigger_checkpoint(CheckpointId id, bool last) { pending_trigger_ = {id, last}; }

void Task::checkpoint_complete(CheckpointId id) {
  constexpr std::size_t kMostNoted = 64;
  completed_ = id;
  const bool sinks = std::any_of(nodes_.begin(), nodes_.end(),
                                 [](const auto& node) { return node->step->sink.has_value(); });
  if (sinks && committing_.size() < kMostNoted) {
    committing_.emplace_back(id, env_.clock->steady_now());
  }
  for (auto& node : nodes_) node->op->on_complete(id);
}

/// Tells how long sinks took, once they have committed what they were told to.
void Task::note_commits() {
  CheckpointId committed = UINT64_MAX;
  for (const auto& node : nodes_) committed = std::min(committed, node->op->committed());
  while (!committing_.empty() && committing_.front().first <= committed) {
    const auto [id, since] = committing_.front();
    committing_.pop_front();
    listener_.checkpoint_committed(setup_.id, id, env_.clock->steady_now() - since);
  }
}

void Task::add_splits(const std::string& step, const std::vector<NewSplit>& splits, bool complete) {
  WEIR_CHECK(source_ != nullptr && nodes_[0]->step->name == step, "splits for a step not here");
  if (Status status = source_->add_splits(splits, complete); !status.ok()) fail(status.error());
}

void Task::limit_event_time(const std::string& step, EventTime limit) {
  if (source_ != nullptr && nodes_[0]->step->name == step) source_->limit_event_time(limit);
}

/// Behind the last barrier no effect would last, and what is emitted would never be committed.
bool Task::refuse_letters(const std::vector<DeadLetter>& letters) {
  if (!last_barrier_) return false;
  const Error ending{ErrorCode::cancelled, "The job is ending"};
  for (const DeadLetter& letter : letters) listener_.letter_done(letter.id, ending);
  return true;
}

void Task::replay(const std::string& step, const std::vector<DeadLetter>& letters) {
  if (refuse_letters(letters)) return;
  Node* node = find(step);
  WEIR_CHECK(node != nullptr, "dead letters for a step not here");
  std::set<std::string> failed_keys;  // what is parked behind a failure waits on
  for (const DeadLetter& letter : letters) {
    Status status;
    if (letter.reason == DeadLetterReason::parked && failed_keys.contains(letter.key)) {
      status = Error{ErrorCode::user_code, letter.message};
    } else {
      status = node->op->replay(letter);
    }
    if (status.ok()) {
      node->letters->remove(letter.id);
    } else {
      node->letters->add_again(letter, status);
      if (letter.keyed) failed_keys.insert(letter.key);
    }
    listener_.letter_done(letter.id, status);
  }
  if (watermark_ == kEndOfTime) advance_again();
}

void Task::drop_letters(const std::string& step, const std::vector<DeadLetter>& letters) {
  if (refuse_letters(letters)) return;
  Node* node = find(step);
  WEIR_CHECK(node != nullptr, "dead letters for a step not here");
  for (const DeadLetter& letter : letters) {
    node->op->dropped(letter);
    node->letters->remove(letter.id);
    listener_.letter_done(letter.id, {});
  }
}

}  // namespace weir
