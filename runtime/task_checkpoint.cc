// The part of a task that takes checkpoints: alignment of barriers, snapshot in slices, writing on
// I/O threads, acknowledgement; and the requests of the coordinator. See task.h.
#include <algorithm>

#include "weir/base/failpoint.h"
#include "weir/base/log.h"
#include "weir/runtime/task_parts.h"

namespace weir {

void Task::on_barrier(Input& input, ChannelElement& element) {
  if (element.checkpoint < aligning_) return;  // of a checkpoint that was given up
  if (element.checkpoint > aligning_) {        // a newer one replaces it
    aligning_ = element.checkpoint;
    barriers_in_ = 0;
    for (auto& other : inputs_) other->at_barrier = false;
  }
  input.at_barrier = true;
  if (++barriers_in_ < inputs_.size()) return;
  for (auto& other : inputs_) other->at_barrier = false;
  barriers_in_ = 0;
  begin_checkpoint(element.checkpoint, element.last);
}

void Task::begin_checkpoint(CheckpointId id, bool last) {
  WEIR_FAILPOINT("task.at_barrier");
  while (snapshot_ && !snapshot_slice()) {
  }
  auto job = std::make_unique<SnapshotJob>();
  job->id = id;
  job->last = last;
  job->parts.resize(nodes_.size());
  std::uint32_t letter_number = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = *nodes_[i];
    SnapshotJob::Part& part = job->parts[i];
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
    part.result.counters = StepView{node.step, &node.metrics}.counters();
  }
  if (last) last_barrier_ = true;
  for (Partitioner* output : live_outputs_) output->barrier(id, last);
  snapshot_ = std::move(job);
  snapshot_slice();
}

/// Writes frozen rows, one slice for each operator; true when the snapshot has left the tables.
bool Task::snapshot_slice() {
  bool all_done = true;
  for (SnapshotJob::Part& part : snapshot_->parts) {
    if (part.rows_done) continue;
    RowBuffer rows;
    if (part.node->op->snapshot_slice(rows)) {
      part.rows_done = true;
      if (!rows.empty()) part.rows.push_back(std::move(rows));
    } else {
      all_done = false;
    }
  }
  if (!all_done) return false;
  write_snapshot();
  return true;
}

namespace {

std::string file_name(const std::string& step, std::uint32_t subtask, CheckpointId id,
                      const std::string& attempt, std::uint64_t number, const char* kind) {
  return step + "-" + std::to_string(subtask) + "-" + std::to_string(id) + "-" + attempt + "-" +
         std::to_string(number) + "-" + kind + ".run";
}

Status write_items(RunWriter& writer, std::vector<StateItem>& items) {
  std::sort(items.begin(), items.end(),
            [](const StateItem& a, const StateItem& b) { return a.key < b.key; });
  for (const StateItem& item : items) WEIR_TRY(writer.put(item.key, item.value));
  return {};
}

/// A removed letter is a tombstone, unless it has failed again since: then it has a new form.
Status write_letters(RunWriter& writer, const std::vector<DeadLetter>& letters,
                     const std::vector<std::string>& removed) {
  std::map<std::string, std::string> rows;
  for (const std::string& id : removed) rows[letter_row_key(id)] = "";
  for (const DeadLetter& letter : letters)
    rows[letter_row_key(letter.id)] = encode_dead_letter(letter);
  for (const auto& [key, value] : rows) {
    WEIR_TRY(value.empty() ? writer.erase(key) : writer.put(key, value));
  }
  return {};
}

/// Puts what stands in `older` before what is in `items`, and empties it.
template <class T>
void prepend(std::vector<T>& items, std::vector<T>& older) {
  std::vector<T> all = std::exchange(older, {});
  std::move(items.begin(), items.end(), std::back_inserter(all));
  items = std::move(all);
}

}  // namespace

/// Snapshots are written one after another: one that comes after a checkpoint was given up would
/// otherwise overtake the rows of that one, and old rows would hide newer ones.
void Task::write_snapshot() {
  async_begin();
  to_write_.push_back(std::move(snapshot_));
  if (to_write_.size() == 1) write_next();
}

/// Hands the oldest snapshot to an I/O thread; the rest of it comes back through the mailbox.
void Task::write_next() {
  const std::shared_ptr<SnapshotJob> job = to_write_.front();
  std::vector<std::uint64_t> numbers;
  for (SnapshotJob::Part& part : job->parts) {
    Node& node = *part.node;
    prepend(part.rows, node.unwritten);
    // An older form of a letter that has been removed since is no longer wanted.
    std::erase_if(node.unwritten_letters, [&](const DeadLetter& letter) {
      return std::find(part.removed_letters.begin(), part.removed_letters.end(), letter.id) !=
             part.removed_letters.end();
    });
    prepend(part.letters, node.unwritten_letters);
    prepend(part.removed_letters, node.unwritten_removed);
    numbers.push_back(node.next_file);
    node.next_file += part.rows.size() + 2;
  }
  env_.io->post([this, job, numbers, folder = setup_.runs_folder, id = job->id,
                 subtask = setup_.subtask, attempt = setup_.attempt_name, &env = env_] {
    const auto write_all = [&]() -> Status {
      WEIR_TRY(job->status);
      WEIR_TRY(WEIR_FAILPOINT_STATUS("task.before_snapshot_write"));
      for (std::size_t i = 0; i < job->parts.size(); ++i) {
        SnapshotJob::Part& part = job->parts[i];
        std::uint64_t number = numbers[i];
        const auto name = [&](const char* kind) {
          return file_name(part.result.step, subtask, id, attempt, number++, kind);
        };
        for (RowBuffer& rows : part.rows) {
          WEIR_ASSIGN(RunInfo run, write_run(*env.storage, folder, name("state"), rows.rows(),
                                             [&](RunWriter& w) { return rows.write_to(w); }));
          part.written.push_back(std::move(run));
        }
        if (!part.items.empty()) {
          WEIR_ASSIGN(RunInfo run,
                      write_run(*env.storage, folder, name("items"), 0,
                                [&](RunWriter& w) { return write_items(w, part.items); }));
          part.result.manifest.items.push_back(std::move(run));
        }
        if (!part.letters.empty() || !part.removed_letters.empty()) {
          WEIR_ASSIGN(RunInfo run,
                      write_run(*env.storage, folder, name("letters"), 0, [&](RunWriter& w) {
                        return write_letters(w, part.letters, part.removed_letters);
                      }));
          part.result.dead_letters.push_back(std::move(run));
        }
      }
      WEIR_FAILPOINT("task.before_sink_sync");
      for (const auto& make_durable : job->durable) WEIR_TRY(make_durable());
      return {};
    };
    job->status = write_all();
    post([this, job]() -> Status {
      async_end();
      to_write_.pop_front();
      Status status = snapshot_written(*job);
      if (!status.ok()) {  // the attempt ends here; nobody waits for the others
        for (; !to_write_.empty(); to_write_.pop_front()) async_end();
      } else if (!to_write_.empty()) {
        write_next();
      }
      return status;
    });
  });
}

Status Task::snapshot_written(SnapshotJob& job) {
  const bool ok = job.status.ok();
  std::vector<StepPart> parts;
  for (SnapshotJob::Part& part : job.parts) {
    Node& node = *part.node;
    if (part.rewrite) node.runs.reset();
    for (RunInfo& run : part.written) node.runs.append(std::move(run));
    if (!ok) {
      // The rows have left the table, so the next snapshot that is written must hold them, before
      // its own.
      node.unwritten.assign(std::make_move_iterator(part.rows.begin() + static_cast<std::ptrdiff_t>(
                                                                            part.written.size())),
                            std::make_move_iterator(part.rows.end()));
      node.unwritten_letters = std::move(part.letters);
      node.unwritten_removed = std::move(part.removed_letters);
      for (const RunInfo& run : part.result.manifest.items) obsolete_files_.push_back(run.file);
      for (const RunInfo& run : part.result.dead_letters) obsolete_files_.push_back(run.file);
    }
    if (ok && !node.items_file.empty()) obsolete_files_.push_back(std::move(node.items_file));
    if (ok) node.items_file.clear();
    if (ok && !part.result.manifest.items.empty()) {
      node.items_file = part.result.manifest.items[0].file;
    }
    part.result.manifest.state = node.runs.runs();
    for (std::string& file : node.runs.take_obsolete()) obsolete_files_.push_back(std::move(file));
    parts.push_back(std::move(part.result));
  }
  if (!ok) {
    if (job.status.error().code == ErrorCode::fsync_failed) return job.status;
    last_barrier_ = last_barrier_ && !job.last;  // the last checkpoint must be tried again
    listener_.checkpoint_declined(setup_.id, job.id, job.status.error());
    return {};
  }
  listener_.checkpoint_done(setup_.id, job.id, std::move(parts),
                            std::exchange(obsolete_files_, {}));
  start_merges();
  return {};
}

void Task::start_merges() {
  for (auto& owned : nodes_) {
    Node* node = owned.get();
    bool is_oldest = false;
    std::vector<RunInfo> inputs = node->runs.begin_merge(is_oldest);
    if (inputs.empty()) continue;
    const std::string file = file_name(node->step->name, setup_.subtask, 0, setup_.attempt_name,
                                       node->next_file++, "merged");
    async_begin();
    env_.io->post([this, node, inputs, is_oldest, file, folder = setup_.runs_folder, &env = env_] {
      auto merged = merge_runs(*env.storage, folder, inputs, file, is_oldest);
      post([this, node, inputs, merged = std::move(merged)]() mutable -> Status {
        async_end();
        if (merged.ok()) {
          node->runs.merged(inputs, std::move(*merged));
        } else {  // merging is an optimisation; the inputs are still there
          node->runs.merge_failed();
          log_warn("step " + node->step->name,
                   "cannot merge state files: " + merged.error().message);
        }
        return {};
      });
    });
  }
}

void Task::trigger_checkpoint(CheckpointId id, bool last) { pending_trigger_ = {id, last}; }

void Task::checkpoint_complete(CheckpointId id) {
  completed_ = id;
  for (auto& node : nodes_) node->op->on_complete(id);
}

void Task::add_splits(const std::string& step, const std::vector<std::string>& splits,
                      bool complete) {
  WEIR_CHECK(source_ != nullptr && nodes_[0]->step->name == step, "splits for a step not here");
  if (Status status = source_->add_splits(splits, complete); !status.ok()) fail(status.error());
}

void Task::limit_event_time(const std::string& step, EventTime limit) {
  if (source_ != nullptr && nodes_[0]->step->name == step) source_->limit_event_time(limit);
}

void Task::replay(const std::string& step, const std::vector<DeadLetter>& letters) {
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
  Node* node = find(step);
  WEIR_CHECK(node != nullptr, "dead letters for a step not here");
  for (const DeadLetter& letter : letters) {
    node->op->dropped(letter);
    node->letters->remove(letter.id);
    listener_.letter_done(letter.id, {});
  }
}

}  // namespace weir
