// Bench `coordinator`: what the coordinator of one large job needs for the decisions of a
// checkpoint: 10,000 tasks, all elsewhere. The tasks are stubs, but each speaks with it through the
// messages that cross between processes.
//
//   coordinator_bench [--json] [--runs N] [--tasks N] [--checkpoints N]
#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bench/report.h"
#include "bench/scratch.h"
#include "weir/base/check.h"
#include "weir/cluster/task_messages.h"
#include "weir/runtime/coordinator.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;
/// Durations by what took them, in milliseconds.
using Samples = std::map<std::string, std::vector<double>>;

struct Event {
  std::uint64_t user = 0;
};
WEIR_DESCRIBE(Event, user);
using Row = Keyed<std::uint64_t, std::uint64_t>;

/// What only the graph asks for: no task is built here.
class Nowhere final : public Source<Event> {
 public:
  Result<std::vector<std::string>> discover(const SourceContext&) const override {
    return std::vector<std::string>{};
  }
  Result<std::unique_ptr<SplitReader<Event>>> open(const SourceContext&, const std::string&,
                                                   const std::string&) const override {
    return Error{ErrorCode::invalid_argument, "nothing is read here"};
  }
  Result<Event> decode(const DeadLetter&) const override {
    return Error{ErrorCode::invalid_argument, "nothing is read here"};
  }
  std::string describe() const override { return "nothing"; }
};

/// Work for storage, done when the bench says so.
class LaterPool final : public IoPool {
 public:
  void post(std::function<void()> work) override { waiting_.push_back(std::move(work)); }
  void wait_idle() override {}
  bool run_one() {
    if (waiting_.empty()) return false;
    const auto work = std::move(waiting_.front());
    waiting_.pop_front();
    work();
    return true;
  }

 private:
  std::deque<std::function<void()>> waiting_;
};

/// Takes the time of `work`.
template <class Work>
void take_time(std::vector<double>& samples, Work&& work) {
  const auto from = Clock::now();
  work();
  samples.push_back(std::chrono::duration<double, std::milli>(Clock::now() - from).count());
}

/// How messages reach the coordinator.
class Reader final : public cluster::PeerMessages {
 public:
  explicit Reader(Coordinator& coordinator) : coordinator_(coordinator) {}
  void read(const std::string& bytes) {
    WEIR_CHECK(cluster::read_peer_message(bytes, *this).ok(), "a message does not read");
  }
  TaskGateway* gateway(TaskId) override { return nullptr; }
  TaskListener* listener() override { return &coordinator_; }
  void counts(const std::vector<cluster::TaskCounts>&) override {}
  void deploy(cluster::Deploy) override {}
  void end_received() override {}

 private:
  Coordinator& coordinator_;
};

/// A job of sources and of keyed tasks, half of each, and its coordinator.
class StubJob {
 public:
  StubJob(std::uint64_t tasks, Samples& samples)
      : half_(static_cast<std::uint32_t>(tasks / 2)),
        samples_(samples),
        job_("stub", {}),
        folder_("coordinator") {
    job_.set_max_parallelism(half_);
    std::ignore = job_.source("events", std::make_shared<Nowhere>())
                      .key_by(&Event::user)
                      .process<std::uint64_t, Row>(
                          "counts", [](std::uint64_t& n, const Event&, auto&) { ++n; });
    plan_ = make_plan(job_.graph(), half_);
    clock_ = make_system_clock();
    storage_ = make_posix_storage();
    env_ = {clock_.get(), storage_.get(), &pool_, 1};
    auto store = CheckpointStore::open(*storage_, folder_.path());
    WEIR_CHECK(store.ok(), "no store");
    store_ = std::move(*store);
    const auto claim = store_->claim({"bench", "run", 0, clock_->wall_now()});
    WEIR_CHECK(claim.ok(), "no claim");
    JobIdentity identity{"stub", claim->run_id, claim->attempt, 1, half_, 0, claim->id, {}};
    CoordinatorOptions options;
    options.checkpoints.interval = std::chrono::hours(1);  // they are asked for
    coordinator_ = std::make_unique<Coordinator>(job_.graph(), plan_, identity, options, env_,
                                                 *store_, nullptr);
    for (TaskId task = 0; task < 2 * half_; ++task) {
      coordinator_->add_task({task,
                              task < half_ ? 0u : 1u,
                              task % half_,
                              cluster::make_remote_gateway(task, [](std::string_view) {}),
                              {}});
    }
    reader_ = std::make_unique<Reader>(*coordinator_);
    listener_ = cluster::make_remote_listener(
        [this](std::string_view bytes) { to_coordinator_.emplace_back(bytes); });
    coordinator_->start();
    while (pool_.run_one()) coordinator_->step();
  }

  void begin() {
    for (TaskId task = 0; task < 2 * half_; ++task) listener_->task_restored(task);
    take_messages();
  }

  void checkpoint(std::uint64_t number) {
    bool done = false;
    coordinator_->request_checkpoint(CheckpointKind::periodic, [&](const Result<Manifest>& made) {
      WEIR_CHECK(made.ok(), made.error().message.c_str());
      done = true;
    });
    take_time(samples_["sources are told to begin"], [&] { coordinator_->step(); });
    const CheckpointId id = coordinator_->first_checkpoint() + number;
    for (TaskId task = 0; task < 2 * half_; ++task) {
      listener_->checkpoint_done(task, id, {part(task, id)}, {}, {});
    }
    const std::string last = std::move(to_coordinator_.back());
    to_coordinator_.pop_back();
    take_time(samples_["all parts but one are taken"], [&] { take_messages(); });
    take_time(samples_["the last part makes it complete"], [&] {
      reader_->read(last);
      coordinator_->step();
    });
    take_time(samples_["its manifest is written"],
              [&] { WEIR_CHECK(pool_.run_one(), "no manifest is written"); });
    take_time(samples_["all tasks are told"], [&] { coordinator_->step(); });
    WEIR_CHECK(done, "the checkpoint was not completed");
    while (pool_.run_one()) coordinator_->step();
  }

  ~StubJob() {
    while (pool_.run_one()) coordinator_->step();
  }

 private:
  void take_messages() {
    for (const std::string& bytes : to_coordinator_) reader_->read(bytes);
    to_coordinator_.clear();
    coordinator_->step();
  }

  /// As a task writes it that has three runs of state, or a position.
  StepPart part(TaskId task, CheckpointId id) const {
    const bool source = task < half_;
    StepPart made;
    made.step = source ? "events" : "counts";
    made.manifest.index = task % half_;
    for (CheckpointId run = id; run < id + (source ? 1 : 3); ++run) {
      auto& runs = source ? made.manifest.items : made.manifest.state;
      runs.push_back({made.step + "-" + std::to_string(task) + "-" + std::to_string(run) +
                          "-1-0123456789abcdef-0-state.run",
                      1 << 20,
                      10'000,
                      {run, task}});
    }
    if (!source) made.manifest.groups = {task % half_, task % half_ + 1};
    made.counters = {{"records_in", id * task}, {"records_out", id * task}, {"late", 0}};
    return made;
  }

  std::uint32_t half_;
  Samples& samples_;
  Job job_;
  ScratchFolder folder_;
  Plan plan_;
  std::unique_ptr<weir::Clock> clock_;
  std::unique_ptr<Storage> storage_;
  LaterPool pool_;
  Environment env_;
  std::unique_ptr<CheckpointStore> store_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<Reader> reader_;
  std::unique_ptr<TaskListener> listener_;
  std::deque<std::string> to_coordinator_;
};

void run_bench(const ReportOptions& options, std::uint64_t tasks, std::uint64_t checkpoints) {
  std::vector<Samples> runs(static_cast<std::size_t>(options.runs));
  for (Samples& samples : runs) {
    StubJob job(tasks, samples);
    job.begin();
    for (std::uint64_t i = 0; i < checkpoints; ++i) job.checkpoint(i);
  }
  Report report("coordinator", options);
  for (const char* kind :
       {"sources are told to begin", "all parts but one are taken",
        "the last part makes it complete", "its manifest is written", "all tasks are told"}) {
    for (const auto& [label, quantile] : {std::pair{", p50", 0.5}, {", most", 1.0}}) {
      auto run = runs.begin();
      report.measure(std::string(kind) + label, "ms", [&, quantile = quantile] {
        auto values = (run++)->at(kind);
        std::sort(values.begin(), values.end());
        return values[static_cast<std::size_t>(quantile * static_cast<double>(values.size() - 1))];
      });
    }
  }
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  using namespace weir::bench;
  const auto options = parse_report_options(argc, argv);
  run_bench(options, number_option(options.rest, "--tasks", 10'000),
            number_option(options.rest, "--checkpoints", 20));
}
