// A job in one simulated process, for tests; see test_harness.h.
#include "weir/runtime/test_harness.h"

#include <algorithm>

#include "weir/base/hash.h"
#include "weir/base/path.h"

namespace weir::testing {
namespace {

constexpr const char* kStateFolder = "/state";
constexpr const char* kSavepointFolder = "/savepoint";  // that the job began from
constexpr const char* kExportFolder = "/export";

[[noreturn]] void fail(const std::string& what, const Status& status) {
  throw HarnessError(what + ": " + status.error().message);
}

template <class T>
T unwrap(const std::string& what, Result<T> result) {
  if (!result.ok()) fail(what, result.error());
  return std::move(*result);
}

/// Reads all files of `folder`, which lies in or is `root`, by their paths from there.
void read_folder(Storage& storage, const std::string& root, const std::string& folder,
                 std::map<std::string, std::string>& files) {
  for (const StorageEntry& entry : unwrap("reading a snapshot", storage.list(folder))) {
    const std::string path = folder + "/" + entry.name;
    if (entry.is_directory) {
      read_folder(storage, root, path, files);
    } else {
      files[path.substr(root.size())] = unwrap("reading a snapshot", read_file(storage, path));
    }
  }
}

void write_files(Storage& storage, const std::string& root,
                 const std::map<std::string, std::string>& files) {
  for (const auto& [name, bytes] : files) {
    const std::string path = root + name;
    Status status = storage.make_dirs(parent_path(path));
    if (status.ok()) status = write_file_atomically(storage, path, bytes);
    if (!status.ok()) fail("writing a snapshot", status);
  }
}

}  // namespace

HarnessCore::HarnessCore(Build build, Options options, const Snapshot* from)
    : build_(std::move(build)),
      options_(std::move(options)),
      clock_(from != nullptr ? from->wall_time : from_millis(1'600'000'000'000)),
      job_("test", options_.config) {
  build_(job_, inputs_, outputs_);
  job_.check();
  std::uint64_t seed = options_.seed;
  for (auto& [name, input] : inputs_) input->seed(++seed);
  if (from == nullptr) {
    start(from_);
    return;
  }
  write_files(storage_, kSavepointFolder, from->files);
  for (auto& [name, input] : inputs_) {
    if (const auto old = from->inputs.find(name); old != from->inputs.end()) {
      input->take_over(*old->second);
    }
  }
  for (auto& [name, output] : outputs_) {
    if (const auto old = from->outputs.find(name); old != from->outputs.end()) {
      output->take_over(*old->second, from->checkpoint);
    }
  }
  // Of one seed follow the same names of attempts, and names of the snapshot's must not come again.
  options_.seed = mix64(options_.seed ^ mix64(from->checkpoint));
  from_ = kSavepointFolder;
  start(from_);
}

void HarnessCore::start(const std::string& from) {
  SimulationOptions options;
  options.seed = options_.seed;
  options.parallelism = options_.parallelism;
  options.state_dir = kStateFolder;
  options.checkpoint_interval = options_.checkpoint_interval;
  options.max_dead_letters = options_.max_dead_letters;
  options.max_dead_letter_share = options_.max_dead_letter_share;
  options.allow_dropped_state = options_.allow_dropped_state;
  options.replay_only = options_.replay_only;
  options.wall_runs = false;
  simulation_ = std::make_unique<Simulation>(job_, options, clock_, storage_);
  if (Status started = simulation_->start(from); !started.ok()) {
    fail("The job does not start", started);
  }
}

TestInputBase& HarnessCore::input(const std::string& name) {
  const auto found = inputs_.find(name);
  if (found == inputs_.end()) throw HarnessError("the job has no test input '" + name + "'");
  return *found->second;
}

TestOutputBase& HarnessCore::output(const std::string& name) {
  const auto found = outputs_.find(name);
  if (found == outputs_.end()) throw HarnessError("the job has no test output '" + name + "'");
  return *found->second;
}

Status HarnessCore::settle() {
  if (!simulation_->settle()) throw HarnessError("the job does not come to rest");
  if (simulation_->state() == Coordinator::State::failed) {
    return simulation_->coordinator().failure();
  }
  return {};
}

void HarnessCore::run_a_little() {
  Random& random = simulation_->random();
  const std::uint64_t steps = random.below(20) * random.below(60);
  simulation_->run_until([] { return false; }, steps);
}

void HarnessCore::advance(Duration by) {
  if (Status status = settle(); !status.ok()) fail("The job has failed", status);
  clock_.advance(by);
  if (Status status = settle(); !status.ok()) fail("The job has failed", status);
}

/// Takes a checkpoint and lets it be committed; of a job that has ended it is the last one.
Manifest HarnessCore::checkpoint(CheckpointKind kind) {
  Simulation& sim = *simulation_;
  if (sim.state() == Coordinator::State::running) {
    auto result = sim.checkpoint(kind);
    if (result.ok()) return std::move(*result);
    // It may have ended just now.
    if (sim.state() == Coordinator::State::running || sim.state() == Coordinator::State::failed) {
      fail("No checkpoint could be taken", result.error());
    }
  }
  auto newest = unwrap("reading the last checkpoint", sim.store()->newest());
  if (!newest) throw HarnessError("the job has no checkpoint");
  return std::move(*newest);
}

Snapshot HarnessCore::snapshot() {
  const Manifest manifest = checkpoint(CheckpointKind::savepoint);
  if (Status done = storage_.remove_all(kExportFolder); !done.ok()) fail("snapshot", done);
  if (Status done = simulation_->store()->export_savepoint(manifest, kExportFolder); !done.ok()) {
    fail("The snapshot could not be taken", done);
  }
  Snapshot snapshot;
  snapshot.checkpoint = manifest.id;
  snapshot.wall_time = clock_.wall_now();
  read_folder(storage_, kExportFolder, kExportFolder, snapshot.files);
  for (const auto& [name, input] : inputs_) snapshot.inputs[name] = input->clone();
  for (const auto& [name, output] : outputs_) snapshot.outputs[name] = output->clone();
  return snapshot;
}

void HarnessCore::crash(std::uint32_t parallelism) {
  simulation_->kill();
  options_.seed = simulation_->random().next();
  if (parallelism > 0) options_.parallelism = parallelism;
  storage_.crash(simulation_->random().next());
  // Without a checkpoint of its own it starts where it began.
  start(simulation_->store()->list().empty() ? from_ : "latest");
}

/// The live rows of `runs`, oldest first.
std::unique_ptr<RowCursor> HarnessCore::open_runs(const std::vector<RunInfo>& runs) {
  std::vector<std::unique_ptr<RowCursor>> newest_first;
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    newest_first.push_back(unwrap("reading a checkpoint",
                                  open_run(storage_, simulation_->store()->runs_folder(), *run)));
  }
  return merge_cursors(std::move(newest_first), true);
}

std::vector<DeadLetter> HarnessCore::dead_letters(const std::string& step) {
  const Manifest manifest = checkpoint(CheckpointKind::periodic);
  std::vector<DeadLetter> letters;
  const auto rows = open_runs(manifest.dead_letters);
  Status status = rows->seek("");
  for (; status.ok() && rows->valid(); status = rows->next()) {
    letters.push_back(unwrap("reading dead letters", decode_dead_letter(rows->value())));
    if (!step.empty() && letters.back().step != step) letters.pop_back();
  }
  if (!status.ok()) fail("reading dead letters", status);
  return letters;
}

std::size_t HarnessCore::state_rows(const std::string& step) {
  const Manifest manifest = checkpoint(CheckpointKind::periodic);
  const StepManifest* written = manifest.find(step);
  if (written == nullptr) throw HarnessError("the job has no step '" + step + "'");
  std::size_t count = 0;
  for (const SubtaskManifest& subtask : written->subtasks) {
    const auto rows = open_runs(subtask.state);
    Status status = rows->seek("");
    for (; status.ok() && rows->valid(); status = rows->next()) ++count;
    if (!status.ok()) fail("reading state", status);
  }
  return count;
}

Status HarnessCore::replay(std::vector<DeadLetter> letters, bool drop) {
  auto result = std::make_shared<std::optional<Result<Manifest>>>();
  const auto done = [result](Result<Manifest> r) { *result = std::move(r); };
  if (drop) {
    simulation_->coordinator().request_drop(std::move(letters), done);
  } else {
    simulation_->coordinator().request_replay(std::move(letters), done);
  }
  WEIR_TRY(settle());
  if (!*result) throw HarnessError("the replay did not end");
  return (*result)->ok() ? Status() : Status((*result)->error());
}

std::uint64_t HarnessCore::counter(const std::string& step, const std::string& name) const {
  std::uint64_t total = 0;
  for (const auto& task : simulation_->deployment().tasks()) {
    for (const Task::StepView& view : task->steps()) {
      if (view.step->name == step) total += view.counters().at(name);
    }
  }
  return total;
}

}  // namespace weir::testing
