// make_storage: paths of objects to S3, others to the operating system. Any thread.
#include <mutex>

#include "weir/base/path.h"
#include "weir/base/s3/s3.h"

namespace weir {
namespace {

class StorageByPath final : public Storage {
 public:
  Result<std::unique_ptr<AppendFile>> create(const std::string& path) override {
    WEIR_ASSIGN(Storage* const at, storage_of(path));
    return at->create(path);
  }
  Result<std::unique_ptr<ReadFile>> open(const std::string& path) override {
    WEIR_ASSIGN(Storage* const at, storage_of(path));
    return at->open(path);
  }
  Status rename(const std::string& from, const std::string& to) override {
    WEIR_ASSIGN(Storage* const at, storage_of_both(from, to));
    return at->rename(from, to);
  }
  Status rename_new(const std::string& from, const std::string& to) override {
    WEIR_ASSIGN(Storage* const at, storage_of_both(from, to));
    return at->rename_new(from, to);
  }
  Status remove(const std::string& path) override {
    WEIR_ASSIGN(Storage* const at, storage_of(path));
    return at->remove(path);
  }
  Status remove_all(const std::string& path) override {
    WEIR_ASSIGN(Storage* const at, storage_of(path));
    return at->remove_all(path);
  }
  Status make_dirs(const std::string& path) override {
    WEIR_ASSIGN(Storage* const at, storage_of(path));
    return at->make_dirs(path);
  }
  Status sync_dir(const std::string& path) override {
    WEIR_ASSIGN(Storage* const at, storage_of(path));
    return at->sync_dir(path);
  }
  Result<std::vector<StorageEntry>> list(const std::string& path) override {
    WEIR_ASSIGN(Storage* const at, storage_of(path));
    return at->list(path);
  }
  Result<bool> exists(const std::string& path) override {
    WEIR_ASSIGN(Storage* const at, storage_of(path));
    return at->exists(path);
  }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    WEIR_ASSIGN(Storage* const at, storage_of(path));
    return at->lock(path);
  }
  Status replace_file(const std::string& path, std::string_view bytes,
                      std::string_view writer) override {
    WEIR_ASSIGN(Storage* const at, storage_of(path));
    return at->replace_file(path, bytes, writer);
  }
  Status create_file(const std::string& path, std::string_view bytes,
                     std::string_view writer) override {
    WEIR_ASSIGN(Storage* const at, storage_of(path));
    return at->create_file(path, bytes, writer);
  }
  bool holds_objects(const std::string& path) const override { return is_object_path(path); }

 private:
  Result<Storage*> storage_of(const std::string& path) {
    if (!is_object_path(path)) return files_.get();
    const std::lock_guard lock(mutex_);
    if (objects_ == nullptr) {
      WEIR_ASSIGN(S3Options options, s3_options_from_environment());
      objects_ = make_s3_storage(std::move(options));
    }
    return objects_.get();
  }
  Result<Storage*> storage_of_both(const std::string& from, const std::string& to) {
    if (is_object_path(from) == is_object_path(to)) return storage_of(from);
    return Error{ErrorCode::invalid_argument,
                 "cannot rename " + from + " to " + to + ": they lie in different storages"};
  }

  const std::unique_ptr<Storage> files_ = make_posix_storage();
  std::mutex mutex_;
  std::unique_ptr<Storage> objects_;  // made when first used
};

}  // namespace

std::unique_ptr<Storage> make_storage() { return std::make_unique<StorageByPath>(); }

}  // namespace weir
