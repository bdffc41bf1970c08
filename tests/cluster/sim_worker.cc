#include "tests/cluster/sim_worker.h"

#include <algorithm>
#include <utility>

#include "tests/cluster/sim_coordinator.h"

namespace weir::cluster::sim {
namespace {

std::string name_of(const ProcessId& id) {
  return id.job + "/" + std::to_string(id.attempt) + "/" + std::to_string(id.process);
}

Error echo() {
  return {ErrorCode::peer_lost, "The connection to a peer is gone: end of file", true};
}

}  // namespace

// ---- the machine ------------------------------------------------------------------------------

void SimWorker::on_start() {
  ++incarnation_;
  newest_epoch_ = epoch_ = 0;
  loop_.tell(id() + " starts");
  connect();
}

void SimWorker::on_crash() {
  loop_.tell(id() + " crashes");
  if (link_) link_->close(link_->worker);
  link_ = nullptr;
  ++alone_;
  for (const ProcessId& id : processes()) remove(id, true);
  ended_.clear();
}

void SimWorker::power_off() {
  if (!up()) return;
  if (link_) link_->vanish(link_->worker);
  link_ = nullptr;
  crash();
}

void SimWorker::on_pause(bool begins) {
  loop_.tell(id() + (begins ? " is stopped" : " goes on"));
  if (link_) begins ? link_->cut(link_->coordinator) : link_->heal(link_->coordinator);
}

void SimWorker::drop(bool silently) {
  if (!connected()) return;
  loop_.tell(id() + " loses its connection" + (silently ? " silently" : ""));
  silently ? link_->vanish(link_->worker) : link_->close(link_->worker);
  disconnected();
}

void SimWorker::cut(bool up, bool down, Millis how_long) {
  loop_.tell(id() + " is cut off" + (up ? " upwards" : "") + (down ? " downwards" : ""));
  cut_up_ += up;
  cut_down_ += down;
  if (link_ && up) link_->cut(link_->coordinator);
  if (link_ && down) link_->cut(link_->worker);
  loop_.after(how_long, [this, up, down] {
    cut_up_ -= up;
    cut_down_ -= down;
    if (link_ && up) link_->heal(link_->coordinator);
    if (link_ && down) link_->heal(link_->worker);
  });
}

// ---- its connection ---------------------------------------------------------------------------

void SimWorker::connect() {
  later(loop_.between(20, 250), [this] {
    if (connected()) return;
    SimCoordinator* target = world_.coordinators[loop_.below(world_.coordinators.size())].get();
    const auto leader = world_.registry.leader().value();
    for (const auto& each : world_.coordinators) {
      if (leader && loop_.chance(0.7) && each->address() == leader->address) target = each.get();
    }
    if (cut_up_ > 0 && cut_down_ > 0) return connect();
    auto link = std::make_shared<Link>(loop_);
    link->worker.node = this;
    if (!target->accept(link)) return connect();
    connected_to(link);
  });
}

void SimWorker::connected_to(const std::shared_ptr<Link>& link) {
  link_ = link;
  welcome_ = false;
  link->worker.on_message = [this, raw = link.get()](const Message& message) {
    if (link_.get() == raw) on_message(message);
  };
  link->worker.on_closed = [this, raw = link.get()](const std::string&) {
    if (link_.get() == raw) disconnected();
  };
  for (int i = 0; i < cut_up_; ++i) link->cut(link->coordinator);
  for (int i = 0; i < cut_down_; ++i) link->cut(link->worker);
  Register message{id(), "host-" + name_, slots_, "", ended_};
  for (const auto& [id, process] : processes_) message.processes.push_back(process.report);
  link->send_to(link->coordinator, std::move(message));
}

void SimWorker::disconnected() {
  link_ = nullptr;
  welcome_ = false;
  later(world_.alone, [this, alone = ++alone_] {
    if (alone != alone_) return;
    loop_.tell(id() + " has been alone for too long");
    for (const ProcessId& id : processes()) {
      end(id, Error{ErrorCode::io, "The worker was cut off from the leader.", true});
    }
  });
  connect();
}

void SimWorker::on_message(const Message& message) {
  if (loop_.chance(world_.weather.crash_at_step)) return crash();
  if (const auto* welcome = std::get_if<Welcome>(&message)) return on_welcome(*welcome);
  if (!welcome_) return;
  world_.rules.obeyed(id(), epoch_);
  if (const auto* ordered = std::get_if<Start>(&message)) begin(*ordered);
  if (const auto* peers = std::get_if<Peers>(&message)) meet(*peers);
  if (const auto* ordered = std::get_if<Kill>(&message)) kill(*ordered);
  if (const auto* ask = std::get_if<Ask>(&message)) {
    const auto found = processes_.find(ask->id);
    if (found != processes_.end()) found->second.stopping = true;
  }
}

void SimWorker::on_welcome(const Welcome& welcome) {
  if (welcome.epoch < newest_epoch_) {
    loop_.tell(id() + " refuses epoch " + std::to_string(welcome.epoch));
    link_->close(link_->worker);
    return disconnected();
  }
  loop_.tell(id() + " obeys epoch " + std::to_string(welcome.epoch));
  newest_epoch_ = epoch_ = welcome.epoch;
  welcome_ = true;
  world_.rules.obeyed(id(), epoch_);
  ++alone_;
}

// ---- its processes ----------------------------------------------------------------------------

std::vector<ProcessId> SimWorker::processes() const {
  std::vector<ProcessId> ids;
  for (const auto& [id, process] : processes_) ids.push_back(id);
  return ids;
}

bool SimWorker::runs(const ProcessId& id) const {
  const auto found = processes_.find(id);
  return found != processes_.end() && found->second.report.phase == ProcessPhase::running;
}

SimWorker* SimWorker::worker_named(const std::string& id) const {
  for (const auto& each : world_.workers) {
    if (each->up() && each->id() == id) return each.get();
  }
  return nullptr;
}

void SimWorker::process_later(const Process& process, Millis delay,
                              std::function<void(Process&)> event) {
  later(delay,
        [this, id = process.report.id, instance = process.instance, event = std::move(event)] {
          const auto found = processes_.find(id);
          if (found != processes_.end() && found->second.instance == instance) event(found->second);
        });
}

void SimWorker::report(const Process& process) {
  if (connected()) link_->send_to(link_->coordinator, process.report);
}

void SimWorker::begin(const Start& start) {
  if (processes_.contains(start.id)) return;
  loop_.tell(id() + " starts " + name_of(start.id));
  world_.rules.started(id(), start);
  Process& process = processes_[start.id];
  process.start = start;
  process.report.id = start.id;
  process.instance = ++world_.instances;
  report(process);
  const Weather& weather = world_.weather;
  if (start.spec.settings.contains(kPoison)) {
    return process_later(process, loop_.between(5, 100), [this](Process& ready) {
      end(ready.report.id,
          Error{ErrorCode::incompatible, "The library is of another build.", false});
    });
  }
  if (loop_.chance(weather.failing_start)) {
    return process_later(process, loop_.between(5, 100), [this](Process& ready) {
      end(ready.report.id, Error{ErrorCode::io, "The library could not be read.", true});
    });
  }
  if (loop_.chance(weather.hanging_start)) return;
  const bool slow = loop_.chance(weather.slow_start);
  process_later(process, slow ? loop_.between(1000, 6000) : loop_.between(10, 150),
                [this](Process& ready) { listen(ready); });
}

void SimWorker::listen(Process& process) {
  process.report.phase = ProcessPhase::listening;
  process.report.address = {"host-" + name_,
                            static_cast<std::uint16_t>(1 + process.instance % 60000)};
  report(process);
}

/// The others are where the coordinator says: then the process is restored, and runs.
void SimWorker::meet(const Peers& peers) {
  for (const Address& each : peers.addresses) {
    if (each.port == 0) loop_.problem("peers go out before all of them listen");
  }
  for (auto& [id, process] : processes_) {
    if (id.job != peers.job || id.attempt != peers.attempt || process.has_peers) continue;
    process.has_peers = true;
    if (peers.addresses.size() != process.start.processes.size()) {
      loop_.problem("peers of another number");
    }
    process_later(process, loop_.between(5, 100), [this](Process& ready) { run(ready); });
  }
}

void SimWorker::run(Process& process) {
  const ProcessId id = process.report.id;
  if (id.process == 0 && !world_.storage.claim(id.job, id.attempt, process.instance)) {
    return end(id, Error{ErrorCode::io, "A newer attempt has taken the state over.", true});
  }
  process.report.phase = ProcessPhase::running;
  report(process);
  if (id.process != 0) return;
  process_later(process, loop_.between(200, 600), [this](Process& ready) { checkpoint(ready); });
}

bool SimWorker::all_run(const Process& process) const {
  ProcessId id = process.report.id;
  for (const ProcessPlace& place : process.start.processes) {
    const SimWorker* worker = worker_named(place.worker);
    if (worker == nullptr || worker->paused() || !worker->runs(id)) return false;
    ++id.process;
  }
  return true;
}

/// Of a master: one checkpoint, and the next one later, unless that was the last.
void SimWorker::checkpoint(Process& process) {
  if (all_run(process)) {
    const ProcessId id = process.report.id;
    const std::uint64_t number = world_.storage.complete(id.job, id.attempt, process.instance);
    if (number == 0) {
      return end(id, Error{ErrorCode::io, "A newer attempt has taken the state over.", true});
    }
    process.report.checkpoint = number;
    const auto& settings = process.start.spec.settings;
    const auto last = settings.find(kCheckpoints);
    if (last != settings.end() && number >= std::stoull(last->second)) {
      return conclude(process, JobState::finished);
    }
    if (process.stopping) return conclude(process, JobState::stopped);
    report(process);
  }
  process_later(process, loop_.between(300, 1200), [this](Process& ready) { checkpoint(ready); });
}

/// The master tells the others to end; who of them ends first, and who misses it, is chance.
void SimWorker::conclude(Process& process, JobState outcome) {
  const Process last = process;
  loop_.tell("the master of " + last.report.id.job + " says: " + to_string(outcome));
  ProcessId peer = last.report.id;
  for (const ProcessPlace& place : last.start.processes) {
    if (peer.process > 0) {
      if (SimWorker* worker = worker_named(place.worker)) {
        const bool hears = loop_.chance(0.8);
        worker->later(loop_.between(0, 60), [worker, peer, hears] {
          worker->end(peer, hears ? std::nullopt : std::optional(echo()));
        });
      }
    }
    ++peer.process;
  }
  later(loop_.between(0, 40), [this, last, outcome] {
    const auto found = processes_.find(last.report.id);
    if (found == processes_.end() || found->second.instance != last.instance) return;
    found->second.report.outcome = outcome;
    end(last.report.id, std::nullopt);
  });
  process.stopping = false;
}

void SimWorker::end(ProcessId id, std::optional<Error> failure) {
  const auto found = processes_.find(id);
  if (found == processes_.end()) return;
  Process& process = found->second;
  process.report.phase = ProcessPhase::ended;
  process.report.failure = std::move(failure);
  report(process);
  loop_.tell(name_of(id) +
             " ends: " + (process.report.failure ? process.report.failure->message : "quietly"));
  if (loop_.chance(0.7)) ended_.push_back(process.report);
  if (ended_.size() > 20) ended_.erase(ended_.begin());
  remove(id, process.report.failure.has_value());
}

void SimWorker::fail_one() {
  if (processes_.empty()) return;
  auto victim = processes_.begin();
  std::advance(victim, static_cast<std::ptrdiff_t>(loop_.below(processes_.size())));
  const ProcessId id = victim->first;
  end(id, Error{ErrorCode::io, "The process was killed by signal 9.", true});
}

void SimWorker::kill(const Kill& kill) {
  for (const ProcessId& id : processes()) {
    if (id.job == kill.job && id.attempt <= kill.attempt) end(id, std::nullopt);
  }
  std::erase_if(ended_, [&](const ProcessReport& report) {
    return report.id.job == kill.job && report.id.attempt <= kill.attempt;
  });
}

/// Its peers miss it, sooner or later, if they speak with it already.
void SimWorker::remove(ProcessId id, bool peers_notice) {
  const Process gone = std::move(processes_.at(id));
  processes_.erase(id);
  if (!peers_notice || !gone.has_peers) return;
  ProcessId peer{id.job, id.attempt, 0};
  for (const ProcessPlace& place : gone.start.processes) {
    SimWorker* worker = peer.process == id.process ? nullptr : worker_named(place.worker);
    if (worker != nullptr) {
      worker->later(loop_.between(1, 150), [worker, peer] { worker->end(peer, echo()); });
    }
    ++peer.process;
  }
}

}  // namespace weir::cluster::sim
