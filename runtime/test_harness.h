// The untyped half of weir/testing.h: a job over test inputs and outputs in one simulated process,
// which can be stepped, snapshotted, killed and started again. One thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weir/runtime/job.h"
#include "weir/runtime/simulation.h"
#include "weir/runtime/test_input.h"
#include "weir/runtime/test_output.h"

namespace weir::testing {

using InputMap = std::map<std::string, std::shared_ptr<TestInputBase>>;
using OutputMap = std::map<std::string, std::shared_ptr<TestOutputBase>>;

struct Options {
  std::uint32_t parallelism = 1;
  std::uint64_t seed = 1;                       ///< of everything that is left to chance
  std::map<std::string, std::string> config{};  ///< what Job::config answers
  /// By default checkpoints are taken only where the test asks for one.
  Duration checkpoint_interval{std::chrono::hours(24 * 365)};
  std::uint64_t max_dead_letters = UINT64_MAX;
  double max_dead_letter_share = 1.0;
  bool allow_dropped_state = false;
  bool replay_only = false;
};

/// A job at one moment: a savepoint in memory, with what had been pushed and what had come out. A
/// value of its own: the harness that it was taken from may go on or go away.
struct Snapshot {
  CheckpointId checkpoint = 0;
  EventTime wall_time{};
  std::map<std::string, std::string> files;  ///< of the savepoint, by path within it
  std::map<std::string, std::shared_ptr<const TestInputBase>> inputs;
  std::map<std::string, std::shared_ptr<const TestOutputBase>> outputs;
};

class HarnessCore {
 public:
  using Build = std::function<void(Job&, InputMap&, OutputMap&)>;
  /// Builds the job and starts it, from `from` if that is not null. Throws GraphError for a graph
  /// that is wrong and HarnessError for a job that does not start.
  HarnessCore(Build build, Options options, const Snapshot* from);

  TestInputBase& input(const std::string& name);
  TestOutputBase& output(const std::string& name);
  InputMap& inputs() { return inputs_; }

  Status settle();
  void run_a_little();
  void advance(Duration by);
  EventTime now() { return clock_.wall_now(); }
  Snapshot snapshot();
  void crash(std::uint32_t parallelism);
  std::vector<DeadLetter> dead_letters(const std::string& step);
  std::size_t state_rows(const std::string& step);
  Status replay(std::vector<DeadLetter> letters, bool drop);
  std::uint64_t counter(const std::string& step, const std::string& name) const;

  const Build& build() const { return build_; }
  Simulation& simulation() { return *simulation_; }
  const Job& job() const { return job_; }

 private:
  void start(const std::string& from);
  Manifest checkpoint(CheckpointKind kind);
  std::unique_ptr<RowCursor> open_runs(const std::vector<RunInfo>& runs);

  Build build_;
  Options options_;
  std::string from_ = "none";  // where the job began
  ManualClock clock_;
  MemoryStorage storage_;
  Job job_;
  InputMap inputs_;
  OutputMap outputs_;
  std::unique_ptr<Simulation> simulation_;
};

}  // namespace weir::testing
