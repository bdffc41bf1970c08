// Replaying and dropping dead letters in a job that runs in this process.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <vector>

#include "weir/runtime/letter_edit.h"
#include "weir/runtime/run.h"

namespace weir::cli {

/// What became of one letter.
struct LetterOutcome {
  std::string id;
  /// "replayed", "dropped", "failed", "gone" when it was not there, or "left" when it was not
  /// tried.
  std::string outcome;
  std::string message;  ///< why it failed or was not tried
};

/// Calls `request(done)` and waits for its answer, also when the job ends before it gives one.
Result<Manifest> wait_for(const std::function<void(JobRunner::Done)>& request);

/// Replays the letters with these ids, edited, or drops them, and waits until that is durable. They
/// are read from the newest checkpoint of `state_dir`, so calls for one job must not overlap. A
/// letter that an edit does not fit is left as it is, and so are those that wait behind it. Error:
/// a letter waits behind one that was not chosen (then nothing has been replayed), or the job has
/// ended.
Result<std::vector<LetterOutcome>> replay_letters(JobRunner& runner, const std::string& state_dir,
                                                  const std::vector<std::string>& ids,
                                                  const LetterEditor& editor, bool drop);

boost::json::object to_object(const std::vector<LetterOutcome>& outcomes);
std::vector<LetterOutcome> outcomes_of(const boost::json::object& answer);

}  // namespace weir::cli
