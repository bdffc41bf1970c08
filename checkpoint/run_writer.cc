// Writes runs with SstFileWriter. RocksDB starts no thread here, and what one writer holds is two
// blocks and a write buffer of at most 1 MiB.
#include <rocksdb/sst_file_writer.h>

#include "weir/checkpoint/rocksdb_fs.h"
#include "weir/checkpoint/row_format.h"
#include "weir/checkpoint/run.h"

namespace weir {
namespace {

class SstRunWriter final : public RunWriter {
 public:
  SstRunWriter(Storage& storage, std::string path, std::string file)
      : storage_(storage), path_(std::move(path)) {
    info_.file = std::move(file);
  }
  // A file that was not finished is worth nothing; a failure to remove it is left to garbage
  // collection.
  ~SstRunWriter() override {
    writer_.reset();
    if (!finished_ && sink_.file) static_cast<void>(storage_.remove(path_));
  }

  Status start() {
    WEIR_ASSIGN(sink_.file, storage_.create(path_));
    return {};
  }

  Status put(std::string_view key, std::string_view value) override {
    row_.assign(1, row_format::kLive);
    row_.append(value);
    return add(key, row_);
  }

  Status erase(std::string_view key) override {
    return add(key, std::string_view(&row_format::kTombstone, 1));
  }

  Result<RunInfo> finish() override {
    WEIR_CHECK(!finished_, "a run is finished once");
    // RocksDB refuses a table without rows; ours is a file without bytes.
    if (writer_) WEIR_TRY(translate(writer_->Finish()));
    if (!sync_and_close(sink_).ok()) return *sink_.error;
    finished_ = true;
    info_.size_bytes = sink_.size_bytes;
    info_.hash = sink_.hasher.digest();
    return info_;
  }

 private:
  // Small runs, of which a checkpoint has many, often have no rows: RocksDB is built for the first
  // one.
  Status open_table() {
    env_ = make_sink_env(sink_);
    const rocksdb::Options options = table_options(*env_);
    writer_ = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(), options, nullptr,
                                                       /*invalidate_page_cache=*/false);
    return translate(writer_->Open(path_));
  }

  Status add(std::string_view key, std::string_view row) {
    WEIR_CHECK(!finished_, "a finished run takes no rows");
    if (!writer_) [[unlikely]]
      WEIR_TRY(open_table());
    const rocksdb::Status status = writer_->Put({key.data(), key.size()}, {row.data(), row.size()});
    WEIR_CHECK(!status.IsInvalidArgument(), "keys of a run must be strictly increasing");
    ++info_.rows;
    if (status.ok() && !sink_.error) [[likely]]
      return {};
    return translate(status);
  }

  Status translate(const rocksdb::Status& status) const {
    if (sink_.error) return *sink_.error;
    if (status.ok()) return {};
    return Error{ErrorCode::io, "Writing the run file " + path_ + " failed: " + status.ToString(),
                 false};
  }

  Storage& storage_;
  std::string path_;
  RunInfo info_;
  bool finished_ = false;
  std::string row_;  // reused: one allocation a run
  TableSink sink_;
  std::unique_ptr<rocksdb::Env> env_;  // refers to sink_, outlives writer_
  std::unique_ptr<rocksdb::SstFileWriter> writer_;
};

}  // namespace

Result<std::unique_ptr<RunWriter>> RunWriter::create(Storage& storage, const std::string& folder,
                                                     const std::string& file) {
  auto writer = std::make_unique<SstRunWriter>(storage, folder + "/" + file, file);
  WEIR_TRY(writer->start());
  return std::unique_ptr<RunWriter>(std::move(writer));
}

}  // namespace weir
