// Events, splits, dead letters and the end of a job; see coordinator.h. Checkpoints are in
// coordinator_checkpoint.cc.
#include "weir/runtime/coordinator.h"

#include <algorithm>

#include "weir/base/log.h"
#include "weir/runtime/letter_log.h"
#include "weir/runtime/source_splits.h"

namespace weir {
namespace {

/// Between two looks at sources that stay together in event time.
constexpr std::chrono::milliseconds kAlignStill{20}, kAlignMoving{1};

}  // namespace

Coordinator::Coordinator(const Graph& graph, const Plan& plan, JobIdentity identity,
                         CoordinatorOptions options, Environment& env, CheckpointStore& store,
                         const Manifest* restored)
    : graph_(graph),
      plan_(plan),
      identity_(std::move(identity)),
      options_(options),
      env_(env),
      store_(store) {
  last_completed_ = std::max(identity_.newest_id, restored != nullptr ? restored->id : 0);
  first_checkpoint_ = std::max(identity_.claimed_id, last_completed_.load()) + 1;
  if (restored == nullptr) return;
  was_finished_ = restored->finished;
  letters_ = restored->dead_letters;
  for (const StepManifest& step : restored->steps) {
    base_counters_[step.name] = step.counters;
  }
}

Coordinator::~Coordinator() {
  WEIR_CHECK(io_under_way_ == 0, "a coordinator was destroyed while its I/O was under way");
}

void Coordinator::abandon() {
  inbox_.clear();
  io_under_way_ = 0;
}

void Coordinator::post(std::function<void()> event) {
  const std::lock_guard lock(mutex_);
  inbox_.push_back(std::move(event));
  wake_.notify_one();  // under the lock: the event may be the last one, after which this is gone
}

void Coordinator::add_task(TaskEntry entry) { tasks_.push_back(std::move(entry)); }

TaskEntry* Coordinator::task_of(std::uint32_t vertex, std::uint32_t subtask) {
  for (TaskEntry& task : tasks_) {
    if (task.vertex == vertex && task.subtask == subtask) return &task;
  }
  return nullptr;
}

void Coordinator::known_splits(const std::string& step, std::uint32_t subtask,
                               const std::vector<std::string>& ids) {
  const GraphStep* source = graph_.find(step);
  auto& splits = splits_[source->id];
  if (!splits) splits = std::make_unique<SourceSplits>(plan_.parallelism_of[source->id]);
  for (const std::string& id : ids) splits->assigned(id, subtask);
}

void Coordinator::start() {
  std::set<TaskId> ids;
  for (const TaskEntry& task : tasks_) ids.insert(task.id);
  protocol_ = std::make_unique<CheckpointProtocol>(options_.checkpoints, ids, identity_.attempt,
                                                   first_checkpoint_ - 1);
  completed_at_ = env_.clock->steady_now().time_since_epoch().count();
  started_ = true;
  if (options_.replay_only) return;
  for (const GraphStep& step : graph_.steps()) {
    if (!step.source) continue;
    auto& splits = splits_[step.id];
    if (!splits) splits = std::make_unique<SourceSplits>(plan_.parallelism_of[step.id]);
    discover(step.id);
  }
}

bool Coordinator::step() {
  std::vector<std::function<void()>> events;
  {
    const std::lock_guard lock(mutex_);
    events.swap(inbox_);
  }
  for (auto& event : events) event();
  if (!started_ || state_ != State::running) return !events.empty();
  const SteadyTime now = env_.clock->steady_now();
  for (auto& [step, splits] : splits_) {
    if (splits->due(now)) discover(step);
  }
  align_sources();
  check_dead_letters();
  poll_checkpoints(now);
  finish_if_done();
  return !events.empty();
}

void Coordinator::wait(std::chrono::milliseconds limit) {
  std::chrono::nanoseconds pause = limit;
  if (started_ && state_ == State::running) {
    const auto due = protocol_->next_deadline() - env_.clock->steady_now();
    pause = std::clamp<std::chrono::nanoseconds>(due, std::chrono::microseconds(100), pause);
    if (limits_moved_) pause = std::min<std::chrono::nanoseconds>(pause, kAlignMoving);
  }
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, pause, [this] { return !inbox_.empty(); });
}

void Coordinator::fail(Error error) {
  if (state_ == State::failed) return;  // also an ended job fails when its commits do
  state_ = State::failed;
  failure_ = std::move(error);
  answer_all(failure_);
}

/// Nothing that was asked for and is not done yet will be.
void Coordinator::answer_all(const Error& why) {
  for (Done& done : std::exchange(current_done_, {})) done(why);
  for (auto& [kind, done] : std::exchange(waiting_, {})) done(why);
  for (LetterRequest& request : std::exchange(letter_requests_, {})) request.done(why);
}

// ---- splits -------------------------------------------------------------------------------------

namespace {

/// The splits that there are besides those `known`, and where each begins.
Result<std::vector<NewSplit>> look_for_splits(const SourceHooks& source,
                                              const SourceContext& context,
                                              const std::set<std::string>& known) {
  WEIR_ASSIGN(std::vector<std::string> found, source.discover(context));
  std::erase_if(found, [&](const std::string& id) { return known.contains(id); });
  if (found.empty()) return std::vector<NewSplit>();
  return source.first_positions(context, std::move(found));
}

}  // namespace

void Coordinator::discover(StepId id) {
  const GraphStep& step = graph_.step(id);
  splits_[id]->looking(env_.clock->steady_now(), step.source->discovery_interval);
  ++io_under_way_;
  env_.remote_pool().post([this, id, &step, known = splits_[id]->known()] {
    const SourceContext context{&env_, step.name, 0, plan_.parallelism_of[id], known.empty()};
    auto found = look_for_splits(*step.source, context, known);
    post([this, id, found = std::move(found)]() mutable {
      --io_under_way_;
      splits_found(id, std::move(found));
    });
  });
}

void Coordinator::splits_found(StepId id, Result<std::vector<NewSplit>> found) {
  if (state_ != State::running) return;
  const GraphStep& step = graph_.step(id);
  if (!found.ok()) {
    fail({found.error().code, "Source '" + step.name + "': " + found.error().message,
          found.error().retryable});
    return;
  }
  SourceSplits& splits = *splits_[id];
  const bool first = !splits.announced();
  const bool complete = !step.source->discovery_interval;
  auto fresh = splits.assign_new(std::move(*found));
  for (std::uint32_t subtask = 0; subtask < fresh.size(); ++subtask) {
    if (fresh[subtask].empty() && !first) continue;
    task_of(plan_.vertex_of[id], subtask)
        ->gateway->add_splits(step.name, std::move(fresh[subtask]), complete);
  }
}

/// Sources of one group wait for the one that lies furthest back in event time.
void Coordinator::align_sources() {
  const SteadyTime now = env_.clock->steady_now();
  // Soon again while sources move, since each waits for the others' news.
  if (now - last_alignment_ < (limits_moved_ ? kAlignMoving : kAlignStill)) return;
  last_alignment_ = now;
  limits_moved_ = false;
  std::map<std::string, std::int64_t> slowest;
  const auto for_each_source = [&](auto&& visit) {
    for (TaskEntry& task : tasks_) {
      for (const Task::StepView& view : task.steps) {
        if (view.step->source && !view.step->source->alignment_group.empty()) visit(task, view);
      }
    }
  };
  for_each_source([&](TaskEntry&, const Task::StepView& view) {
    auto [place, fresh] = slowest.try_emplace(view.step->source->alignment_group, INT64_MAX);
    if (view.metrics->idle.load()) return;  // event time does not wait for it, nor do the others
    place->second = std::min(place->second, view.metrics->watermark_ms.load());
  });
  for_each_source([&](TaskEntry& task, const Task::StepView& view) {
    const std::int64_t least = slowest[view.step->source->alignment_group];
    // Before every source has said where it is, none may run away.
    const EventTime limit = saturating_add(from_millis(least), view.step->source->alignment_drift);
    auto [sent, first] = event_time_limits_.try_emplace(task.id, limit);
    if (!first && sent->second == limit) return;
    sent->second = limit;
    limits_moved_ = true;
    task.gateway->limit_event_time(view.step->name, limit);
  });
}

// ---- dead letters ----------------------------------------------------------------------

void Coordinator::check_dead_letters() {
  if (options_.max_dead_letters == UINT64_MAX && options_.max_dead_letter_share >= 1.0) return;
  std::uint64_t letters = 0, read = 0;
  std::string steps;
  for (const TaskEntry& task : tasks_) {
    for (const Task::StepView& view : task.steps) {
      const std::uint64_t here = view.metrics->dead_letters.get();
      letters += here;
      if (here > 0) steps += " " + view.step->name + "=" + std::to_string(here);
      if (view.step->source) read += view.metrics->records_in.get() + here;
    }
  }
  const bool too_many = letters > options_.max_dead_letters;
  const bool too_often =
      read >= 1000 &&
      static_cast<double>(letters) > options_.max_dead_letter_share * static_cast<double>(read);
  if (!too_many && !too_often) return;
  fail({ErrorCode::user_code,
        "Too many dead letters: " + std::to_string(letters) + " of " + std::to_string(read) +
            " records since the start, by step:" + steps +
            ". Those up to the last checkpoint can be looked at with 'weir dlq list'; mend the "
            "input or the job, or raise the ceiling (--max-dead-letters, "
            "--max-dead-letter-share)."});
}

/// The hash of the key of a letter's record. The record says it, not the letter: a repair may have
/// changed the key. A record that cannot be read goes where it failed, and fails there again.
std::optional<std::uint64_t> Coordinator::hash_of(const DeadLetter& letter, const GraphStep& step) {
  const KeyHasher* hasher = nullptr;
  for (const GraphEdge& edge : step.inputs) {
    if (edge.input == letter.input && edge.hasher) hasher = edge.hasher.get();
  }
  if (step.combined_hasher && letter.input == step.combined_input) {
    hasher = step.combined_hasher.get();
  }
  if (hasher != nullptr) {
    if (const auto hash = hasher->hash_letter(letter); hash.ok()) return *hash;
  }
  return letter.keyed ? std::optional(letter.key_hash) : std::nullopt;
}

TaskEntry* Coordinator::owner_of(std::optional<std::uint64_t> hash, const GraphStep& step) {
  const std::uint32_t vertex = plan_.vertex_of[step.id];
  const std::uint32_t parallelism = plan_.parallelism_of[step.id];
  if (!hash) return task_of(vertex, 0);
  const std::uint32_t group = key_group_of(*hash, identity_.max_parallelism);
  std::uint32_t owner = 0;
  while (!key_groups_of(owner, parallelism, identity_.max_parallelism).contains(group)) ++owner;
  return task_of(vertex, owner);
}

Status Coordinator::send_letters(const std::vector<DeadLetter>& letters, bool drop) {
  if (state_ != State::running) return Error{ErrorCode::cancelled, "The job is no longer running"};
  std::map<std::pair<TaskEntry*, std::string>, std::vector<DeadLetter>> groups;
  for (const DeadLetter& letter : letters) {
    if (letters_sent_.contains(letter.id) || letters_taken_.contains(letter.id)) continue;
    const GraphStep* step = graph_.find(letter.step);
    if (step == nullptr) {
      return Error{ErrorCode::not_found, "Dead letter " + letter.id + " belongs to step '" +
                                             letter.step + "', which this job does not have"};
    }
    // A dropped letter concerns the key that it was parked under.
    const auto hash = drop ? std::optional(letter.key_hash) : hash_of(letter, *step);
    groups[{owner_of(hash, *step), letter.step}].push_back(letter);
  }
  for (auto& [place, group] : groups) {
    const auto& [task, step] = place;
    // In the order of their arrival, in whichever they were given: a key's letters depend on it.
    std::stable_sort(group.begin(), group.end(), [](const DeadLetter& a, const DeadLetter& b) {
      return letter_row_key(a.id) < letter_row_key(b.id);
    });
    for (const DeadLetter& letter : group) letters_sent_.insert(letter.id);
    if (drop)
      task->gateway->drop_letters(step, std::move(group));
    else
      task->gateway->replay(step, std::move(group));
  }
  return {};
}

void Coordinator::request_letters(LetterRequest request) {
  post([this, request = std::move(request)] {
    letter_requests_.push_back(request);
    if (letter_requests_.size() == 1) begin_letters();
  });
}

/// Begins the requests that wait, up to one that tasks must answer.
void Coordinator::begin_letters() {
  while (!letter_requests_.empty() && letters_sent_.empty()) {
    const LetterRequest& request = letter_requests_.front();
    if (Status sent = send_letters(request.letters, request.drop); !sent.ok()) {
      const Done done = std::move(letter_requests_.front().done);
      letter_requests_.pop_front();
      done(sent.error());
    } else if (letters_sent_.empty()) {
      letters_done();
    }
  }
}

void Coordinator::request_replay(std::vector<DeadLetter> letters, Done done) {
  request_letters({std::move(letters), false, std::move(done)});
}

void Coordinator::request_drop(std::vector<DeadLetter> letters, Done done) {
  request_letters({std::move(letters), true, std::move(done)});
}

void Coordinator::letter_done(const std::string& id, const Status& status) {
  post([this, id, status] {
    letters_sent_.erase(id);
    if (status.ok()) letters_taken_.insert(id);
    if (!status.ok() && !letter_failure_) letter_failure_ = status.error();
    if (!letters_sent_.empty()) return;
    letters_done();
    begin_letters();
  });
}

/// All that was sent has been answered: what it did is durable with the next checkpoint that begins
/// now.
void Coordinator::letters_done() {
  if (letter_requests_.empty()) return;  // the job has failed meanwhile
  waiting_.emplace_back(
      CheckpointKind::periodic,
      [done = std::move(letter_requests_.front().done),
       failure = std::exchange(letter_failure_, std::nullopt)](Result<Manifest> result) {
        if (!result.ok()) {
          const Error& why = result.error();
          done(Error{why.code,
                     why.message + " What was asked for has been done in the running job, but is "
                                   "not durable yet: ask again, it is not done twice.",
                     why.retryable});
        } else {
          done(failure ? Result<Manifest>(*failure) : std::move(result));
        }
      });
  letter_requests_.pop_front();
  protocol_->request(CheckpointKind::periodic);
}

// ---- tasks -----------------------------------------------------------------------------

void Coordinator::task_restored(TaskId task) {
  post([this, task] { protocol_->task_restored(task, identity_.attempt); });
}

void Coordinator::task_drained(TaskId task) {
  post([this, task] { drained_.insert(task); });
}

void Coordinator::task_failed(TaskId task, Error why) {
  post([this, task, why = std::move(why)] {
    std::string steps;
    if (state_ != State::failed) failed_task_ = task;
    for (const TaskEntry& entry : tasks_) {
      if (entry.id != task) continue;
      for (const StepId step : plan_.vertices[entry.vertex].steps) {
        steps += (steps.empty() ? "" : ", ") + graph_.step(step).name;
      }
    }
    fail({why.code, why.message + " (in the task of " + steps + ")", why.retryable});
  });
}

bool Coordinator::has_source(const TaskEntry& task) const {
  const auto& steps = plan_.vertices[task.vertex].steps;
  return std::any_of(steps.begin(), steps.end(),
                     [&](StepId id) { return graph_.step(id).source.has_value(); });
}

void Coordinator::event_time_in_doubt(std::int64_t after_ns) {
  post([this, after_ns] {
    for (TaskEntry& task : tasks_) {
      if (has_source(task)) task.gateway->confirm_idle(after_ns);
    }
  });
}

void Coordinator::finish_if_done() {
  if (ending_ && io_under_way_ == 0) {
    state_ = *ending_;
    answer_all({ErrorCode::cancelled, "The job is no longer running"});
    return;
  }
  if (final_requested_ || options_.replay_only || drained_.size() < tasks_.size()) return;
  final_requested_ = true;
  protocol_->request(CheckpointKind::final_);
}

}  // namespace weir
