#include "tests/cluster/sim_coordinator.h"

#include <algorithm>
#include <utility>

#include "tests/cluster/sim_worker.h"

namespace weir::cluster::sim {
namespace {

SchedulerOptions options() {
  SchedulerOptions options;
  options.listen_within = options.start_within = Millis(8000);
  options.longest_pause = Millis(2000);
  return options;
}

}  // namespace

void SimCoordinator::on_start() {
  ++life_;
  loop_.tell(address() + " starts");
  later(loop_.between(0, 300), [this] { beat(); });
}

void SimCoordinator::on_crash() {
  loop_.tell(name_ + " crashes");
  step_down();
}

void SimCoordinator::power_off() {
  if (!up()) return;
  for (auto& [worker, link] : links_) link->vanish(link->coordinator);
  for (auto& link : strangers_) link->vanish(link->coordinator);
  links_.clear();
  strangers_.clear();
  crash();
}

void SimCoordinator::on_pause(bool begins) {
  loop_.tell(name_ + (begins ? " is stopped" : " goes on"));
  // The thread that looks at the clock may be the last to go on.
  if (!begins) slow_until_ = loop_.now() + loop_.between(0, 800);
  for (auto& [worker, link] : links_) {
    begins ? link->cut(link->worker) : link->heal(link->worker);
  }
  for (auto& link : strangers_) begins ? link->cut(link->worker) : link->heal(link->worker);
}

// ---- the lead ---------------------------------------------------------------------------------

void SimCoordinator::beat() {
  if (loop_.now() < slow_until_) {
    const auto rest = std::chrono::ceil<Millis>(slow_until_ - loop_.now());
    return later(rest, [this] { beat(); });
  }
  if (leads() && loop_.now() >= lead_until_) {
    loop_.tell(name_ + " steps down by its own clock");
    step_down();
  }
  leads() ? renew() : campaign();
  later(loop_.between(200, 400), [this] { beat(); });
}

void SimCoordinator::campaign() {
  struct Found {
    Leader leader;
    std::map<std::string, std::string> values;
  };
  auto found = std::make_shared<Found>();
  const SteadyTime asked = loop_.now();
  ask_registry(
      [this, found]() -> Status {
        WEIR_ASSIGN(found->leader, world_.registry.campaign(address()));
        WEIR_ASSIGN(found->values, world_.registry.list(""));
        return {};
      },
      [this, found, asked, term = term_](const Status& status) {
        if (!status.ok() || found->leader.address != address() || term != term_) return;
        lead_until_ = asked + world_.registry.term();
        lead(found->leader.epoch, found->values);
      });
}

void SimCoordinator::renew() {
  const SteadyTime asked = loop_.now();
  ask_registry([this, epoch = epoch_] { return world_.registry.renew(epoch); },
               [this, asked, term = term_](const Status& status) {
                 if (term != term_ || !leads()) return;
                 if (status.ok()) {
                   lead_until_ = std::max(lead_until_, asked + world_.registry.term());
                 } else if (status.error().code == ErrorCode::not_found) {
                   step_down();
                 }
               });
}

void SimCoordinator::lead(std::uint64_t epoch, const std::map<std::string, std::string>& values) {
  ++term_;
  epoch_ = epoch;
  std::vector<JobRecord> records;
  for (const auto& [key, value] : values) records.push_back(parse_record(value, key).value());
  scheduler_ =
      std::make_unique<Scheduler>(options(), std::move(records), loop_.now(), loop_.wall());
  tick_at_ = SteadyTime::max();
  plan_tick();
}

void SimCoordinator::step_down() {
  ++term_;
  scheduler_.reset();
  orders_.clear();
  busy_ = false;
  for (auto& [worker, link] : std::exchange(links_, {})) link->close(link->coordinator);
  for (auto& link : std::exchange(strangers_, {})) link->close(link->coordinator);
}

/// Carries `there` out in the registry, unless it is not reached, and gives what came of it to
/// `then`, unless the answer is lost.
void SimCoordinator::ask_registry(std::function<Status()> there,
                                  std::function<void(const Status&)> then) {
  const bool slow = loop_.chance(world_.weather.slow_request);
  loop_.after(slow ? loop_.between(50, 900) : loop_.between(1, 4),
              [this, there = std::move(there), then = std::move(then)] {
                Status status = Error{ErrorCode::io, "The registry does not answer.", true};
                Millis delay(500);
                const bool reached = !world_.weather.registry_down && loop_.now() >= cut_off_until_;
                const bool lost = loop_.chance(world_.weather.lost_answer);
                if (reached && (!lost || loop_.chance(0.5))) {
                  Status done = there();
                  if (!lost) {
                    status = std::move(done);
                    delay = loop_.between(1, 4);
                  }
                }
                later(delay, [status = std::move(status), then] { then(status); });
              });
}

// ---- workers ----------------------------------------------------------------------------------

bool SimCoordinator::accept(const std::shared_ptr<Link>& link) {
  if (!up() || !leads()) return false;
  link->coordinator.node = this;
  link->coordinator.on_message = [this, raw = link.get()](const Message& message) {
    on_message(raw->shared_from_this(), message);
  };
  link->coordinator.on_closed = [this, raw = link.get()](const std::string& why) {
    on_closed(raw->shared_from_this(), why);
  };
  strangers_.push_back(link);
  if (paused()) link->cut(link->worker);
  return true;
}

void SimCoordinator::on_message(const std::shared_ptr<Link>& link, const Message& message) {
  if (!leads()) return link->close(link->coordinator);
  if (loop_.chance(world_.weather.crash_at_step)) return crash();
  if (const auto* worker = std::get_if<Register>(&message)) {
    std::erase(strangers_, link);
    loop_.tell(name_ + " knows " + worker->worker + " with " +
               std::to_string(worker->processes.size()) + " processes");
    auto& known = links_[worker->worker];
    if (known) known->close(known->coordinator);
    known = link;
    link->send_to(link->worker, Welcome{epoch_, 200, 3000});
    add(scheduler_->worker_joined(*worker, loop_.now(), loop_.wall()));
  } else if (const auto* report = std::get_if<ProcessReport>(&message)) {
    for (const auto& [worker, known] : links_) {
      if (known != link) continue;
      const std::string name = worker;
      return add(scheduler_->reported(name, *report, loop_.now(), loop_.wall()));
    }
  }
}

void SimCoordinator::on_closed(const std::shared_ptr<Link>& link, const std::string& why) {
  std::erase(strangers_, link);
  for (const auto& [worker, known] : links_) {
    if (known != link) continue;
    const std::string name = worker;
    links_.erase(name);
    loop_.tell(name_ + " loses " + name + ": " + why);
    if (leads()) add(scheduler_->worker_lost(name, why, loop_.now(), loop_.wall()));
    return;
  }
}

// ---- orders -----------------------------------------------------------------------------------

void SimCoordinator::ask(const Request& request, std::function<void()> done) {
  if (!leads()) return;
  auto orders = request(*scheduler_, loop_.now(), loop_.wall());
  if (!orders.ok()) return;
  add(std::move(*orders), std::move(done));
}

void SimCoordinator::add(Scheduler::Orders orders, std::function<void()> done) {
  world_.rules.ordered(*scheduler_, orders);
  for (Order& order : orders) orders_.push_back({std::move(order), nullptr});
  if (done) orders_.push_back({std::nullopt, std::move(done)});
  plan_tick();
  carry_out();
}

void SimCoordinator::carry_out() {
  while (!busy_ && !orders_.empty()) {
    if (loop_.chance(world_.weather.crash_at_step)) return crash();
    const Step& step = orders_.front();
    if (!step.order) {
      step.done();
    } else if (const auto* record = std::get_if<Save>(&*step.order)) {
      busy_ = true;
      return save(record->record);
    } else {
      const Send& send = std::get<Send>(*step.order);
      const auto link = links_.find(send.worker);
      if (link != links_.end()) link->second->send_to(link->second->worker, send.message);
    }
    orders_.pop_front();
  }
}

void SimCoordinator::save(const JobRecord& record) {
  ask_registry([this, epoch = epoch_, key = record.id,
                value = to_text(record)] { return world_.registry.put(epoch, key, value); },
               [this, term = term_](const Status& status) {
                 if (term != term_) return;
                 if (status.ok()) {
                   busy_ = false;
                   orders_.pop_front();
                   carry_out();
                 } else if (status.error().code == ErrorCode::not_found) {
                   loop_.tell(name_ + " learns by a write that it does not lead");
                   step_down();
                 } else {
                   later(Millis(100), [this, term] {
                     if (term == term_) save(std::get<Save>(*orders_.front().order).record);
                   });
                 }
               });
}

void SimCoordinator::plan_tick() {
  const SteadyTime due = scheduler_->next_deadline();
  if (due >= tick_at_ || due == SteadyTime::max()) return;
  tick_at_ = due;
  const Millis delay = std::chrono::ceil<Millis>(std::max(due, loop_.now()) - loop_.now());
  later(delay, [this, term = term_] {
    if (term != term_) return;
    tick_at_ = SteadyTime::max();
    add(scheduler_->tick(loop_.now(), loop_.wall()));
  });
}

}  // namespace weir::cluster::sim
