#include "tests/cluster/sim_rules.h"

#include "tests/cluster/sim_coordinator.h"
#include "tests/cluster/sim_worker.h"

namespace weir::cluster::sim {
namespace {

std::string text_of(const std::vector<ProcessPlace>& places) {
  std::string text;
  for (const ProcessPlace& each : places) {
    text += each.worker + ":" + std::to_string(each.slots) + " ";
  }
  return text;
}

std::string attempt_name(const std::string& job, std::uint64_t attempt) {
  return job + "/" + std::to_string(attempt);
}

}  // namespace

void Rules::written(std::uint64_t epoch, std::uint64_t leader, const std::string& text) {
  if (epoch != leader || epoch < newest_epoch_) {
    loop_.problem("epoch " + std::to_string(epoch) + " writes while another one leads");
  }
  newest_epoch_ = epoch;
  const auto parsed = parse_record(text, "jobs/");
  if (!parsed.ok()) return loop_.problem(parsed.error().message);
  const JobRecord& record = *parsed;
  const auto before = records_.find(record.id);
  if (before != records_.end()) {
    const JobRecord& old = before->second;
    if (record.attempt < old.attempt) {
      loop_.problem("the attempts of " + record.id + " went back to " +
                    std::to_string(record.attempt));
    }
    if (is_over(old.state) && !is_over(record.state) && !anew_.contains(record.id)) {
      loop_.problem(record.id + " was over and goes on: " + to_string(record.state));
    }
  }
  if (record.last_checkpoint > 0 && record.spec.from != "latest") {
    loop_.problem(record.id + " has a checkpoint and would not begin there");
  }
  if (!record.processes.empty()) {
    const auto [place, first] =
        placements_.emplace(std::pair{record.id, record.attempt}, text_of(record.processes));
    if (!first && place->second != text_of(record.processes)) {
      loop_.problem(attempt_name(record.id, record.attempt) +
                    " has two placements: " + place->second + "and " + text_of(record.processes));
    }
  }
  loop_.tell("saved " + attempt_name(record.id, record.attempt) + " " + to_string(record.state) +
             " " + text_of(record.processes));
  records_[record.id] = record;
}

void Rules::obeyed(const std::string& worker, std::uint64_t epoch) {
  std::uint64_t& newest = obeyed_[worker];
  if (epoch < newest) {
    loop_.problem(worker + " obeys epoch " + std::to_string(epoch) + " after " +
                  std::to_string(newest));
  }
  newest = epoch;
}

void Rules::started(const std::string& worker, const Start& start) {
  const ProcessId& id = start.id;
  const std::string name =
      attempt_name(id.job, id.attempt) + "/" + std::to_string(id.process) + " on " + worker;
  const auto saved = placements_.find({id.job, id.attempt});
  if (saved == placements_.end()) return loop_.problem(name + " starts before it was saved");
  if (saved->second != text_of(start.processes)) {
    loop_.problem(name + " starts with another placement than was saved");
  }
  if (id.process >= start.processes.size() || start.processes[id.process].worker != worker) {
    loop_.problem(name + " starts elsewhere than it was placed");
  }
  if (!started_.insert(id).second) loop_.problem(name + " starts a second time");
}

void Rules::ordered(const Scheduler& scheduler, const Scheduler::Orders& orders) {
  const JobRecord* begun = nullptr;
  std::string last;
  for (const Order& order : orders) {
    const auto* send = std::get_if<Send>(&order);
    const auto* start = send == nullptr ? nullptr : std::get_if<Start>(&send->message);
    if (start == nullptr || start->id.job == last) continue;
    if (!last.empty()) return;  // several at once: what each found is not known any more
    last = start->id.job;
    begun = &scheduler.jobs().at(last);
  }
  if (begun == nullptr) return;
  std::map<std::string, WorkerView> workers;
  for (WorkerView& each : scheduler.workers()) workers[each.id] = each;
  // Some workers are avoided on purpose: where the job failed, or could not load its library.
  const auto& failed = begun->exceptions;
  const bool unfit = begun->spec.settings.contains(kPoison);
  std::uint32_t slots = 0;
  for (const ProcessPlace& place : begun->processes) {
    slots += place.slots;
    const auto from = workers.find(place.worker);
    if (from == workers.end()) return loop_.problem(last + " is placed on a worker that is gone");
    for (const auto& [id, to] : workers) {
      if (unfit || (!failed.empty() && failed[0].worker == id)) continue;
      if (id != place.worker && std::uint64_t{from->second.used} * to.slots >
                                    (std::uint64_t{to.used} + 1) * from->second.slots) {
        loop_.problem(last + " crowds " + place.worker + " while " + id + " has room");
      }
    }
  }
  if (slots != begun->spec.parallelism) loop_.problem(last + " got another number of slots");
}

bool SharedStorage::claim(const std::string& job, std::uint64_t attempt, std::uint64_t) {
  OfJob& of_job = jobs_[job];
  if (attempt < of_job.claimed) return false;
  of_job.claimed = attempt;
  return true;
}

std::uint64_t SharedStorage::complete(const std::string& job, std::uint64_t attempt,
                                      std::uint64_t instance) {
  OfJob& of_job = jobs_[job];
  if (of_job.claimed != attempt) return 0;
  if (attempt < of_job.attempt || (attempt == of_job.attempt && instance != of_job.instance)) {
    loop_.problem(attempt_name(job, attempt) + " completes a checkpoint after " +
                  std::to_string(of_job.attempt) + " has");
  }
  of_job.attempt = attempt;
  of_job.instance = instance;
  return ++of_job.completed;
}

std::uint64_t SharedStorage::completed(const std::string& job) const {
  const auto found = jobs_.find(job);
  return found == jobs_.end() ? 0 : found->second.completed;
}

}  // namespace weir::cluster::sim
