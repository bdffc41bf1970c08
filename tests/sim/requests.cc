// What somebody asks of a running job: checkpoints, savepoints, stops and moves, dead letters
// replayed and dropped. See scenario.h.
#include "tests/sim/scenario.h"
#include "weir/checkpoint/store.h"

namespace weir::sim {
namespace {

bool may_be_replayed(const DeadLetter& letter) {
  return letter.step == "trace" || letter.step == "totals" || letter.step == "buckets";
}
/// Those of which the answer does not say "a letter or its effect".
bool may_be_dropped(const DeadLetter& letter) {
  return letter.step != "trace" && letter.step != "totals";
}

/// Of the time-out that an attempt may have.
bool was_late(const Error& error) {
  return error.message.find("in time") != std::string::npos ||
         error.message.find("time-out") != std::string::npos;
}

}  // namespace

void Scenario::ask_for_checkpoint() {
  CheckpointKind kind = CheckpointKind::periodic;
  if (interruptions_left_ > 0 && random_.chance(0.1)) {
    --interruptions_left_;
    ++summary_.stops;
    kind = random_.chance(0.5) ? CheckpointKind::stop : CheckpointKind::savepoint_stop;
  } else if (random_.chance(0.05)) {
    kind = CheckpointKind::savepoint;
  }
  simulation_->coordinator().request_checkpoint(
      kind, [this, kind](const Result<Manifest>& made) { checkpoint_made(made, kind); });
}

void Scenario::checkpoint_made(const Result<Manifest>& made, CheckpointKind kind) {
  if (made.ok()) {
    ++summary_.checkpoints;
    tell("checkpoint " + std::to_string(made->id));
    const bool stop = ends_the_job(kind);
    if (kind == CheckpointKind::savepoint || (stop && random_.chance(0.5))) {
      export_savepoint(*made, stop);
    }
  } else if (!Weather::made(made.error()) && !was_late(made.error()) &&
             made.error().code != ErrorCode::cancelled) {
    wrong("a checkpoint failed by itself: " + made.error().message);
  } else {
    ++summary_.declined;
    tell(made.error().message);
  }
}

void Scenario::export_savepoint(const Manifest& manifest, bool move) {
  const std::string path = "/savepoints/" + std::to_string(manifest.id) + "-" +
                           std::to_string(savepoints_.size()) + "-" + manifest.attempt;
  const Status made = simulation_->store()->export_savepoint(manifest, path);
  if (!made.ok()) {
    if (!Weather::made(made.error())) wrong("no savepoint: " + made.error().message);
    return;
  }
  ++summary_.savepoints;
  savepoints_.push_back(path);
  if (!move) return;
  ++summary_.moves;
  before_move_ = {state_folder_, moved_from_, weather_.faults() == faults_before_};
  moved_from_ = path;
  state_folder_ = "/state-" + std::to_string(summary_.moves);
}

/// As whoever operates the job would: a folder that holds no checkpoint yet begins where it was
/// told to.
std::string Scenario::where_from() {
  const Shelter shelter(weather_);
  auto store = CheckpointStore::open(storage_, state_folder_);
  if (!store.ok()) {
    wrong("the state folder does not open: " + store.error().message);
    return "latest";
  }
  return moved_from_.empty() || !(*store)->list().empty() ? "latest" : moved_from_;
}

/// Output that a power loss or a fault left in the sinks' folders ties them to the state folder of
/// before, where the job goes on then. True when `why` says so.
bool Scenario::go_back(const Error& why) {
  if (why.message.find("resume that run with its --state") == std::string::npos) return false;
  if (!before_move_ || before_move_->was_calm) return false;
  state_folder_ = before_move_->state_folder;
  moved_from_ = before_move_->moved_from;
  before_move_.reset();
  tell("goes back to " + state_folder_);
  return true;
}

void Scenario::ask_about_letters() {
  std::vector<DeadLetter> chosen;
  const bool drop = random_.chance(0.3);
  const bool whole_trace = random_.chance(0.7);  // parked keys are replayed together or not at all
  {
    const Shelter shelter(weather_);
    auto newest = simulation_->store()->newest();
    if (!newest.ok()) wrong("the newest checkpoint cannot be read: " + newest.error().message);
    if (!newest.ok() || !*newest) return;
    std::string bad;
    for (DeadLetter& letter : read_letters(*simulation_->store(), **newest, bad)) {
      const bool possible = drop ? may_be_dropped(letter) : may_be_replayed(letter);
      const bool wanted = letter.step == "trace" ? whole_trace : random_.chance(0.5);
      if (possible && wanted) chosen.push_back(std::move(letter));
    }
    if (!bad.empty()) wrong(bad);
  }
  if (chosen.empty()) return;
  for (const DeadLetter& letter : chosen) {
    tell((drop ? "drop " : "replay ") + letter.id + " " + describe(letter, problem_));
  }
  if (!drop && random_.chance(0.7)) world_->down = false;
  if (drop) {
    for (const DeadLetter& letter : chosen) maybe_dropped_[letter.id] = describe(letter, problem_);
  }
  const auto done = [this, chosen, drop](const Result<Manifest>& made) {
    letters_answered(made, chosen, drop);
  };
  if (drop) {
    simulation_->coordinator().request_drop(chosen, done);
  } else {
    simulation_->coordinator().request_replay(chosen, done);
  }
}

/// What is confirmed is durable.
void Scenario::letters_answered(const Result<Manifest>& done,
                                const std::vector<DeadLetter>& letters, bool drop) {
  for (const DeadLetter& letter : letters) {
    tell(letter.id + ": " + (done.ok() ? "done" : done.error().message));
  }
  if (!done.ok()) {
    const ErrorCode code = done.error().code;
    // A drop, too, may be told of a replay that failed while both were under way.
    const bool known = Weather::made(done.error()) || was_late(done.error()) ||
                       code == ErrorCode::cancelled || code == ErrorCode::user_code;
    if (!known) wrong("letters were not answered for: " + done.error().message);
    return;
  }
  (drop ? summary_.dropped : summary_.replayed) += letters.size();
  for (const DeadLetter& letter : letters) gone_.insert(letter.id);
}

}  // namespace weir::sim
