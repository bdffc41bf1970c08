// One life of the job; see scenario.h.
#include "tests/sim/scenario.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace weir::sim {
namespace {

constexpr std::uint64_t kMostSteps = 500'000;
constexpr std::uint64_t kPatience = 25'000;  // then it is left alone
constexpr std::uint64_t kMostFailures = 20;  // then too

}  // namespace

std::string Summary::text() const {
  const auto one = [](const char* name, std::uint64_t n) {
    return std::string(name) + " " + std::to_string(n) + ", ";
  };
  return one("attempts", attempts) + one("kills", kills) + one("power losses", power_losses) +
         one("stops", stops) + one("moves", moves) + one("failures", failures) +
         one("checkpoints", checkpoints) + one("declined", declined) +
         one("savepoints", savepoints) + one("replayed", replayed) + one("dropped", dropped) +
         one("faults", faults) + one("steps", steps) + "lines " + std::to_string(lines);
}

Scenario::Scenario(std::uint64_t seed)
    : random_(seed),
      shape_(make_shape(random_)),
      weather_(storage_, random_.next()),
      splits_(make_input(shape_, random_)),
      expected_(expect(splits_, shape_)),
      output_(storage_, expected_),
      inputs_(to_sources(splits_, shape_, random_.next())),
      interruptions_left_(shape_.interruptions) {}

void Scenario::tell(const std::string& what) const {
  static const bool wanted = std::getenv("WEIR_SIM_TELL") != nullptr;
  if (!wanted) return;
  std::cerr << summary_.steps << ": " << what << "\n";
}

void Scenario::wrong(const std::string& what) {
  if (problem_.empty()) problem_ = what;
}

std::string Scenario::run() {
  for (;;) {
    if (start() && live() == End::finished) break;
    if (!problem_.empty()) break;
  }
  if (problem_.empty()) check_end();
  summary_.history = weather_.history();
  summary_.faults = weather_.faults();
  summary_.output = output_.hash();
  summary_.lines = output_.lines();
  return problem_;
}

SimulationOptions Scenario::draw_options() {
  SimulationOptions options;
  options.seed = random_.next();
  options.state_dir = state_folder_;
  options.parallelism = 1 + static_cast<std::uint32_t>(random_.below(4));
  options.checkpoint_interval = Duration(2 + random_.below(200));
  if (random_.chance(0.5)) options.checkpoints.timeout = Duration(300 + random_.below(2000));
  options.keep_checkpoints = shape_.keep_checkpoints;
  options.channel_capacity = 1 + random_.below(6);
  options.channel_full = 0.4 * static_cast<double>(random_.below(100)) / 100;
  options.slow_messages = shape_.slow_messages;
  if (random_.chance(0.5)) {
    options.background_restore_rows = 1;
    options.restore_slice_rows = 1 + random_.below(8);
  }
  if (random_.chance(0.5)) {
    options.memory_bytes = 1 + random_.below(random_.chance(0.5) ? 12'000 : 200'000);
  }
  return options;
}

/// False when the start failed for a fault of the disk, or for a reason that is a problem.
bool Scenario::start() {
  simulation_.reset();
  job_ = std::make_unique<Job>("sim", std::map<std::string, std::string>());
  build_job(*job_, shape_, inputs_, world_, random_);
  job_->graph().check();
  const SimulationOptions options = draw_options();
  simulation_ = std::make_unique<Simulation>(*job_, options, clock_, storage_);
  ++summary_.attempts;
  watermarks_.clear();
  floors_.clear();
  faults_before_ = weather_.faults();
  const Status started = simulation_->start(where_from());
  tell("starts in " + options.state_dir + " at parallelism " + std::to_string(options.parallelism) +
       " in " + std::to_string(options.memory_bytes) +
       " bytes: " + (started.ok() ? "well" : started.error().message));
  if (started.ok()) {
    before_move_.reset();
    check_restored();
    return problem_.empty();
  }
  ++summary_.failures;
  if (go_back(started.error())) return false;
  if (!Weather::made(started.error())) wrong("does not start: " + started.error().message);
  if (random_.chance(0.3)) die(random_.chance(0.5));
  if (summary_.failures > kMostFailures || random_.chance(0.3)) weather_.calm();
  return false;
}

void Scenario::check_restored() {
  if (simulation_->restored() == nullptr) {
    if (completed_ > 0) {
      wrong("started anew although checkpoint " + std::to_string(completed_) + " was complete");
    }
    return;
  }
  const Manifest& from = simulation_->restored()->manifest;
  if (from.id < completed_) {
    wrong("restored from checkpoint " + std::to_string(from.id) + " although " +
          std::to_string(completed_) + " was complete");
  }
  completed_ = from.id;
  tell("restored from " + std::to_string(from.id));
  for (const StepManifest& step : from.steps) {
    std::int64_t& floor = floors_[step.name];
    floor = INT64_MAX;
    for (const SubtaskManifest& part : step.subtasks) floor = std::min(floor, part.watermark_ms);
  }
}

Scenario::End Scenario::live() {
  const std::uint64_t attempt = summary_.attempts;
  while (simulation_->running() && attempt == summary_.attempts) {
    if (!problem_.empty()) return End::interrupted;
    if (++summary_.steps > kMostSteps) {
      wrong("does not come to an end: " + where_it_stands());
      return End::interrupted;
    }
    simulation_->step();
    if (has_failed("")) return End::interrupted;
    if (simulation_->state() != Coordinator::State::running) return ended();
    something_happens();
  }
  return End::interrupted;
}

/// The job has finished or stopped: its last output may still have to be committed.
Scenario::End Scenario::ended() {
  if (interruptions_left_ > 0 && random_.chance(0.3)) {
    interrupt();
    return End::interrupted;
  }
  const bool finished = simulation_->state() == Coordinator::State::finished;
  tell(finished ? "finished" : "stopped");
  end_well();
  if (!simulation_->running()) return End::interrupted;
  if (finished) return End::finished;
  simulation_->kill();
  return End::interrupted;
}

/// A job may fail, but only for what was done to it.
bool Scenario::has_failed(const char* when) {
  if (simulation_->state() != Coordinator::State::failed) return false;
  ++summary_.failures;
  const Error& failure = simulation_->coordinator().failure();
  tell("failed: " + failure.message);
  if (!Weather::made(failure)) wrong(std::string("failed") + when + ": " + failure.message);
  if (summary_.failures > kMostFailures) weather_.calm();
  die(false);
  return true;
}

void Scenario::something_happens() {
  if (summary_.steps > kPatience) return leave_alone();
  const double storm = shape_.storm;
  if (random_.chance(0.002)) ask_for_checkpoint();
  if (random_.chance(0.002)) watch_watermarks();
  if (random_.chance(0.0008 * storm)) weather_.change();
  if (random_.chance(0.001)) {
    clock_.step_wall(Duration(static_cast<std::int64_t>(random_.below(7'200'000)) - 3'600'000));
  }
  if (random_.chance(0.001)) ask_about_letters();
  if (random_.chance(0.002)) world_moves();
  if (random_.chance(0.0007)) look();
  if (random_.chance(0.0005 * storm)) disk_hangs();
  if (random_.chance(0.0001)) simulation_->io().come_back();
  if (interruptions_left_ > 0 && random_.chance(0.0007 * storm)) interrupt();
}

/// Like a mount whose server is gone: what was asked of it comes back much later, or never.
void Scenario::disk_hangs() {
  if (simulation_->io().waiting() == 0) return;
  tell("the disk hangs");
  simulation_->io().hang();
}

void Scenario::leave_alone() {
  weather_.calm();
  simulation_->io().come_back();
  for (std::size_t i = 0; i < simulation_->deployment().tasks().size(); ++i) {
    simulation_->slow_down(i, 0);
  }
  if (random_.chance(0.002)) watch_watermarks();
  if (random_.chance(0.0007)) look();
}

/// What is not the engine's: whether fragile orders throw, a timer function that breaks, the speed
/// of a task.
void Scenario::world_moves() {
  if (random_.chance(0.5)) world_->down = random_.chance(0.4);
  tell(world_->down ? "the world is down" : "the world is up");
  if (interruptions_left_ > 0 && random_.chance(0.05)) {
    --interruptions_left_;
    world_->timer_breaks = true;
  }
  const double share = random_.chance(0.6) ? 0 : random_.chance(0.9) ? 0.9 : 0.99;
  simulation_->slow_down(random_.below(simulation_->deployment().tasks().size()), share);
}

void Scenario::interrupt() {
  --interruptions_left_;
  die(random_.chance(0.6));
}

void Scenario::die(bool power_loss) {
  note_completed();
  simulation_->kill();
  ++(power_loss ? summary_.power_losses : summary_.kills);
  tell(power_loss ? "power loss" : "kill");
  if (power_loss) storage_.crash(random_.next());
  if (before_move_) before_move_->was_calm &= !power_loss;
  look();
}

void Scenario::note_completed() {
  if (!simulation_->running()) return;
  completed_ = std::max(completed_, simulation_->coordinator().last_completed());
}

/// Reads what is committed, as any reader may at any time.
void Scenario::look() {
  const Shelter shelter(weather_);
  note_completed();
  if (std::string bad = output_.check(completed_); !bad.empty()) wrong(bad);
}

void Scenario::watch_watermarks() {
  const auto& tasks = simulation_->deployment().tasks();
  watermarks_.resize(tasks.size());
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const auto steps = tasks[t]->steps();
    watermarks_[t].resize(steps.size(), INT64_MIN);
    for (std::size_t s = 0; s < steps.size(); ++s) {
      const std::string& name = steps[s].step->name;
      const std::int64_t now = steps[s].metrics->watermark_ms.load();
      if (now < watermarks_[t][s]) wrong("event time of " + name + " went back");
      watermarks_[t][s] = now;
      const auto floor = floors_.find(name);
      if (now != INT64_MIN && floor != floors_.end() && now < floor->second) {
        wrong("event time of " + name + " is behind its checkpoint");
      }
    }
  }
}

/// For people: how far each step has got.
std::string Scenario::where_it_stands() const {
  std::string text = "parallelism " + std::to_string(simulation_->plan().vertices[0].parallelism) +
                     ", I/O waiting " + std::to_string(simulation_->io().waiting());
  for (const auto& task : simulation_->deployment().tasks()) {
    text += task->quiescent() ? "; [" : "; busy [";
    for (const Task::StepView& view : task->steps()) {
      text += " " + view.step->name + "@" + std::to_string(view.metrics->watermark_ms.load()) +
              " in " + std::to_string(view.metrics->records_in.get());
    }
    text += " ]";
  }
  return text;
}

/// Lets what is due be committed. A fault of the disk may still come in between.
void Scenario::end_well() {
  if (random_.chance(0.7)) weather_.calm();
  simulation_->io().come_back();
  const bool settled = simulation_->settle(4 * kPatience);
  if (has_failed(" at its end")) {
    weather_.calm();
    return;
  }
  weather_.calm();
  if (!settled && !simulation_->settle(kMostSteps)) {
    wrong("does not come to rest at its end: " + where_it_stands());
  }
  note_completed();
}

}  // namespace weir::sim
