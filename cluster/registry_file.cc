// The registry in a folder of one host:
//
//   leader         empty; its bytes are what locks are held on, and it is never replaced
//   epoch          EPOCH ' ' ADDRESS of whoever took the lead last
//   records/NAME   what `put` keeps; NAME is the key with '+' for '/'
//
// A leader holds the lock of byte 0, by which only one can be, and then that of byte EPOCH. To the
// others, the leader is who holds the byte of the epoch that they read: so they never take a leader
// that is gone, or one that is not there yet, for the present one, and need not take a lock to see
// (a lock taken to look would be in the way of campaigns, for long when who looks is stopped).
//
// Locks are those of an open file (fcntl, F_OFD_SETLK): as with flock, the kernel gives them back
// when the last descriptor of it is closed, however that comes about. Unlike flock's, they can be
// looked at.
//
// Invariants: an epoch is durable before anybody leads under it. Every file is replaced as a whole.
// Any thread; a mutex orders campaigns and writes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "weir/base/clock.h"
#include "weir/base/path.h"
#include "weir/base/storage.h"
#include "weir/cluster/registry.h"
#include "weir/cluster/registry_key.h"

namespace weir::cluster {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kMaxEpochFile = 64 << 10;
/// How long a campaign waits for one that has the lock to say who it is.
constexpr std::chrono::seconds kTakeover{1};

Error lock_failure(const std::string& path, int error) {
  return {ErrorCode::io, "Cannot lock " + path + ": " + std::generic_category().message(error)};
}

/// A file on whose bytes locks are held, all until this goes away.
class LockFile {
 public:
  static Result<std::unique_ptr<LockFile>> open(const std::string& path) {
    int fd;
    do {
      fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) return lock_failure(path, errno);
    return std::unique_ptr<LockFile>(new LockFile(fd, path));
  }
  ~LockFile() { ::close(fd_); }
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

  /// Takes the lock of one byte; false when another open file has it.
  Result<bool> take(std::uint64_t byte) { return call(F_OFD_SETLK, byte, nullptr); }
  /// Whether another open file has it.
  Result<bool> is_taken(std::uint64_t byte) {
    bool free = false;
    WEIR_TRY(call(F_OFD_GETLK, byte, &free));
    return !free;
  }
  /// The path still leads to this file. Where it was removed, others may hold locks of their own.
  bool is_in_place() const {
    struct stat mine, theirs;
    return ::fstat(fd_, &mine) == 0 && ::stat(path_.c_str(), &theirs) == 0 &&
           mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino;
  }

 private:
  LockFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  Result<bool> call(int command, std::uint64_t byte, bool* free) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = static_cast<off_t>(byte);
    lock.l_len = 1;
    if (::fcntl(fd_, command, &lock) != 0) {
      if (errno == EAGAIN || errno == EACCES) return false;
      return lock_failure(path_, errno);
    }
    if (free != nullptr) *free = lock.l_type == F_UNLCK;
    return true;
  }

  const int fd_;
  const std::string path_;
};

class FileRegistry : public Registry {
 public:
  FileRegistry(const std::string& folder, std::shared_ptr<Storage> storage)
      : storage_(std::move(storage)),
        folder_(folder),
        lock_path_(join_path(folder, "leader")),
        epoch_path_(join_path(folder, "epoch")),
        records_(join_path(folder, "records")) {}

  Result<Leader> campaign(const std::string& address) override;
  Status renew(std::uint64_t epoch) override {
    const std::lock_guard lock(mutex_);
    return check_leading(epoch, "renew the lead");
  }
  milliseconds term() const override { return std::chrono::hours(1); }
  void resign(std::uint64_t epoch) override {
    const std::lock_guard lock(mutex_);
    if (lead_ && lead_->leader.epoch == epoch) lead_.reset();
  }
  Result<std::optional<Leader>> leader() override;
  Result<Listing> read(const std::string& prefix) override;
  Status put(std::uint64_t epoch, const std::string& key, const std::string& value) override {
    WEIR_TRY(check_record(key, value));
    const std::lock_guard lock(mutex_);
    WEIR_TRY(check_leading(epoch, "write " + key));
    return write_file_atomically(*storage_, path_of(key), value);
  }
  Status erase(std::uint64_t epoch, const std::string& key) override {
    WEIR_TRY(check_record(key, {}));
    const std::lock_guard lock(mutex_);
    WEIR_TRY(check_leading(epoch, "erase " + key));
    WEIR_TRY(storage_->remove(path_of(key)));
    return storage_->sync_dir(records_);
  }

 private:
  struct Lead {
    Leader leader;
    std::unique_ptr<LockFile> lock;
  };

  /// A key has no '+', and no '.', so that nothing else ends with ".tmp".
  static std::string name_of(std::string key) {
    std::replace(key.begin(), key.end(), '/', '+');
    return key;
  }
  std::string path_of(const std::string& key) const { return join_path(records_, name_of(key)); }

  /// The newest epoch that anybody may have led under, 0 for none, with that leader's address.
  Result<Leader> read_epoch();
  Result<Leader> take_lead(std::unique_ptr<LockFile> file, const std::string& address);
  Status check_leading(std::uint64_t epoch, const std::string& what);

  const std::shared_ptr<Storage> storage_;
  const std::string folder_, lock_path_, epoch_path_, records_;
  std::mutex mutex_;
  std::optional<Lead> lead_;
};

Result<Leader> FileRegistry::read_epoch() {
  const auto text = read_file(*storage_, epoch_path_, kMaxEpochFile);
  if (!text.ok()) {
    if (text.error().code == ErrorCode::not_found) return Leader{};
    return text.error();
  }
  Leader leader;
  const char* const end = text->data() + text->size();
  const auto [space, error] = std::from_chars(text->data(), end, leader.epoch);
  if (error != std::errc() || space == end || *space != ' ' || leader.epoch == 0) {
    return Error{ErrorCode::corrupt,
                 epoch_path_ +
                     " does not hold an epoch. Write into it a number higher than any "
                     "epoch that the logs name, and a space, to go on"};
  }
  leader.address.assign(space + 1, end);
  return leader;
}

Result<Leader> FileRegistry::campaign(const std::string& address) {
  const std::lock_guard lock(mutex_);
  if (lead_) {
    const Status leading = check_leading(lead_->leader.epoch, "lead");
    if (leading.ok()) return lead_->leader;
    if (leading.error().code != ErrorCode::not_found) return leading.error();
  }
  const SteadyTime deadline = std::chrono::steady_clock::now() + kTakeover;
  for (;;) {
    WEIR_ASSIGN(auto file, LockFile::open(lock_path_));
    WEIR_ASSIGN(const bool taken, file->take(0));
    if (taken && file->is_in_place()) return take_lead(std::move(file), address);
    if (!taken) {
      WEIR_ASSIGN(Leader leader, read_epoch());
      WEIR_ASSIGN(const bool leads, file->is_taken(leader.epoch));
      if (leader.epoch != 0 && leads) return leader;
    }
    // Another takes the lead or gives it up at this moment.
    if (std::chrono::steady_clock::now() > deadline) {
      return Error{ErrorCode::io,
                   "Another process is about to lead by " + lock_path_ +
                       ", but does not come to it; is it stopped?",
                   true};
    }
    std::this_thread::sleep_for(milliseconds(2));
  }
}

Result<Leader> FileRegistry::take_lead(std::unique_ptr<LockFile> file, const std::string& address) {
  WEIR_ASSIGN(const Leader last, read_epoch());
  const Leader mine{last.epoch + 1, address};
  WEIR_TRY(
      write_file_atomically(*storage_, epoch_path_, std::to_string(mine.epoch) + " " + address));
  WEIR_ASSIGN(const bool taken, file->take(mine.epoch));
  if (!taken) return lock_failure(lock_path_, EAGAIN);
  lead_ = Lead{mine, std::move(file)};
  return mine;
}

Result<std::optional<Leader>> FileRegistry::leader() {
  WEIR_ASSIGN(const auto file, LockFile::open(lock_path_));
  WEIR_ASSIGN(Leader leader, read_epoch());
  if (leader.epoch == 0) return std::optional<Leader>();
  WEIR_ASSIGN(const bool leads, file->is_taken(leader.epoch));
  return leads ? std::optional(std::move(leader)) : std::nullopt;
}

/// The lock cannot be lost, but the folder can be removed and made again by others.
Status FileRegistry::check_leading(std::uint64_t epoch, const std::string& what) {
  if (!lead_ || lead_->leader.epoch != epoch) return not_leading(what, epoch);
  WEIR_ASSIGN(const Leader newest, read_epoch());
  if (newest.epoch == epoch && lead_->lock->is_in_place()) return {};
  lead_.reset();
  return not_leading(what, epoch);
}

Result<Listing> FileRegistry::read(const std::string& prefix) {
  WEIR_TRY(check_key_prefix(prefix));
  WEIR_ASSIGN(const auto entries, storage_->list(records_));
  Listing listing;
  for (const StorageEntry& entry : entries) {
    if (!entry.name.starts_with(name_of(prefix)) || entry.name.ends_with(".tmp")) continue;
    auto value = read_file(*storage_, join_path(records_, entry.name), kMaxValueBytes);
    std::string key = entry.name;
    std::replace(key.begin(), key.end(), '+', '/');
    if (value.ok()) {
      listing.values.emplace(std::move(key), *std::move(value));
    } else if (value.error().code != ErrorCode::not_found) {  // else erased meanwhile
      listing.unreadable.emplace(std::move(key), value.error());
    }
  }
  return listing;
}

}  // namespace

Result<std::map<std::string, std::string>> Registry::list(const std::string& prefix) {
  WEIR_ASSIGN(Listing listing, read(prefix));
  if (!listing.unreadable.empty()) return listing.unreadable.begin()->second;
  return std::move(listing.values);
}

Result<std::unique_ptr<Registry>> open_file_registry(const std::string& folder,
                                                     std::shared_ptr<Storage> storage) {
  if (storage == nullptr) storage = make_posix_storage();
  WEIR_TRY(storage->make_dirs(join_path(folder, "records")));
  return std::unique_ptr<Registry>(std::make_unique<FileRegistry>(folder, std::move(storage)));
}

}  // namespace weir::cluster
