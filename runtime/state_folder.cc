// Reading state folders; see state_folder.h.
#include "weir/runtime/state_folder.h"

#include <charconv>

#include "weir/base/s3/s3.h"

namespace weir {

Result<StateFolder> StateFolder::open(const std::string& path) {
  StateFolder folder;
  folder.storage_ = make_storage();
  WEIR_ASSIGN(const bool there, folder.storage_->exists(path + "/checkpoints"));
  if (!there) {
    return Error{ErrorCode::not_found,
                 path + " holds no state of a job: it has no folder 'checkpoints'"};
  }
  WEIR_ASSIGN(folder.store_, CheckpointStore::open(*folder.storage_, path));
  return folder;
}

Result<Manifest> StateFolder::checkpoint(const std::string& id) {
  if (id.empty() || id == "latest") {
    WEIR_ASSIGN(auto newest, store_->newest());
    if (newest) return std::move(*newest);
    return Error{ErrorCode::not_found, store_->root() + " holds no checkpoint yet"};
  }
  CheckpointId number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc() || end != id.data() + id.size()) {
    return Error{ErrorCode::invalid_argument,
                 "'" + id + "' is not the id of a checkpoint; 'weir checkpoints list " +
                     store_->root() + "' shows them"};
  }
  return store_->load(number);
}

Status StateFolder::read_checkpoint(const std::string& id,
                                    const std::function<Status(const Manifest&)>& read) {
  CheckpointId tried = 0;
  for (;;) {
    WEIR_ASSIGN(const Manifest manifest, checkpoint(id));
    Status status = read(manifest);
    if (status.ok() || status.error().code != ErrorCode::not_found || manifest.id == tried) {
      return status;
    }
    tried = manifest.id;
  }
}

}  // namespace weir
