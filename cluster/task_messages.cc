// Writing the messages of an attempt; see task_messages.h. Reading: task_messages_read.cc.
#include "weir/cluster/task_messages.h"

#include <span>
#include <utility>

#include "task_messages.capnp.h"
#include "weir/cluster/capnp.h"

namespace weir::cluster {
namespace {

capnp::Text::Reader text(const std::string& value) { return {value.data(), value.size()}; }
capnp::Data::Reader blob(const std::string& value) {
  return {reinterpret_cast<const kj::byte*>(value.data()), value.size()};
}

void write(wire::Failure::Builder out, const Error& why) {
  out.setCode(to_string(why.code));
  out.setMessage(text(why.message));
  out.setRetryable(why.retryable);
}

template <class ListBuilder>
void write_runs(ListBuilder out, const std::vector<RunInfo>& runs) {
  for (unsigned i = 0; i < runs.size(); ++i) {
    out[i].setFile(text(runs[i].file));
    out[i].setSizeBytes(runs[i].size_bytes);
    out[i].setRows(runs[i].rows);
    out[i].setHashHigh(runs[i].hash.high);
    out[i].setHashLow(runs[i].hash.low);
  }
}

unsigned size_of(const auto& list) { return static_cast<unsigned>(list.size()); }

void write(wire::StepPart::Builder out, const StepPart& part) {
  const SubtaskManifest& subtask = part.manifest;
  out.setStep(text(part.step));
  out.setIndex(subtask.index);
  out.setGroupsBegin(subtask.groups.begin);
  out.setGroupsEnd(subtask.groups.end);
  write_runs(out.initState(size_of(subtask.state)), subtask.state);
  write_runs(out.initItems(size_of(subtask.items)), subtask.items);
  out.setWatermarkMs(subtask.watermark_ms);
  write_runs(out.initDeadLetters(size_of(part.dead_letters)), part.dead_letters);
  auto counters = out.initCounters(size_of(part.counters));
  unsigned i = 0;
  for (const auto& [name, value] : part.counters) {
    counters[i].setName(text(name));
    counters[i++].setValue(value);
  }
}

/// A message of this kind to the coordinator or a task.
template <class Build>
std::string message(Build&& build) {
  return write_capnp<wire::PeerMessage>(std::forward<Build>(build));
}

constexpr std::size_t kPieceBytes = 4 << 20;

class RemoteGateway final : public TaskGateway {
 public:
  RemoteGateway(TaskId task, SendBytes send) : task_(task), send_(std::move(send)) {}

  void trigger_checkpoint(CheckpointId id, bool last) override {
    tell([&](wire::ToTask::Builder to) {
      auto trigger = to.initTrigger();
      trigger.setCheckpoint(id);
      trigger.setLast(last);
    });
  }
  void checkpoint_complete(CheckpointId id) override {
    tell([&](wire::ToTask::Builder to) { to.setComplete(id); });
  }
  void add_splits(const std::string& step, std::vector<NewSplit> splits, bool complete) override {
    in_pieces(
        splits, [](const NewSplit& split) { return split.id.size() + split.position.size(); },
        [&](std::span<const NewSplit> piece, bool last) {
          send_splits(step, piece, complete && last);
        });
  }
  void limit_event_time(const std::string& step, EventTime limit) override {
    tell([&](wire::ToTask::Builder to) {
      auto out = to.initLimit();
      out.setLimitStep(text(step));
      out.setMs(to_millis(limit));
    });
  }
  void confirm_idle(std::int64_t after_ns) override {
    tell([&](wire::ToTask::Builder to) { to.setConfirmIdle(after_ns); });
  }
  void replay(const std::string& step, std::vector<DeadLetter> letters) override {
    send_letters(step, letters, false);
  }
  void drop_letters(const std::string& step, std::vector<DeadLetter> letters) override {
    send_letters(step, letters, true);
  }

 private:
  template <class Build>
  void tell(Build&& build) {
    send_(message([&](wire::PeerMessage::Builder root) {
      auto to = root.initToTask();
      to.setTask(task_);
      build(to);
    }));
  }
  /// Calls `send(piece, is_last)` with the items in turn, so many that a message stays small; at
  /// least once.
  template <class T, class SizeOf, class Send>
  static void in_pieces(const std::vector<T>& items, SizeOf size_of_item, Send send) {
    std::span<const T> rest(items);
    do {
      std::size_t count = 0, bytes = 0;
      while (count < rest.size() && bytes < kPieceBytes) bytes += 64 + size_of_item(rest[count++]);
      const auto piece = rest.first(count);
      rest = rest.subspan(count);
      send(piece, rest.empty());
    } while (!rest.empty());
  }
  void send_splits(const std::string& step, std::span<const NewSplit> splits, bool complete) {
    tell([&](wire::ToTask::Builder to) {
      auto out = to.initSplits();
      out.setStep(text(step));
      out.setComplete(complete);
      auto list = out.initSplits(size_of(splits));
      for (unsigned i = 0; i < splits.size(); ++i) {
        list[i].setId(blob(splits[i].id));
        list[i].setPosition(blob(splits[i].position));
      }
    });
  }
  void send_letters(const std::string& step, const std::vector<DeadLetter>& letters, bool drop) {
    in_pieces(
        letters,
        [](const DeadLetter& letter) { return letter.bytes.size() + letter.schema.size(); },
        [&](std::span<const DeadLetter> piece, bool) { send_letter_piece(step, piece, drop); });
  }
  void send_letter_piece(const std::string& step, std::span<const DeadLetter> letters, bool drop) {
    tell([&](wire::ToTask::Builder to) {
      auto out = to.initLetters();
      out.setLetterStep(text(step));
      out.setDrop(drop);
      auto list = out.initLetters(size_of(letters));
      for (unsigned i = 0; i < letters.size(); ++i) {
        list.set(i, blob(encode_dead_letter(letters[i])));
      }
    });
  }

  const TaskId task_;
  const SendBytes send_;
};

class RemoteListener final : public TaskListener {
 public:
  explicit RemoteListener(SendBytes send) : send_(std::move(send)) {}

  void task_restored(TaskId task) override {
    tell(task, [](wire::FromTask::Builder from) { from.setRestored(); });
  }
  void checkpoint_done(TaskId task, CheckpointId id, std::vector<StepPart> parts,
                       std::vector<std::string> obsolete_files, TaskPhases phases) override {
    tell(task, [&](wire::FromTask::Builder from) {
      auto done = from.initDone();
      done.setCheckpoint(id);
      auto out = done.initParts(size_of(parts));
      for (unsigned i = 0; i < parts.size(); ++i) write(out[i], parts[i]);
      auto files = done.initObsoleteFiles(size_of(obsolete_files));
      for (unsigned i = 0; i < obsolete_files.size(); ++i) files.set(i, text(obsolete_files[i]));
      done.setAlignmentNs(phases.alignment.count());
      done.setPauseNs(phases.pause.count());
      done.setWriteNs(phases.write.count());
    });
  }
  void checkpoint_committed(TaskId task, CheckpointId id, std::chrono::nanoseconds took) override {
    tell(task, [&](wire::FromTask::Builder from) {
      auto committed = from.initCommitted();
      committed.setCommittedCheckpoint(id);
      committed.setTookNs(took.count());
    });
  }
  void checkpoint_declined(TaskId task, CheckpointId id, Error why) override {
    tell(task, [&](wire::FromTask::Builder from) {
      auto declined = from.initDeclined();
      declined.setDeclinedCheckpoint(id);
      write(declined.initWhy(), why);
    });
  }
  void checkpoint_wanted(TaskId task) override {
    tell(task, [](wire::FromTask::Builder from) { from.setWanted(); });
  }
  void task_drained(TaskId task) override {
    tell(task, [](wire::FromTask::Builder from) { from.setDrained(); });
  }
  void task_failed(TaskId task, Error why) override {
    tell(task, [&](wire::FromTask::Builder from) { write(from.initFailed(), why); });
  }
  void event_time_in_doubt(std::int64_t after_ns) override {
    tell(0, [&](wire::FromTask::Builder from) { from.setInDoubt(after_ns); });
  }
  void letter_done(const std::string& id, const Status& status) override {
    tell(0, [&](wire::FromTask::Builder from) {
      auto done = from.initLetterDone();
      done.setId(text(id));
      if (!status.ok()) write(done.initFailure(), status.error());
    });
  }

 private:
  template <class Build>
  void tell(TaskId task, Build&& build) {
    send_(message([&](wire::PeerMessage::Builder root) {
      auto from = root.initFromTask();
      from.setTask(task);
      build(from);
    }));
  }
  const SendBytes send_;
};

void write(wire::StepCounts::Builder out, const StepCounts& counts) {
  out.setRecordsIn(counts.records_in);
  out.setRecordsOut(counts.records_out);
  out.setLate(counts.late);
  out.setDeadLetters(counts.dead_letters);
  out.setDuplicates(counts.duplicates);
  out.setTimersFired(counts.timers_fired);
  out.setStateEntries(counts.state_entries);
  out.setWatermarkMs(counts.watermark_ms);
  out.setLag(counts.lag);
  out.setIdle(counts.idle);
  out.setStateBytes(counts.state_bytes);
}

}  // namespace

StepCounts read_counts(const StepMetrics& metrics) {
  return {metrics.records_in.get(),    metrics.records_out.get(), metrics.late.get(),
          metrics.dead_letters.get(),  metrics.duplicates.get(),  metrics.timers_fired.get(),
          metrics.state_entries.get(), metrics.state_bytes.get(), metrics.watermark_ms.load(),
          metrics.lag.load(),          metrics.idle.load()};
}

void write_counts(const StepCounts& counts, StepMetrics& metrics) {
  metrics.records_in.set(counts.records_in);
  metrics.records_out.set(counts.records_out);
  metrics.late.set(counts.late);
  metrics.dead_letters.set(counts.dead_letters);
  metrics.duplicates.set(counts.duplicates);
  metrics.timers_fired.set(counts.timers_fired);
  metrics.state_entries.set(counts.state_entries);
  metrics.state_bytes.set(counts.state_bytes);
  metrics.watermark_ms.store(counts.watermark_ms);
  metrics.lag.store(counts.lag);
  metrics.idle.store(counts.idle);
}

std::unique_ptr<TaskGateway> make_remote_gateway(TaskId task, SendBytes send) {
  return std::make_unique<RemoteGateway>(task, std::move(send));
}
std::unique_ptr<TaskListener> make_remote_listener(SendBytes send) {
  return std::make_unique<RemoteListener>(std::move(send));
}

std::string encode_counts(const std::vector<TaskCounts>& counts) {
  return message([&](wire::PeerMessage::Builder root) {
    auto tasks = root.initCounts(size_of(counts));
    for (unsigned i = 0; i < counts.size(); ++i) {
      tasks[i].setTask(counts[i].task);
      tasks[i].setSettled(counts[i].settled);
      auto steps = tasks[i].initSteps(size_of(counts[i].steps));
      for (unsigned k = 0; k < counts[i].steps.size(); ++k) write(steps[k], counts[i].steps[k]);
      auto times = tasks[i].initTimesNs(kTaskActivities);
      for (unsigned k = 0; k < kTaskActivities; ++k) times.set(k, counts[i].times.spent[k].count());
    }
  });
}

std::string encode_deploy(const Deploy& deploy) {
  return message([&](wire::PeerMessage::Builder root) {
    auto out = root.initDeploy();
    out.setRunId(text(deploy.run_id));
    out.setAttemptName(text(deploy.attempt_name));
    out.setNewestId(deploy.newest_id);
    out.setClaimedId(deploy.claimed_id);
    out.setRestore(text(deploy.restore));
  });
}

std::string encode_end() {
  return message([](wire::PeerMessage::Builder root) { root.setEnd(); });
}
}  // namespace weir::cluster
