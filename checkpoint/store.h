// The folder in which one job keeps its checkpoints:
//
//   STATE/
//     identity                  tells it from all others: identity := id "\n" path "\n"
//     lock                      held (flock) by the process that runs the job; not on S3
//     checkpoints/NNNNNNNN.json manifests, one a checkpoint, zero-padded id; and the claims of
//                               attempts and ids that were given up (mark.h)
//     runs/STEP-SUBTASK-ID-ATTEMPT-NUMBER-KIND.run   run files, shared between checkpoints
//
// A savepoint is a folder of the same form that holds one manifest and only its own files, so it
// can be moved or copied (hazard H9). Only the coordinator writes manifests and deletes files
// (H10).
//
// Attempts of a job may overlap, in different processes on different hosts: an old one that was cut
// off or frozen does not know that a new one has begun. A lock of its would keep the new one out;
// so nothing is locked, but each attempt claims the folder when it begins, and from then on no
// older one can make a checkpoint exist (claim.cc says why). Who finds that out gets
// ErrorCode::fenced, and must end. Thread-safe unless said otherwise.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "weir/checkpoint/manifest.h"

namespace weir {

/// One line of `weir checkpoints list`.
struct CheckpointSummary {
  CheckpointId id = 0;
  std::string path;
  std::uint64_t size_bytes = 0;  ///< of all files it refers to
  EventTime completed_at{};
  bool finished = false, savepoint = false;
  std::string problem;  ///< why it cannot be read, or empty
};

/// Tells state folders apart. A folder that is moved stays the same; a copy is another one.
struct StateIdentity {
  std::string id;    ///< random
  std::string path;  ///< where it lies, for people
};

/// What an attempt that begins says of itself.
struct ClaimRequest {
  std::string tag;         ///< random letters and digits: part of its name (attempt.h)
  std::string run_id;      ///< used if the folder holds nothing of the job yet
  CheckpointId above = 0;  ///< its checkpoints get ids above this one, as those of the folder
  EventTime at{};          ///< wall time
  /// The job that holds the folder from then on, by a name that no other has: its id in a cluster.
  /// Empty: it does not say, and keeps nobody out by that.
  std::string owner = {};
  std::set<std::string> over = {};  ///< jobs that may be taken for ended
};

/// An attempt that has begun.
struct Claim {
  CheckpointId id = 0;      ///< its number; its checkpoints get higher ones
  std::string attempt;      ///< its name (attempt.h)
  std::string run_id;       ///< of earlier attempts that made no checkpoint, or as requested
  CheckpointId newest = 0;  ///< the newest checkpoint, which stays so until it makes one; 0: none
};

class CheckpointStore {
 public:
  /// Opens or creates the store in `root`.
  static Result<std::unique_ptr<CheckpointStore>> open(Storage& storage, const std::string& root);

  const std::string& root() const { return root_; }
  std::string runs_folder() const { return root_ + "/runs"; }
  /// The file that makes checkpoint `id` exist, for people.
  std::string manifest_path(CheckpointId id) const;
  Storage& storage() { return storage_; }
  /// Of this folder; made from `seed`, which is random, when it has none yet.
  Result<StateIdentity> identity(std::uint64_t seed);

  /// Begins an attempt: takes the next id. From then on no attempt that began before can make a
  /// checkpoint exist. To be called before anything is read that the attempt goes on from, and
  /// before its sinks prepare. Durable when it returns. Error: already_exists, when the folder is
  /// held by another job that has neither released it nor is one of `over`.
  Result<Claim> claim(const ClaimRequest& request);
  /// The job of the attempt has ended: any other may claim the folder. After its last checkpoint.
  /// Error: fenced, when another attempt has begun.
  Status release(EventTime at);
  /// Error: fenced, when a newer attempt has begun than the one that this store has claimed for. It
  /// may begin right after this was asked: this only spares work that would be in vain.
  Status check_claim();

  /// Makes checkpoint `manifest` exist: syncs the folder of runs, writes the manifest atomically.
  /// One call at a time. Errors: already_exists when the id is not above those of the attempt;
  /// fenced when a newer attempt has begun; fsync_failed when it cannot be told whether the
  /// checkpoint exists, so that the attempt must end; after any other it does not exist, and the
  /// attempt may go on. Without a claim the store goes on from what is there at the first call.
  Status commit(const Manifest& manifest);

  /// The newest checkpoint, or nothing when there is none. A newest one that cannot be read is an
  /// error that names the file: an older one is used only by the operator's word (hazard H8).
  Result<std::optional<Manifest>> newest();
  Result<Manifest> load(CheckpointId id);
  std::vector<CheckpointSummary> list();

  /// Checks every byte of a checkpoint: manifest, then size and hash of each file it names.
  Status verify(const Manifest& manifest);

  /// Deletes checkpoints beyond the newest `keep`, then run files that no remaining manifest names
  /// and that are in `dropped` (those that a declined checkpoint or a merge of this attempt left
  /// behind) or belong to attempts before `attempt`: newer ones may be about to name theirs. Does
  /// nothing when a newer one has begun. Deletion is an optimisation: failures are logged. Returns
  /// which of `dropped` are gone.
  std::set<std::string> collect_garbage(std::size_t keep, const std::string& attempt,
                                        const std::set<std::string>& dropped);

  /// Copies a checkpoint and all its files into `target` as a self-contained savepoint, hashing
  /// while copying (hazard H23). `target` must be absent or empty.
  Status export_savepoint(const Manifest& manifest, const std::string& target);
  /// Makes the folder of a savepoint to come, so that what stands in its way is known before a job
  /// is stopped for it. `target` must be absent or empty.
  Status prepare_savepoint(const std::string& target);
  /// Copies the runs of dead letters of a checkpoint that lies in `runs_folder`, elsewhere, into
  /// this store, since later checkpoints go on naming them.
  Status import_dead_letters(const Manifest& manifest, const std::string& runs_folder);

 private:
  CheckpointStore(Storage& storage, std::string root) : storage_(storage), root_(std::move(root)) {}
  Result<CheckpointId> last_taken(const std::string& attempt);
  void took(CheckpointId id);
  Status take_next(CheckpointId id, const std::string& bytes, const std::string& writer);
  Status fenced() const;

  Storage& storage_;
  std::string root_;
  std::mutex mutex_;
  std::optional<CheckpointId> last_;  // taken by this attempt, or before it; behind mutex_
  std::string attempt_;               // its name; behind mutex_ too
};

/// Refuses a second process on the same state folder; released by the destructor or the process's
/// end. For folders of files: on objects there are no locks, and claims alone keep processes apart.
class StateLock {
 public:
  static Result<std::unique_ptr<StateLock>> acquire(const std::string& root);
  /// For those that claims keep apart: any number of them may hold it, but not while one process
  /// has acquired the folder for itself. Null where there are no locks.
  static Result<std::unique_ptr<StateLock>> acquire_shared(const std::string& root);
  ~StateLock();

 private:
  explicit StateLock(int fd) : fd_(fd) {}
  int fd_;
};

/// Where to restore from, resolved from `--from`: "latest", "none", a checkpoint id of this store,
/// or the path of a checkpoint manifest or savepoint folder. `folder` is where its runs lie.
struct RestorePoint {
  Manifest manifest;
  std::string runs_folder;
};
Result<std::optional<RestorePoint>> resolve_restore(CheckpointStore& store,
                                                    const std::string& from);
/// The file of its manifest: a `from` that means this very checkpoint, in whatever store.
std::string manifest_path_of(const RestorePoint& point);
/// Begins an attempt that restores `from`. `point` is what resolve_restore has said of it before,
/// so that a start which is refused for that leaves no claim; afterwards it is what the attempt
/// goes on from, which may be newer.
Result<Claim> claim_restore(CheckpointStore& store, const std::string& from, ClaimRequest request,
                            std::optional<RestorePoint>& point);

/// What subtask `index` of `parallelism` must read to own `groups`: for keyed rows, every old
/// subtask whose range overlaps; each old subtask's runs form one list. A pure function (hazards
/// H13, H17).
struct RestoreSlice {
  std::uint32_t old_subtask = 0;
  std::vector<RunInfo> runs;  ///< oldest first
  KeyGroupRange take;         ///< intersection of the old subtask's groups with ours
};
std::vector<RestoreSlice> plan_state_restore(const StepManifest& step, KeyGroupRange groups);

}  // namespace weir
