// Replaying and dropping; see replay.h.
#include "cli/replay.h"

#include <boost/json/array.hpp>
#include <boost/json/value_to.hpp>
#include <future>
#include <map>
#include <set>

#include "cli/state_folder.h"
#include "weir/runtime/letter_store.h"

namespace weir::cli {
namespace {

using Letters = std::map<std::string, DeadLetter>;
using Problems = std::map<std::string, std::string>;  // why a letter is left as it is, by id

Result<Letters> read_now(const std::string& state_dir, const std::vector<std::string>& ids) {
  WEIR_ASSIGN(auto folder, StateFolder::open(state_dir));
  Letters letters;
  WEIR_TRY(folder.read_checkpoint("latest", [&](const Manifest& manifest) -> Status {
    WEIR_ASSIGN(auto found,
                find_letters(folder.storage(), folder.store().runs_folder(), manifest, ids));
    letters.clear();
    for (DeadLetter& letter : found) letters.emplace(letter.id, std::move(letter));
    return {};
  }));
  return letters;
}

LetterOutcome outcome_of(const std::string& id, const Letters& before, const Letters& after,
                         const Problems& problems, bool drop) {
  if (!before.contains(id)) return {id, "gone", "no such dead letter in the newest checkpoint"};
  if (const auto problem = problems.find(id); problem != problems.end()) {
    return {id, "left", problem->second};
  }
  const auto left = after.find(id);
  if (left == after.end()) return {id, drop ? "dropped" : "replayed", ""};
  return {id, "failed", left->second.message};
}

/// Those that can be edited; `problems` gets the others.
Letters edit_all(const Letters& letters, const LetterEditor& editor, Problems& problems) {
  Letters edited;
  for (const auto& [id, letter] : letters) {
    auto result = editor.apply(letter);
    if (result.ok()) {
      edited.emplace(id, *std::move(result));
    } else {
      problems.emplace(id, result.error().message);
    }
  }
  return edited;
}

/// Whether the job has tried any of the letters.
bool any_tried(const Letters& before, const Letters& after) {
  for (const auto& [id, letter] : before) {
    const auto left = after.find(id);
    if (left == after.end() || left->second.attempt != letter.attempt) return true;
  }
  return false;
}

/// A parked letter waits behind the earlier ones of its key, so it may only go together with them.
/// Behind one that has a problem it has one too. Error: invalid_argument, with the one that must
/// come first and was not chosen.
Status check_order(const std::string& state_dir, const Letters& chosen, Problems& problems) {
  std::set<std::string> parking;  // steps
  for (const auto& [id, letter] : chosen) {
    if (letter.reason == DeadLetterReason::parked) parking.insert(letter.step);
  }
  if (parking.empty()) return {};
  WEIR_ASSIGN(auto folder, StateFolder::open(state_dir));
  // The first that does not go now, by step and key.
  std::map<std::pair<std::string, std::string>, std::string> waiting;
  Status wrong;
  WEIR_TRY(folder.read_checkpoint("latest", [&](const Manifest& manifest) -> Status {
    waiting.clear();
    return for_each_letter(
        folder.storage(), folder.store().runs_folder(), manifest, {}, [&](DeadLetter&& letter) {
          if (!letter.keyed || !parking.contains(letter.step)) return true;
          const auto place = std::pair(letter.step, letter.key);
          const auto first = waiting.find(place);
          if (!chosen.contains(letter.id) || problems.contains(letter.id)) {
            waiting.try_emplace(place, letter.id);
          } else if (first == waiting.end() || letter.reason != DeadLetterReason::parked) {
            return true;
          } else if (problems.contains(first->second)) {
            problems[letter.id] = "it waits behind " + first->second + ", which is left";
          } else {
            wrong = Error{ErrorCode::invalid_argument,
                          "Dead letter " + letter.id + " waits behind " + first->second +
                              ", an earlier one of its key at step '" + letter.step +
                              "'. Replay or drop that one first, or both together."};
            return false;
          }
          return true;
        });
  }));
  return wrong;
}

}  // namespace

Result<Manifest> wait_for(const std::function<void(JobRunner::Done)>& request) {
  auto promise = std::make_shared<std::promise<Result<Manifest>>>();
  auto answer = promise->get_future();
  // A job that ends forgets its requests, and the promise with them.
  request([promise = std::move(promise)](Result<Manifest> result) {
    promise->set_value(std::move(result));
  });
  try {
    return answer.get();
  } catch (const std::future_error&) {
    return Error{ErrorCode::cancelled, "The job ended before it had done this"};
  }
}

Result<std::vector<LetterOutcome>> replay_letters(JobRunner& runner, const std::string& state_dir,
                                                  const std::vector<std::string>& ids,
                                                  const LetterEditor& editor, bool drop) {
  WEIR_ASSIGN(const Letters before, read_now(state_dir, ids));
  Problems problems;
  Letters edited = edit_all(before, editor, problems);
  if (!drop) WEIR_TRY(check_order(state_dir, before, problems));
  std::vector<DeadLetter> letters;
  for (auto& [id, letter] : edited) {
    if (!problems.contains(id)) letters.push_back(std::move(letter));
  }
  Letters after = before;
  if (!letters.empty()) {
    const auto result = wait_for([&](JobRunner::Done done) {
      if (drop) {
        runner.drop(std::move(letters), std::move(done));
      } else {
        runner.replay(std::move(letters), std::move(done));
      }
    });
    WEIR_ASSIGN(after, read_now(state_dir, ids));
    if (!result.ok() && !any_tried(before, after)) return result.error();
  }
  std::vector<LetterOutcome> outcomes;
  for (const std::string& id : ids) {
    outcomes.push_back(outcome_of(id, before, after, problems, drop));
  }
  return outcomes;
}

boost::json::object to_object(const std::vector<LetterOutcome>& outcomes) {
  boost::json::array letters;
  for (const LetterOutcome& outcome : outcomes) {
    boost::json::object letter{{"id", outcome.id}, {"outcome", outcome.outcome}};
    if (!outcome.message.empty()) letter["message"] = outcome.message;
    letters.push_back(std::move(letter));
  }
  return {{"letters", std::move(letters)}};
}

std::vector<LetterOutcome> outcomes_of(const boost::json::object& answer) {
  std::vector<LetterOutcome> outcomes;
  for (const auto& value : answer.at("letters").as_array()) {
    const auto& letter = value.as_object();
    const auto* message = letter.if_contains("message");
    outcomes.push_back({boost::json::value_to<std::string>(letter.at("id")),
                        boost::json::value_to<std::string>(letter.at("outcome")),
                        message ? boost::json::value_to<std::string>(*message) : ""});
  }
  return outcomes;
}

}  // namespace weir::cli
