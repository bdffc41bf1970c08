// What `--from` means. Reads only; creates nothing in a folder that a user names.
#include <algorithm>

#include "weir/base/path.h"
#include "weir/checkpoint/store.h"
#include "weir/checkpoint/store_layout.h"

namespace weir {
namespace {

using namespace store_layout;

Result<std::optional<RestorePoint>> newest_in(Storage& storage, const std::string& root) {
  WEIR_ASSIGN(std::optional<Manifest> manifest, load_newest(storage, root));
  if (!manifest) return std::optional<RestorePoint>();
  return std::optional<RestorePoint>({std::move(*manifest), runs_folder(root)});
}

/// `path` is FOLDER/checkpoints/NNNNNNNN.json.
Result<std::optional<RestorePoint>> from_manifest_file(Storage& storage, const std::string& path) {
  WEIR_ASSIGN(Manifest manifest, load_manifest(storage, path, std::nullopt));
  const std::string folder = parent_path(path);
  const std::string root = folder == "." ? ".." : parent_path(folder);
  return std::optional<RestorePoint>({std::move(manifest), runs_folder(root)});
}

Error nothing_there(const std::string& from) {
  return {ErrorCode::not_found,
          "There is nothing to restore from at '" + from +
              "'. --from takes latest, none, the id of a checkpoint (`weir checkpoints list`), the "
              "path "
              "of a manifest, or a savepoint folder.",
          false};
}

}  // namespace

Result<std::optional<RestorePoint>> resolve_restore(CheckpointStore& store,
                                                    const std::string& from) {
  if (from == "none") return std::optional<RestorePoint>();
  // A process that was killed may have left names that only the cache knows; what is restored from,
  // and then committed, must outlive a power loss too.
  for (const std::string& folder : {store.root() + "/checkpoints", store.runs_folder()}) {
    WEIR_TRY(store.storage().sync_dir(folder));
  }
  if (from == "latest") return newest_in(store.storage(), store.root());
  if (const auto id = parse_id(from)) {
    WEIR_ASSIGN(Manifest manifest, store.load(*id));
    return std::optional<RestorePoint>({std::move(manifest), store.runs_folder()});
  }
  WEIR_ASSIGN(const bool exists, store.storage().exists(from));
  if (!exists) return nothing_there(from);
  if (from.ends_with(".json")) return from_manifest_file(store.storage(), from);
  WEIR_ASSIGN(auto point, newest_in(store.storage(), from));
  if (!point) return nothing_there(from);
  return std::optional<RestorePoint>(std::move(point));
}

std::string manifest_path_of(const RestorePoint& point) {
  return manifest_path(parent_path(point.runs_folder), point.manifest.id);
}

Result<Claim> claim_restore(CheckpointStore& store, const std::string& from, ClaimRequest request,
                            std::optional<RestorePoint>& point) {
  if (point) request.above = std::max(request.above, point->manifest.id);
  WEIR_ASSIGN(Claim claim, store.claim(request));
  const CheckpointId known = point ? point->manifest.id : 0;
  if (from == "latest" && claim.newest != known) {  // an older attempt was still at it
    auto resolved = resolve_restore(store, from);
    WEIR_TRY(store.check_claim());  // else it may be that of a newer attempt, or gone by it
    if (!resolved.ok()) return resolved.error();
    point = std::move(*resolved);
  }
  return claim;
}

}  // namespace weir
