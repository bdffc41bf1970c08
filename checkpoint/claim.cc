// Who may make checkpoints exist: claims, and the ids between them. See store.h.
//
// Every file under the name of a manifest takes ids: a manifest its own, a mark (mark.h) a range.
// Such a file is created under its first id, only if nothing has that name (Storage::rename_new),
// durably, and never changed. Nobody leaves ids free: a claim takes the id right behind the last
// one taken, and an attempt takes the id right behind the last one it took itself, if need be by a
// mark for ids that it gave up, before it takes the next. So
//
//   (1) the files form one chain, in which each begins where the one before it ends. Two files that
//       follow the same one would have the same name, which only one of them can get.
//   (2) between the claim of an attempt and each later file of its own there are only files of its
//       own, since it takes only what follows directly.
//
// Let an attempt N have its claim, and O be an older attempt, at whatever it has taken last. N's
// claim is behind that in the chain, and whatever follows O's last file directly is not O's, since
// it is another attempt's claim. That is the name that O must get next, before any other. It is
// taken: O is fenced. So no checkpoint of O begins to exist after N's claim, and what N finds below
// its claim is what it goes on from.
//
// Garbage collection takes files away at the lower end only: the last file of the chain stays, and
// so do the newest claims. Should an attempt sleep through so many others that even the claim
// behind its last file is gone, it still finds higher ids than its own when it looks after it has
// made a file, and is fenced before anybody hears of that checkpoint; which is no longer the
// newest.
//
// Which job holds the folder is said by the newest claim, too, unless that job's end is marked
// behind it. Who wants to begin reads that and takes the id behind all that it has read; if
// anything came in between, that name is taken, and it reads again. So no two jobs find the folder
// free and take it both, whatever path led them there.
#include <algorithm>

#include "weir/base/check.h"
#include "weir/checkpoint/attempt.h"
#include "weir/checkpoint/mark.h"
#include "weir/checkpoint/store.h"
#include "weir/checkpoint/store_layout.h"

namespace weir {
namespace {

using namespace store_layout;

constexpr std::size_t kKeepClaims = 64;
constexpr int kMostTries = 1000;  // each lost one means that another attempt has begun

/// Claims that are so old only make the folder longer.
void drop_old_claims(Storage& storage, const std::string& root, const std::vector<Slot>& slots) {
  std::size_t claims = 1;  // the one just made
  for (auto slot = slots.rbegin(); slot != slots.rend(); ++slot) {
    if (!slot->is_claim() || ++claims <= kKeepClaims) continue;
    // One that stays goes next time.
    static_cast<void>(storage.remove(manifest_path(root, slot->id)));
  }
}

/// The job that holds the folder; empty when none does, or one that does not say.
std::string holder_of(const std::vector<Slot>& slots) {
  const auto newest = std::find_if(slots.rbegin(), slots.rend(),
                                   [](const Slot& slot) { return slot.says_owner(); });
  return newest == slots.rend() ? "" : newest->mark->owner.value_or("");
}

Status check_holder(const std::string& root, const std::string& holder,
                    const ClaimRequest& request) {
  if (holder.empty() || holder == request.owner || request.over.contains(holder)) return {};
  return Error{ErrorCode::already_exists,
               "The state folder " + root + " is held by job " + holder +
                   " of a cluster, which is not known to be over. Stop or cancel that job first, "
                   "or give this one another folder with --state. If it is over for good, begin "
                   "with --take-over " +
                   holder + ".",
               false};
}

/// The mark of an attempt that begins behind `slots`.
Mark make_claim(const ClaimRequest& request, const std::vector<Slot>& slots) {
  Mark mark;
  mark.first = slots.empty() ? 0 : slots.back().last() + 1;
  mark.last = std::max(mark.first, request.above);
  mark.attempt = attempt_name(mark.last, request.tag);
  mark.run_id = request.run_id;
  mark.at = request.at;
  if (!request.owner.empty()) mark.owner = request.owner;
  // Attempts that overlap before the first checkpoint are one run.
  if (!slots.empty() && slots.front().is_claim()) mark.run_id = slots.front().mark->run_id;
  return mark;
}

}  // namespace

Result<Claim> CheckpointStore::claim(const ClaimRequest& request) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    WEIR_ASSIGN(const std::vector<Slot> slots, list_slots(storage_, root_));
    WEIR_TRY(check_holder(root_, holder_of(slots), request));
    const Mark mark = make_claim(request, slots);
    const std::string path = store_layout::manifest_path(root_, mark.first);
    const Status taken = write_new_file(storage_, path, encode_mark(mark), request.tag);
    if (!taken.ok()) {
      // not_found: whoever got it has removed our temporary file already.
      const ErrorCode code = taken.error().code;
      if (code == ErrorCode::already_exists || code == ErrorCode::not_found) continue;
      return taken.error();
    }
    Claim claim{mark.last, mark.attempt, mark.run_id, 0};
    for (const Slot& slot : slots) {
      if (!slot.mark) claim.newest = slot.id;
    }
    {
      const std::lock_guard lock(mutex_);
      last_ = mark.last;
      attempt_ = mark.attempt;
    }
    WEIR_TRY(check_claim());  // it may have slept for long
    drop_old_claims(storage_, root_, slots);
    return claim;
  }
  return Error{ErrorCode::io, "The state folder " + root_ +
                                  " cannot be claimed: something in its folder 'checkpoints' is in "
                                  "the way, or others start without end."};
}

Status CheckpointStore::release(EventTime at) {
  Mark mark;
  mark.mark = MarkKind::released;
  mark.at = at;
  {
    const std::lock_guard lock(mutex_);
    WEIR_CHECK(last_.has_value(), "a folder is released by who has claimed it");
    mark.first = mark.last = *last_ + 1;
    mark.attempt = attempt_;
  }
  WEIR_TRY(take_next(mark.first, encode_mark(mark), mark.attempt));
  took(mark.last);
  return {};
}

Status CheckpointStore::check_claim() {
  CheckpointId last = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!last_) return {};
    last = *last_;
  }
  WEIR_ASSIGN(const auto names, list_names(storage_, root_));
  return names.empty() || names.back().first <= last ? Status() : fenced();
}

Status CheckpointStore::fenced() const {
  return Error{ErrorCode::fenced,
               "A newer attempt of the job works on the state folder " + root_ +
                   ", so this one ends; it has changed nothing since that one began."};
}

/// The last id that is taken by the attempt `attempt`, or, at its first call without a claim, by
/// anybody.
Result<CheckpointId> CheckpointStore::last_taken(const std::string& attempt) {
  {
    const std::lock_guard lock(mutex_);
    if (last_) return *last_;
  }
  WEIR_ASSIGN(const std::vector<Slot> slots, list_slots(storage_, root_));
  const std::lock_guard lock(mutex_);
  last_ = slots.empty() ? 0 : slots.back().last();
  attempt_ = attempt;
  return *last_;
}

void CheckpointStore::took(CheckpointId id) {
  const std::lock_guard lock(mutex_);
  last_ = id;
}

/// Creates the file under `id`, which follows what was taken last.
Status CheckpointStore::take_next(CheckpointId id, const std::string& bytes,
                                  const std::string& writer) {
  Status taken = write_new_file(storage_, store_layout::manifest_path(root_, id), bytes, writer);
  if (taken.ok()) return {};
  if (taken.error().code == ErrorCode::already_exists) return fenced();
  // Newer attempts remove temporary files of older ones.
  if (taken.error().code == ErrorCode::not_found) WEIR_TRY(check_claim());
  return taken;
}

}  // namespace weir
