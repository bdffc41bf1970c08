// Who a state folder is, so that what its job keeps elsewhere, as the staged output of a file sink,
// can be told from that of others. Called on the thread that starts an attempt.
#include "weir/base/hash.h"
#include "weir/base/path.h"
#include "weir/checkpoint/store.h"

namespace weir {
namespace {

constexpr std::uint64_t kMaxIdentityBytes = 64 * 1024;

std::string identity_path(const std::string& root) { return join_path(root, "identity"); }

/// What folder `root` says of itself; nothing when it says nothing.
Result<std::optional<StateIdentity>> read_identity(Storage& storage, const std::string& root) {
  const std::string path = identity_path(root);
  WEIR_ASSIGN(const bool exists, storage.exists(path));
  if (!exists) return std::optional<StateIdentity>();
  WEIR_ASSIGN(const std::string text, read_file(storage, path, kMaxIdentityBytes));
  const std::size_t end = text.find('\n');
  if (end == 0 || end == std::string::npos || text.size() < end + 2 || text.back() != '\n') {
    return Error{ErrorCode::corrupt,
                 path +
                     " is damaged. Remove it; a file sink may then take this folder for another "
                     "one, and says what to do.",
                 false};
  }
  return std::optional<StateIdentity>(
      {text.substr(0, end), text.substr(end + 1, text.size() - end - 2)});
}

/// The folder at `path` is still there and says that it is `id`.
bool lies_at(Storage& storage, const std::string& path, const std::string& id) {
  const auto there = read_identity(storage, path);
  return there.ok() && *there && (*there)->id == id;
}

}  // namespace

Result<StateIdentity> CheckpointStore::identity(std::uint64_t seed) {
  StateIdentity now{Hash128{mix64(seed), seed}.hex(), canonical_path(root_)};
  WEIR_ASSIGN(const auto written, read_identity(storage_, root_));
  if (written && written->path == now.path) return *written;
  // Elsewhere than it says: moved, or a copy while the first one is still in its place.
  if (written && !lies_at(storage_, written->path, written->id)) now.id = written->id;
  const std::string path = identity_path(root_), text = now.id + "\n" + now.path + "\n";
  const std::string writer = Hash128{mix64(seed), seed}.hex();
  if (written) {
    WEIR_TRY(write_file_atomically(storage_, path, text, writer));
    return now;
  }
  const Status made = write_new_file(storage_, path, text, writer);
  if (made.ok()) return now;
  if (made.error().code != ErrorCode::already_exists) return made.error();
  return identity(seed);  // another attempt was faster
}

}  // namespace weir
