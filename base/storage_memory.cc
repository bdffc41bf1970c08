// MemoryStorage: a MemoryDisk behind a lock, with injected faults. Any thread.
//
// The fault function is called without the lock, so that it may itself use the storage. Files
// opened before a crash belong to an earlier `epoch` and refuse every call after it.
#include <algorithm>
#include <mutex>
#include <set>

#include "weir/base/memory_disk.h"
#include "weir/base/storage.h"

namespace weir {
namespace {

using Fault = std::function<Status(std::string_view operation, const std::string& path)>;

struct SharedDisk {
  std::mutex mutex;
  MemoryDisk disk;
  std::shared_ptr<const Fault> fault;  // shared with the calls that are under way
  std::uint64_t epoch = 0;
  std::set<std::string> locked;  // paths; emptied by a crash

  /// Asks the fault function; the answer is the operation's result when it is an error.
  Status check_fault(std::string_view operation, const std::string& path) {
    std::shared_ptr<const Fault> current;
    {
      const std::lock_guard lock(mutex);
      current = fault;
    }
    return current == nullptr ? Status() : (*current)(operation, path);
  }
};

Error refused(std::string_view operation, const std::string& path, const char* why) {
  return {ErrorCode::io, "cannot " + std::string(operation) + " " + path + ": " + why};
}

/// The part that both kinds of open files share. `disk` is shared, since files may outlive the
/// storage.
struct OpenFile {
  std::shared_ptr<SharedDisk> disk;
  std::string path;
  MemoryInodePtr inode;
  std::uint64_t epoch;

  Status check_epoch(std::string_view operation) const {
    if (disk->epoch == epoch) return {};
    return refused(operation, path, "it was opened before the crash");
  }
};

class MemoryAppendFile : public AppendFile {
 public:
  explicit MemoryAppendFile(OpenFile file) : file_(std::move(file)) {}

  Status append(std::string_view bytes) override {
    return use("append", [&] { return file_.disk->disk.append(*file_.inode, file_.path, bytes); });
  }
  Status sync() override {
    return use("sync", [&] {
      MemoryDisk::sync(*file_.inode);
      return Status();
    });
  }
  Status close() override {
    if (closed_) return {};
    closed_ = true;
    return file_.disk->check_fault("close", file_.path);
  }

 private:
  /// Runs one operation; after a failed one the file refuses all others, as the header says.
  template <class Operation>
  Status use(std::string_view name, Operation operation) {
    if (closed_) return refused(name, file_.path, "it is closed");
    if (broken_) return refused(name, file_.path, "an earlier write to it failed; throw it away");
    Status status = file_.disk->check_fault(name, file_.path);
    if (status.ok()) {
      const std::lock_guard lock(file_.disk->mutex);
      status = file_.check_epoch(name);
      if (status.ok()) status = operation();
    }
    broken_ = !status.ok();
    return status;
  }

  OpenFile file_;
  bool closed_ = false;
  bool broken_ = false;
};

class MemoryReadFile : public ReadFile {
 public:
  MemoryReadFile(OpenFile file, std::uint64_t size) : file_(std::move(file)), size_(size) {}

  std::uint64_t size_bytes() const override { return size_; }

  Result<std::size_t> read_at(std::uint64_t offset, char* buffer, std::size_t size) override {
    WEIR_TRY(file_.disk->check_fault("read", file_.path));
    const std::lock_guard lock(file_.disk->mutex);
    WEIR_TRY(file_.check_epoch("read"));
    const std::string& bytes = file_.inode->bytes;
    if (offset >= bytes.size()) return std::size_t{0};
    const std::size_t n = std::min<std::uint64_t>(size, bytes.size() - offset);
    std::copy_n(bytes.data() + offset, n, buffer);
    return n;
  }

 private:
  OpenFile file_;
  std::uint64_t size_;
};

class MemoryFileLock : public FileLock {
 public:
  MemoryFileLock(std::shared_ptr<SharedDisk> disk, std::string path)
      : disk_(std::move(disk)), path_(std::move(path)), epoch_(disk_->epoch) {}
  ~MemoryFileLock() override {
    const std::lock_guard lock(disk_->mutex);
    if (disk_->epoch == epoch_) disk_->locked.erase(path_);
  }

 private:
  std::shared_ptr<SharedDisk> disk_;
  std::string path_;
  std::uint64_t epoch_;
};

}  // namespace

struct MemoryStorage::State : SharedDisk {
  /// Runs `operation` on the disk, with the normalised path, unless a fault comes first.
  template <class Operation>
  auto run(std::string_view name, const std::string& path, Operation operation)
      -> decltype(operation(disk, path)) {
    WEIR_TRY(check_fault(name, path));
    const std::lock_guard lock(mutex);
    return operation(disk, MemoryDisk::normalize(path));
  }
};

MemoryStorage::MemoryStorage() : state_(std::make_shared<State>()) {}
MemoryStorage::~MemoryStorage() = default;

Result<std::unique_ptr<AppendFile>> MemoryStorage::create(const std::string& path) {
  using File = std::unique_ptr<AppendFile>;
  return state_->run("create", path,
                     [&](MemoryDisk& disk, const std::string& name) -> Result<File> {
                       WEIR_ASSIGN(MemoryInodePtr inode, disk.create(name));
                       return File(std::make_unique<MemoryAppendFile>(
                           OpenFile{state_, path, std::move(inode), state_->epoch}));
                     });
}

Result<std::unique_ptr<ReadFile>> MemoryStorage::open(const std::string& path) {
  using File = std::unique_ptr<ReadFile>;
  return state_->run("open", path, [&](MemoryDisk& disk, const std::string& name) -> Result<File> {
    WEIR_ASSIGN(MemoryInodePtr inode, disk.open(name));
    const std::uint64_t size = inode->bytes.size();
    return File(std::make_unique<MemoryReadFile>(
        OpenFile{state_, path, std::move(inode), state_->epoch}, size));
  });
}

Status MemoryStorage::rename(const std::string& from, const std::string& to) {
  return state_->run("rename", from, [&](MemoryDisk& disk, const std::string& name) {
    return disk.rename(name, MemoryDisk::normalize(to));
  });
}

Status MemoryStorage::rename_new(const std::string& from, const std::string& to) {
  return state_->run("rename_new", from, [&](MemoryDisk& disk, const std::string& name) {
    return disk.rename_new(name, MemoryDisk::normalize(to));
  });
}

Status MemoryStorage::remove(const std::string& path) {
  return state_->run("remove", path,
                     [](MemoryDisk& disk, const std::string& name) { return disk.remove(name); });
}

Status MemoryStorage::remove_all(const std::string& path) {
  return state_->run("remove_all", path, [](MemoryDisk& disk, const std::string& name) {
    disk.remove_all(name);
    return Status();
  });
}

Status MemoryStorage::make_dirs(const std::string& path) {
  return state_->run("make_dirs", path, [](MemoryDisk& disk, const std::string& name) {
    return disk.make_dirs(name);
  });
}

Status MemoryStorage::sync_dir(const std::string& path) {
  return state_->run("sync_dir", path,
                     [](MemoryDisk& disk, const std::string& name) { return disk.sync_dir(name); });
}

Result<std::vector<StorageEntry>> MemoryStorage::list(const std::string& path) {
  return state_->run("list", path,
                     [](MemoryDisk& disk, const std::string& name) { return disk.list(name); });
}

Result<bool> MemoryStorage::exists(const std::string& path) {
  return state_->run("exists", path, [](MemoryDisk& disk, const std::string& name) {
    return Result<bool>(disk.exists(name));
  });
}

Result<std::unique_ptr<FileLock>> MemoryStorage::lock(const std::string& path) {
  using Lock = std::unique_ptr<FileLock>;
  return state_->run("lock", path, [&](MemoryDisk& disk, const std::string& name) -> Result<Lock> {
    if (!disk.exists(name)) WEIR_TRY(disk.create(name));
    if (!state_->locked.insert(name).second) {
      return Error{ErrorCode::already_exists, "cannot lock " + path + ": it is locked already"};
    }
    return Lock(std::make_unique<MemoryFileLock>(state_, name));
  });
}

void MemoryStorage::crash(std::uint64_t seed) {
  const std::lock_guard lock(state_->mutex);
  ++state_->epoch;
  state_->locked.clear();
  state_->disk.crash(seed);
}

void MemoryStorage::set_capacity(std::uint64_t bytes) {
  const std::lock_guard lock(state_->mutex);
  state_->disk.set_capacity(bytes);
}

std::uint64_t MemoryStorage::used_bytes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->disk.used_bytes();
}

void MemoryStorage::set_fault(Fault fault) {
  auto shared = fault ? std::make_shared<const Fault>(std::move(fault)) : nullptr;
  const std::lock_guard lock(state_->mutex);
  state_->fault = std::move(shared);
}

}  // namespace weir
