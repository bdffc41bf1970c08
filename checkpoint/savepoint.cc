// Copies a checkpoint into a folder of its own (hazards H9, H23): real copies, no links, hashed
// while they are copied, the manifest last.
#include "weir/base/failpoint.h"
#include "weir/checkpoint/run_verify.h"
#include "weir/checkpoint/store.h"
#include "weir/checkpoint/store_layout.h"

namespace weir {
namespace {

using namespace store_layout;

Status copy_run(Storage& storage, const std::string& from_folder, const RunInfo& run,
                const std::string& to) {
  const std::string from = from_folder + "/" + run.file;
  WEIR_ASSIGN(const auto source, storage.open(from));
  WEIR_ASSIGN(const auto copy, storage.create(to));
  WEIR_TRY(read_verified(*source, from, run,
                         [&](std::string_view piece) { return copy->append(piece); }));
  WEIR_TRY(copy->sync());
  return copy->close();
}

Status require_empty(Storage& storage, const std::string& target) {
  const auto entries = storage.list(target);
  if (!entries.ok() && entries.error().code != ErrorCode::not_found) return entries.error();
  if (!entries.ok() || entries->empty()) return {};
  return Error{
      ErrorCode::already_exists,
      "The savepoint folder " + target + " is not empty. Name another, or remove what is in it.",
      false};
}

Status write_savepoint(Storage& storage, const std::string& from_runs, Manifest manifest,
                       const std::string& target) {
  for (const std::string& folder : {target, checkpoints_folder(target), runs_folder(target)}) {
    WEIR_TRY(make_durable_dirs(storage, folder));
  }
  for (const auto& [file, run] : distinct_runs(manifest)) {
    WEIR_TRY(copy_run(storage, from_runs, run, runs_folder(target) + "/" + run.file));
  }
  WEIR_TRY(storage.sync_dir(runs_folder(target)));
  WEIR_TRY(WEIR_FAILPOINT_STATUS("savepoint.before_manifest"));
  manifest.savepoint = true;
  return write_file_atomically(storage, manifest_path(target, manifest.id),
                               encode_manifest(manifest));
}

}  // namespace

Status CheckpointStore::import_dead_letters(const Manifest& manifest, const std::string& folder) {
  std::string attempt;
  {
    const std::lock_guard lock(mutex_);
    attempt = attempt_;
  }
  for (const RunInfo& run : manifest.dead_letters) {
    // Another attempt may do the same, and go on to read what it has copied.
    const std::string path = runs_folder() + "/" + run.file;
    if (storage_.holds_objects(path)) {  // each copy comes as a whole, and all are alike
      WEIR_TRY(copy_run(storage_, folder, run, path));
      continue;
    }
    const std::string temporary = path + "-" + attempt + "-import.tmp";
    WEIR_TRY(copy_run(storage_, folder, run, temporary));
    const Status named = storage_.rename_new(temporary, path);
    if (named.ok()) continue;
    static_cast<void>(storage_.remove(temporary));
    if (named.error().code != ErrorCode::already_exists) return named;
  }
  return {};
}

Status CheckpointStore::prepare_savepoint(const std::string& target) {
  WEIR_TRY(require_empty(storage_, target));
  return make_durable_dirs(storage_, target);
}

Status CheckpointStore::export_savepoint(const Manifest& manifest, const std::string& target) {
  WEIR_TRY(require_empty(storage_, target));
  const Status status = write_savepoint(storage_, runs_folder(), manifest, target);
  if (status.ok()) return status;
  // Without the manifest, which goes first, what may stay behind is no savepoint.
  static_cast<void>(storage_.remove_all(checkpoints_folder(target)));
  static_cast<void>(storage_.remove_all(store_layout::runs_folder(target)));
  Error error = status.error();
  error.message = "The savepoint " + target + " was not written. " + error.message;
  return error;
}

}  // namespace weir
