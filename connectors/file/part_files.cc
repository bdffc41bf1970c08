// Preparing and committing. Called on I/O threads.
#include "weir/connectors/file/part_files.h"

#include <algorithm>

#include "weir/base/bytes.h"
#include "weir/base/failpoint.h"
#include "weir/base/path.h"
#include "weir/connectors/file/part_owner.h"

namespace weir::file::detail {
namespace {

constexpr std::uint64_t kFormat = 2, kFormatOpen = 3;
constexpr std::string_view kCopySuffix = ".part";
constexpr int kMostRounds = 3;  // an attempt beside this one does each thing once

/// A name that stays in its folder.
bool is_plain(const std::string& name) {
  return !name.empty() && name[0] != '.' && name.find('/') == std::string::npos;
}

std::string name_of(const PartItem& item) {
  return item.final_name.empty() ? ".staging/" + item.staged_name : item.final_name;
}

Error lost(const std::string& folder, const PartItem& item, const std::string& what) {
  return {ErrorCode::corrupt,
          "output is lost: " + what + ", so " + std::to_string(item.size_bytes) + " bytes of " +
              join_path(folder, name_of(item)) +
              " cannot be committed; restore that file, or start the job anew with another folder",
          false};
}

/// A name for a copy of the staged file at `path` that no other attempt uses.
std::string copy_name(const SinkContext& context, const std::string& path) {
  return path + "." + context.attempt + std::string(kCopySuffix);
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
  const bool copied = staged_size > item.size_bytes || (item.open && staged_size == target_size);
  if (copied && target_size == item.size_bytes) return {};
  return Error{ErrorCode::already_exists,
               target + " exists already, but was not written by this sink, which has " +
                   std::to_string(item.size_bytes) + " bytes for it in " + staged +
                   "; move it out of the folder, and give every sink a folder of its own",
               false};
}

/// The checkpoint was taken with another output folder, which shows the file.
Result<bool> visible_elsewhere(Storage& storage, const std::string& folder, const PartItem& item) {
  if (item.final_name.empty() || item.folder == canonical_path(folder)) return false;
  return storage.exists(join_path(item.folder, item.final_name));
}

Error gone_elsewhere(const std::string& folder, const PartItem& item) {
  return {ErrorCode::not_found,
          "the checkpoint was taken when the job wrote to folder " + item.folder + ", and " +
              std::to_string(item.size_bytes) +
              " bytes of its output were staged there, which are no longer in " +
              join_path(staging_folder(item.folder), item.staged_name) +
              "; since then that run has gone on or was removed, so to go on in folder " + folder +
              " take a savepoint with --stop, or a newer one, and restore that",
          false};
}

/// Sees to it that a file of the restored checkpoint is there to be committed. When the job writes
/// to another folder now, what was staged in the old one is copied; what the old one shows stays
/// there.
Status bring(const SinkContext& context, const std::string& folder, const PartItem& item) {
  Storage& storage = *context.env->storage;
  const std::string staged = join_path(staging_folder(folder), item.staged_name);
  WEIR_ASSIGN(const bool waiting, storage.exists(staged));
  if (waiting) return {};
  if (!item.final_name.empty()) {
    WEIR_ASSIGN(const bool done, storage.exists(join_path(folder, item.final_name)));
    if (done) return {};
  }
  if (item.folder == canonical_path(folder)) {
    return lost(folder, item, staged + " is gone");
  }
  WEIR_ASSIGN(const bool visible, visible_elsewhere(storage, folder, item));
  if (visible) return {};
  const std::string old = join_path(staging_folder(item.folder), item.staged_name);
  WEIR_ASSIGN(const bool there, storage.exists(old));
  if (!there) return gone_elsewhere(folder, item);
  const std::string copy = copy_name(context, staged);
  WEIR_TRY(copy_part(storage, old, copy, item.size_bytes));
  return storage.rename(copy, staged);
}

/// Renames one file, as it stands; says in `left` what remains to be removed once the name is
/// durable. Error: not_found, when another attempt has changed that meanwhile.
Status publish_now(const SinkContext& context, const std::string& folder, const PartItem& item,
                   std::vector<std::string>& left) {
  Storage& storage = *context.env->storage;
  const std::string staged = join_path(staging_folder(folder), item.staged_name);
  const std::string target = join_path(folder, item.final_name);
  // In this order: a file that another attempt renames in between is then seen twice, not never.
  WEIR_ASSIGN(const bool waiting, storage.exists(staged));
  WEIR_ASSIGN(const bool done, storage.exists(target));
  if (waiting && done) {
    WEIR_TRY(check_copied(storage, staged, target, item));
    left.push_back(staged);
  }
  if (done) return {};
  if (!waiting) {
    WEIR_ASSIGN(const bool elsewhere, visible_elsewhere(storage, folder, item));
    return elsewhere ? Status() : lost(folder, item, staged + " is gone");
  }
  WEIR_ASSIGN(const std::uint64_t size, size_of(storage, staged));
  if (size == item.size_bytes && !item.open) return storage.rename(staged, target);
  if (size < item.size_bytes) {
    return lost(folder, item, staged + " has only " + std::to_string(size) + " bytes");
  }
  const std::string copy = copy_name(context, staged);
  WEIR_TRY(copy_part(storage, staged, copy, item.size_bytes));
  left.push_back(staged);
  return storage.rename(copy, target);
}

Status publish(const SinkContext& context, const std::string& folder, const PartItem& item,
               std::vector<std::string>& left) {
  for (int round = 1;; ++round) {
    std::vector<std::string> more;
    Status done = publish_now(context, folder, item, more);
    if (done.ok()) left.insert(left.end(), more.begin(), more.end());
    if (done.ok() || done.error().code != ErrorCode::not_found || round == kMostRounds) return done;
  }
}

}  // namespace

std::string PartItem::encode() const {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.varint(open ? kFormatOpen : kFormat);
  writer.string(staged_name);
  writer.string(final_name);
  writer.varint(size_bytes);
  writer.string(folder);
  return bytes;
}

Result<PartItem> PartItem::decode(std::string_view bytes) {
  ByteReader reader(bytes);
  const std::uint64_t version = reader.varint();
  PartItem item;
  item.staged_name = reader.string();
  item.final_name = reader.string();
  item.size_bytes = reader.varint();
  item.folder = reader.string();
  item.open = version == kFormatOpen;
  const bool named =
      is_plain(item.staged_name) && (item.final_name.empty() || is_plain(item.final_name));
  const bool known = version == kFormat || (item.open && !item.final_name.empty());
  if (known && !reader.failed() && reader.at_end() && named) return item;
  return Error{ErrorCode::incompatible,
               "the checkpoint names output of a file sink in a form that this version of Weir "
               "does not know",
               false};
}

std::string staging_folder(const std::string& folder) { return join_path(folder, ".staging"); }

Status prepare_parts(const SinkContext& context, const std::string& folder,
                     const std::vector<std::string>& live) {
  if (is_object_path(folder)) {
    return Error{ErrorCode::invalid_argument,
                 "A file sink cannot write to " + folder +
                     ": it renames files, which S3 cannot. Give it a folder of files; only the "
                     "state of a job may lie on S3."};
  }
  if (folder.empty()) {
    return Error{ErrorCode::invalid_argument, "it has no folder; set .path", false};
  }
  PartNames names;
  std::vector<PartItem> items;
  for (const std::string& bytes : live) {
    WEIR_ASSIGN(PartItem item, PartItem::decode(bytes));
    names.staged.insert(item.staged_name);
    if (!item.final_name.empty()) names.committed.insert(item.final_name);
    items.push_back(std::move(item));
  }
  Storage& storage = *context.env->storage;
  WEIR_TRY(own_folder(context, folder, names));
  for (const PartItem& item : items) WEIR_TRY(bring(context, folder, item));
  if (!items.empty()) WEIR_TRY(storage.sync_dir(staging_folder(folder)));
  return remove_dead(context, folder, names);
}

bool is_copy_of(std::string_view name, std::string_view staged) {
  return name.starts_with(staged) && name.substr(staged.size()).starts_with('.') &&
         name.ends_with(kCopySuffix);
}

Status commit_parts(const SinkContext& context, const std::string& folder,
                    const std::vector<Committable>& committables) {
  Storage& storage = *context.env->storage;
  std::vector<std::string> left;
  for (const Committable& bytes : committables) {
    WEIR_ASSIGN(const PartItem item, PartItem::decode(bytes));
    WEIR_TRY(publish(context, folder, item, left));
    WEIR_FAILPOINT("file_sink.after_rename");
  }
  WEIR_TRY(storage.sync_dir(folder));
  for (const std::string& path : left) WEIR_TRY(storage.remove(path));
  return {};
}

}  // namespace weir::file::detail
