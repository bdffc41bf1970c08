// A whole job of which several attempts work at once on one state folder and the same output: each
// is a process of its own that may stand still in the middle of any operation on the disk, and does
// not know of the others. They are not killed: claims alone must keep them apart. In the end the
// output is that of the model.
//
//   WEIR_SIM_SEED=n    replays one seed
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/checkpoint/turns.h"
#include "tests/sim/model.h"
#include "tests/sim/output.h"
#include "weir/base/log.h"
#include "weir/runtime/simulation.h"

namespace weir::sim {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kRuns = 10;
#else
constexpr std::uint64_t kRuns = 300;
#endif

/// What happened in all seeds, so that a test in which nothing happens fails.
struct Tally {
  std::uint64_t attempts = 0, overtaken = 0, finished = 0;
};

class Leaders {
 public:
  Leaders(std::uint64_t seed, Tally& tally)
      : random_(seed),
        turns_(random_, random_.chance(0.5) ? 0.02 : 0.002),
        shape_(draw_shape(random_)),
        splits_(make_input(shape_, random_)),
        expected_(expect(splits_, shape_)),
        output_(storage_, expected_),
        inputs_(to_sources(splits_, shape_, random_.next())),
        tally_(tally) {}

  void run() {
    storage_.set_fault([this](std::string_view, const std::string&) -> Status {
      turns_.maybe_end();
      return {};
    });
    std::vector<std::function<void()>> attempts;
    const std::uint64_t count = 2 + random_.below(3);
    for (std::uint64_t i = 0; i < count; ++i) attempts.emplace_back([this] { live(20'000); });
    turns_.run(std::move(attempts));
    storage_.set_fault(nullptr);
    live(2'000'000);
    const auto store = CheckpointStore::open(storage_, "/state");
    const auto newest = (*store)->newest();
    ASSERT_TRUE(newest.ok()) << newest.error().message;
    ASSERT_TRUE(*newest);
    EXPECT_TRUE((*newest)->finished);
    const Status sound = (*store)->verify(**newest);
    EXPECT_TRUE(sound.ok()) << sound.error().message;
    EXPECT_EQ(output_.check_final((*newest)->id, expected_), "");
  }

 private:
  static Shape draw_shape(Random& random) {
    Shape shape = make_shape(random);
    shape.fragile = 0;  // else letters take part in the answer
    return shape;
  }

  /// One attempt, until the job has ended, or it fails, or has made `most` steps.
  void live(std::uint64_t most) {
    Job job("sim", std::map<std::string, std::string>());
    build_job(job, shape_, inputs_, world_, random_);
    job.graph().check();
    SimulationOptions options;
    options.seed = random_.next();
    options.parallelism = 1 + static_cast<std::uint32_t>(random_.below(3));
    options.checkpoint_interval = Duration(2 + random_.below(60));
    options.keep_checkpoints = 1 + random_.below(3);
    options.slow_messages = shape_.slow_messages;
    options.lock_output = false;
    if (random_.chance(0.5)) options.background_restore_rows = 1;
    if (random_.chance(0.3)) options.memory_bytes = 1 + random_.below(100'000);
    Simulation simulation(job, options, clock_, storage_);
    ++tally_.attempts;
    if (const Status started = simulation.start(); !started.ok()) {
      return ended(simulation, started.error());
    }
    for (std::uint64_t i = 0; i < most; ++i) {
      simulation.step();
      turns_.maybe_end();
      if (simulation.state() != Coordinator::State::running) break;
    }
    if (simulation.state() == Coordinator::State::running) return;  // killed
    if (simulation.state() != Coordinator::State::failed) {
      simulation.settle();
      ++tally_.finished;
    }
    if (simulation.state() == Coordinator::State::failed) {
      ended(simulation, simulation.coordinator().failure());
    }
  }

  /// Nothing but a newer attempt may end one.
  void ended(Simulation& simulation, const Error& why) {
    ++tally_.overtaken;
    CheckpointStore* store = simulation.store();
    const bool overtaken =
        why.code == ErrorCode::fenced || (store != nullptr && !store->check_claim().ok());
    EXPECT_TRUE(overtaken) << why.message;
  }

  Random random_;
  testing::Turns turns_;
  Shape shape_;
  ManualClock clock_;
  MemoryStorage storage_;
  std::vector<InputSplit> splits_;
  Expected expected_;
  OutputReader output_;
  OrderInputs inputs_;
  std::shared_ptr<World> world_ = std::make_shared<World>();  // shared with the job's functions
  Tally& tally_;
};

TEST(TwoLeaders, TheOutputIsThatOfOne) {
  set_log_level(LogLevel::off);
  const char* one = std::getenv("WEIR_SIM_SEED");
  const std::uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1;
  Tally tally;
  for (std::uint64_t seed = first; seed < first + (one != nullptr ? 1 : kRuns); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Leaders(seed, tally).run();
    if (HasFailure()) break;
  }
  set_log_level(LogLevel::info);
  if (one != nullptr || HasFailure()) return;
  EXPECT_GT(tally.overtaken, kRuns / 3) << "of " << tally.attempts;
  EXPECT_GE(tally.finished, kRuns);
}

}  // namespace
}  // namespace weir::sim
