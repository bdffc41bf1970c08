// Preparing and committing. Called on I/O threads.
#include "weir/connectors/file/part_files.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "weir/base/bytes.h"
#include "weir/base/failpoint.h"
#include "weir/base/path.h"

namespace weir::file::detail {
namespace {

constexpr std::string_view kPart = "part-";

/// The checkpoint in the name of a committed file; nothing when the name is none.
std::optional<std::uint64_t> checkpoint_of(std::string_view name) {
  if (!name.starts_with(kPart)) return std::nullopt;
  name.remove_prefix(kPart.size());
  std::uint64_t checkpoint = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), checkpoint);
  if (error != std::errc()) return std::nullopt;
  return checkpoint;
}

/// Committed files may be there only if this job's own past put them there.
Status refuse_foreign(const SinkContext& context, const std::string& folder,
                      const std::set<std::string>& live) {
  WEIR_ASSIGN(const std::vector<StorageEntry> entries, context.env->storage->list(folder));
  for (const StorageEntry& entry : entries) {
    const auto checkpoint = checkpoint_of(entry.name);
    if (!checkpoint || live.contains(entry.name)) continue;
    if (!context.restored) {
      return Error{ErrorCode::already_exists,
                   "sink '" + context.step + "': " + folder +
                       " already holds output of another "
                       "run (" +
                       entry.name +
                       "); choose another folder, remove it, or resume that run "
                       "with its --state",
                   false};
    }
    if (*checkpoint >= context.first_checkpoint) {
      return Error{ErrorCode::already_exists,
                   "sink '" + context.step + "': " + folder + " already holds " + entry.name +
                       ", written after the checkpoint that the job resumes from; resume from the "
                       "newest checkpoint, or choose another folder",
                   false};
    }
  }
  return {};
}

Status remove_dead(Storage& storage, const std::string& staging,
                   const std::set<std::string>& live) {
  WEIR_ASSIGN(const std::vector<StorageEntry> entries, storage.list(staging));
  for (const StorageEntry& entry : entries) {
    if (!live.contains(entry.name)) WEIR_TRY(storage.remove(join_path(staging, entry.name)));
  }
  return {};
}

Status make_folders(const SinkContext& context, const std::string& folder) {
  Storage& storage = *context.env->storage;
  const std::string staging = staging_folder(folder);
  const std::string probe = join_path(staging, "probe-" + context.attempt);
  Status made = storage.make_dirs(staging);
  if (made.ok()) {
    Result<std::unique_ptr<AppendFile>> file = storage.create(probe);
    made = file.ok() ? (*file)->close() : Status(file.error());
  }
  if (made.ok()) made = storage.remove(probe);
  if (made.ok()) made = storage.sync_dir(parent_path(folder));
  if (made.ok()) made = storage.sync_dir(folder);
  if (made.ok()) return {};
  Error error = made.error();
  error.message =
      "sink '" + context.step + "' cannot write to folder " + folder + ": " + error.message;
  return error;
}

Error lost(const std::string& folder, const PartItem& item, const std::string& what) {
  return {ErrorCode::corrupt,
          "output is lost: " + what + ", so " + std::to_string(item.size_bytes) + " bytes of " +
              join_path(folder, item.final_name) +
              " cannot be committed; restore that file, or start the job anew with another folder",
          false};
}

/// Copies the first `size` bytes of `from` to `to` and makes them durable.
Status copy_part(Storage& storage, const std::string& from, const std::string& to,
                 std::uint64_t size) {
  WEIR_ASSIGN(const std::unique_ptr<ReadFile> source, storage.open(from));
  WEIR_ASSIGN(const std::unique_ptr<AppendFile> target, storage.create(to));
  std::string buffer(std::size_t{1} << 20, '\0');
  for (std::uint64_t at = 0; at < size;) {
    const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), size - at);
    WEIR_ASSIGN(const std::size_t got, source->read_at(at, buffer.data(), wanted));
    if (got == 0) {
      return Error{ErrorCode::io, "cannot read " + from + " at byte " + std::to_string(at), true};
    }
    WEIR_TRY(target->append(std::string_view(buffer).substr(0, got)));
    at += got;
  }
  WEIR_TRY(target->sync());
  return target->close();
}

Result<std::uint64_t> size_of(Storage& storage, const std::string& path) {
  WEIR_ASSIGN(const std::unique_ptr<ReadFile> file, storage.open(path));
  return file->size_bytes();
}

/// Both names of a file exist. That may be only where a commit was cut off between renaming a copy
/// and removing the longer file it was made from; anything else has been put there by others.
Status check_copied(Storage& storage, const std::string& staged, const std::string& target,
                    const PartItem& item) {
  WEIR_ASSIGN(const std::uint64_t staged_size, size_of(storage, staged));
  WEIR_ASSIGN(const std::uint64_t target_size, size_of(storage, target));
  if (staged_size > item.size_bytes && target_size == item.size_bytes) return {};
  return Error{ErrorCode::already_exists,
               target + " exists already, but was not written by this sink, which has " +
                   std::to_string(item.size_bytes) + " bytes for it in " + staged +
                   "; move it out of the folder, and give every sink a folder of its own",
               false};
}

/// Renames one file; says in `left` what remains to be removed once the name is durable.
Status publish(Storage& storage, const std::string& folder, const PartItem& item,
               std::vector<std::string>& left) {
  const std::string staged = join_path(staging_folder(folder), item.staged_name);
  const std::string target = join_path(folder, item.final_name);
  WEIR_ASSIGN(const bool done, storage.exists(target));
  WEIR_ASSIGN(const bool waiting, storage.exists(staged));
  if (waiting && done) {
    WEIR_TRY(check_copied(storage, staged, target, item));
    left.push_back(staged);
  }
  if (done) return {};
  if (!waiting) return lost(folder, item, "neither it nor " + staged + " exists");
  WEIR_ASSIGN(const std::uint64_t size, size_of(storage, staged));
  if (size == item.size_bytes) return storage.rename(staged, target);
  if (size < item.size_bytes) {
    return lost(folder, item, staged + " has only " + std::to_string(size) + " bytes");
  }
  const std::string copy = staged + ".part";
  WEIR_TRY(copy_part(storage, staged, copy, item.size_bytes));
  left.push_back(staged);
  return storage.rename(copy, target);
}

}  // namespace

std::string PartItem::encode() const {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.varint(1);
  writer.string(staged_name);
  writer.string(final_name);
  writer.varint(size_bytes);
  return bytes;
}

Result<PartItem> PartItem::decode(std::string_view bytes) {
  ByteReader reader(bytes);
  const std::uint64_t version = reader.varint();
  PartItem item;
  item.staged_name = reader.string();
  item.final_name = reader.string();
  item.size_bytes = reader.varint();
  if (version == 1 && !reader.failed() && reader.at_end()) return item;
  return Error{ErrorCode::incompatible,
               "the checkpoint names output of a file sink in a form that this version of Weir "
               "does not know",
               false};
}

std::string absolute_folder(const std::string& folder) {
  if (folder.empty()) return folder;
  std::error_code error;  // without a working folder the path stays relative
  const std::filesystem::path whole = std::filesystem::absolute(folder, error);
  std::string path = (error ? std::filesystem::path(folder) : whole).lexically_normal().string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string staging_folder(const std::string& folder) { return join_path(folder, ".staging"); }

Status prepare_parts(const SinkContext& context, const std::string& folder,
                     const std::vector<std::string>& live) {
  if (folder.empty()) {
    return Error{ErrorCode::invalid_argument,
                 "sink '" + context.step + "' has no folder; set .path", false};
  }
  std::set<std::string> staged, committed;
  for (const std::string& bytes : live) {
    WEIR_ASSIGN(const PartItem item, PartItem::decode(bytes));
    staged.insert(item.staged_name);
    committed.insert(item.final_name);
  }
  WEIR_TRY(make_folders(context, folder));
  WEIR_TRY(refuse_foreign(context, folder, committed));
  return remove_dead(*context.env->storage, staging_folder(folder), staged);
}

Status commit_parts(Storage& storage, const std::string& folder,
                    const std::vector<Committable>& committables) {
  std::vector<std::string> left;
  for (const Committable& bytes : committables) {
    WEIR_ASSIGN(const PartItem item, PartItem::decode(bytes));
    WEIR_TRY(publish(storage, folder, item, left));
    WEIR_FAILPOINT("file_sink.after_rename");
  }
  WEIR_TRY(storage.sync_dir(folder));
  for (const std::string& path : left) WEIR_TRY(storage.remove(path));
  return {};
}

}  // namespace weir::file::detail
