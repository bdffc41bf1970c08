// One life of the job under simulation, from its first start to its end, all of it decided by one
// seed: job, input, parallelism, interleaving, checkpoints, faults of the disk, clock steps, slow
// tasks and messages, stops, moves to another folder, kills and power losses. After each
// interruption the job starts again from its newest checkpoint, mostly at another parallelism.
//
// scenario.cc is what happens by itself, requests.cc what somebody asks for, verdict.cc what must
// hold in the end. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/model.h"
#include "tests/sim/output.h"
#include "tests/sim/weather.h"
#include "weir/runtime/simulation.h"

namespace weir::sim {

/// What happened, for people and for comparing two runs of one seed.
struct Summary {
  std::uint64_t attempts = 0, kills = 0, power_losses = 0, stops = 0, moves = 0, failures = 0;
  std::uint64_t checkpoints = 0, declined = 0, savepoints = 0, replayed = 0, dropped = 0;
  std::uint64_t faults = 0, steps = 0, lines = 0;
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
  const Shape& shape() const { return shape_; }

 private:
  enum class End : std::uint8_t { interrupted, finished };

  // ---- scenario.cc
  bool start();
  SimulationOptions draw_options();
  void check_restored();
  End live();
  End ended();
  bool has_failed(const char* when);
  void something_happens();
  void leave_alone();
  void world_moves();
  void disk_hangs();
  void interrupt();
  void die(bool power_loss);
  void look();
  void note_completed();
  void watch_watermarks();
  void end_well();
  std::string where_it_stands() const;
  void wrong(const std::string& what);
  /// Says what happens, with WEIR_SIM_TELL in the environment.
  void tell(const std::string& what) const;

  // ---- requests.cc
  void ask_for_checkpoint();
  void checkpoint_made(const Result<Manifest>& made, CheckpointKind kind);
  void export_savepoint(const Manifest& manifest, bool move);
  std::string where_from();
  bool go_back(const Error& why);
  void ask_about_letters();
  void letters_answered(const Result<Manifest>& done, const std::vector<DeadLetter>& letters,
                        bool drop);

  // ---- verdict.cc
  void check_end();
  void check_letters(const std::vector<DeadLetter>& letters);
  void check_counters(const Manifest& last);
  void check_leftovers();
  void check_savepoints();

  Random random_;
  Shape shape_;
  ManualClock clock_;
  MemoryStorage storage_;
  Weather weather_;
  std::vector<InputSplit> splits_;
  Expected expected_;
  OutputReader output_;
  OrderInputs inputs_;
  std::shared_ptr<World> world_ = std::make_shared<World>();  // shared with the job's functions
  std::uint64_t interruptions_left_;

  std::string state_folder_ = "/state-0";
  std::string moved_from_;  // the savepoint that the job in this folder began from
  struct Move {
    std::string state_folder, moved_from;
    bool was_calm = true;  ///< nothing but the move has happened to the disk since the last start
  };
  std::optional<Move> before_move_;      // the last one, until a start has succeeded
  std::vector<std::string> savepoints_;  // that were reported as made
  std::unique_ptr<Job> job_;             // of this attempt
  std::unique_ptr<Simulation> simulation_;
  std::uint64_t faults_before_ = 0;                    // this attempt
  std::vector<std::vector<std::int64_t>> watermarks_;  // by task and step, of this attempt
  std::map<std::string, std::int64_t> floors_;         // event time at the checkpoint, by step
  CheckpointId completed_ = 0;                         // newest known to be complete
  std::set<std::string> gone_;                         // letters whose end was confirmed, by id
  std::map<std::string, std::string> maybe_dropped_;   // text by id
  std::string problem_;
  Summary summary_;
};

/// A letter as `letter_text`; `problem` says what is wrong with it.
std::string describe(const DeadLetter& letter, std::string& problem);

}  // namespace weir::sim
