// One life of the job under simulation, from its first start to its end, all of it decided by one
// seed: input, parallelism, interleaving, checkpoints, faults of the disk, clock steps, stops,
// kills and power losses. After each interruption the job starts again from its newest checkpoint,
// mostly at another parallelism. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/model.h"
#include "tests/sim/output.h"
#include "tests/sim/weather.h"
#include "weir/runtime/simulation.h"

namespace weir::sim {

/// What happened, for people and for comparing two runs of one seed.
struct Summary {
  std::uint64_t attempts = 0, kills = 0, power_losses = 0, stops = 0, failures = 0;
  std::uint64_t checkpoints = 0, declined = 0, faults = 0, steps = 0, lines = 0;
  std::uint64_t history = 0;  ///< hash of all storage operations, in order
  std::uint64_t output = 0;   ///< hash of what was committed, with the names of the files
  std::string text() const;
};

class Scenario {
 public:
  explicit Scenario(std::uint64_t seed);
  /// Returns what went wrong, or nothing.
  std::string run();
  const Summary& summary() const { return summary_; }

 private:
  enum class End : std::uint8_t { interrupted, finished };

  bool start();
  End live();
  void something_happens();
  void ask_for_checkpoint();
  void interrupt();
  void die(bool power_loss);
  void look();
  void watch_watermarks();
  void end_well();
  void check_end();
  std::string where_it_stands() const;
  bool wrong(const std::string& what);

  Random random_;
  ManualClock clock_;
  MemoryStorage storage_;
  Weather weather_;
  std::vector<InputSplit> splits_;
  Expected expected_;
  OutputReader output_;
  Job job_;
  std::uint64_t interruptions_left_;
  std::unique_ptr<Simulation> simulation_;
  std::vector<std::vector<std::int64_t>> watermarks_;  // by task and step, of this attempt
  CheckpointId completed_ = 0;                         // newest known to be complete
  std::string problem_;
  Summary summary_;
};

}  // namespace weir::sim
