// The part of a task that brings a snapshot to disk: rows leave the tables in slices and are
// written on I/O threads, in the background runs are merged. See task.h.
#include <algorithm>

#include "weir/base/failpoint.h"
#include "weir/base/log.h"
#include "weir/runtime/task_parts.h"

namespace weir {

/// Takes frozen rows, one slice of each operator; true when the snapshot has left the tables.
/// Pieces of it are written while the rest is taken; `may_wait` for that, lest they pile up.
bool Task::snapshot_slice(bool may_wait) {
  constexpr std::size_t kMostPieces = 2;
  bool all_done = true;
  slices_wait_ = false;
  for (SnapshotPart& part : snapshot_->parts) {
    if (part.rows_done) continue;
    if (may_wait && part.rows.size() >= kMostPieces) {
      slices_wait_ = true;
    } else {
      RowBuffer rows;
      part.rows_done = part.node->op->snapshot_slice(rows);
      if (!rows.empty()) part.rows.push_back(std::move(rows));
    }
    all_done &= part.rows_done;
    if (!part.rows_done && !part.rows.empty()) write_piece(part);
  }
  if (!all_done) return false;
  write_snapshot();
  return true;
}

namespace {

/// Puts what stands in `older` before what is in `items`, and empties it.
template <class T>
void prepend(std::vector<T>& items, std::vector<T>& older) {
  std::vector<T> all = std::exchange(older, {});
  std::move(items.begin(), items.end(), std::back_inserter(all));
  items = std::move(all);
}

}  // namespace

/// Hands the oldest rows of `part` to an I/O thread, if nothing older waits. Should that fail, they
/// are tried again with all the others.
void Task::write_piece(SnapshotPart& part) {
  if (piece_out_ || !to_write_.empty()) return;
  prepend(part.rows, part.node->unwritten);
  piece_out_ = true;
  wrote_at_ = env_.clock->steady_now();
  async_begin();
  auto rows = std::make_shared<RowBuffer>(std::move(part.rows.front()));
  part.rows.erase(part.rows.begin());
  const std::string file = state_file_name(part.result.step, setup_.subtask, snapshot_->id,
                                           setup_.attempt_name, part.node->next_file++, "state");
  env_.io->post([this, rows, file, part = &part, job = snapshot_, folder = setup_.runs_folder,
                 look_up = setup_.state_budget_bytes > 0, &env = env_] {
    auto written = write_rows(*env.storage, folder, file, *rows, look_up);
    post([this, rows, part, job, written = std::move(written)]() mutable -> Status {
      async_end();
      piece_out_ = false;
      if (written.ok()) {
        part->written.push_back(std::move(*written));
      } else if (written.error().code == ErrorCode::fsync_failed) {
        for (; !to_write_.empty(); to_write_.pop_front()) async_end();  // the attempt ends here
        return written.error();
      } else {
        part->rows.insert(part->rows.begin(), std::move(*rows));
      }
      if (!to_write_.empty()) write_next();
      return {};
    });
  });
}

/// Snapshots are written one after another: one that comes after a checkpoint was given up would
/// otherwise overtake the rows of that one, and old rows would hide newer ones.
void Task::write_snapshot() {
  async_begin();
  to_write_.push_back(std::exchange(snapshot_, nullptr));
  if (to_write_.size() == 1 && !piece_out_) write_next();
}

/// Hands the oldest snapshot to an I/O thread; the rest of it comes back through the mailbox.
void Task::write_next() {
  wrote_at_ = env_.clock->steady_now();
  const std::shared_ptr<SnapshotJob> job = to_write_.front();
  std::vector<std::uint64_t> numbers;
  for (SnapshotPart& part : job->parts) {
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
                 subtask = setup_.subtask, attempt = setup_.attempt_name,
                 look_up = setup_.state_budget_bytes > 0, &env = env_] {
    const auto write_all = [&]() -> Status {
      WEIR_TRY(job->status);
      WEIR_TRY(WEIR_FAILPOINT_STATUS("task.before_snapshot_write"));
      for (std::size_t i = 0; i < job->parts.size(); ++i) {
        SnapshotPart& part = job->parts[i];
        std::uint64_t number = numbers[i];
        const auto name = [&](const char* kind) {
          return state_file_name(part.result.step, subtask, id, attempt, number++, kind);
        };
        while (!part.rows.empty()) {
          WEIR_ASSIGN(WrittenRun run,
                      write_rows(*env.storage, folder, name("state"), part.rows.front(), look_up));
          part.written.push_back(std::move(run));
          part.rows.erase(part.rows.begin());
          wrote_at_ = env.clock->steady_now();
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
      for (const auto& make_durable : job->durable) {
        wrote_at_ = env.clock->steady_now();
        WEIR_TRY(make_durable());
      }
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

/// Error: io, when a write of this task takes so long that it will hardly come back. Until it does
/// nothing else of the task can be written, so no checkpoint can be complete. The rows of
/// a snapshot are many small files, so a disk that is only slow does not hang.
Status Task::check_writing(SteadyTime now) const {
  if (!piece_out_ && to_write_.empty()) return {};
  const SteadyTime wrote_at = wrote_at_;
  if (now - wrote_at <= setup_.give_up_after) return {};
  std::string steps;
  for (const auto& node : nodes_) steps += (steps.empty() ? "'" : ", '") + node->step->name + "'";
  return Error{ErrorCode::io,
               "The storage hangs: step " + steps + " writes into " + setup_.runs_folder +
                   " or its output, and that has not come back for " +
                   format_duration(std::chrono::duration_cast<Duration>(now - wrote_at)) +
                   ". Another attempt may reach it.",
               true};
}

Status Task::snapshot_written(SnapshotJob& job) {
  const bool ok = job.status.ok();
  job.phases.write = env_.clock->steady_now() - job.writing_since;
  std::vector<StepPart> parts;
  for (SnapshotPart& part : job.parts) {
    Node& node = *part.node;
    if (part.rewrite) node.runs.reset();
    for (WrittenRun& run : part.written) {
      if (run.opened) node.lookups[run.info.file] = std::move(run.opened);
      node.runs.append(std::move(run.info));
    }
    if (node.op->has_keyed_state()) --node.snapshots_out;
    node.unwritten_bytes = 0;
    if (!ok) {
      // The rows have left the table, so the next snapshot that is written must hold them, before
      // its own.
      node.unwritten = std::move(part.rows);
      for (const RowBuffer& rows : node.unwritten) node.unwritten_bytes += rows.size_bytes();
      node.unwritten_letters = std::move(part.letters);
      node.unwritten_removed = std::move(part.removed_letters);
      for (const RunInfo& run : part.result.manifest.items) obsolete_files_.push_back(run.file);
      for (const RunInfo& run : part.result.dead_letters) obsolete_files_.push_back(run.file);
    }
    runs_changed(node);
    if (ok && !node.items_file.empty()) obsolete_files_.push_back(std::move(node.items_file));
    if (ok) node.items_file.clear();
    if (ok && !part.result.manifest.items.empty()) {
      node.items_file = part.result.manifest.items[0].file;
    }
    part.result.manifest.state = node.runs.runs();
    std::uint64_t state_bytes = 0;
    for (const RunInfo& run : part.result.manifest.state) state_bytes += run.size_bytes;
    for (const RunInfo& run : part.result.manifest.items) state_bytes += run.size_bytes;
    if (ok) node.metrics.state_bytes.set(state_bytes);
    for (std::string& file : node.runs.take_obsolete()) obsolete_files_.push_back(std::move(file));
    parts.push_back(std::move(part.result));
  }
  if (!ok) {
    if (job.status.error().code == ErrorCode::fsync_failed) return job.status;
    listener_.checkpoint_declined(setup_.id, job.id, job.status.error());
    return {};
  }
  listener_.checkpoint_done(setup_.id, job.id, std::move(parts), std::exchange(obsolete_files_, {}),
                            job.phases);
  start_merges();
  return {};
}

void Task::start_merges() {
  constexpr std::size_t kManyRuns = 24;  // where merges keep up there are fewer
  for (auto& owned : nodes_) {
    Node* node = owned.get();
    bool is_oldest = false;
    const std::vector<RunInfo> inputs = node->runs.begin_merge(is_oldest);
    if (!inputs.empty()) {
      const std::string file = state_file_name(node->step->name, setup_.subtask, 0,
                                               setup_.attempt_name, node->next_file++, "merged");
      node->merge =
          std::make_shared<Merge>(node, inputs, *env_.storage, setup_.runs_folder, file, is_oldest);
    }
    if (node->merge == nullptr) continue;
    if (node->runs.runs().size() > kManyRuns) node->merge->urgent = true;
    if (inputs.empty()) continue;
    async_begin();
    carry_on(node->merge);
  }
}

/// Merges in the background: nobody waits for it. But where runs come faster than it gets on, it
/// goes on as any other work on files. Also called on the thread that has merged so far.
void Task::carry_on(const std::shared_ptr<Merge>& merge) {
  const bool urgent = merge->urgent;
  (urgent ? *env_.io : env_.merge_pool())
      .post([this, merge, urgent, folder = setup_.runs_folder,
             look_up = setup_.state_budget_bytes > 0, &env = env_] {
        constexpr std::size_t kRows = 16384;
        std::shared_ptr<RunLookup> opened;
        Result<bool> whole = false;
        while ((whole = merge->runs.step(kRows)).ok() && !*whole) {
          if (merge->in_vain) break;
          if (merge->urgent && !urgent) return carry_on(merge);
        }
        const auto finish = [&]() -> Result<RunInfo> {
          if (!whole.ok()) return whole.error();
          if (!*whole) return Error{ErrorCode::cancelled, "The job is ending"};
          if (look_up) {
            WEIR_ASSIGN(opened, RunLookup::open(*env.storage, folder, merge->runs.merged()));
          }
          return merge->runs.merged();
        };
        auto merged = finish();
        post([this, merge, opened, merged = std::move(merged)]() mutable -> Status {
          async_end();
          Node& node = *merge->node;
          node.merge = nullptr;
          if (merged.ok()) {
            if (opened) node.lookups[merged->file] = std::move(opened);
            node.runs.merged(merge->inputs, std::move(*merged));
            runs_changed(node);
          } else {  // merging is an optimisation; the inputs are still there
            node.runs.merge_failed();
            if (!merge->in_vain) {
              log_warn("step " + node.step->name,
                       "cannot merge state files: " + merged.error().message);
            }
          }
          return {};
        });
      });
}

/// Tells the operator where its rows are now.
void Task::runs_changed(Node& node) {
  if (setup_.state_budget_bytes == 0 || !node.op->has_keyed_state()) return;
  StateRuns runs;
  std::map<std::string, std::shared_ptr<RunLookup>, std::less<>> kept;
  for (const RunInfo& run : node.runs.runs()) {
    auto& opened = node.lookups[run.file];
    WEIR_CHECK(opened != nullptr, "a run of a state with a memory budget is not open");
    runs.push_back(opened);
    kept[run.file] = opened;
  }
  node.lookups = std::move(kept);
  const bool storing = node.snapshots_out > 0;
  node.op->on_runs_changed(runs, !storing && node.unwritten.empty(), storing);
}

}  // namespace weir
