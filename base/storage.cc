// Whole files over any Storage. Any thread.
#include "weir/base/storage.h"

#include "weir/base/path.h"

namespace weir {
namespace {

Status write_and_sync(Storage& storage, const std::string& path, std::string_view bytes) {
  WEIR_ASSIGN(const std::unique_ptr<AppendFile> file, storage.create(path));
  WEIR_TRY(file->append(bytes));
  WEIR_TRY(file->sync());
  return file->close();
}

std::string temporary_name(const std::string& path, std::string_view writer) {
  return path + (writer.empty() ? "" : "." + std::string(writer)) + ".tmp";
}

}  // namespace

Status HeldLocks::hold(Storage& storage, const std::string& path) {
  if (!holds_ || held_.contains(path)) return {};
  WEIR_ASSIGN(held_[path], storage.lock(path));
  return {};
}

Result<std::string> read_file(Storage& storage, const std::string& path,
                              std::uint64_t limit_bytes) {
  WEIR_ASSIGN(const std::unique_ptr<ReadFile> file, storage.open(path));
  const std::uint64_t size = file->size_bytes();
  if (size > limit_bytes) {
    return Error{ErrorCode::invalid_argument,
                 "cannot read " + path + ": its " + std::to_string(size) +
                     " bytes are more than the limit of " + std::to_string(limit_bytes)};
  }
  std::string bytes(size, '\0');
  WEIR_ASSIGN(const std::size_t read, file->read_at(0, bytes.data(), bytes.size()));
  if (read != size) {
    return Error{ErrorCode::io, "cannot read " + path +
                                    ": it became shorter meanwhile; is another process "
                                    "writing it?"};
  }
  return bytes;
}

Status write_file_atomically(Storage& storage, const std::string& path, std::string_view bytes,
                             std::string_view writer) {
  return storage.replace_file(path, bytes, writer);
}

Status write_new_file(Storage& storage, const std::string& path, std::string_view bytes,
                      std::string_view writer) {
  return storage.create_file(path, bytes, writer);
}

bool Storage::holds_objects(const std::string&) const { return false; }

Status Storage::replace_file(const std::string& path, std::string_view bytes,
                             std::string_view writer) {
  const std::string temporary = temporary_name(path, writer);
  Status written = write_and_sync(*this, temporary, bytes);
  if (written.ok()) written = rename(temporary, path);
  if (!written.ok()) {
    // The first error is the one to tell; a temporary file that stays is overwritten next time.
    static_cast<void>(remove(temporary));
    return written;
  }
  return sync_dir(parent_path(path));
}

Status Storage::create_file(const std::string& path, std::string_view bytes,
                            std::string_view writer) {
  const std::string temporary = temporary_name(path, writer);
  Status written = write_and_sync(*this, temporary, bytes);
  if (written.ok()) written = rename_new(temporary, path);
  if (!written.ok()) {
    static_cast<void>(remove(temporary));
    return written;
  }
  const Status durable = sync_dir(parent_path(path));
  if (durable.ok()) return {};
  // Others may have seen the file, so it cannot be taken back. Starting again syncs the folder.
  return Error{ErrorCode::fsync_failed,
               "Cannot tell whether " + path + " is on the disk: " + durable.error().message,
               durable.error().code != ErrorCode::fsync_failed};
}

}  // namespace weir
