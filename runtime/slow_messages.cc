// Messages that wait; see slow_messages.h.
#include "weir/runtime/slow_messages.h"

#include <algorithm>
#include <utility>

namespace weir {

class SlowMessages::Gateway final : public TaskGateway {
 public:
  Gateway(SlowMessages& messages, Line& line, std::unique_ptr<TaskGateway> task)
      : messages_(messages), line_(line), task_(std::move(task)) {}

  void trigger_checkpoint(CheckpointId id, bool last) override {
    send([id, last](TaskGateway& t) { t.trigger_checkpoint(id, last); });
  }
  void checkpoint_complete(CheckpointId id) override {
    send([id](TaskGateway& t) { t.checkpoint_complete(id); }, id);
  }
  void add_splits(const std::string& step, std::vector<NewSplit> splits, bool complete) override {
    send([step, splits = std::move(splits), complete](TaskGateway& t) {
      t.add_splits(step, splits, complete);
    });
  }
  void limit_event_time(const std::string& step, EventTime limit) override {
    send([step, limit](TaskGateway& t) { t.limit_event_time(step, limit); });
  }
  void confirm_idle(std::int64_t after_ns) override {
    send([after_ns](TaskGateway& t) { t.confirm_idle(after_ns); });
  }
  void replay(const std::string& step, std::vector<DeadLetter> letters) override {
    send([step, letters = std::move(letters)](TaskGateway& t) { t.replay(step, letters); });
  }
  void drop_letters(const std::string& step, std::vector<DeadLetter> letters) override {
    send([step, letters = std::move(letters)](TaskGateway& t) { t.drop_letters(step, letters); });
  }

 private:
  template <class Request>
  void send(Request request, CheckpointId complete = 0) {
    messages_.send(
        line_, [this, request = std::move(request)] { request(*task_); }, complete);
  }

  SlowMessages& messages_;
  Line& line_;
  std::unique_ptr<TaskGateway> task_;
};

class SlowMessages::Listener final : public TaskListener {
 public:
  Listener(SlowMessages& messages, Line& line, TaskListener& coordinator)
      : messages_(messages), line_(line), coordinator_(coordinator) {}

  void task_restored(TaskId task) override {
    send([task](TaskListener& c) { c.task_restored(task); });
  }
  void checkpoint_done(TaskId task, CheckpointId id, std::vector<StepPart> parts,
                       std::vector<std::string> obsolete_files, TaskPhases phases) override {
    send([task, id, parts = std::move(parts), obsolete = std::move(obsolete_files),
          phases](TaskListener& c) { c.checkpoint_done(task, id, parts, obsolete, phases); });
  }
  void checkpoint_committed(TaskId task, CheckpointId id, std::chrono::nanoseconds took) override {
    send([task, id, took](TaskListener& c) { c.checkpoint_committed(task, id, took); });
  }
  void checkpoint_declined(TaskId task, CheckpointId id, Error why) override {
    send([task, id, why = std::move(why)](TaskListener& c) {
      c.checkpoint_declined(task, id, why);
    });
  }
  void task_drained(TaskId task) override {
    send([task](TaskListener& c) { c.task_drained(task); });
  }
  void task_failed(TaskId task, Error why) override {
    send([task, why = std::move(why)](TaskListener& c) { c.task_failed(task, why); });
  }
  void checkpoint_wanted(TaskId task) override {
    send([task](TaskListener& c) { c.checkpoint_wanted(task); });
  }
  void event_time_in_doubt(std::int64_t after_ns) override {
    send([after_ns](TaskListener& c) { c.event_time_in_doubt(after_ns); });
  }
  void letter_done(const std::string& id, const Status& status) override {
    send([id, status](TaskListener& c) { c.letter_done(id, status); });
  }

 private:
  template <class Report>
  void send(Report report) {
    messages_.send(line_, [this, report = std::move(report)] { report(coordinator_); });
  }

  SlowMessages& messages_;
  Line& line_;
  TaskListener& coordinator_;
};

SlowMessages::Line& SlowMessages::new_line() {
  lines_.push_back(std::make_unique<Line>());
  return *lines_.back();
}

std::unique_ptr<TaskGateway> SlowMessages::to_task(std::unique_ptr<TaskGateway> task) {
  return std::make_unique<Gateway>(*this, new_line(), std::move(task));
}

TaskListener& SlowMessages::to_coordinator(TaskListener& coordinator) {
  listeners_.push_back(std::make_unique<Listener>(*this, new_line(), coordinator));
  return *listeners_.back();
}

void SlowMessages::send(Line& line, std::function<void()> deliver, CheckpointId complete) {
  line.messages.push_back({std::move(deliver), complete});
  ++waiting_;
}

/// Which message of a line comes next: the first, unless that is a notice which others overtake.
std::size_t SlowMessages::choose(const Line& line) {
  const bool overtaken = line.messages.front().complete > 0 && line.messages.size() > 1;
  return overtaken && random_.chance(0.5) ? 1 : 0;
}

bool SlowMessages::deliver_one() {
  if (waiting_ == 0) return false;
  std::size_t skip = random_.below(lines_.size());
  while (lines_[skip]->messages.empty()) skip = (skip + 1) % lines_.size();
  auto& messages = lines_[skip]->messages;
  const std::size_t place = choose(*lines_[skip]);
  const Message message = std::move(messages[place]);
  messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(place));
  --waiting_;
  if (message.complete > 0) {  // older notices say nothing new
    waiting_ -= std::erase_if(messages, [&](const Message& other) {
      return other.complete > 0 && other.complete < message.complete;
    });
  }
  message.deliver();
  return true;
}

void SlowMessages::drop() {
  lines_.clear();
  listeners_.clear();
  waiting_ = 0;
}

}  // namespace weir
