// A scheduler on time that moves only when told to; its orders as lines of text, so that a test
// reads as a table:
//
//   save j-1 starting 1 [a:2 b:2]     record, state, attempt, its processes; "-> then" and failures
//   start a j-1/1/0                   worker, job, attempt, process
//   peers a j-1/1 | kill a j-1/1 | ask a j-1/1/0 {"request":"stop"}
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "weir/cluster/scheduler.h"

namespace weir::cluster {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Lines = std::vector<std::string>;

inline std::string name_of(const ProcessId& id) {
  return id.job + "/" + std::to_string(id.attempt) + "/" + std::to_string(id.process);
}

inline std::string text_of(const JobRecord& record) {
  std::string text =
      record.id + " " + to_string(record.state) + " " + std::to_string(record.attempt) + " [";
  for (const ProcessPlace& place : record.processes) {
    if (text.back() != '[') text += ' ';
    text += place.worker + ":" + std::to_string(place.slots);
  }
  text += "]";
  if (!record.next.empty()) text += " -> " + std::string(to_string(record.then));
  return text;
}

inline std::string text_of(const Order& order) {
  if (const auto* save = std::get_if<Save>(&order)) return "save " + text_of(save->record);
  const Send& send = std::get<Send>(order);
  if (const auto* start = std::get_if<Start>(&send.message))
    return "start " + send.worker + " " + name_of(start->id);
  if (const auto* peers = std::get_if<Peers>(&send.message))
    return "peers " + send.worker + " " + peers->job + "/" + std::to_string(peers->attempt);
  if (const auto* kill = std::get_if<Kill>(&send.message))
    return "kill " + send.worker + " " + kill->job + "/" + std::to_string(kill->attempt);
  if (const auto* ask = std::get_if<Ask>(&send.message))
    return "ask " + send.worker + " " + name_of(ask->id) + " " + ask->json;
  return "something else to " + send.worker;
}

class Play {
 public:
  explicit Play(std::vector<JobRecord> records = {}, SchedulerOptions options = {})
      : options_(std::move(options)) {
    options_.libraries = "/libraries";
    scheduler = std::make_unique<Scheduler>(options_, std::move(records), now, wall);
  }

  /// The same cluster under a new leader, which knows what was saved, but cannot read the records
  /// of some jobs.
  void change_leader(const std::set<std::string>& unreadable = {}) {
    std::vector<JobRecord> records;
    std::vector<UnreadableRecord> left;
    for (const auto& [id, record] : saved) {
      if (unreadable.contains(id)) {
        left.push_back({id, record.spec.name, record.spec.state_dir, "It is of a newer version."});
      } else {
        records.push_back(record);
      }
    }
    scheduler =
        std::make_unique<Scheduler>(options_, std::move(records), now, wall, std::move(left));
  }

  Lines join(const std::string& worker, std::uint32_t slots = 2,
             std::vector<ProcessReport> processes = {}, const std::string& build = "") {
    return take(
        scheduler->worker_joined({worker, "host-" + worker, slots, build, processes}, now, wall));
  }
  Lines lose(const std::string& worker) {
    return take(scheduler->worker_lost(worker, "Its connection is closed.", now, wall));
  }
  Lines report(const std::string& worker, const ProcessReport& report) {
    return take(scheduler->reported(worker, report, now, wall));
  }
  Lines wait(std::chrono::milliseconds by) {
    now += by;
    wall += by;
    return take(scheduler->tick(now, wall));
  }
  /// How long until the next deadline.
  std::chrono::milliseconds idle() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(scheduler->next_deadline() - now);
  }

  static JobSpec spec(std::uint32_t parallelism) {
    JobSpec spec;
    spec.name = "carts";
    spec.library_hash = "ab12";
    spec.parallelism = parallelism;
    return spec;
  }
  Lines submit(const std::string& id, JobSpec spec) {
    JobRecord record;
    record.id = id;
    record.spec = std::move(spec);
    return take(scheduler->submit(record, now, wall));
  }
  Lines submit(const std::string& id = "j-1", std::uint32_t parallelism = 4) {
    return submit(id, spec(parallelism));
  }
  Lines stop(const std::string& id = "j-1") { return take(scheduler->stop(id, now, wall)); }
  Lines cancel(const std::string& id = "j-1") { return take(scheduler->cancel(id, now, wall)); }
  Lines change(std::uint32_t parallelism, const std::string& id = "j-1") {
    return take(scheduler->change(id, spec(parallelism), now, wall));
  }

  /// A report of a process of the present attempt of `job`.
  ProcessReport at(ProcessPhase phase, std::uint32_t process,
                   const std::string& job = "j-1") const {
    ProcessReport report;
    report.id = {job, record(job).attempt, process};
    report.phase = phase;
    if (phase >= ProcessPhase::listening)
      report.address = {"host", static_cast<std::uint16_t>(4000 + process)};
    return report;
  }
  ProcessReport ended(std::uint32_t process, std::string message, bool retryable = true) const {
    ProcessReport report = at(ProcessPhase::ended, process);
    report.failure = Error{ErrorCode::io, std::move(message), retryable};
    return report;
  }
  /// Ended for nothing but that it missed another.
  ProcessReport missed_peer(std::uint32_t process,
                            std::string message = "The connection to process 1 is gone") const {
    ProcessReport report = ended(process, std::move(message));
    report.failure->code = ErrorCode::peer_lost;
    return report;
  }
  ProcessReport word(JobState outcome) const {
    ProcessReport report = at(ProcessPhase::ended, 0);
    report.outcome = outcome;
    return report;
  }
  ProcessReport checkpoint(std::uint64_t id) const {
    ProcessReport report = at(ProcessPhase::running, 0);
    report.checkpoint = id;
    return report;
  }
  /// Every process of the present attempt gets to `phase`; the orders of all reports.
  Lines all(ProcessPhase phase, const std::string& job = "j-1") {
    Lines lines;
    const std::vector<ProcessPlace> places = record(job).processes;
    for (std::uint32_t i = 0; i < places.size(); ++i) {
      for (std::string& line : report(places[i].worker, at(phase, i, job))) lines.push_back(line);
    }
    return lines;
  }
  void run(const std::string& job = "j-1") {
    all(ProcessPhase::listening, job);
    all(ProcessPhase::running, job);
    ASSERT_EQ(record(job).state == JobState::running || record(job).state == JobState::stopping,
              true);
  }

  const JobRecord& record(const std::string& job = "j-1") const {
    return scheduler->jobs().at(job);
  }

  SteadyTime now{std::chrono::hours(1)};
  EventTime wall = from_millis(1'700'000'000'000);
  std::unique_ptr<Scheduler> scheduler;
  std::map<std::string, JobRecord> saved;
  Scheduler::Orders orders;  ///< the last ones

 private:
  Lines take(Result<Scheduler::Orders> result) {
    if (!result.ok()) return {std::string("error ") + to_string(result.error().code)};
    orders = std::move(*result);
    Lines lines;
    for (const Order& order : orders) {
      lines.push_back(text_of(order));
      if (const auto* save = std::get_if<Save>(&order)) saved[save->record.id] = save->record;
    }
    return lines;
  }

  SchedulerOptions options_;
};

}  // namespace weir::cluster
