// Orders, requests and time; see leader.h. The links of workers are in leader_workers.cc.
#include "weir/cluster/leader.h"

#include <algorithm>
#include <utility>

#include "weir/base/log.h"
#include "weir/cluster/log_choice.h"
#include "weir/net/link.h"

namespace weir::cluster {
namespace {

constexpr std::chrono::milliseconds kRetry{100};

Error lead_is_over(const std::string& why) {
  return {ErrorCode::cancelled,
          "This coordinator lost the lead before it was done (" + why + "); look, and try again",
          true};
}

std::string key_of(const std::string& job) { return "jobs/" + job; }

}  // namespace

ClusterLeader::ClusterLeader(LeaderOptions options, LeaderSeams seams, std::uint64_t epoch,
                             RecordSet known)
    : options_(std::move(options)),
      seams_(std::move(seams)),
      epoch_(epoch),
      scheduler_(options_.scheduler, std::move(known.records), now(), wall(),
                 std::move(known.unreadable)) {
  forget_old_jobs();
  if (const std::string workers = scheduler_.awaits(now()); !workers.empty()) {
    log_info("leader", "starts no job yet: waits for " + workers);
  }
}

ClusterLeader::~ClusterLeader() { end("the process ends"); }

void ClusterLeader::end(const std::string& why) {
  if (over_) return;
  over_ = why;
  log_info("leader", "the lead of epoch " + std::to_string(epoch_) + " is over: " + why);
  sessions_.clear();
  session_of_.clear();
  auto steps = std::exchange(steps_, {});
  auto requests = std::exchange(requests_, {});
  for (Step& step : steps) {
    if (const auto* done = std::get_if<Done>(&step.what)) (*done)(lead_is_over(why));
  }
  for (auto& [number, request] : requests) request.answered(lead_is_over(why));
}

/// Whether the lead is certain at this moment; ends it when it is not.
bool ClusterLeader::check_certain() {
  if (over_) return false;
  if (now() < seams_.certain_until()) return true;
  end("it could not be renewed in time");
  return false;
}

SteadyTime ClusterLeader::tick() {
  if (!check_certain()) return SteadyTime::max();
  const SteadyTime at = now();
  if (scheduler_.next_deadline() <= at) carry_out(scheduler_.tick(at, wall()));
  if (next_beat_ <= at) beat();
  if (retry_at_ <= at) {
    retry_at_ = SteadyTime::max();
    run();
  }
  std::vector<Answered> late;
  for (auto it = requests_.begin(); it != requests_.end();) {
    const bool due = it->second.deadline <= at;
    if (due) late.push_back(std::move(it->second.answered));
    it = due ? requests_.erase(it) : std::next(it);
  }
  for (const Answered& answered : late) {
    answered(Error{ErrorCode::io, "The job did not answer in time", true});
  }
  if (over_) return SteadyTime::max();
  SteadyTime next =
      std::min({scheduler_.next_deadline(), next_beat_, retry_at_, seams_.certain_until()});
  for (const auto& [number, request] : requests_) next = std::min(next, request.deadline);
  return next;
}

// ---- orders -------------------------------------------------------------------------------------

void ClusterLeader::add(Scheduler::Orders orders) {
  ++events_;
  for (Order& order : orders) {
    std::visit([this](auto& what) { steps_.push_back({std::move(what), events_}); }, order);
  }
}

void ClusterLeader::carry_out(Scheduler::Orders orders) {
  add(std::move(orders));
  run();
}

void ClusterLeader::request(Result<Scheduler::Orders> orders, Done done) {
  if (over_) return done(lead_is_over(*over_));
  if (!orders.ok()) return done(orders.error());
  add(*std::move(orders));
  steps_.push_back({std::move(done), events_});
  run();
}

/// Goes on until a write is under way. What it calls may add steps, which it then comes to.
void ClusterLeader::run() {
  if (running_) return;
  running_ = true;
  while (!steps_.empty() && !writing_ && retry_at_ == SteadyTime::max() && check_certain()) {
    Step& step = steps_.front();
    if (const auto* save = std::get_if<Save>(&step.what)) {
      write(key_of(save->record.id), to_text(save->record));
    } else if (const auto* erase = std::get_if<Erase>(&step.what)) {
      write(key_of(erase->job), std::nullopt);
    } else {
      const Step taken = std::move(step);
      steps_.pop_front();
      if (const auto* order = std::get_if<Send>(&taken.what)) send(*order);
      if (const auto* done = std::get_if<Done>(&taken.what)) (*done)({});
    }
  }
  running_ = false;
}

void ClusterLeader::write(std::string key, std::optional<std::string> value) {
  writing_ = true;
  seams_.registry_thread.post([this, alive = std::weak_ptr<int>(alive_), epoch = epoch_,
                               registry = &seams_.registry, control = &seams_.control,
                               key = std::move(key), value = std::move(value)] {
    Status status = value ? registry->put(epoch, key, *value) : registry->erase(epoch, key);
    control->post([this, alive, status = std::move(status)] {
      if (alive.lock()) written(status);
    });
  });
}

void ClusterLeader::written(Status status) {
  writing_ = false;
  if (over_) return;
  if (status.ok()) {
    failing_since_.reset();
    const Step step = std::move(steps_.front());
    steps_.pop_front();
    if (const auto* erased = std::get_if<Erase>(&step.what)) {
      forgotten_.erase(erased->job);
      scheduler_.forget(erased->job);
    } else {
      forget_old_jobs();
    }
    return run();
  }
  if (status.error().code == ErrorCode::not_found) return end(status.error().message);
  if (status.error().code == ErrorCode::invalid_argument) {  // another try would end the same
    drop_save(status.error());
    return run();
  }
  log_warn("leader", "cannot write to the registry: " + status.error().message);
  if (!failing_since_) failing_since_ = now();
  if (now() - *failing_since_ > options_.give_up_after) return end(status.error().message);
  retry_at_ = now() + kRetry;
}

/// Drops the write that comes first, and what must not be done without it: to start processes, and
/// to say that all is well. An attempt that does not start is given up in time.
void ClusterLeader::drop_save(const Error& error) {
  const Step dropped = std::move(steps_.front());
  steps_.pop_front();
  const auto* save = std::get_if<Save>(&dropped.what);
  log_error("leader", "left out a write that the registry does not take: " + error.message);
  if (save == nullptr) return;
  std::vector<Done> told;
  const auto fails = [&](Step& step) {
    if (step.event != dropped.event) return false;
    if (auto* done = std::get_if<Done>(&step.what)) {
      told.push_back(std::move(*done));
      return true;
    }
    const auto* order = std::get_if<Send>(&step.what);
    const auto* start = order == nullptr ? nullptr : std::get_if<Start>(&order->message);
    return start != nullptr && start->id.job == save->record.id;
  };
  std::erase_if(steps_, fails);
  for (const Done& done : told) done(error);
}

/// Jobs that are over are kept as long as they are among the newest. Only what is saved may be
/// erased, so this comes behind all that waits.
void ClusterLeader::forget_old_jobs() {
  std::vector<const JobRecord*> ended;
  for (const JobRecord* job : jobs()) {
    if (is_over(job->state)) ended.push_back(job);
  }
  if (ended.size() <= options_.keep_jobs) return;
  std::sort(ended.begin(), ended.end(),
            [](const JobRecord* a, const JobRecord* b) { return a->changed_at > b->changed_at; });
  for (std::size_t i = options_.keep_jobs; i < ended.size(); ++i) {
    forgotten_.insert(ended[i]->id);
    steps_.push_back({Erase{ended[i]->id}, events_});
  }
}

// ---- requests -----------------------------------------------------------------------------------

void ClusterLeader::submit(JobRecord record, Done done) {
  request(scheduler_.submit(std::move(record), now(), wall()), std::move(done));
}
void ClusterLeader::cancel(const std::string& job, Done done) {
  request(scheduler_.cancel(job, now(), wall()), std::move(done));
}
void ClusterLeader::stop(const std::string& job, Done done) {
  request(scheduler_.stop(job, now(), wall()), std::move(done));
}
void ClusterLeader::change(const std::string& job, JobSpec spec, Done done) {
  request(scheduler_.change(job, std::move(spec), now(), wall()), std::move(done));
}

void ClusterLeader::ask_master(const std::string& job, std::string json,
                               std::optional<std::chrono::milliseconds> timeout,
                               Answered answered) {
  const auto master = scheduler_.master_of(job);
  if (!master) {
    const JobRecord* record = this->job(job);
    if (record == nullptr) return answered(no_such_job(job));
    const std::string waits = waits_for(job);
    return answered(Error{ErrorCode::not_found,
                          "Job " + job + " does not run now; it is " + to_string(record->state) +
                              (waits.empty() ? "" : " and waits for " + waits)});
  }
  ask(master->first, master->second, std::move(json), timeout, std::move(answered));
}

void ClusterLeader::savepoint_and_stop(const std::string& job, std::string json,
                                       Answered answered) {
  const auto then = [this, job, json = std::move(json), answered](const Status& saved) mutable {
    if (!saved.ok()) return answered(saved.error());
    const JobRecord* record = this->job(job);
    const std::uint64_t attempt = record == nullptr ? 0 : record->attempt;
    ask_master(job, std::move(json), std::nullopt,
               [this, job, attempt, answered](const Result<std::string>& answer) {
                 const JobRecord* now_is = over_ ? nullptr : this->job(job);
                 // Without an answer nothing was refused: another attempt is asked to stop.
                 const bool refused = !answer.ok() && answer.error().code != ErrorCode::cancelled;
                 if (refused && now_is != nullptr && now_is->attempt == attempt) {
                   carry_out(scheduler_.savepoint_refused(job, now(), wall()));
                 }
                 answered(answer);
               });
  };
  request(scheduler_.stop_by_savepoint(job, now(), wall()), then);
}

void ClusterLeader::ask_log(const ProcessId& process, const std::string& json,
                            std::chrono::milliseconds timeout, LogAnswered answered) {
  const JobRecord* record = job(process.job);
  if (record == nullptr) return answered(no_such_job(process.job), "");
  const std::string worker = worker_of(*record, process);
  if (!session_of_.contains(worker)) return ask_all_for_log(process, json, timeout, answered);
  ask(worker, process, json, timeout,
      [this, process, json, timeout, worker, answered](const Result<std::string>& answer) {
        const bool elsewhere = !answer.ok() && answer.error().code == ErrorCode::not_found;
        if (!elsewhere || over_) return answered(answer, worker);
        ask_all_for_log(process, json, timeout, answered);
      });
}

/// A worker that was started again on its folder has the logs of before under another name.
void ClusterLeader::ask_all_for_log(const ProcessId& process, const std::string& json,
                                    std::chrono::milliseconds timeout,
                                    const LogAnswered& answered) {
  const JobRecord* record = job(process.job);
  const std::string ran_on = record == nullptr ? "" : worker_of(*record, process);
  const Error nowhere{
      ErrorCode::not_found,
      "No worker that is connected has a log of process " + to_string(process) +
          (ran_on.empty() ? "" : ", which ran on " + ran_on) +
          ". A worker keeps those of a job's five newest attempts, below WORK/logs"};
  std::vector<std::string> workers;
  for (const auto& [worker, session] : session_of_) workers.push_back(worker);
  if (workers.empty()) return answered(nowhere, "");
  const auto waiting = std::make_shared<std::size_t>(workers.size());  // of all the answers
  for (const std::string& worker : workers) {
    ask(worker, process, json, timeout,
        [waiting, answered, nowhere, worker](const Result<std::string>& answer) {
          if (*waiting == 0) return;  // another had it
          if (answer.ok()) {
            *waiting = 0;
            answered(answer, worker);
          } else if (--*waiting == 0) {
            answered(nowhere, "");
          }
        });
  }
}

void ClusterLeader::ask(const std::string& worker, ProcessId id, std::string json,
                        std::optional<std::chrono::milliseconds> timeout, Answered answered) {
  if (over_) return answered(lead_is_over(*over_));
  if (!session_of_.contains(worker)) {
    return answered(Error{ErrorCode::io, "Worker " + worker + " is not connected", true});
  }
  const std::uint64_t number = next_request_++;
  const SteadyTime deadline = timeout ? now() + *timeout : SteadyTime::max();
  requests_[number] = {worker, deadline, std::move(answered)};
  send({worker, Ask{number, std::move(id), std::move(json)}});
}

void ClusterLeader::take_answer(const std::string& worker, Answer answer) {
  const auto found = requests_.find(answer.request);
  if (found == requests_.end() || found->second.worker != worker) return;  // too late
  const Answered answered = std::move(found->second.answered);
  requests_.erase(found);
  if (answer.failure) return answered(*answer.failure);
  answered(std::move(answer.json));
}

void ClusterLeader::fail_requests(const std::string& worker, const std::string& why) {
  std::vector<Answered> failed;
  for (auto it = requests_.begin(); it != requests_.end();) {
    const bool of_worker = it->second.worker == worker;
    if (of_worker) failed.push_back(std::move(it->second.answered));
    it = of_worker ? requests_.erase(it) : std::next(it);
  }
  for (const Answered& answered : failed) {
    answered(Error{ErrorCode::cancelled, "Worker " + worker + " is gone: " + why, true});
  }
}

// ---- looking ------------------------------------------------------------------------------------

std::vector<const JobRecord*> ClusterLeader::jobs() const {
  std::vector<const JobRecord*> list;
  for (const auto& [id, record] : scheduler_.jobs()) {
    if (!forgotten_.contains(id)) list.push_back(&record);
  }
  return list;
}

const JobRecord* ClusterLeader::job(const std::string& id) const {
  const auto found = scheduler_.jobs().find(id);
  return found == scheduler_.jobs().end() || forgotten_.contains(id) ? nullptr : &found->second;
}

}  // namespace weir::cluster
