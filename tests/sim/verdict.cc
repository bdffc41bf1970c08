// What must hold when the job has come to its end; see scenario.h.
#include <algorithm>

#include "tests/sim/scenario.h"
#include "weir/base/json.h"
#include "weir/checkpoint/store.h"

namespace weir::sim {

std::string describe(const DeadLetter& letter, std::string& problem) {
  if (letter.format != PayloadFormat::record) {
    return letter_text(letter.step, letter.reason, letter.bytes);
  }
  const auto order = order_of(letter);
  if (!order.ok()) {
    if (problem.empty()) problem = order.error().message;
    return letter_text(letter.step, letter.reason, "?");
  }
  std::string line;
  to_json(line, *order);
  return letter_text(letter.step, letter.reason, line);
}

void Scenario::check_end() {
  const Shelter shelter(weather_);
  auto newest = simulation_->store()->newest();
  if (!newest.ok() || !*newest) {
    wrong("no last checkpoint");
    return;
  }
  const Manifest& last = **newest;
  if (!last.finished) wrong("the last checkpoint does not say that the job has finished");
  if (Status sound = simulation_->store()->verify(last); !sound.ok()) wrong(sound.error().message);
  std::string bad;
  const auto letters = read_letters(*simulation_->store(), last, bad);
  if (!bad.empty()) wrong(bad);

  // A fragile order is a letter or has had its effect: never both, never neither.
  Expected expected = expected_;
  for (const DeadLetter& letter : letters) {
    if (letter.step != "trace" && letter.step != "totals") continue;
    const auto order = order_of(letter);
    if (order.ok()) take_back(expected, letter.step, *order);
  }
  if (std::string bad = output_.check_final(completed_, expected); !bad.empty()) wrong(bad);
  check_letters(letters);
  check_counters(last);
  check_leftovers();
  check_savepoints();
}

void Scenario::check_letters(const std::vector<DeadLetter>& letters) {
  Multiset got, missing_allowed;
  for (const DeadLetter& letter : letters) {
    if (gone_.contains(letter.id)) {
      wrong("letter " + letter.id + " of " + letter.step + " is back after its end was confirmed");
    }
    if (letter.step != "trace" && letter.step != "totals") ++got[describe(letter, problem_)];
  }
  for (const auto& [id, text] : maybe_dropped_) ++missing_allowed[text];
  for (const auto& [text, count] : missing_allowed) {
    const std::size_t wanted = expected_.letters[text];
    if (got[text] < wanted) got[text] += std::min(count, wanted - got[text]);
  }
  if (std::string bad = difference("dead letters", expected_.letters, got); !bad.empty()) {
    wrong(bad);
  }
}

void Scenario::check_counters(const Manifest& last) {
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

/// Nothing that is not needed any more stays on the disk, unless the disk itself was in the way.
void Scenario::check_leftovers() {
  if (weather_.faults() != faults_before_) return;
  CheckpointStore& store = *simulation_->store();
  const auto checkpoints = store.list();
  if (checkpoints.size() > shape_.keep_checkpoints) {
    wrong(std::to_string(checkpoints.size()) + " checkpoints are kept");
  }
  std::set<std::string> needed;
  for (const CheckpointSummary& one : checkpoints) {
    const auto manifest = store.load(one.id);
    if (!manifest.ok()) {
      wrong(manifest.error().message);
      return;
    }
    for (const std::string& file : manifest->files()) needed.insert(file);
  }
  const auto runs = storage_.list(store.runs_folder());
  for (const StorageEntry& run : *runs) {
    // What the last attempt merged after its last checkpoint goes when the next one begins.
    const bool merged = run.name.ends_with("-merged.run");
    if (!needed.contains(run.name) && !merged)
      wrong("nothing needs " + run.name + ", but it is still there");
  }
  for (const char* sink : kSinks) {
    const auto staged = storage_.list(sink_folder(sink) + "/.staging");
    if (!staged.ok()) continue;
    for (const StorageEntry& file : *staged) {
      if (file.name.starts_with("part-")) wrong("staged output stays behind: " + file.name);
    }
  }
}

/// A savepoint that was reported is whole, whatever has happened since.
void Scenario::check_savepoints() {
  for (const std::string& path : savepoints_) {
    auto store = CheckpointStore::open(storage_, path);
    if (!store.ok()) {
      wrong(store.error().message);
      continue;
    }
    auto manifest = (*store)->newest();
    if (!manifest.ok() || !*manifest) {
      wrong("the savepoint " + path + " is gone");
    } else if (Status sound = (*store)->verify(**manifest); !sound.ok()) {
      wrong("the savepoint " + path + " is damaged: " + sound.error().message);
    }
  }
}

}  // namespace weir::sim
