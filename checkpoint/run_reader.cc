// Reads runs with SstFileReader, only after the file's hash was found right: RocksDB never sees a
// byte that we did not write (hazard H22).
#include <rocksdb/sst_file_reader.h>

#include "weir/checkpoint/rocksdb_fs.h"
#include "weir/checkpoint/row_format.h"
#include "weir/checkpoint/run.h"
#include "weir/checkpoint/run_verify.h"

namespace weir {
namespace {

constexpr std::size_t kReadaheadBytes = 256 * 1024;

class SstRowCursor final : public RowCursor {
 public:
  SstRowCursor(std::string path, std::unique_ptr<ReadFile> file) : path_(std::move(path)) {
    source_.file = std::move(file);
    env_ = make_source_env(source_);
    reader_ = std::make_unique<rocksdb::SstFileReader>(table_options(*env_));
  }

  Status open(std::uint64_t rows) {
    if (const rocksdb::Status status = reader_->Open(path_); !status.ok()) return translate(status);
    if (reader_->GetTableProperties()->num_entries != rows) {
      return corrupt("it does not hold the number of rows that its checkpoint says");
    }
    rocksdb::ReadOptions options;
    options.readahead_size = kReadaheadBytes;
    options.verify_checksums = true;
    options.fill_cache = false;
    options.total_order_seek = true;
    iterator_.reset(reader_->NewIterator(options));
    return {};
  }

  Status seek(std::string_view key) override {
    iterator_->Seek({key.data(), key.size()});
    return land();
  }
  bool valid() const override { return valid_; }
  Status next() override {
    WEIR_CHECK(valid_, "next() of a cursor that stands on no row");
    iterator_->Next();
    return land();
  }
  std::string_view key() const override {
    return {iterator_->key().data(), iterator_->key().size()};
  }
  std::string_view value() const override { return value_; }
  bool tombstone() const override { return tombstone_; }

 private:
  /// Reads the row that the iterator stands on.
  Status land() {
    valid_ = iterator_->Valid();
    if (!valid_) return iterator_->status().ok() ? Status() : translate(iterator_->status());
    const rocksdb::Slice row = iterator_->value();
    const bool known = !row.empty() && (row[0] == row_format::kLive ||
                                        (row[0] == row_format::kTombstone && row.size() == 1));
    if (!known) {
      valid_ = false;
      return corrupt("a row is neither a value nor a tombstone");
    }
    tombstone_ = row[0] == row_format::kTombstone;
    value_ = {row.data() + 1, row.size() - 1};
    return {};
  }

  Error corrupt(const std::string& what) const {
    return {ErrorCode::corrupt, "The run file " + path_ + " cannot be read: " + what + ".", false};
  }
  Error translate(const rocksdb::Status& status) const {
    return source_.error ? *source_.error : corrupt(status.ToString());
  }

  std::string path_;
  TableSource source_;
  std::unique_ptr<rocksdb::Env> env_;  // refers to source_, outlives reader_
  std::unique_ptr<rocksdb::SstFileReader> reader_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  std::string_view value_;
  bool valid_ = false, tombstone_ = false;
};

/// The run without rows, which is a file without bytes.
class EmptyCursor final : public RowCursor {
 public:
  Status seek(std::string_view) override { return {}; }
  bool valid() const override { return false; }
  Status next() override { WEIR_CHECK(false, "next() of an empty run"); }
  std::string_view key() const override { return {}; }
  std::string_view value() const override { return {}; }
  bool tombstone() const override { return false; }
};

}  // namespace

Result<std::unique_ptr<RowCursor>> open_run(Storage& storage, const std::string& folder,
                                            const RunInfo& info) {
  WEIR_ASSIGN(std::unique_ptr<ReadFile> file, open_verified(storage, folder, info));
  if (info.size_bytes == 0) return std::unique_ptr<RowCursor>(std::make_unique<EmptyCursor>());
  auto cursor = std::make_unique<SstRowCursor>(folder + "/" + info.file, std::move(file));
  WEIR_TRY(cursor->open(info.rows));
  return std::unique_ptr<RowCursor>(std::move(cursor));
}

}  // namespace weir
