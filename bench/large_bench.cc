// Bench `large`: keyed totals of more keys than memory may hold, beside a plain loop of get and put
// over RocksDB with the same memory. All keys are filled before the clock starts.
//
//   large_bench [--json] [--runs N] [--keys MILLIONS] [--updates MILLIONS] [--part N]
//               [--case NAME] [--interval MS] [--alone yes]
//
// An entry takes 48 bytes in memory; the budget is one `part`th of all of them (default 3). The
// last rows say how much memory the process really used, beyond what it had at the start.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "bench/one_split.h"
#include "bench/report.h"
#include "bench/scratch.h"
#include "bench/twins/large_twin.h"
#include "weir/weir.h"

namespace weir::bench {

WEIR_DESCRIBE(LargeTotals, count, sum, last, most);

namespace {

using Clock = std::chrono::steady_clock;

struct Update {
  std::uint64_t key = 0, value = 0, at = 0;
  bool fill = false;
};
WEIR_DESCRIBE(Update, key, value, at, fill);
struct Work {
  std::uint64_t keys = 0, updates = 0, budget_bytes = 0;
  double theta = 0;
  Duration interval{1000};
};

Work work;
Clock::time_point begun, ended;
std::uint64_t checksum = 0, done = 0;  // of the one subtask

/// Fills all keys, then updates them.
class Updates final : public SplitReader<Update> {
 public:
  explicit Updates(std::uint64_t) : keys_(work.keys, work.theta) {}
  Result<ReadStatus> read(Batch<Update>& out, DeadLetterSink&) override {
    for (; !out.full() && next_ < work.keys + work.updates; ++next_) {
      Update& to = out.push_empty(static_cast<std::int64_t>(next_ / 100));
      if (next_ < work.keys) {
        to = {keys_.fill(next_), 1, 0, true};
        continue;
      }
      const std::uint64_t i = next_ - work.keys;
      if (i == 0) begun = Clock::now();
      to = {keys_.next(), i & 255, i, false};
    }
    return next_ < work.keys + work.updates ? ReadStatus::more : ReadStatus::end;
  }
  std::string position() const override { return std::to_string(next_); }

 private:
  LargeKeys keys_;
  std::uint64_t next_ = 0;
};

void large_job(Job& job) {
  job.source("updates", std::make_shared<OneSplit<Update, Updates>>("updates"))
      .key_by(&Update::key)
      .process<LargeTotals, Update>("totals",
                                    [](LargeTotals& totals, const Update& update, auto&) {
                                      add(totals, update.value, update.at);
                                      if (update.fill) return;
                                      checksum += totals.sum + totals.last * totals.count;
                                      if (++done == work.updates) ended = Clock::now();
                                    })
      .discard("end");
}

std::uint64_t resident_bytes() {
  std::uint64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * 4096;
}

/// Looks at the memory of the process now and then.
class MemoryWatch {
 public:
  MemoryWatch() : at_first_(resident_bytes()), thread_([this] { watch(); }) {}
  ~MemoryWatch() {
    stop_ = true;
    thread_.join();
  }
  double most_megabytes() const {
    return static_cast<double>(most_ - std::min(at_first_, most_.load())) / 1e6;
  }

 private:
  void watch() {
    while (!stop_) {
      most_ = std::max(most_.load(), resident_bytes());
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  std::uint64_t at_first_;
  std::atomic<std::uint64_t> most_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

double per_update(Clock::time_point from, Clock::time_point to) {
  const std::chrono::duration<double, std::nano> took = to - from;
  return took.count() / static_cast<double>(work.updates);
}

double run_job(double& megabytes) {
  const ScratchFolder state("large");
  RunOptions options;
  options.name = "large";
  options.state_dir = state.path();
  options.checkpoint_interval = work.interval;
  options.memory_bytes = work.budget_bytes;
  checksum = done = 0;
  const MemoryWatch watch;
  const auto result = run(large_job, options);
  WEIR_CHECK(result.ok(), result.ok() ? "" : result.error().message.c_str());
  megabytes = std::max(megabytes, watch.most_megabytes());
  return per_update(begun, ended);
}

double run_twin() {
  const ScratchFolder folder("large-twin");
  LargeTwin twin(folder.path(), work.keys, work.budget_bytes);
  const LargeKeys keys(work.keys, work.theta);
  const auto from = Clock::now();
  WEIR_CHECK(twin.update(keys, work.updates) == checksum,
             "the job's totals differ from the twin's");
  return per_update(from, Clock::now());
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  using namespace weir::bench;
  const auto options = parse_report_options(argc, argv);
  work.keys = number_option(options.rest, "--keys", 50) * 1'000'000;
  work.updates = number_option(options.rest, "--updates", 20) * 1'000'000;
  work.budget_bytes = work.keys * 48 / number_option(options.rest, "--part", 3);
  work.interval =
      weir::Duration(static_cast<std::int64_t>(number_option(options.rest, "--interval", 1000)));
  const std::string only = text_option(options.rest, "--case", "");
  const bool alone = text_option(options.rest, "--alone", "no") == "yes";
  const std::string text = std::to_string(work.keys / 1'000'000) + " M keys, ";
  Report report("large", options);
  for (const auto& [name, theta] : {std::pair<std::string, double>{"even", 0}, {"zipf", 0.99}}) {
    if (!only.empty() && only != name) continue;
    work.theta = theta;
    double megabytes = 0;
    const auto weir = [&] { return run_job(megabytes); };
    if (alone) {
      report.measure(text + name, "ns/update", weir);
    } else {
      report.compare(text + name, "ns/update", weir, run_twin);
    }
    ReportOptions once = options;
    once.runs = 1;
    Report memory("large", once);
    memory.measure("memory for a budget of " + std::to_string(work.budget_bytes / 1'000'000), "MB",
                   [&] { return megabytes; });
  }
}
