// Stepping a task; see task.h. Its checkpoints are in task_checkpoint.cc, its building in
// task_build.cc.
#include "weir/runtime/task.h"

#include <algorithm>

#include "weir/base/log.h"
#include "weir/runtime/letters.h"
#include "weir/runtime/task_parts.h"

namespace weir {

namespace {

/// Why the exception being handled ends the attempt.
Error left_an_operator() {
  try {
    throw;
  } catch (const StateFailure& failure) {
    return failure.error;
  } catch (...) {
  }
  return {ErrorCode::user_code, "An exception left an operator: " + current_exception_text()};
}

}  // namespace

Task::Task(TaskSetup setup, Environment& env, TaskListener& listener)
    : setup_(std::move(setup)), env_(env), listener_(listener) {}

Task::~Task() = default;

void Task::post(TaskCallback callback) {
  {
    const std::lock_guard lock(mailbox_mutex_);
    mailbox_.push_back(std::move(callback));
    mailbox_full_.store(true, std::memory_order_release);
  }
  if (waker_ != nullptr) waker_->wake();
}

Task::Step Task::fail(Error error) {
  if (!failed_) listener_.task_failed(setup_.id, std::move(error));
  failed_ = true;
  return Step::done;
}

Status Task::run_mailbox(bool& progressed) {
  if (!mailbox_full_.load(std::memory_order_acquire)) [[likely]]
    return {};
  std::vector<TaskCallback> callbacks;
  {
    const std::lock_guard lock(mailbox_mutex_);
    callbacks.swap(mailbox_);
    mailbox_full_.store(false, std::memory_order_release);
  }
  progressed = true;
  // All of them, whatever one says: each may be the end of something that others wait for.
  Status first;
  for (TaskCallback& callback : callbacks) {
    Status status;
    try {
      status = callback();
    } catch (...) {
      status = left_an_operator();
    }
    if (first.ok()) first = std::move(status);
  }
  return first;
}

Task::Step Task::step() {
  if (failed_) return Step::done;
  try {
    return step_once();
  } catch (...) {
    return fail(left_an_operator());
  }
}

Task::Step Task::step_once() {
  bool progressed = false;
  if (Status status = run_mailbox(progressed); !status.ok()) return fail(status.error());
  if (stopping_) return Step::done;
  if (!committing_.empty()) [[unlikely]]
    note_commits();
  if (!drain_outputs()) return progressed ? Step::progress : Step::blocked;
  if (snapshot_ && snapshot_slice(/*may_wait=*/true)) progressed = true;
  if (restoring_) {
    restore_slice();
    if (failed_) return Step::done;
    progressed = true;
  }
  if (advancing_ < nodes_.size()) {
    advance();
    return Step::progress;
  }
  if (const SteadyTime now = env_.clock->steady_now(); must_wait(now)) {
    if (Status status = check_writing(now); !status.ok()) return fail(status.error());
    flush_outputs();
    idle_work(now);
    if (failed_) return Step::done;
    return progressed || (snapshot_ && !slices_wait_) ? Step::progress : Step::idle;
  }
  const Step result = source_ != nullptr ? poll_source() : take_input();
  ask_for_checkpoint();
  if (result == Step::done) return result;
  if (result == Step::idle) {
    flush_outputs();
    idle_work(env_.clock->steady_now());
    if (completed_ > settled_.load(std::memory_order_relaxed) && quiescent()) settled_ = completed_;
    if (progressed || failed_) return failed_ ? Step::done : Step::progress;
  }
  return result;
}

/// A look at the clock is what this costs, so it takes those that a step takes anyway behind its
/// work: one for each element or batch of a source. Only slices of snapshots, timers and the like
/// need one of their own.
Task::Step Task::step(SteadyTime& mark) {
  looked_ = worked_ = false;
  times_.turn(TaskActivity::busy, mark);
  const Step result = step();
  if (result == Step::progress || worked_) mark = looked_ ? looked_at_ : look();
  times_.turn(after(result), mark);
  return result;
}

/// What the task is at until its next step, when this one has ended so.
TaskActivity Task::after(Step step) const {
  if (step == Step::progress) return TaskActivity::waiting;
  return step == Step::blocked || (step == Step::idle && holding_) ? TaskActivity::backpressured
                                                                   : TaskActivity::idle;
}

SteadyTime Task::look() {
  looked_ = true;
  return looked_at_ = env_.clock->steady_now();
}

std::optional<std::chrono::nanoseconds> Task::wants_step_in() {
  using std::chrono::milliseconds;
  if (advancing_ == nodes_.size() && holding_ && (!snapshot_ || slices_wait_)) {
    return milliseconds(5);
  }
  if ((snapshot_ && !slices_wait_) || restoring_ || advancing_ < nodes_.size()) {
    return std::chrono::nanoseconds(0);
  }
  if (source_ != nullptr && !drained_ && !sources_paused_ && !last_barrier_) return milliseconds(1);
  for (const auto& node : nodes_) {
    if (const auto at = node->op->next_processing_time(); at && !last_barrier_) {
      const Duration left = *at - env_.clock->wall_now();
      return std::clamp<std::chrono::nanoseconds>(left, milliseconds(0), milliseconds(10));
    }
  }
  return milliseconds(10);
}

void Task::flush_outputs() {
  for (Partitioner* output : live_outputs_) output->flush();
  last_flush_ = look();
}

bool Task::drain_outputs() {
  bool clear = true;
  for (Partitioner* output : live_outputs_) clear &= output->drain();
  return clear;
}

void Task::idle_work(SteadyTime now) {
  const EventTime wall = env_.clock->wall_now();
  for (auto& node : nodes_) {
    if (last_barrier_) break;  // whoever goes on from that checkpoint fires them, once
    if (const auto at = node->op->next_processing_time(); at && *at <= wall) {
      node->op->on_processing_time(wall);
      worked_ = true;
      looked_ = false;
    }
  }
  if (now - last_idle_work_ < std::chrono::milliseconds(10)) return;
  last_idle_work_ = now;
  worked_ = true;
  looked_ = false;
  for (auto& node : nodes_) {
    if (Status status = node->op->on_idle(); !status.ok()) {
      fail(status.error());
      return;
    }
  }
}

/// Carries the watermark on through the chain, one slice; false when an operator has more to do.
bool Task::advance() {
  while (advancing_ < nodes_.size()) {
    Node& node = *nodes_[advancing_];
    if (!node.op->on_watermark(target_watermark_)) return false;
    node.metrics.watermark_ms.store(to_millis(target_watermark_), std::memory_order_relaxed);
    ++advancing_;
  }
  watermark_ = target_watermark_;
  announce_time();
  if (input_ended_ && watermark_ == kEndOfTime && !drained_) {
    drained_ = true;
    for (Partitioner* output : live_outputs_) output->end();
    listener_.task_drained(setup_.id);
  }
  return true;
}

/// After the end of time no watermark comes that would fire what a replayed record has set.
void Task::advance_again() {
  if (advancing_ < nodes_.size()) return;
  target_watermark_ = watermark_;
  advancing_ = 0;
  advance();
}

void Task::announce_time() {
  for (Partitioner* output : live_outputs_) {
    if (output == letters_out_) continue;  // letters come at barriers, whatever their event time
    output->set_watermark(to_millis(watermark_), active_, since_ns_);
  }
}

/// Event time of the task: the least of its inputs that are not idle.
///
/// One that has come to the end of time has nothing more to say about it, even before it says that
/// it has ended: while the others are idle it must not bring them there. And one that is idle lets
/// event time pass only if its sources were idle after the last source of the others had woken up:
/// it may be behind the same source, and its records on their way. So in doubt sources are asked.
///
/// When all are idle event time goes to the furthest of them, as it would have if that one had
/// become idle last.
void Task::merge_watermark() {
  if (restoring_) return;
  EventTime lowest = kEndOfTime, lowest_idle = kEndOfTime, highest_idle = kBeginningOfTime;
  bool any_active = false, all_ended = true, all_at_end = true;
  std::int64_t woken_ns = 0, idle_ns = INT64_MAX;
  std::size_t idle = 0;
  for (const auto& input : inputs_) {
    if (input->ended) continue;
    all_ended = false;
    if (input->watermark == kEndOfTime) continue;
    all_at_end = false;
    if (!input->active) {
      idle_ns = std::min(idle_ns, input->since_ns);
      lowest_idle = std::min(lowest_idle, input->watermark);
      highest_idle = std::max(highest_idle, input->watermark);
      ++idle;
      continue;
    }
    any_active = true;
    woken_ns = std::max(woken_ns, input->since_ns);
    lowest = std::min(lowest, input->watermark);
  }
  input_ended_ = all_ended;
  active_ = any_active || all_at_end;
  since_ns_ = active_ ? woken_ns : idle_ns;
  const bool sure = woken_ns == 0 || idle_ns > woken_ns;
  if (!sure && asked_ns_ < woken_ns) {
    asked_ns_ = woken_ns;
    listener_.event_time_in_doubt(woken_ns);
  }
  const bool all_idle = idle > 0 && !any_active;
  if (all_idle) {
    const bool further = highest_idle > std::max(watermark_, lowest_idle);
    lowest = further && all_surely_idle(idle_ns) ? highest_idle : lowest_idle;
  }
  const bool clear = all_idle || (active_ && sure);
  if ((clear && lowest > watermark_) || (all_ended && !drained_)) {
    target_watermark_ = lowest;
    advancing_ = 0;
    advance();
  } else {
    announce_time();
  }
}

/// Whether all inputs are idle and nothing is on its way in one of them, sent by a source that woke
/// up and became idle again: then the furthest of them has said so later than that one. So all
/// sources are asked, and must answer through every input while nothing else comes.
bool Task::all_surely_idle(std::int64_t idle_ns) {
  if (all_idle_ns_ != 0) return idle_ns > all_idle_ns_;
  all_idle_ns_ = std::max<std::int64_t>(1, env_.clock->steady_now().time_since_epoch().count());
  for (const auto& input : inputs_) all_idle_ns_ = std::max(all_idle_ns_, input->since_ns);
  listener_.event_time_in_doubt(all_idle_ns_);
  return false;
}

/// Of a source task: when it woke up, or when it was last known to be idle.
void Task::note_idleness() {
  const bool was_active = std::exchange(active_, !source_->idle());
  nodes_[0]->metrics.idle.store(!active_, std::memory_order_relaxed);
  const std::int64_t asked_ns = std::exchange(confirm_after_ns_, kNotAsked);
  const bool asked = asked_ns != kNotAsked && !active_;
  if (active_ == was_active && !asked) return;
  const std::int64_t now = env_.clock->steady_now().time_since_epoch().count();
  // Later than what was said before and than what the asker knows of, also where clocks differ or
  // have not gone on (Lamport 1978), and never 0.
  since_ns_ = std::max(now, since_ns_ + 1);
  if (asked) since_ns_ = std::max(since_ns_, asked_ns + 1);
}

Task::Step Task::poll_source() {
  if (pending_trigger_ && !snapshot_ && !restoring_) {
    const auto [id, last] = *std::exchange(pending_trigger_, std::nullopt);
    begin_checkpoint(id, last);
    return failed_ ? Step::done : Step::progress;
  }
  if (drained_ || sources_paused_ || last_barrier_) return Step::idle;
  auto polled = source_->poll();
  if (!polled.ok()) return fail(polled.error());
  note_idleness();
  EventTime watermark = source_->watermark();
  if (*polled == SourceOperator::Poll::ended) {
    input_ended_ = true;
    watermark = kEndOfTime;
  }
  if (restoring_) {
    // Event time goes on when all state is here.
  } else if (watermark > watermark_ || (input_ended_ && !drained_)) {
    target_watermark_ = watermark;
    advancing_ = 0;
    advance();
  } else {
    announce_time();
  }
  if (failed_) return Step::done;
  if (*polled == SourceOperator::Poll::idle) return Step::idle;
  const SteadyTime now = look();
  if (now - last_flush_ >= setup_.batch_timeout) {
    flush_outputs();
    idle_work(now);
  }
  return failed_ ? Step::done : Step::progress;
}

Task::Step Task::take_input() {
  const std::size_t count = inputs_.size();
  for (std::size_t k = 0; k < count; ++k) {
    Input& input = *inputs_[(turn_ + k) % count];
    if (input.at_barrier) continue;
    ChannelElement element;
    if (!input.channel->pop(element)) continue;
    turn_ = (turn_ + k + 1) % count;
    deliver(input, element);
    if (failed_) return Step::done;
    const SteadyTime now = look();
    if (now - last_flush_ >= setup_.batch_timeout) {
      flush_outputs();
      idle_work(now);
    }
    return failed_ ? Step::done : Step::progress;
  }
  return Step::idle;
}

void Task::deliver(Input& input, ChannelElement& element) {
  switch (element.kind) {
    case ChannelElement::Kind::data:
      if (element.batch) {
        if (!element.batch->empty()) all_idle_ns_ = 0;
        nodes_[0]->op->on_batch(input.input, *element.batch);
        element.batch->clear();
        input.channel->recycle(std::move(element.batch));
        if (watermark_ == kEndOfTime && !restoring_) advance_again();
      }
      // What was asked about the idle inputs was asked before this came.
      if (element.active || from_millis(element.watermark_ms) > input.watermark) all_idle_ns_ = 0;
      input.watermark = std::max(input.watermark, from_millis(element.watermark_ms));
      input.active = element.active;
      input.since_ns = element.since_ns;
      merge_watermark();
      return;
    case ChannelElement::Kind::end:
      input.ended = true;
      merge_watermark();
      return;
    case ChannelElement::Kind::barrier:
      on_barrier(input, element);
      return;
  }
}

/// A merge may be under way all the same: nobody waits for it.
bool Task::quiescent() const {
  const auto merges = std::count_if(nodes_.begin(), nodes_.end(),
                                    [](const auto& node) { return node->merge != nullptr; });
  return async_ == merges && !snapshot_ &&
         std::all_of(nodes_.begin(), nodes_.end(),
                     [](const auto& node) { return node->op->quiescent(); });
}

bool Task::finish_async() {
  for (const auto& node : nodes_) {
    if (node->merge != nullptr) node->merge->in_vain = true;
  }
  bool progressed = false;
  static_cast<void>(run_mailbox(progressed));
  return async_ == 0 && !mailbox_full_.load();
}

std::map<std::string, std::uint64_t> Task::StepView::counters() const {
  return {{"records_in", metrics->records_in.get()},
          {"records_out", metrics->records_out.get()},
          {"late", metrics->late.get()},
          {"dead_letters", metrics->dead_letters.get()},
          {"duplicates", metrics->duplicates.get()},
          {"timers_fired", metrics->timers_fired.get()}};
}

std::vector<Task::StepView> Task::steps() const {
  std::vector<StepView> views;
  for (const auto& node : nodes_) views.push_back({node->step, &node->metrics, &times_});
  return views;
}

}  // namespace weir
