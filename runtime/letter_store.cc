// Reading dead letters; see letter_store.h.
#include "weir/runtime/letter_store.h"

#include <algorithm>
#include <set>

#include "weir/runtime/letter_log.h"

namespace weir {
namespace {

Result<std::unique_ptr<RowCursor>> open_letters(Storage& storage, const std::string& runs_folder,
                                                const Manifest& manifest) {
  std::vector<std::unique_ptr<RowCursor>> newest_first;
  for (auto run = manifest.dead_letters.rbegin(); run != manifest.dead_letters.rend(); ++run) {
    WEIR_ASSIGN(auto cursor, open_run(storage, runs_folder, *run));
    newest_first.push_back(std::move(cursor));
  }
  return merge_cursors(std::move(newest_first), true);
}

}  // namespace

bool LetterFilter::matches(const DeadLetter& letter) const {
  return (step.empty() || step == letter.step) && (!reason || *reason == letter.reason);
}

Result<DeadLetterReason> parse_reason(const std::string& text) {
  std::string known;
  for (const auto reason :
       {DeadLetterReason::decode, DeadLetterReason::user_error, DeadLetterReason::late,
        DeadLetterReason::too_large, DeadLetterReason::parked}) {
    if (text == to_string(reason)) return reason;
    known += (known.empty() ? "" : ", ") + std::string(to_string(reason));
  }
  return Error{ErrorCode::invalid_argument,
               "'" + text + "' is no reason of dead letters; those are " + known};
}

Status for_each_letter(Storage& storage, const std::string& runs_folder, const Manifest& manifest,
                       const LetterFilter& filter, const std::function<bool(DeadLetter&&)>& visit) {
  if (manifest.dead_letters.empty()) return {};
  WEIR_ASSIGN(const auto rows, open_letters(storage, runs_folder, manifest));
  const std::string from = filter.after.empty() ? "" : letter_row_key(filter.after);
  WEIR_TRY(rows->seek(from));
  if (!from.empty() && rows->valid() && rows->key() == from) WEIR_TRY(rows->next());
  while (rows->valid()) {
    WEIR_ASSIGN(DeadLetter letter, decode_dead_letter(rows->value()));
    if (filter.matches(letter) && !visit(std::move(letter))) return {};
    WEIR_TRY(rows->next());
  }
  return {};
}

Result<std::vector<DeadLetter>> find_letters(Storage& storage, const std::string& runs_folder,
                                             const Manifest& manifest,
                                             const std::vector<std::string>& ids) {
  std::vector<DeadLetter> letters;
  if (manifest.dead_letters.empty()) return letters;
  std::set<std::string> keys;
  for (const std::string& id : ids) keys.insert(letter_row_key(id));
  WEIR_ASSIGN(const auto rows, open_letters(storage, runs_folder, manifest));
  bool placed = false;  // the cursor stands at the first letter not before the last key
  for (const std::string& key : keys) {
    // A seek passes all tombstones that follow, so none is made behind where the last one came to.
    if (placed && (!rows->valid() || rows->key() > key)) continue;
    if (!placed || rows->key() < key) WEIR_TRY(rows->seek(key));
    placed = true;
    if (!rows->valid() || rows->key() != key) continue;
    WEIR_ASSIGN(DeadLetter letter, decode_dead_letter(rows->value()));
    letters.push_back(std::move(letter));
  }
  return letters;
}

}  // namespace weir
