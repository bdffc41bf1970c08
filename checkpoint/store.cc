// Making checkpoints exist and finding them again. Deleting: garbage.cc; copying: savepoint.cc.
// Thread-safe: the store holds no state of its own; two commits at once are excluded by the caller,
// who owns the state lock and has one coordinator.
#include "weir/checkpoint/store.h"

#include "weir/base/failpoint.h"
#include "weir/checkpoint/manifest_check.h"
#include "weir/checkpoint/run_verify.h"
#include "weir/checkpoint/store_layout.h"

namespace weir {
namespace {

using namespace store_layout;

/// A manifest whose writing failed may be there all the same, without being durable. It must not
/// be: the job goes on and will delete runs that it names. If it cannot be removed for sure the
/// process has to end, which is what fsync_failed asks for.
Status undo_manifest(Storage& storage, const std::string& root, const std::string& path) {
  Status removed = storage.remove(path);
  if (removed.ok()) removed = storage.sync_dir(checkpoints_folder(root));
  if (removed.ok()) return {};
  return Error{ErrorCode::fsync_failed,
               "Cannot tell whether " + path +
                   " is on the disk: writing it failed, and so did "
                   "removing it (" +
                   removed.error().message + "). The job must be started again.",
               false};
}

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
  WEIR_ASSIGN(const std::vector<CheckpointId> ids, list_ids(storage_, root_));
  if (!ids.empty() && manifest.id <= ids.back()) {
    return refuse_manifest(manifest, ErrorCode::already_exists,
                           "checkpoint " + std::to_string(ids.back()) + " exists in " + root_ +
                               "; another process may have written it");
  }
  WEIR_TRY(storage_.sync_dir(runs_folder()));
  WEIR_TRY(WEIR_FAILPOINT_STATUS("checkpoint.before_manifest"));
  const std::string path = manifest_path(root_, manifest.id);
  Status written = write_file_atomically(storage_, path, encode_manifest(manifest));
  if (written.ok()) written = WEIR_FAILPOINT_STATUS("checkpoint.after_manifest");
  if (written.ok()) return {};
  WEIR_TRY(undo_manifest(storage_, root_, path));
  return written;
}

Result<std::optional<Manifest>> CheckpointStore::newest() { return load_newest(storage_, root_); }

Result<Manifest> CheckpointStore::load(CheckpointId id) {
  auto manifest = load_manifest(storage_, manifest_path(root_, id), id);
  if (manifest.ok() || manifest.error().code != ErrorCode::not_found) return manifest;
  return Error{ErrorCode::not_found,
               "There is no checkpoint " + std::to_string(id) + " in " + root_ +
                   ". `weir checkpoints list` shows those that are there.",
               false};
}

Status CheckpointStore::verify(const Manifest& manifest) {
  const std::string path = manifest_path(root_, manifest.id);
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
