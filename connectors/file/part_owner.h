// Whose the folder of a file sink is, so that no run loses or doubles the output of another.
//
//   DIR/.staging/lock    locked by the process that writes to DIR, as long as it lives
//   DIR/.staging/owner   the run that wrote to DIR last: PartOwner as JSON
//
// Nobody writes to DIR before it has the lock and is the owner. A run becomes the owner when
// nothing can be lost or doubled by that:
//
//   committed files   are its own past: of its run, and of no checkpoint after the one it resumes
//                     from
//   staged files      are those of its checkpoint, or its state folder's own, or nobody's: those of
//                     a run whose state folder ended with its process
//
// So a run that was killed before its first checkpoint begins anew without a word, as does one
// without a state folder; a savepoint takes over what it names, while the job it was taken from is
// stopped; all else is refused. Called on an I/O thread before any subtask opens.
//
// Where attempts of one job may overlap, as in a cluster, the lock holds nothing (HeldLocks::none):
// that of a frozen process would keep the next attempt out. There the claim on the state folder
// decides (checkpoint/claim.cc), since it precedes all this. From then on no older attempt makes a
// checkpoint exist: what it may still commit is what the restored one names, as the new attempt
// does, and that comes to the same. What it has staged besides nobody can commit, so it is removed;
// but never what an attempt with a higher number has staged, since this one may itself be the one
// that was overtaken. The run and its state folder are the same for all attempts, so it does not
// matter whose `owner` stays. That keeps no other job out which begins at the same moment.
#pragma once

#include <set>
#include <string>

#include "weir/base/result.h"
#include "weir/base/storage.h"
#include "weir/runtime/sink.h"

namespace weir::file::detail {

/// The names of the files of a restored checkpoint.
struct PartNames {
  std::set<std::string> staged, committed;
};

/// Makes the run of `context` the owner of `folder`, creating it if need be, or refuses; then
/// nothing of anybody's has been touched. Durable when it returns.
Status own_folder(const SinkContext& context, const std::string& folder, const PartNames& live);

/// Removes the staged files that `live` does not name and that no attempt after that of `context`
/// has written. Only for the owner.
Status remove_dead(const SinkContext& context, const std::string& folder, const PartNames& live);

}  // namespace weir::file::detail
