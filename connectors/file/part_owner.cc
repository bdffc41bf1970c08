// Taking and refusing; see part_owner.h.
#include "weir/connectors/file/part_owner.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "weir/base/describe.h"
#include "weir/base/json.h"
#include "weir/base/path.h"
#include "weir/base/storage.h"
#include "weir/checkpoint/attempt.h"
#include "weir/connectors/file/part_files.h"
#include "weir/runtime/environment.h"

namespace weir::file::detail {

/// The run that wrote to a folder last.
struct PartOwner {
  std::uint32_t format = 1;
  std::string state_id, state_folder, run_id;
  bool temporary = false;
};
WEIR_DESCRIBE(PartOwner, format, state_id, state_folder, run_id, temporary);

namespace {

constexpr std::string_view kPart = "part-";
constexpr std::string_view kLock = "lock", kOwner = "owner";
constexpr std::uint64_t kMaxOwnerBytes = 64 * 1024;

/// The checkpoint in the name of a committed file; nothing when the name is none.
std::optional<std::uint64_t> checkpoint_of(std::string_view name) {
  if (!name.starts_with(kPart)) return std::nullopt;
  name.remove_prefix(kPart.size());
  std::uint64_t checkpoint = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), checkpoint);
  if (error != std::errc()) return std::nullopt;
  return checkpoint;
}

std::string owner_path(const std::string& folder) {
  return join_path(staging_folder(folder), kOwner);
}

Result<std::optional<PartOwner>> read_owner(Storage& storage, const std::string& folder) {
  const std::string path = owner_path(folder);
  WEIR_ASSIGN(const bool exists, storage.exists(path));
  if (!exists) return std::optional<PartOwner>();
  WEIR_ASSIGN(const std::string text, read_file(storage, path, kMaxOwnerBytes));
  PartOwner owner;
  if (from_json(text, owner).ok() && owner.format == 1) return std::optional<PartOwner>(owner);
  return Error{ErrorCode::incompatible,
               "cannot tell who owns folder " + folder + ", since " + path +
                   " is damaged or of another version of Weir; choose another output folder",
               false};
}

/// "the run with state folder /jobs/state"
std::string name_of(const std::optional<PartOwner>& owner) {
  if (!owner) return "another run";
  if (owner->temporary) return "a run without a state folder";
  return "the run with state folder " + owner->state_folder;
}

/// What to do instead, for a person.
std::string advice(const std::optional<PartOwner>& owner) {
  const bool resumable = owner && !owner->temporary;
  return std::string(resumable ? "resume that run with its --state, choose" : "choose") +
         " another output folder, or, if that output is not wanted, ";
}

Error refuse(const std::string& what) { return {ErrorCode::already_exists, what, false}; }

/// Creates the folders and takes the lock.
Status lock_folder(const SinkContext& context, const std::string& folder) {
  Storage& storage = *context.env->storage;
  Status done = storage.make_dirs(staging_folder(folder));
  if (done.ok()) done = context.locks->hold(storage, join_path(staging_folder(folder), kLock));
  if (done.ok() || done.error().code != ErrorCode::already_exists) return done;
  const auto owner = read_owner(storage, folder);
  const bool known = owner.ok() && *owner;
  if (known && (*owner)->state_id == context.owner.id) {
    return refuse("another sink of this job writes to folder " + folder +
                  "; give each sink a folder of its own");
  }
  return refuse("folder " + folder + " is being written to by " +
                (known ? name_of(*owner) : "another run") +
                "; choose another output folder, or stop that run first");
}

/// Committed files may be there only if this run's own past put them there.
Status check_committed(const SinkContext& context, const std::string& folder,
                       const std::vector<StorageEntry>& entries,
                       const std::optional<PartOwner>& owner, const PartNames& live) {
  const bool own_past = context.restored && (!owner || owner->run_id == context.run_id);
  std::string newer;
  std::size_t count = 0;
  for (const StorageEntry& entry : entries) {
    const auto checkpoint = checkpoint_of(entry.name);
    if (!checkpoint) continue;
    if (!own_past) {
      return refuse("folder " + folder + " already holds output of " + name_of(owner) + " (" +
                    entry.name + "); " + advice(owner) + "remove its files");
    }
    if (*checkpoint <= context.restored_checkpoint || live.committed.contains(entry.name)) continue;
    if (count++ == 0) newer = entry.name;
  }
  if (count == 0) return {};
  return refuse("folder " + folder + " already holds " + newer +
                (count > 1 ? " and " + std::to_string(count - 1) + " more" : "") +
                " of checkpoints after " + std::to_string(context.restored_checkpoint) +
                ", from which the job resumes, so that their records would come out twice; resume "
                "from the newest checkpoint, choose another output folder, or move all files of "
                "later checkpoints out of this one");
}

/// Says whether the output of a checkpoint uses the staged file `name`, or a copy that commit makes
/// of it.
bool is_live(const PartNames& live, std::string_view name) {
  if (live.staged.contains(std::string(name))) return true;
  return std::any_of(live.staged.begin(), live.staged.end(),
                     [name](const std::string& staged) { return is_copy_of(name, staged); });
}

bool is_output(std::string_view name) { return name != kLock && !name.starts_with(kOwner); }

/// What an attempt that died while it wrote the owner left behind.
bool is_temporary(std::string_view name) {
  return name.starts_with(kOwner) && attempt_number(name).has_value();
}

/// Staged files may be taken over only if nobody else can ever want to commit them.
Status check_staged(const SinkContext& context, const std::string& folder,
                    const std::vector<StorageEntry>& entries, const std::optional<PartOwner>& owner,
                    const PartNames& live) {
  if (owner && (owner->state_id == context.owner.id || owner->temporary)) return {};
  const std::string staging = staging_folder(folder);
  std::string first;
  std::size_t count = 0;
  for (const StorageEntry& entry : entries) {
    if (!is_output(entry.name) || is_live(live, entry.name)) continue;
    if (count++ == 0) first = entry.name;
  }
  if (count == 0) return {};
  return refuse(
      "folder " + folder + " belongs to " + name_of(owner) + ", which has staged " +
      std::to_string(count) + (count == 1 ? " file" : " files") + " there (" +
      join_path(staging, first) + ") that " +
      (context.restored ? "the restored checkpoint does not name" : "it may still commit") + "; " +
      advice(owner) + (context.restored ? "remove such files" : "remove folder " + folder));
}

/// Also shows that the folder can be written to.
Status write_owner(const SinkContext& context, const std::string& folder) {
  PartOwner owner;
  owner.state_id = context.owner.id;
  owner.state_folder = context.owner.path;
  owner.run_id = context.run_id;
  owner.temporary = context.owner.temporary;
  std::string text;
  to_json(text, owner);
  Storage& storage = *context.env->storage;
  WEIR_TRY(write_file_atomically(storage, owner_path(folder), text + "\n", context.attempt));
  WEIR_TRY(storage.sync_dir(parent_path(folder)));
  return storage.sync_dir(folder);
}

/// Errors that are not about owners say what they kept from happening.
Status cannot_write(const std::string& folder, Status status) {
  if (status.ok() || status.error().code == ErrorCode::already_exists) return status;
  Error error = status.error();
  error.message = "cannot write to folder " + folder + ": " + error.message;
  return error;
}

}  // namespace

Status own_folder(const SinkContext& context, const std::string& folder, const PartNames& live) {
  WEIR_TRY(cannot_write(folder, lock_folder(context, folder)));
  Storage& storage = *context.env->storage;
  // Whoever has written what is listed here had become the owner before, perhaps just now.
  WEIR_ASSIGN(const std::vector<StorageEntry> committed, storage.list(folder));
  WEIR_ASSIGN(const std::vector<StorageEntry> staged, storage.list(staging_folder(folder)));
  WEIR_ASSIGN(const std::optional<PartOwner> owner, read_owner(storage, folder));
  WEIR_TRY(check_committed(context, folder, committed, owner, live));
  WEIR_TRY(check_staged(context, folder, staged, owner, live));
  return cannot_write(folder, write_owner(context, folder));
}

Status remove_dead(const SinkContext& context, const std::string& folder, const PartNames& live) {
  Storage& storage = *context.env->storage;
  const std::string staging = staging_folder(folder);
  const auto own = attempt_number(context.attempt);
  WEIR_ASSIGN(const std::vector<StorageEntry> entries, storage.list(staging));
  for (const StorageEntry& entry : entries) {
    if (!is_output(entry.name) && !is_temporary(entry.name)) continue;
    if (live.staged.contains(entry.name)) continue;
    const auto writer = attempt_number(entry.name);
    if (own && writer && *writer > *own) continue;
    WEIR_TRY(storage.remove(join_path(staging, entry.name)));
  }
  return {};
}

}  // namespace weir::file::detail
