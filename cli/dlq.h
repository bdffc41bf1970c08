// What the commands `weir dlq ...` share: choosing letters.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/args.h"
#include "cli/cluster_options.h"
#include "cli/state_folder.h"
#include "weir/runtime/letter_store.h"

namespace weir::cli {

inline const Option kStateOption{"state", "DIR", kStateHelp};
inline const Option kStepOption{"step", "STEP", "only letters of this step"};
inline const Option kReasonOption{"reason", "REASON", "only letters with this reason", false,
                                  "decode user_error late too_large parked"};
inline const Option kAllOption{"all", nullptr, "all letters"};

/// --step and --reason.
Result<LetterFilter> letter_filter(const Args& args);

/// Calls `visit` for the letters that the filters choose, up to --limit, in the order of arrival.
Status visit_letters(const Args& args, const std::function<void(DeadLetter&&)>& visit);

/// The letters that ids (operands) or --all, --step, --reason choose. Error: not_found for an id
/// that is not there; invalid_argument when nothing was chosen at all.
Result<std::vector<DeadLetter>> chosen_letters(const Args& args);

}  // namespace weir::cli
