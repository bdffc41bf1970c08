// See rocksdb_fs.h. Nothing in here throws into RocksDB, which is not exception-safe: Storage
// reports by Result, and memory running out ends the process anyway.
#include "weir/checkpoint/rocksdb_fs.h"

#include <string>
#include <string_view>
#include <vector>

#include <rocksdb/file_system.h>

#include "weir/base/failpoint.h"

namespace weir {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

/// Keeps the first error of ours and tells RocksDB that something failed.
IOStatus remember(std::optional<Error>& slot, const Status& status) {
  if (status.ok()) return IOStatus::OK();
  if (!slot) slot = status.error();
  return IOStatus::IOError(status.error().message);
}

class SinkFile final : public rocksdb::FSWritableFile {
 public:
  explicit SinkFile(TableSink& sink) : sink_(sink) {}

  using FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    const std::string_view bytes(data.data(), data.size());
    sink_.hasher.update(bytes);
    sink_.size_bytes += bytes.size();
    return remember(sink_.error, sink_.file->append(bytes));
  }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  // The writer syncs and closes once, itself, after RocksDB is done (see sync_and_close).
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return sink_.size_bytes; }

 private:
  TableSink& sink_;
};

class SourceFile final : public rocksdb::FSRandomAccessFile {
 public:
  explicit SourceFile(TableSource& source) : source_(source) {}

  IOStatus Read(std::uint64_t offset, std::size_t n, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) const override {
    auto read = source_.file->read_at(offset, scratch, n);
    if (!read.ok()) return remember(source_.error, read.error());
    *result = Slice(scratch, *read);
    return IOStatus::OK();
  }

 private:
  TableSource& source_;
};

/// A file system of one file. What a table writer or reader does not need is refused, so that a
/// surprise shows itself instead of touching the disk behind our back.
class OneFileSystem final : public rocksdb::FileSystem {
 public:
  OneFileSystem(TableSink* sink, TableSource* source) : sink_(sink), source_(source) {}
  const char* Name() const override { return "weir.OneFileSystem"; }

  IOStatus NewWritableFile(const std::string& name, const FileOptions&,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext*) override {
    if (sink_ == nullptr) return refuse(name);
    *result = std::make_unique<SinkFile>(*sink_);
    return IOStatus::OK();
  }
  IOStatus NewRandomAccessFile(const std::string& name, const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                               IODebugContext*) override {
    if (source_ == nullptr) return refuse(name);
    *result = std::make_unique<SourceFile>(*source_);
    return IOStatus::OK();
  }
  IOStatus GetFileSize(const std::string& name, const IOOptions&, std::uint64_t* size,
                       IODebugContext*) override {
    if (source_ == nullptr) return refuse(name);
    *size = source_->file->size_bytes();
    return IOStatus::OK();
  }
  // After a failure RocksDB deletes its output; the writer removes the file itself.
  IOStatus DeleteFile(const std::string&, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  IOStatus FileExists(const std::string&, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  IOStatus GetAbsolutePath(const std::string& path, const IOOptions&, std::string* result,
                           IODebugContext*) override {
    *result = path;
    return IOStatus::OK();
  }

  IOStatus NewSequentialFile(const std::string& name, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>*,
                             IODebugContext*) override {
    return refuse(name);
  }
  IOStatus NewDirectory(const std::string& name, const IOOptions&,
                        std::unique_ptr<rocksdb::FSDirectory>*, IODebugContext*) override {
    return refuse(name);
  }
  IOStatus GetChildren(const std::string& name, const IOOptions&, std::vector<std::string>*,
                       IODebugContext*) override {
    return refuse(name);
  }
  IOStatus CreateDir(const std::string& name, const IOOptions&, IODebugContext*) override {
    return refuse(name);
  }
  IOStatus CreateDirIfMissing(const std::string& name, const IOOptions&, IODebugContext*) override {
    return refuse(name);
  }
  IOStatus DeleteDir(const std::string& name, const IOOptions&, IODebugContext*) override {
    return refuse(name);
  }
  IOStatus GetFileModificationTime(const std::string& name, const IOOptions&, std::uint64_t*,
                                   IODebugContext*) override {
    return refuse(name);
  }
  IOStatus RenameFile(const std::string& name, const std::string&, const IOOptions&,
                      IODebugContext*) override {
    return refuse(name);
  }
  IOStatus LockFile(const std::string& name, const IOOptions&, rocksdb::FileLock**,
                    IODebugContext*) override {
    return refuse(name);
  }
  IOStatus UnlockFile(rocksdb::FileLock*, const IOOptions&, IODebugContext*) override {
    return refuse("lock");
  }
  IOStatus GetTestDirectory(const IOOptions&, std::string*, IODebugContext*) override {
    return refuse("test directory");
  }
  IOStatus IsDirectory(const std::string& name, const IOOptions&, bool*, IODebugContext*) override {
    return refuse(name);
  }

 private:
  static IOStatus refuse(const std::string& name) {
    return IOStatus::NotSupported("not a table that is being written or read: " + name);
  }
  TableSink* sink_;
  TableSource* source_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> make_sink_env(TableSink& sink) {
  return rocksdb::NewCompositeEnv(std::make_shared<OneFileSystem>(&sink, nullptr));
}

std::unique_ptr<rocksdb::Env> make_source_env(TableSource& source) {
  return rocksdb::NewCompositeEnv(std::make_shared<OneFileSystem>(nullptr, &source));
}

Status sync_and_close(TableSink& sink) {
  const auto attempt = [&]() -> Status {
    WEIR_TRY(WEIR_FAILPOINT_STATUS("run.before_sync"));
    WEIR_TRY(sink.file->sync());
    WEIR_TRY(WEIR_FAILPOINT_STATUS("run.after_sync"));
    return sink.file->close();
  };
  const Status status = attempt();
  if (!status.ok() && !sink.error) sink.error = status.error();
  return status;
}

}  // namespace weir
