// A state folder or savepoint as one looks at it from outside: nothing is created or changed, and
// the job may be running meanwhile. One thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "weir/checkpoint/store.h"

namespace weir {

class StateFolder {
 public:
  /// Error: not_found when `path` holds no state of a job.
  static Result<StateFolder> open(const std::string& path);

  CheckpointStore& store() { return *store_; }
  Storage& storage() { return *storage_; }

  /// The checkpoint with this id, or the newest for "" and "latest". Error: not_found.
  Result<Manifest> checkpoint(const std::string& id);

  /// Calls `read` with a checkpoint. A running job may delete the files of one while they are being
  /// read; then, if the newest was asked for, it is tried again with the one that is newest now.
  Status read_checkpoint(const std::string& id, const std::function<Status(const Manifest&)>& read);

 private:
  std::unique_ptr<Storage> storage_;
  std::unique_ptr<CheckpointStore> store_;
};

}  // namespace weir
