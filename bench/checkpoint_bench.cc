// Bench `checkpoint`: what a checkpoint does to a job with 10 million keys of state while it is
// taken: how long records wait at the barrier, how much slower they pass while it is written, and
// how many bytes it writes for a key that has changed.
//
//   checkpoint_bench [--json] [--runs N] [--keys MILLIONS] [--passes N] [--interval MS]
//                    [--case NAME]
//
// Cases: `all`, where every key changes over and over, and `hundredth`, where one in a hundred
// does. Checkpoints follow each other without a break (`--interval` 1 ms), so one is being written
// nearly all the time; the twin of a row is the same job without any. The clock starts when the
// state is filled and its first checkpoint is behind. A key has changed when it was updated since
// the last barrier, however often.
//
// A row `a busy neighbour` says how much slower the job without checkpoints is while another thread
// does nothing but count: cores that share what is inside them, as those of virtual machines may,
// make everything that runs beside a task cost it something.
//
// A row `processor time` has what the thread of the task used, with checkpoints beside without: the
// times it waited for a processor that others had are not in it.
//
// The pause is seen from the source, which runs in the thread of the keyed step: the time between
// two reads, when the source was asked for its position in between. It holds a batch of updates.
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "bench/one_split.h"
#include "bench/report.h"
#include "bench/scratch.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Update {
  std::uint64_t key = 0, value = 0;
};
WEIR_DESCRIBE(Update, key, value);

struct Totals {
  std::uint64_t count = 0, sum = 0, last = 0;
};
WEIR_DESCRIBE(Totals, count, sum, last);

struct Work {
  std::uint64_t keys = 0, changing = 0, updates = 0;
  Duration interval{0};  ///< of checkpoints; 0: none
};
Work work;

/// What the source of the running job has seen since the clock started.
struct Course {
  Clock::time_point begun, ended;
  double processor_ns = 0;  ///< of the task's thread, in between
  std::vector<double> pauses_ms;
  std::uint64_t barriers = 0;        ///< the first begins the count
  std::uint64_t written_before = 0;  ///< by the process, at the first barrier
  std::uint64_t written = 0;         ///< from there to the last barrier
  std::uint64_t changed = 0;         ///< keys, likewise, of each checkpoint
};
Course course;

/// All that the process has handed to the system to be written.
std::uint64_t bytes_written() {
  std::ifstream in("/proc/self/io");
  for (std::string name; in >> name;) {
    std::uint64_t value = 0;
    in >> value;
    if (name == "wchar:") return value;
  }
  return 0;
}

/// What the calling thread has had of a processor, ns.
double processor_time() {
  timespec time{};
  WEIR_CHECK(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0, "no clock of the thread");
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// Fills all keys, then changes `changing` of them over and over, each as often.
class Updates final : public SplitReader<Update> {
 public:
  explicit Updates(std::uint64_t) {}
  Result<ReadStatus> read(Batch<Update>& out, DeadLetterSink&) override {
    if (asked_ && measuring_) note_pause();
    asked_ = false;
    while (!out.full() && next_ < work.keys) push(out, next_++, work.keys);
    if (next_ == work.keys && !measuring_) {
      warm_up(out);
    } else {
      for (; !out.full() && done_ < work.updates; ++done_) push(out, done_, work.changing);
    }
    last_ = Clock::now();
    if (done_ < work.updates) return ReadStatus::more;
    course.ended = last_;
    course.processor_ns += processor_time();
    return ReadStatus::end;
  }

  std::string position() const override {
    asked_ = true;
    if (next_ == work.keys) ++barriers_;
    if (next_ == work.keys) note_barrier();
    return std::to_string(next_ + done_);
  }

 private:
  /// The keys lie as far apart in the order of their coming as in the order of their hashes.
  static void push(Batch<Update>& out, std::uint64_t i, std::uint64_t of) {
    out.push_empty(static_cast<std::int64_t>(i / 1000)) = {i % of * (work.keys / of), i};
  }
  /// Updates until the first checkpoint of the whole state is behind.
  void warm_up(Batch<Update>& out) {
    while (!out.full()) push(out, warm_++, work.changing);
    const std::uint64_t awaited = work.interval.count() > 0 ? 4 : 0;
    if (barriers_ < awaited || warm_ < work.keys) return;
    measuring_ = true;
    course.begun = Clock::now();
    course.processor_ns = -processor_time();
  }
  void note_pause() {
    const std::chrono::duration<double, std::milli> pause = Clock::now() - last_;
    course.pauses_ms.push_back(pause.count());
  }
  /// What has been written until now belongs to earlier barriers: one checkpoint ends before the
  /// next one begins.
  void note_barrier() const {
    const std::uint64_t updates = warm_ + done_;
    const std::uint64_t changed = std::min(updates - updates_before_, work.changing);
    updates_before_ = updates;
    if (!measuring_) return;
    const std::uint64_t now = bytes_written();
    if (course.barriers++ == 0)
      course.written_before = now;
    else
      course.changed += last_changed_;
    course.written = now - course.written_before;
    last_changed_ = changed;
  }

  std::uint64_t next_ = 0, warm_ = 0, done_ = 0;
  mutable std::uint64_t barriers_ = 0;  ///< since all is filled
  mutable std::uint64_t updates_before_ = 0, last_changed_ = 0;
  mutable bool asked_ = false;
  bool measuring_ = false;
  Clock::time_point last_;
};

void checkpoint_job(Job& job) {
  job.source("updates", std::make_shared<OneSplit<Update, Updates>>("updates"))
      .key_by(&Update::key)
      .process<Totals, Update>("totals",
                               [](Totals& totals, const Update& update, auto&) {
                                 ++totals.count;
                                 totals.sum += update.value;
                                 totals.last = update.value;
                               })
      .discard("end");
}

double run_job(Duration interval) {
  work.interval = interval;
  course = Course();
  const ScratchFolder state("checkpoint");
  RunOptions options;
  options.name = "checkpoint";
  options.state_dir = state.path();
  options.checkpoint_interval = interval.count() > 0 ? interval : Duration(std::chrono::hours(1));
  const auto result = run(checkpoint_job, options);
  WEIR_CHECK(result.ok(), result.ok() ? "" : result.error().message.c_str());
  const std::chrono::duration<double, std::nano> took = course.ended - course.begun;
  return took.count() / static_cast<double>(work.updates);
}

/// The job without checkpoints, beside a thread that counts.
double run_beside_counting() {
  std::atomic<bool> stop = false;
  std::thread counting([&stop] {
    volatile std::uint64_t count = 0;
    while (!stop) count = count + 1;
  });
  const double time = run_job(Duration(0));
  stop = true;
  counting.join();
  return time;
}

double percentile(std::vector<double>& values, double share) {
  WEIR_CHECK(!values.empty(), "no checkpoint fell into the time that was measured");
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  using namespace weir::bench;
  const auto options = parse_report_options(argc, argv);
  work.keys = number_option(options.rest, "--keys", 10) * 1'000'000;
  const std::uint64_t passes = number_option(options.rest, "--passes", 10);
  const weir::Duration interval(
      static_cast<std::int64_t>(number_option(options.rest, "--interval", 1)));
  const std::string only = text_option(options.rest, "--case", "");
  ReportOptions once = options;
  once.runs = 1;
  Report report("checkpoint", options), told("checkpoint", once);
  for (const auto& [name, share] : {std::pair<std::string, std::uint64_t>{"all", 1},
                                    std::pair<std::string, std::uint64_t>{"hundredth", 100}}) {
    if (!only.empty() && only != name) continue;
    work.changing = work.keys / share;
    work.updates = work.keys * passes;
    const std::string text =
        std::to_string(work.keys / 1'000'000) + " M keys, " + name + " changing, ";
    std::vector<double> pauses;
    std::vector<double> processor[2];  // ns an update, with and without
    const auto note_processor = [&](bool with, double time) {
      processor[with ? 0 : 1].push_back(course.processor_ns / static_cast<double>(work.updates));
      return time;
    };
    double bytes = 0, barriers = 0, changed = 0;
    report.compare(
        text + "one always written", "ns/update",
        [&] {
          const double time = run_job(interval);
          pauses.insert(pauses.end(), course.pauses_ms.begin(), course.pauses_ms.end());
          bytes += static_cast<double>(course.written);
          changed += static_cast<double>(course.changed);
          barriers += static_cast<double>(course.barriers - 1);
          return note_processor(true, time);
        },
        [&] { return note_processor(false, run_job(weir::Duration(0))); });
    told.compare(
        text + "processor time", "ns/update", [&] { return summarize(processor[0]).median; },
        [&] { return summarize(processor[1]).median; });
    const auto alone = [&] { return run_job(weir::Duration(0)); };
    told.compare(text + "a busy neighbour", "ns/update", run_beside_counting, alone);
    told.measure(text + "checkpoints", "each run",
                 [&] { return barriers / static_cast<double>(options.runs); });
    told.measure(text + "pause at the barrier, p50", "ms", [&] { return percentile(pauses, 0.5); });
    told.measure(text + "pause at the barrier, p99", "ms",
                 [&] { return percentile(pauses, 0.99); });
    told.measure(text + "pause at the barrier, longest", "ms",
                 [&] { return percentile(pauses, 1); });
    told.measure(text + "changed keys", "each checkpoint",
                 [&] { return changed / std::max(1.0, barriers); });
    told.measure(text + "written", "bytes/changed key",
                 [&] { return bytes / std::max(1.0, changed); });
  }
}
