// The state folder of a run from its first look to its release: what the run goes on from, the
// claim of each attempt, and the lock beside them.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "weir/checkpoint/store.h"
#include "weir/runtime/coordinator.h"
#include "weir/runtime/environment.h"
#include "weir/runtime/job.h"
#include "weir/runtime/placement.h"
#include "weir/runtime/run.h"

namespace weir {

/// A short name that no other process thinks of: 12 random hexadecimal digits.
std::string random_name();

/// A folder that disappears with this object; for runs without a state folder.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(Storage& storage);
  ~TemporaryFolder();
  const std::string& path() const { return path_; }

 private:
  Storage& storage_;
  std::string path_;
};

/// One thread: that which runs the job.
class RunFolder {
 public:
  /// `env`, `options` and `part` (null outside of clusters) outlive it.
  RunFolder(const Environment& env, const RunOptions& options, const AttemptPart* part)
      : env_(env), options_(options), part_(part) {}

  /// Opens, and outside of clusters locks, the folder of the options, or a temporary one; finds
  /// what to go on from and checks that it fits `job`. Errors: those of `find_restore_point`; io
  /// (retryable) where a checkpoint that the job has completed is missing.
  Status open(const Job& job);
  /// What to go on from, by `from` as of RunOptions. Errors: already_exists for "none" where there
  /// are checkpoints; not_found; incompatible where the job does not fit.
  Status find_restore_point(const Job& job, const std::string& from);
  /// Begins the next attempt in the folder. One that only commits makes no checkpoint, and claims
  /// nothing. Error: already_exists, when another job holds the folder.
  Status begin_attempt(const Job& job);
  /// The job has ended by itself or by request: in a cluster, others may have the folder. Where
  /// this cannot be said, the log says why, and whoever wants the folder has to name the job.
  void release();
  /// The same for a job that had ended before this run, whose process may not have come to it.
  void release_as_finished();

  CheckpointStore& store() { return *store_; }
  bool temporary() const { return temporary_ != nullptr; }
  /// The job had finished in this very folder: no more than commits can be left.
  bool already_finished() const { return already_finished_; }
  const std::optional<RestorePoint>& restore() const { return restore_; }
  const JobIdentity& identity() const { return identity_; }

 private:
  Status check_completed() const;
  ClaimRequest claim_request() const;
  Result<std::unique_ptr<StateLock>> lock_to_claim() const;

  const Environment& env_;
  const RunOptions& options_;
  const AttemptPart* const part_;
  std::unique_ptr<TemporaryFolder> temporary_;
  std::unique_ptr<StateLock> lock_;
  std::unique_ptr<CheckpointStore> store_;
  std::optional<RestorePoint> restore_;
  std::string from_;  // whence restore_ is
  JobIdentity identity_;
  bool already_finished_ = false;
};

}  // namespace weir
