#include "weir/runtime/run_folder.h"

#include "weir/base/clock.h"
#include "weir/base/hash.h"
#include "weir/base/log.h"
#include "weir/checkpoint/attempt.h"
#include "weir/runtime/deployment.h"

namespace weir {

std::string random_name() { return Hash128{entropy_seed(), entropy_seed()}.hex().substr(0, 12); }

TemporaryFolder::TemporaryFolder(Storage& storage) : storage_(storage) {
  const char* base = std::getenv("TMPDIR");
  path_ = std::string(base && *base ? base : "/tmp") + "/weir-" + random_name();
}

TemporaryFolder::~TemporaryFolder() { static_cast<void>(storage_.remove_all(path_)); }

Status RunFolder::open(const Job& job) {
  std::string root = options_.state_dir;
  if (root.empty()) {
    temporary_ = std::make_unique<TemporaryFolder>(*env_.storage);
    root = temporary_->path();
  }
  WEIR_ASSIGN(store_, CheckpointStore::open(*env_.storage, root));
  if (part_ == nullptr && !env_.storage->holds_objects(root)) {
    WEIR_ASSIGN(lock_, StateLock::acquire(root));
  }
  identity_.job = job.name();
  identity_.run_id = random_name();
  identity_.max_parallelism = job.max_parallelism();
  identity_.config = options_.config;
  WEIR_TRY(find_restore_point(job, options_.from));
  WEIR_TRY(check_completed());
  already_finished_ = restore_ && restore_->manifest.finished && !options_.replay_only &&
                      restore_->manifest.id == identity_.newest_id &&
                      restore_->runs_folder == store_->runs_folder();
  return {};
}

Status RunFolder::find_restore_point(const Job& job, const std::string& from) {
  from_ = from;
  const auto checkpoints = store_->list();
  identity_.newest_id = checkpoints.empty() ? 0 : checkpoints.back().id;
  if (from == "none" && !checkpoints.empty()) {
    return Error{ErrorCode::already_exists,
                 "The state folder " + store_->root() +
                     " holds checkpoints of a job (the newest is " +
                     std::to_string(identity_.newest_id) +
                     "), and --from none would begin it anew. Give another folder with --state, or "
                     "remove this one."};
  }
  WEIR_ASSIGN(restore_, resolve_restore(*store_, from));
  if (!restore_) return {};
  identity_.run_id = restore_->manifest.run_id;
  return check_restore(job, restore_->manifest, options_.allow_dropped_state);
}

/// A job must not begin anew because its storage is not there.
Status RunFolder::check_completed() const {
  if (part_ == nullptr || part_->completed <= identity_.newest_id) return {};
  const std::string held = identity_.newest_id == 0
                               ? "no checkpoint"
                               : "none after checkpoint " + std::to_string(identity_.newest_id);
  return Error{ErrorCode::io,
               "The job has completed checkpoint " + std::to_string(part_->completed) +
                   ", but its state folder " + store_->root() + " holds " + held +
                   ". Is the storage mounted on this host? To go on from what is there, cancel the "
                   "job and submit it anew with --state and that folder.",
               true};
}

ClaimRequest RunFolder::claim_request() const {
  ClaimRequest request{random_name(), identity_.run_id, 0, env_.clock->wall_now()};
  if (!options_.take_over.empty()) request.over.insert(options_.take_over);
  if (part_ != nullptr) {
    request.owner = part_->job;
    request.over.insert(part_->over.begin(), part_->over.end());
  }
  return request;
}

/// While a part of a cluster claims, no run outside of the cluster comes in between.
Result<std::unique_ptr<StateLock>> RunFolder::lock_to_claim() const {
  if (part_ == nullptr || env_.storage->holds_objects(store_->root())) {
    return std::unique_ptr<StateLock>();
  }
  return StateLock::acquire_shared(store_->root());
}

Status RunFolder::begin_attempt(const Job& job) {
  identity_.attempt = part_ != nullptr ? part_->attempt : identity_.attempt + 1;
  if (already_finished_) {
    identity_.attempt_name = attempt_name(restore_->manifest.id, random_name());
    return {};
  }
  const CheckpointId known = restore_ ? restore_->manifest.id : 0;
  WEIR_ASSIGN(const auto lock, lock_to_claim());
  WEIR_ASSIGN(const Claim claim, claim_restore(*store_, from_, claim_request(), restore_));
  if (part_ != nullptr && from_ != "latest" && claim.newest > part_->began) {
    from_ = "latest";  // an earlier attempt has got so far meanwhile
    auto resolved = resolve_restore(*store_, from_);
    WEIR_TRY(store_->check_claim());
    if (!resolved.ok()) return resolved.error();
    restore_ = std::move(*resolved);
  }
  identity_.claimed_id = claim.id;
  identity_.attempt_name = claim.attempt;
  identity_.newest_id = claim.newest;
  identity_.run_id = restore_ ? restore_->manifest.run_id : claim.run_id;
  if (!restore_ || restore_->manifest.id == known) return {};
  return check_restore(job, restore_->manifest, options_.allow_dropped_state);
}

void RunFolder::release() {
  if (part_ == nullptr || part_->job.empty()) return;
  const Status said = store_->release(env_.clock->wall_now());
  if (!said.ok()) log_warn("job " + identity_.job, said.error().message);
}

void RunFolder::release_as_finished() {
  if (part_ == nullptr || part_->job.empty()) return;
  const auto lock = lock_to_claim();
  if (!lock.ok()) return log_warn("job " + identity_.job, lock.error().message);
  const auto claimed = store_->claim(claim_request());
  if (claimed.ok()) return release();
  // Then it had been released, and another job has it.
  if (claimed.error().code == ErrorCode::already_exists) return;
  log_warn("job " + identity_.job, claimed.error().message);
}

}  // namespace weir
