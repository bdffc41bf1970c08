"""The ways in which `bite.py` breaks the engine.

Each is one search-and-replace on one source file: small, as a slip of the pen would be, and wrong
in a way that loses, doubles or disorders something. `old` must occur exactly once in its file.
`tried` names the suites whose tests should see it, the likeliest first; the others follow.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Break:
    """One way to break the engine."""

    name: str
    what: str  # for people: what is wrong then
    file: str  # below the root of the tree
    old: str
    new: str
    tried: tuple = ()


def _break(name, what, file, old, new, tried=""):
    return Break(name, what, file, old, new, tuple(tried.split()))


DURABILITY = [
    _break("file_not_synced", "a small file gets its name before its bytes are durable",
           "base/storage.cc", "  WEIR_TRY(file->sync());\n", "", "base/storage_crash"),
    _break("folder_not_synced", "the new name of a file is not made durable",
           "base/storage.cc", "  return storage.sync_dir(parent_path(path));", "  return {};",
           "base/storage_crash"),
    _break("run_not_synced", "a run of state is named by a checkpoint before it is durable",
           "checkpoint/run_writer.cc", "    WEIR_TRY(file_->sync());\n", "",
           "checkpoint/run"),
    _break("manifest_before_runs", "the manifest is written before the names of its runs last",
           "checkpoint/store.cc", "  WEIR_TRY(storage_.sync_dir(runs_folder()));\n", "",
           "checkpoint/savepoint checkpoint"),
    _break("failed_manifest_stays", "a manifest whose writing failed may be there all the same",
           "checkpoint/store.cc", "  WEIR_TRY(undo_manifest(storage_, root_, path));\n", "",
           "checkpoint/store"),
    _break("lost_names_trusted", "a restore trusts names that a power loss may still take away",
           "checkpoint/resolve.cc", "    WEIR_TRY(store.storage().sync_dir(folder));\n", "",
           "checkpoint/store_fault"),
    _break("failed_sync_forgiven", "the job goes on after a failed fsync",
           "runtime/task_snapshot.cc",
           "    if (job.status.error().code == ErrorCode::fsync_failed) return job.status;\n", "",
           "runtime/task"),
    _break("staged_not_synced", "staged output is acknowledged before it is durable",
           "connectors/file/part_writer.cc", "  WEIR_TRY(remember(file_->sync()));\n", "",
           "connectors"),
    _break("staged_name_not_synced", "the name of staged output is acknowledged but not durable",
           "connectors/file/part_writer.cc",
           "  if (!name_durable_) WEIR_TRY(storage_.sync_dir(folder_));\n", "",
           "connectors"),
    _break("commit_not_synced", "committed output is forgotten before its new name is durable",
           "connectors/file/part_files.cc",
           "  WEIR_TRY(storage.sync_dir(folder));\n  for (const std::string& path : left)",
           "  for (const std::string& path : left)", "sim connectors"),
]

PROTOCOL = [
    _break("barrier_dropped", "one channel of an exchange gets no barrier",
           "runtime/partitioner.cc",
           "    ChannelElement element;\n    element.kind = ChannelElement::Kind::barrier;",
           "    if (targets_.size() > 1 && &target == &targets_.back()) continue;\n"
           "    ChannelElement element;\n    element.kind = ChannelElement::Kind::barrier;",
           "runtime/partitioner"),
    _break("barrier_overtakes", "a barrier overtakes the records before it",
           "runtime/partitioner.cc",
           "std::uint64_t checkpoint, bool last) {\n  flush();\n",
           "std::uint64_t checkpoint, bool last) {\n", "runtime/partitioner"),
    _break("no_alignment", "a channel is read on behind its barrier",
           "runtime/task.cc", "    if (input.at_barrier) continue;\n", "", "runtime/task"),
    _break("first_ack_counts", "a checkpoint is complete when the first task has acknowledged",
           "checkpoint/protocol.cc",
           "  if (!current_->missing.empty()) return AckOutcome::waiting;\n", "",
           "checkpoint/protocol"),
    _break("old_attempt_counts", "an acknowledgement of an earlier attempt counts",
           "checkpoint/protocol.cc", "  return attempt == attempt_ && current_ &&",
           "  return current_ &&", "checkpoint/protocol"),
    _break("trigger_before_restore", "a checkpoint begins before all tasks have restored",
           "checkpoint/protocol.cc", "  if (!all_restored() || current_ || ended_)",
           "  if (current_ || ended_)", "checkpoint/protocol"),
    _break("ack_before_whole", "a task acknowledges before its staged output is whole",
           "runtime/task_snapshot.cc",
           "      for (const auto& make_durable : job->durable) WEIR_TRY(make_durable());\n", "",
           "runtime/job_runner"),
    _break("given_up_rows_lost", "state of a checkpoint that was given up is in no later one",
           "runtime/task_snapshot.cc", "      node.unwritten = std::move(part.rows);\n", "",
           "runtime/task"),
    _break("given_up_letters_lost", "dead letters of a given-up checkpoint are in no later one",
           "runtime/task_snapshot.cc",
           "      node.unwritten_letters = std::move(part.letters);\n", "", "sim runtime"),
    _break("second_writer", "a second process may write a checkpoint that exists",
           "checkpoint/store.cc", "  if (!ids.empty() && manifest.id <= ids.back()) {",
           "  if (false) {", "checkpoint/store"),
    _break("older_checkpoint", "the older one of two checkpoints is restored",
           "checkpoint/store_layout.cc",
           "  auto manifest = load_manifest(storage, manifest_path(root, ids.back()), ids.back());",
           "  auto manifest =\n"
           "      load_manifest(storage, manifest_path(root, ids.front()), ids.front());",
           "checkpoint/store"),
    _break("max_parallelism_ignored", "state is restored under another number of key groups",
           "runtime/deployment.cc",
           "  if (manifest.max_parallelism != job.max_parallelism()) {", "  if (false) {",
           "operators/schema"),
    _break("watermark_not_restored", "event time begins anew after a restore",
           "runtime/deployment.cc", "    part.watermark = from_millis(watermark);\n", "",
           "sim"),
    _break("letters_not_checkpointed", "dead letters are missing from the manifest",
           "runtime/coordinator_checkpoint.cc",
           "  manifest->dead_letters = letters_;\n", "", "operators/process"),
]

FILES = [
    _break("hash_not_checked", "a run is believed without its hash",
           "checkpoint/run_verify.cc", "  if (found == info.hash) return {};",
           "  if (found == info.hash || true) return {};", "checkpoint/run"),
    _break("older_row_wins", "in a merge of runs the older row wins",
           "checkpoint/merge.cc", "order > 0 : a > b;", "order > 0 : a < b;", "checkpoint/merge"),
    _break("merge_drops_tombstones", "merging newer runs drops tombstones of older rows",
           "checkpoint/merge.cc", "/*hide_tombstones=*/is_oldest", "/*hide_tombstones=*/true",
           "checkpoint/merge"),
    _break("garbage_still_named", "garbage collection deletes files of retained checkpoints",
           "checkpoint/garbage.cc", "    // One that cannot be read may need any file.\n",
           "    if (id != ids.back()) continue;\n", "checkpoint/garbage"),
    _break("garbage_too_early", "garbage collection deletes runs that no manifest names yet",
           "checkpoint/garbage.cc",
           "    if (belongs_to(entry.name, attempt) && !dropped.contains(entry.name)) continue;\n",
           "", "checkpoint/garbage"),
    _break("dropped_manifest_returns", "a deleted manifest may come back without its runs",
           "checkpoint/garbage.cc", "  WEIR_TRY(storage.sync_dir(checkpoints_folder(root)));\n",
           "", "checkpoint/store_fault"),
    _break("savepoint_lacks_files", "a savepoint lacks the dead letters",
           "checkpoint/savepoint.cc", "  for (const auto& [file, run] : distinct_runs(manifest)) {",
           "  for (const auto& [file, run] : distinct_runs(manifest)) {\n"
           "    if (file.ends_with(\"-letters.run\")) continue;", "operators/process"),
    _break("block_not_checked", "a look-up believes a block of a run without its hash",
           "checkpoint/run_format.cc",
           "  damaged_ = hash.little_endian64() != hash64(rest_);", "  damaged_ = false;",
           "checkpoint/run_lookup"),
    _break("filter_forgets", "the filter of a run denies the last keys that were added",
           "checkpoint/run_format.cc",
           "  for (std::size_t i = 0; i < std::min(added_, kAhead); ++i) set(ahead_[i]);\n", "",
           "checkpoint/run_lookup"),
    _break("block_too_late", "a seek in a run begins one block too late",
           "checkpoint/run_reader.cc", "enter(block == 0 ? 0 : block - 1)", "enter(block)",
           "checkpoint/run"),
    _break("groups_shifted", "a restore takes key groups from one too far on",
           "checkpoint/restore_plan.cc", "std::max(old.groups.begin, groups.begin),",
           "std::max(old.groups.begin, groups.begin) + 1,", "checkpoint/restore_plan"),
]

STATE = [
    _break("no_freeze", "what changes during a snapshot is written as it is afterwards",
           "runtime/keyed_table.h",
           "    if (entry.extras.marked(frozen_mark_)) [[unlikely]]\n"
           "      write_entry(entry, frozen_rows_);\n", "", "runtime/keyed_table"),
    _break("no_tombstones", "a removed key is not removed from the runs",
           "runtime/keyed_table.h", "    write_tombstones(entry);\n    forget(entry);",
           "    forget(entry);", "runtime/keyed_table"),
    _break("erased_while_frozen", "a key that is removed during a snapshot is missing from it",
           "runtime/keyed_table.h",
           "    if (entry.extras.marked(frozen_mark_)) write_entry(entry, frozen_rows_);\n", "",
           "runtime/keyed_table"),
    _break("timers_not_stored", "timers are missing from a snapshot",
           "runtime/keyed_rows.h", "    encode_extras(value, entry.extras.get());",
           "    encode_extras(value, nullptr);", "operators/process"),
    _break("timers_not_queued", "restored timers never fire",
           "runtime/keyed_operator.h",
           "    for (const KeptTimer& timer : entry.extras->timers)\n"
           "      queue(timer.processing()).add(timer.time_ms, entry.hash);\n", "",
           "operators/process"),
    _break("tombstone_hides_row", "a key made anew after its removal stays removed",
           "runtime/row_buffer.cc", "    return a.tombstone > b.tombstone;",
           "    return a.tombstone < b.tombstone;", "runtime/row_buffer"),
    _break("map_entry_returns", "an entry erased from a MapState comes back after a restore",
           "runtime/collections.h",
           "    if (it->second.stored) removed_.push_back(encode_to_string(key));\n", "",
           "operators/collections"),
    _break("list_element_returns", "an element taken from a ListState comes back",
           "runtime/collections.h",
           "    if (elements_.front().stored) removed_.push_back(first_);\n", "",
           "operators/collections"),
    _break("ttl_never_deletes", "state lives on after its time to live",
           "runtime/keyed_operator.h", "    if (extras.expires_ms <= now_ms) {",
           "    if (false) {", "operators/process"),
    _break("merge_not_swapped", "merged runs stay in the list behind what they became",
           "runtime/run_list.cc",
           "  runs_.erase(first + 1, first + static_cast<std::ptrdiff_t>(inputs.size()));\n",
           "", "runtime/run_list"),
]

EXCHANGE = [
    _break("wrong_channel", "records go to the subtask before the one that owns their key",
           "runtime/partitioner.cc", "      subtask_of_group_[g] =",
           "      subtask_of_group_[(g + 1) % max_parallelism] =", "runtime/partitioner"),
    _break("batch_boundary", "what does not fit into a full batch is lost",
           "runtime/partitioner.cc", "    if (i == rows) break;\n    send_open(",
           "    if (i == rows || i > 0) break;\n    send_open(", "runtime/partitioner"),
    _break("end_before_records", "the end of the input overtakes the last records",
           "runtime/partitioner.cc", "void Partitioner::end() {\n  flush();\n",
           "void Partitioner::end() {\n", "runtime/partitioner"),
    _break("queue_overtaken", "a batch overtakes one that waits for room in its channel",
           "runtime/partitioner.cc",
           "  if (target.waiting.empty() && target.channel->push(element)) return;",
           "  if (target.channel->push(element)) return;", "runtime/partitioner"),
]

EVENT_TIME = [
    _break("watermark_back", "event time goes back when an input that was idle wakes up",
           "runtime/task.cc", "  if ((active_ && sure && lowest > watermark_) ||",
           "  if ((active_ && sure && lowest != watermark_) ||", "runtime/task operators/source"),
    _break("new_split_rewinds", "a split that is found later judges lateness by its own past",
           "runtime/splits.cc",
           "  split.floor_ms = std::max(split.floor_ms, watermark_ms_);\n  ids_.insert(",
           "  ids_.insert(", "runtime/splits"),
    _break("watermark_of_fastest", "event time is that of the fastest input",
           "runtime/task.cc", "    lowest = std::min(lowest, input->watermark);",
           "    lowest = lowest == kEndOfTime ? input->watermark\n"
           "                                  : std::max(lowest, input->watermark);",
           "runtime/task"),
    _break("splits_of_fastest", "event time of a source is that of its fastest split",
           "runtime/splits.cc",
           "    lowest = std::min(lowest, split.watermark(allowance_ms_));",
           "    const std::int64_t own = split.watermark(allowance_ms_);\n"
           "    lowest = lowest == INT64_MAX ? own : std::max(lowest, own);", "runtime/splits"),
    _break("late_by_one", "a record at the watermark counts as in time",
           "runtime/source_operator.h", "      if (time <= watermark) [[unlikely]] {",
           "      if (time < watermark) [[unlikely]] {", "operators/source"),
    _break("idle_split_waited_for", "event time waits for a split that is idle",
           "runtime/splits.cc", "    if (split.idle) continue;\n", "", "runtime/splits"),
    _break("idle_input_waited_for", "event time waits for an input that is idle",
           "runtime/task.cc",
           "    if (!input->active) {\n"
           "      idle_ns = std::min(idle_ns, input->since_ns);\n      continue;\n    }\n", "",
           "runtime/task operators/source"),
    _break("end_spreads", "an input that has ended takes idle ones along to the end of time",
           "runtime/task.cc", "    if (input->watermark == kEndOfTime) continue;\n", "",
           "runtime/task"),
    _break("wake_overtakes", "event time passes the records of an input that has just woken up",
           "runtime/task.cc", "  const bool sure = woken_ns == 0 ||",
           "  const bool sure = woken_ns >= 0 ||", "runtime/task"),
    _break("fires_behind_the_end", "timers on wall time fire after the last barrier of a stop",
           "runtime/task.cc",
           "    if (last_barrier_) break;  // whoever goes on from that checkpoint fires them, "
           "once\n", "", "operators/requests"),
    _break("woken_split_rewinds", "a split that was idle judges lateness by its own past",
           "runtime/splits.cc",
           "  split.floor_ms = std::max(split.floor_ms, watermark_ms_);  // event time went on",
           "  // event time went on", "runtime/splits"),
]

OPERATORS = [
    _break("window_early", "a window fires when another one of its key does",
           "operators/pane_window.h", "    while (fires_at(state) <= now) fire(entry);",
           "    while (fires_at(state) != INT64_MAX) fire(entry);", "operators/pane_window"),
    _break("window_given_up", "a window does not wait for late records as long as it is allowed",
           "operators/window_operator.h", "after(end - 1, allowed_ms_)", "after(end - 1, 0)",
           "operators/window"),
    _break("pane_total_stale", "a late record misses a total that has been formed already",
           "operators/window_panes.h",
           "    if (summed && !folded) combine_(older.since, std::as_const(one));\n", "",
           "operators/pane_window"),
    _break("session_loses", "of three sessions that merge one is lost",
           "operators/session_window.h", "for (std::size_t i = 1; i < reached_.size(); ++i) {",
           "for (std::size_t i = 2; i < reached_.size(); ++i) {", "operators/window"),
    _break("dedupe_forgets", "dedupe forgets after half of its time",
           "operators/dedupe.h",
           "return to_millis(saturating_sub(from_millis(watermark_ms), Duration(ttl_ms_)));",
           "return to_millis(saturating_sub(from_millis(watermark_ms), Duration(ttl_ms_ / 2)));",
           "operators/dedupe"),
    _break("combine_keeps_one", "of what a batch combines before an exchange one record counts",
           "operators/aggregate.h",
           "      add_(out[slots_[place]].value, std::as_const(in[i]));\n", "",
           "operators/aggregate"),
    _break("throw_leaves_state", "what a function did to the state before it threw stays",
           "operators/process.h", "      restore(user_state(entry), undo);\n", "",
           "operators/process"),
    _break("throw_leaves_output", "what a function emitted before it threw stays",
           "operators/process.h", "      ctx_.rollback(mark);\n", "", "operators/process"),
]

LETTERS = [
    _break("parked_overtakes", "a record overtakes those parked before it",
           "operators/process.h", "    if (options_.park_keys && entry.extras &&",
           "    if (false && entry.extras &&", "operators/process"),
    _break("replayed_letter_stays", "a letter that was replayed stays and can be replayed again",
           "runtime/task_checkpoint.cc",
           "    if (status.ok()) {\n      node->letters->remove(letter.id);",
           "    if (status.ok()) {", "operators/process"),
    _break("replay_not_durable", "a replay is confirmed although its checkpoint failed",
           "runtime/coordinator.cc", "        if (!result.ok()) {\n          const Error& why",
           "        if (!result.ok()) {\n          done(Manifest());\n          return;\n"
           "          const Error& why",
           "runtime/job_runner"),
    _break("replayed_twice", "a letter that is asked for twice is replayed twice",
           "runtime/coordinator.cc",
           "    if (letters_sent_.contains(letter.id) || letters_taken_.contains(letter.id)) "
           "continue;\n", "", "runtime/job_runner"),
]

SOURCES = [
    _break("position_early", "a file is read again from one record before its position",
           "connectors/file/text_reader.cc", "  record_offset_ += used;\n  ++line_;\n}",
           "  if (!block_.empty()) record_offset_ += used;\n  ++line_;\n}",
           "connectors"),
    _break("position_late", "the position of a file is that of what was read, not what was taken",
           "connectors/file/text_reader.cc", "  return TextPosition{record_offset_, line_,",
           "  return TextPosition{input_->offset() + input_->window().size(), line_,",
           "connectors"),
    _break("position_stale", "a checkpoint holds where the reader was opened",
           "runtime/source_operator.cc",
           "    if (has_reader(i)) split.position = position(i);\n", "", "operators/source"),
    _break("ended_split_forgotten", "splits that were read to their end are not checkpointed",
           "runtime/source_operator.cc", "    SplitState split = splits_[i];\n    if (has",
           "    SplitState split = splits_[i];\n    if (split.ended) continue;\n    if (has",
           "operators/source"),
    _break("split_twice", "a split is assigned again to another subtask",
           "runtime/source_splits.h", "      if (known_.contains(id)) continue;\n", "",
           "operators/source"),
    _break("foreign_line", "the line across the border of two splits is read by both",
           "connectors/file/text_source.cc", "    .offset = early ? start.offset - 1 : start.off",
           "    .offset = early ? start.offset : start.off", "connectors"),
]

SINKS = [
    _break("restore_commits_nothing", "output staged by the restored checkpoint stays staged",
           "runtime/sink_operator.cc", "    committer_.complete(0);\n", "",
           "connectors"),
    _break("commit_early", "output is committed before its checkpoint is complete",
           "runtime/sink_operator.cc",
           "  committer_.staged(request.id, std::move(staged.committables));",
           "  committer_.staged(0, std::move(staged.committables));\n"
           "  committer_.complete(0);", "connectors"),
    _break("due_output_forgotten", "a checkpoint lacks output whose commit is still under way",
           "runtime/sink_operator.cc",
           "  for (const auto& [checkpoint, committable] : waiting_) all.push_back(committable);",
           "  for (const auto& [checkpoint, committable] : waiting_) {\n"
           "    if (checkpoint > due_) all.push_back(committable);\n  }",
           "connectors sim"),
    _break("staged_deleted", "a start deletes staged output of the checkpoint it restores",
           "connectors/file/part_owner.cc",
           "    if (!is_output(entry.name) || live.staged.contains(entry.name)) continue;",
           "    if (!is_output(entry.name)) continue;", "connectors"),
    _break("unnamed_bytes_committed", "a file is committed with what came after its checkpoint",
           "connectors/file/part_files.cc",
           "  if (size == item.size_bytes) return storage.rename(staged, target);",
           "  if (size >= item.size_bytes) return storage.rename(staged, target);",
           "connectors"),
    _break("carried_file_forgotten", "a checkpoint does not name the file that stays open",
           "connectors/file/part_writer.cc", "  carried_over_.clear();\n  if (current_) {",
           "  carried_over_.clear();\n  if (false) {", "connectors"),
]

BREAKS = (DURABILITY + PROTOCOL + FILES + STATE + EXCHANGE + EVENT_TIME + OPERATORS + LETTERS +
          SOURCES + SINKS)
