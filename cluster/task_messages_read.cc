// Reading the messages of an attempt; see task_messages.h.
#include <algorithm>
#include <chrono>

#include "task_messages.capnp.h"
#include "weir/cluster/capnp.h"
#include "weir/cluster/task_messages.h"

namespace weir::cluster {
namespace {

std::string text(capnp::Text::Reader value) { return {value.begin(), value.size()}; }
std::string blob(capnp::Data::Reader value) {
  return {reinterpret_cast<const char*>(value.begin()), value.size()};
}

Error read_error(wire::Failure::Reader from) {
  return {parse_error_code(text(from.getCode())), text(from.getMessage()), from.getRetryable()};
}

template <class ListReader>
std::vector<RunInfo> read_runs(ListReader from) {
  std::vector<RunInfo> runs;
  for (const auto run : from) {
    runs.push_back({text(run.getFile()),
                    run.getSizeBytes(),
                    run.getRows(),
                    {run.getHashHigh(), run.getHashLow()}});
  }
  return runs;
}

StepPart read_part(wire::StepPart::Reader from) {
  StepPart part;
  part.step = text(from.getStep());
  part.manifest.index = from.getIndex();
  part.manifest.groups = {from.getGroupsBegin(), from.getGroupsEnd()};
  part.manifest.state = read_runs(from.getState());
  part.manifest.items = read_runs(from.getItems());
  part.manifest.watermark_ms = from.getWatermarkMs();
  part.dead_letters = read_runs(from.getDeadLetters());
  for (const auto count : from.getCounters())
    part.counters[text(count.getName())] = count.getValue();
  return part;
}

Error unknown() { return {ErrorCode::corrupt, "a message of a kind that is not known here"}; }

Status to_task(wire::ToTask::Reader from, TaskGateway& task) {
  switch (from.which()) {
    case wire::ToTask::TRIGGER:
      task.trigger_checkpoint(from.getTrigger().getCheckpoint(), from.getTrigger().getLast());
      return {};
    case wire::ToTask::COMPLETE:
      task.checkpoint_complete(from.getComplete());
      return {};
    case wire::ToTask::SPLITS: {
      std::vector<NewSplit> splits;
      for (const auto split : from.getSplits().getSplits()) {
        splits.push_back({blob(split.getId()), blob(split.getPosition())});
      }
      task.add_splits(text(from.getSplits().getStep()), std::move(splits),
                      from.getSplits().getComplete());
      return {};
    }
    case wire::ToTask::LIMIT:
      task.limit_event_time(text(from.getLimit().getLimitStep()),
                            from_millis(from.getLimit().getMs()));
      return {};
    case wire::ToTask::CONFIRM_IDLE:
      task.confirm_idle(from.getConfirmIdle());
      return {};
    case wire::ToTask::LETTERS: {
      std::vector<DeadLetter> letters;
      for (const auto bytes : from.getLetters().getLetters()) {
        WEIR_ASSIGN(DeadLetter letter, decode_dead_letter(blob(bytes)));
        letters.push_back(std::move(letter));
      }
      const std::string step = text(from.getLetters().getLetterStep());
      if (from.getLetters().getDrop()) {
        task.drop_letters(step, std::move(letters));
      } else {
        task.replay(step, std::move(letters));
      }
      return {};
    }
  }
  return unknown();
}

Status from_task(wire::FromTask::Reader from, TaskListener& coordinator) {
  const TaskId task = from.getTask();
  switch (from.which()) {
    case wire::FromTask::RESTORED:
      coordinator.task_restored(task);
      return {};
    case wire::FromTask::DONE: {
      const auto done = from.getDone();
      std::vector<StepPart> parts;
      for (const auto part : done.getParts()) parts.push_back(read_part(part));
      std::vector<std::string> files;
      for (const auto file : done.getObsoleteFiles()) files.push_back(text(file));
      using std::chrono::nanoseconds;
      coordinator.checkpoint_done(task, done.getCheckpoint(), std::move(parts), std::move(files),
                                  {nanoseconds(done.getAlignmentNs()),
                                   nanoseconds(done.getPauseNs()), nanoseconds(done.getWriteNs())});
      return {};
    }
    case wire::FromTask::COMMITTED:
      coordinator.checkpoint_committed(task, from.getCommitted().getCommittedCheckpoint(),
                                       std::chrono::nanoseconds(from.getCommitted().getTookNs()));
      return {};
    case wire::FromTask::DECLINED:
      coordinator.checkpoint_declined(task, from.getDeclined().getDeclinedCheckpoint(),
                                      read_error(from.getDeclined().getWhy()));
      return {};
    case wire::FromTask::WANTED:
      coordinator.checkpoint_wanted(task);
      return {};
    case wire::FromTask::DRAINED:
      coordinator.task_drained(task);
      return {};
    case wire::FromTask::FAILED:
      coordinator.task_failed(task, read_error(from.getFailed()));
      return {};
    case wire::FromTask::IN_DOUBT:
      coordinator.event_time_in_doubt(from.getInDoubt());
      return {};
    case wire::FromTask::LETTER_DONE: {
      const auto done = from.getLetterDone();
      coordinator.letter_done(text(done.getId()),
                              done.hasFailure() ? Status(read_error(done.getFailure())) : Status());
      return {};
    }
  }
  return unknown();
}

StepCounts read_step(wire::StepCounts::Reader from) {
  return {from.getRecordsIn(),    from.getRecordsOut(), from.getLate(),
          from.getDeadLetters(),  from.getDuplicates(), from.getTimersFired(),
          from.getStateEntries(), from.getStateBytes(), from.getWatermarkMs(),
          from.getLag(),          from.getIdle()};
}

std::vector<TaskCounts> read_tasks(capnp::List<wire::TaskCounts>::Reader from) {
  std::vector<TaskCounts> counts;
  for (const auto task : from) {
    counts.push_back({task.getTask(), task.getSettled(), {}});
    const auto times = task.getTimesNs();
    for (unsigned i = 0; i < std::min<std::size_t>(times.size(), kTaskActivities); ++i) {
      counts.back().times.spent[i] = std::chrono::nanoseconds(times[i]);
    }
    for (const auto step : task.getSteps()) counts.back().steps.push_back(read_step(step));
  }
  return counts;
}

Status read_root(wire::PeerMessage::Reader root, PeerMessages& to) {
  switch (root.which()) {
    case wire::PeerMessage::TO_TASK: {
      TaskGateway* task = to.gateway(root.getToTask().getTask());
      return task == nullptr ? Status() : to_task(root.getToTask(), *task);
    }
    case wire::PeerMessage::FROM_TASK: {
      TaskListener* coordinator = to.listener();
      return coordinator == nullptr ? Status() : from_task(root.getFromTask(), *coordinator);
    }
    case wire::PeerMessage::COUNTS:
      to.counts(read_tasks(root.getCounts()));
      return {};
    case wire::PeerMessage::DEPLOY: {
      const auto deploy = root.getDeploy();
      to.deploy({text(deploy.getRunId()), text(deploy.getAttemptName()), deploy.getNewestId(),
                 deploy.getClaimedId(), text(deploy.getRestore())});
      return {};
    }
    case wire::PeerMessage::END:
      to.end_received();
      return {};
  }
  return unknown();
}

}  // namespace

Status read_peer_message(std::string_view bytes, PeerMessages& to) {
  return read_capnp<wire::PeerMessage>(
      bytes, [&to](wire::PeerMessage::Reader root) { return read_root(root, to); });
}

}  // namespace weir::cluster
