// Choosing dead letters; see dlq.h.
#include "cli/dlq.h"

#include <algorithm>

namespace weir::cli {
namespace {

Result<std::vector<DeadLetter>> letters_by_id(StateFolder& folder,
                                              const std::vector<std::string>& ids) {
  std::vector<DeadLetter> letters;
  WEIR_TRY(folder.read_checkpoint("latest", [&](const Manifest& manifest) -> Status {
    WEIR_ASSIGN(letters,
                find_letters(folder.storage(), folder.store().runs_folder(), manifest, ids));
    return {};
  }));
  for (const std::string& id : ids) {
    const bool there = std::any_of(letters.begin(), letters.end(),
                                   [&](const DeadLetter& letter) { return letter.id == id; });
    if (there) continue;
    return Error{ErrorCode::not_found, "There is no dead letter " + id +
                                           " in the newest checkpoint of " + folder.store().root() +
                                           "; it may have been replayed or dropped"};
  }
  return letters;
}

/// What is wrong with a step that no letter names, if anything: letters outlive their step.
Status check_step(const Manifest& manifest, const std::string& step) {
  if (step.empty() || manifest.find(step) != nullptr) return {};
  std::string names;
  for (const StepManifest& known : manifest.steps)
    names += (names.empty() ? "" : ", ") + known.name;
  return Error{ErrorCode::not_found, "There is no step '" + step + "' in job " + manifest.job +
                                         "; its steps are " + names};
}

}  // namespace

Result<LetterFilter> letter_filter(const Args& args) {
  LetterFilter filter;
  filter.step = args.text("step");
  if (const std::string* reason = args.value("reason")) {
    WEIR_ASSIGN(filter.reason, parse_reason(*reason));
  }
  return filter;
}

Status visit_letters(const Args& args, const std::function<void(DeadLetter&&)>& visit) {
  WEIR_ASSIGN(const std::string state, state_option(args));
  WEIR_ASSIGN(const LetterFilter filter, letter_filter(args));
  std::uint64_t limit = UINT64_MAX;
  if (args.command().find("limit") != nullptr) {
    WEIR_ASSIGN(limit, args.number("limit", UINT64_MAX, 1, UINT64_MAX));
  }
  WEIR_ASSIGN(auto folder, StateFolder::open(state));
  return folder.read_checkpoint("latest", [&](const Manifest& manifest) -> Status {
    std::uint64_t seen = 0;
    WEIR_TRY(for_each_letter(folder.storage(), folder.store().runs_folder(), manifest, filter,
                             [&](DeadLetter&& letter) {
                               visit(std::move(letter));
                               return ++seen < limit;
                             }));
    if (seen > 0) return {};
    return check_step(manifest, filter.step);
  });
}

Result<std::vector<DeadLetter>> chosen_letters(const Args& args) {
  const bool filtered = args.has("all") || args.has("step") || args.has("reason");
  if (args.operands().empty() && !filtered) {
    return Error{ErrorCode::invalid_argument,
                 "Say which dead letters: their ids, --step, --reason, or --all"};
  }
  if (!args.operands().empty() && filtered) {
    return Error{ErrorCode::invalid_argument,
                 "Give either ids of dead letters or --all, --step and --reason, not both"};
  }
  std::vector<DeadLetter> letters;
  if (filtered) {
    WEIR_TRY(visit_letters(args, [&](DeadLetter&& l) { letters.push_back(std::move(l)); }));
    return letters;
  }
  WEIR_ASSIGN(const std::string state, state_option(args));
  WEIR_ASSIGN(auto folder, StateFolder::open(state));
  return letters_by_id(folder, args.operands());
}

}  // namespace weir::cli
