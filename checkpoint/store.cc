// Making checkpoints exist and finding them again. Who may: claim.cc; deleting: garbage.cc;
// copying: savepoint.cc. Thread-safe; two commits at once are excluded by the caller, who has one
// coordinator.
#include "weir/checkpoint/store.h"

#include "weir/base/failpoint.h"
#include "weir/checkpoint/manifest_check.h"
#include "weir/checkpoint/mark.h"
#include "weir/checkpoint/run_verify.h"
#include "weir/checkpoint/store_layout.h"

namespace weir {
namespace {

using namespace store_layout;

Error refuse_manifest(const Manifest& manifest, ErrorCode code, const std::string& why) {
  return {code, "Checkpoint " + std::to_string(manifest.id) + " is not written: " + why + ".",
          false};
}

}  // namespace

Result<std::unique_ptr<CheckpointStore>> CheckpointStore::open(Storage& storage,
                                                               const std::string& root) {
  for (const std::string& folder :
       {root, checkpoints_folder(root), store_layout::runs_folder(root)}) {
    WEIR_TRY(make_durable_dirs(storage, folder));
  }
  return std::unique_ptr<CheckpointStore>(new CheckpointStore(storage, root));
}

Status CheckpointStore::commit(const Manifest& manifest) {
  if (const auto problem = find_manifest_problem(manifest); !problem.empty()) {
    return refuse_manifest(manifest, ErrorCode::invalid_argument, problem);
  }
  WEIR_ASSIGN(const CheckpointId last, last_taken(manifest.attempt));
  if (manifest.id <= last) {
    return refuse_manifest(manifest, ErrorCode::already_exists,
                           "ids up to " + std::to_string(last) + " are taken in " + root_);
  }
  WEIR_TRY(check_claim());
  WEIR_TRY(storage_.sync_dir(runs_folder()));
  WEIR_TRY(WEIR_FAILPOINT_STATUS("checkpoint.before_manifest"));
  if (manifest.id > last + 1) {  // those between have failed
    Mark skipped;
    skipped.mark = MarkKind::skipped;
    skipped.first = last + 1;
    skipped.last = manifest.id - 1;
    skipped.attempt = manifest.attempt;
    skipped.at = manifest.completed_at;
    WEIR_TRY(take_next(skipped.first, encode_mark(skipped), manifest.attempt));
    took(skipped.last);
  }
  WEIR_TRY(take_next(manifest.id, encode_manifest(manifest), manifest.attempt));
  took(manifest.id);
  if (Status told = WEIR_FAILPOINT_STATUS("checkpoint.after_manifest"); !told.ok()) {
    return Error{ErrorCode::fsync_failed, told.error().message, true};
  }
  const Status alone = check_claim();
  if (alone.ok() || alone.error().code == ErrorCode::fenced) return alone;
  return Error{ErrorCode::fsync_failed, alone.error().message, true};  // it exists
}

std::string CheckpointStore::manifest_path(CheckpointId id) const {
  return store_layout::manifest_path(root_, id);
}

Result<std::optional<Manifest>> CheckpointStore::newest() { return load_newest(storage_, root_); }

Result<Manifest> CheckpointStore::load(CheckpointId id) {
  auto manifest = load_manifest(storage_, store_layout::manifest_path(root_, id), id);
  if (manifest.ok() || manifest.error().code != ErrorCode::not_found) return manifest;
  return Error{ErrorCode::not_found,
               "There is no checkpoint " + std::to_string(id) + " in " + root_ +
                   ". `weir checkpoints list` shows those that are there.",
               false};
}

Status CheckpointStore::verify(const Manifest& manifest) {
  const std::string path = store_layout::manifest_path(root_, manifest.id);
  WEIR_ASSIGN(const Manifest stored, load(manifest.id));
  if (encode_manifest(stored) != encode_manifest(manifest)) {
    return Error{ErrorCode::corrupt,
                 "The manifest " + path + " has changed since it was read. Read it again.", false};
  }
  for (const auto& [file, run] : distinct_runs(manifest)) {
    WEIR_TRY(open_verified(storage_, runs_folder(), run));
  }
  return {};
}

}  // namespace weir
