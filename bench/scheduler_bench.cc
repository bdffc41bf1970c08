// Bench `scheduler`: what the leader of a large cluster decides in how much time, without network
// and registry: 1,000 stub workers, 100 jobs of 100 processes.
//
//   scheduler_bench [--json] [--runs N] [--workers N] [--jobs N] [--parallelism N]
#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/report.h"
#include "bench/scratch.h"
#include "weir/base/check.h"
#include "weir/cluster/scheduler.h"

namespace weir::bench {
namespace {

using namespace weir::cluster;
using Clock = std::chrono::steady_clock;

struct Size {
  std::uint64_t workers = 1000, jobs = 100, parallelism = 100;
};

/// Durations by the kind of decision, in microseconds.
using Samples = std::map<std::string, std::vector<double>>;

double micros_since(Clock::time_point from) {
  return std::chrono::duration<double, std::micro>(Clock::now() - from).count();
}

/// Workers that do at once what they are told, and the leader that they speak with.
class StubCluster {
 public:
  StubCluster(const Size& size, Samples& samples)
      : size_(size), samples_(samples), scheduler_(SchedulerOptions{}, {}, now_, wall_) {}

  void run() {
    for (std::uint64_t i = 0; i < size_.workers; ++i) join("worker registers", name(i));
    for (std::uint64_t i = 0; i < size_.jobs; ++i) submit(i);
    carry_out();
    WEIR_CHECK(all_run(), "some job does not run");
    checkpoints();
    for (int i = 0; i < 1000; ++i) decide("tick", [&] { return scheduler_.tick(now_, wall_); });
    for (std::uint64_t i = 0; i < 100; ++i) lose(name(i * 7 % size_.workers));
    write_records();
    change_leader();
  }

 private:
  static std::string name(std::uint64_t i) { return "host-" + std::to_string(1000 + i) + ".5f3a"; }

  template <class Decision>
  void decide(const std::string& kind, Decision&& decision) {
    const auto from = Clock::now();
    Scheduler::Orders orders = decision();
    samples_[kind].push_back(micros_since(from));
    for (Order& order : orders) orders_.push_back(std::move(order));
  }

  void join(const std::string& kind, const std::string& worker) {
    Register message{worker, worker, 16, "", {}};
    for (const auto& [id, report] : processes_[worker]) message.processes.push_back(report);
    decide(kind, [&] { return scheduler_.worker_joined(message, now_, wall_); });
  }

  void submit(std::uint64_t number) {
    JobRecord record;
    record.id = "j-" + std::to_string(10'000'000 + number);
    record.spec.name = "job " + std::to_string(number);
    record.spec.settings = {{"input", "/data/in"}, {"output", "/data/out"}};
    record.spec.parallelism = static_cast<std::uint32_t>(size_.parallelism);
    decide("job is submitted", [&] { return *scheduler_.submit(record, now_, wall_); });
  }

  void report(const std::string& worker, const ProcessReport& report) {
    processes_[worker][report.id] = report;
    decide("process reports", [&] { return scheduler_.reported(worker, report, now_, wall_); });
  }

  void carry_out() {
    for (; !orders_.empty(); orders_.pop_front()) {
      const Order order = std::move(orders_.front());
      const auto* send = std::get_if<Send>(&order);
      if (send == nullptr) continue;
      if (const auto* start = std::get_if<Start>(&send->message)) {
        ProcessReport said{start->id, ProcessPhase::starting, {}, {}, 0, {}};
        report(send->worker, said);
        said.phase = ProcessPhase::listening;
        said.address = {send->worker, 4000};
        report(send->worker, said);
      } else if (const auto* peers = std::get_if<Peers>(&send->message)) {
        meet(send->worker, *peers);
      } else if (const auto* kill = std::get_if<Kill>(&send->message)) {
        std::erase_if(processes_[send->worker], [&](const auto& each) {
          return each.first.job == kill->job && each.first.attempt <= kill->attempt;
        });
      }
    }
  }

  void meet(const std::string& worker, const Peers& peers) {
    for (const auto& [id, known] : std::map(processes_[worker])) {
      if (id.job != peers.job || id.attempt != peers.attempt) continue;
      ProcessReport said = known;
      said.phase = ProcessPhase::running;
      report(worker, said);
    }
  }

  void checkpoints() {
    for (std::uint64_t checkpoint = 1; checkpoint <= 10; ++checkpoint) {
      for (const auto& [id, record] : scheduler_.jobs()) {
        ProcessReport& said = processes_[record.processes[0].worker].at({id, record.attempt, 0});
        said.checkpoint = checkpoint;
        decide("checkpoint is reported",
               [&] { return scheduler_.reported(record.processes[0].worker, said, now_, wall_); });
      }
    }
  }

  bool all_run() const {
    const auto& jobs = scheduler_.jobs();
    return std::all_of(jobs.begin(), jobs.end(),
                       [](const auto& job) { return job.second.state == JobState::running; });
  }

  void lose(const std::string& worker) {
    processes_.erase(worker);
    const auto from = Clock::now();
    decide("worker is lost", [&] { return scheduler_.worker_lost(worker, "", now_, wall_); });
    carry_out();
    samples_["all jobs run again after a loss"].push_back(micros_since(from));
    WEIR_CHECK(all_run(), "some job does not run again");
    join("worker registers", worker);
  }

  void write_records() {
    for (const auto& [id, record] : scheduler_.jobs()) {
      const auto from = Clock::now();
      const std::string text = to_text(record);
      samples_["record becomes JSON"].push_back(micros_since(from));
      WEIR_CHECK(parse_record(text, id).ok(), "a record does not read back");
    }
  }

  void change_leader() {
    std::vector<JobRecord> records;
    for (const auto& [id, record] : scheduler_.jobs()) records.push_back(record);
    const auto from = Clock::now();
    scheduler_ = Scheduler({}, std::move(records), now_, wall_);
    for (std::uint64_t i = 0; i < size_.workers; ++i) {
      join("worker registers with a new leader", name(i));
    }
    samples_["new leader knows all that runs"].push_back(micros_since(from));
    WEIR_CHECK(all_run() && orders_.empty(), "a new leader disturbs what runs");
  }

  Size size_;
  Samples& samples_;
  SteadyTime now_{std::chrono::hours(1)};
  EventTime wall_ = from_millis(1'700'000'000'000);
  Scheduler scheduler_;
  std::deque<Order> orders_;
  std::map<std::string, std::map<ProcessId, ProcessReport>> processes_;  ///< by worker
};

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

void run_bench(const ReportOptions& options, const Size& size) {
  std::vector<Samples> runs(static_cast<std::size_t>(options.runs));
  for (Samples& samples : runs) StubCluster(size, samples).run();
  Report report("scheduler", options);
  for (const char* kind :
       {"worker registers", "job is submitted", "process reports", "checkpoint is reported", "tick",
        "worker is lost", "all jobs run again after a loss", "record becomes JSON",
        "worker registers with a new leader", "new leader knows all that runs"}) {
    for (const auto& [label, q] : {std::pair{", p50", 0.5}, {", p99", 0.99}}) {
      auto run = runs.begin();
      report.measure(std::string(kind) + label, "us",
                     [&, q = q] { return quantile((run++)->at(kind), q); });
    }
  }
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  using namespace weir::bench;
  const auto options = parse_report_options(argc, argv);
  Size size;
  size.workers = number_option(options.rest, "--workers", size.workers);
  size.jobs = number_option(options.rest, "--jobs", size.jobs);
  size.parallelism = number_option(options.rest, "--parallelism", size.parallelism);
  run_bench(options, size);
}
