// Reading dead letters from a checkpoint, without the job. Letters lie in runs that all steps
// share: a row a letter, by letter_row_key, a newer run hides what an older one says, a tombstone
// hides a letter that was replayed or dropped. Pure reading: any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/storage.h"
#include "weir/checkpoint/manifest.h"
#include "weir/runtime/dead_letter.h"

namespace weir {

/// Which letters are meant; what is empty does not restrict.
struct LetterFilter {
  std::string step;
  std::optional<DeadLetterReason> reason;
  std::string after = {};  ///< the id of a letter, which need not be there: those that came later
  bool matches(const DeadLetter& letter) const;
};

/// Reads the name of a reason. Error: invalid_argument with those that exist.
Result<DeadLetterReason> parse_reason(const std::string& text);

/// Calls `visit` for the letters of `manifest` in the order of their arrival until it returns
/// false. Errors: a run is missing or damaged.
Status for_each_letter(Storage& storage, const std::string& runs_folder, const Manifest& manifest,
                       const LetterFilter& filter, const std::function<bool(DeadLetter&&)>& visit);

/// The letters with these ids, in the order of their arrival; those that are not there are left
/// out.
Result<std::vector<DeadLetter>> find_letters(Storage& storage, const std::string& runs_folder,
                                             const Manifest& manifest,
                                             const std::vector<std::string>& ids);

}  // namespace weir
