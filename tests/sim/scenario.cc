// One life of the job; see scenario.h.
#include "tests/sim/scenario.h"

#include <algorithm>

namespace weir::sim {
namespace {

constexpr std::uint64_t kMostSteps = 300'000;
constexpr std::uint64_t kMostInterruptions = 8;

bool injected(const Error& error) { return error.message.find("simulated:") != std::string::npos; }

}  // namespace

std::string Summary::text() const {
  const auto one = [](const char* name, std::uint64_t n) {
    return std::string(name) + " " + std::to_string(n) + ", ";
  };
  return one("attempts", attempts) + one("kills", kills) + one("power losses", power_losses) +
         one("stops", stops) + one("failures", failures) + one("checkpoints", checkpoints) +
         one("declined", declined) + one("faults", faults) + one("steps", steps) + "lines " +
         std::to_string(lines);
}

Scenario::Scenario(std::uint64_t seed)
    : random_(seed),
      weather_(storage_, random_.next()),
      splits_(make_input(random_)),
      expected_(expect(splits_)),
      output_(storage_, expected_),
      job_("sim", {}),
      interruptions_left_(random_.below(kMostInterruptions + 1)) {
  const bool aligned = random_.chance(0.3);
  const std::uint64_t roll_bytes = random_.chance(0.5) ? 1 << 20 : 200 + random_.below(3000);
  build_job(job_, to_sources(splits_, random_.next()), aligned, roll_bytes);
  job_.graph().check();
}

bool Scenario::wrong(const std::string& what) {
  if (problem_.empty()) problem_ = what;
  return true;
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

/// False when the start failed for a fault of the disk, or for a reason that is a problem.
bool Scenario::start() {
  simulation_.reset();
  SimulationOptions options;
  options.seed = random_.next();
  options.parallelism = 1 + static_cast<std::uint32_t>(random_.below(3));
  options.checkpoint_interval = Duration(10 + random_.below(200));
  options.channel_capacity = 1 + random_.below(6);
  if (random_.chance(0.5)) options.memory_bytes = 1 + random_.below(12'000);
  options.channel_full = 0.4 * static_cast<double>(random_.below(100)) / 100;
  simulation_ = std::make_unique<Simulation>(job_, options, clock_, storage_);
  ++summary_.attempts;
  watermarks_.clear();
  const Status started = simulation_->start("latest");
  if (started.ok()) {
    if (simulation_->restored()) {
      const CheckpointId from = simulation_->restored()->manifest.id;
      if (from < completed_) {
        wrong("restored from checkpoint " + std::to_string(from) + " although " +
              std::to_string(completed_) + " was complete");
      }
      completed_ = from;
    } else if (completed_ > 0) {
      wrong("started anew although checkpoint " + std::to_string(completed_) + " was complete");
    }
    return problem_.empty();
  }
  ++summary_.failures;
  if (!injected(started.error())) wrong("does not start: " + started.error().message);
  if (random_.chance(0.3)) die(random_.chance(0.5));
  if (summary_.failures > 20 || random_.chance(0.3)) weather_.calm();
  return false;
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
    if (simulation_->state() == Coordinator::State::failed) {
      ++summary_.failures;
      const Error& failure = simulation_->coordinator().failure();
      if (!injected(failure)) wrong("failed: " + failure.message);
      if (summary_.failures > 20) weather_.calm();
      die(false);
      return End::interrupted;
    }
    if (simulation_->state() != Coordinator::State::running) {
      if (interruptions_left_ > 0 && random_.chance(0.3)) {
        interrupt();  // after the end, before its output has been committed
        return End::interrupted;
      }
      const bool finished = simulation_->state() == Coordinator::State::finished;
      end_well();
      if (!simulation_->running()) return End::interrupted;
      if (finished) return End::finished;
      simulation_->kill();
      return End::interrupted;
    }
    something_happens();
  }
  return End::interrupted;
}

void Scenario::something_happens() {
  if (random_.chance(0.004)) ask_for_checkpoint();
  if (random_.chance(0.002)) watch_watermarks();
  if (random_.chance(0.0008)) weather_.change();
  if (summary_.steps > kMostSteps / 10) weather_.calm();
  if (random_.chance(0.001)) {
    clock_.step_wall(Duration(static_cast<std::int64_t>(random_.below(7'200'000)) - 3'600'000));
  }
  if (random_.chance(0.0007)) look();
  if (interruptions_left_ > 0 && random_.chance(0.0007)) interrupt();
}

void Scenario::ask_for_checkpoint() {
  const bool stop = interruptions_left_ > 0 && random_.chance(0.03);
  if (stop) {
    --interruptions_left_;
    ++summary_.stops;
  }
  simulation_->coordinator().request_checkpoint(
      stop ? CheckpointKind::stop : CheckpointKind::periodic, [this](const Result<Manifest>& made) {
        if (made.ok()) {
          ++summary_.checkpoints;
        } else if (!injected(made.error()) && made.error().code != ErrorCode::cancelled) {
          wrong("a checkpoint failed by itself: " + made.error().message);
        } else {
          ++summary_.declined;
        }
      });
}

void Scenario::interrupt() {
  --interruptions_left_;
  die(random_.chance(0.6));
}

void Scenario::die(bool power_loss) {
  if (simulation_->running()) {
    completed_ = std::max(completed_, simulation_->coordinator().last_completed());
  }
  simulation_->kill();
  ++(power_loss ? summary_.power_losses : summary_.kills);
  if (power_loss) storage_.crash(random_.next());
  look();
}

/// Reads what is committed, as any reader may at any time.
void Scenario::look() {
  const Shelter shelter(weather_);
  if (simulation_->running()) {
    completed_ = std::max(completed_, simulation_->coordinator().last_completed());
  }
  if (std::string bad = output_.check(completed_); !bad.empty()) wrong(bad);
}

void Scenario::watch_watermarks() {
  const auto& tasks = simulation_->deployment().tasks();
  watermarks_.resize(tasks.size());
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const auto steps = tasks[t]->steps();
    watermarks_[t].resize(steps.size(), INT64_MIN);
    for (std::size_t s = 0; s < steps.size(); ++s) {
      const std::int64_t now = steps[s].metrics->watermark_ms.load();
      if (now < watermarks_[t][s]) wrong("event time of " + steps[s].step->name + " went back");
      watermarks_[t][s] = now;
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
  const bool settled = simulation_->settle(200'000);
  if (simulation_->state() == Coordinator::State::failed) {
    ++summary_.failures;
    const Error& failure = simulation_->coordinator().failure();
    if (!injected(failure)) wrong("failed at its end: " + failure.message);
    weather_.calm();
    die(false);
    return;
  }
  weather_.calm();
  if (!settled && !simulation_->settle(kMostSteps)) {
    wrong("does not come to rest at its end: " + where_it_stands());
  }
  completed_ = std::max(completed_, simulation_->coordinator().last_completed());
}

void Scenario::check_end() {
  const Shelter shelter(weather_);
  if (std::string bad = output_.check_final(completed_); !bad.empty()) wrong(bad);
  auto newest = simulation_->store()->newest();
  if (!newest.ok() || !*newest) {
    wrong("no last checkpoint");
    return;
  }
  const Manifest& last = **newest;
  if (!last.finished) wrong("the last checkpoint does not say that the job has finished");
  if (Status sound = simulation_->store()->verify(last); !sound.ok()) wrong(sound.error().message);
  std::string bad;
  const Multiset letters = read_letters(*simulation_->store(), last, bad);
  if (!bad.empty()) wrong(bad);
  bad = difference("dead letters", expected_.letters, letters);
  if (!bad.empty()) wrong(bad);
  for (const char* source : {"web", "app"}) {
    const auto& counters = last.find(source)->counters;
    const auto same = [&](const char* counter, std::uint64_t wanted) {
      const std::uint64_t got = counters.at(counter);
      if (got == wanted) return;
      wrong(std::string(source) + " counts " + std::to_string(got) + " " + counter + ", not " +
            std::to_string(wanted));
    };
    same("records_in", expected_.records_in[source]);
    same("late", expected_.late[source]);
  }
}

}  // namespace weir::sim
