// Writes runs; the format is in run_format.h. A writer holds one piece of the file, its index and
// its filter.
#include <cstring>

#include "weir/base/bytes.h"
#include "weir/base/failpoint.h"
#include "weir/checkpoint/run.h"
#include "weir/checkpoint/run_format.h"

namespace weir {
namespace {

using namespace run_format;

constexpr std::size_t kPieceBytes = 256 * 1024;  // that go to the file at a time

class FileRunWriter final : public RunWriter {
 public:
  FileRunWriter(Storage& storage, std::string path, std::string file, std::uint64_t keys)
      : storage_(storage), path_(std::move(path)), filter_(keys) {
    info_.file = std::move(file);
  }
  // A file that was not finished is worth nothing; a failure to remove it is left to garbage
  // collection.
  ~FileRunWriter() override {
    if (finished_ || !file_) return;
    file_.reset();
    static_cast<void>(storage_.remove(path_));
  }

  Status start() {
    WEIR_ASSIGN(file_, storage_.create(path_));
    return {};
  }

  Status put(std::string_view key, std::string_view value) override {
    return add(key, value, value.size() + 1);
  }
  Status erase(std::string_view key) override { return add(key, {}, 0); }

  Result<RunInfo> finish() override {
    WEIR_CHECK(!finished_, "a run is finished once");
    if (info_.rows > 0) WEIR_TRY(write_rest());
    WEIR_TRY(WEIR_FAILPOINT_STATUS("run.before_sync"));
    WEIR_TRY(file_->sync());
    WEIR_TRY(WEIR_FAILPOINT_STATUS("run.after_sync"));
    WEIR_TRY(file_->close());
    finished_ = true;
    info_.hash = hasher_.digest();
    return info_;
  }

 private:
  Status add(std::string_view key, std::string_view value, std::uint64_t value_mark) {
    WEIR_CHECK(!finished_, "a finished run takes no rows");
    const std::uint64_t word = leading_word(key);
    WEIR_CHECK(info_.rows == 0 || last_word_ < word || last_key_ < key,
               "keys of a run must be strictly increasing");
    if (block_rows_ > 0 && bytes_.size() - block_begin_ + key.size() + value.size() > kBlockBytes) {
      WEIR_TRY(end_block());
    }
    if (block_rows_++ == 0) {
      ByteWriter(index_).string(key);
      ++blocks_;
    }
    append_row(key, value, value_mark);
    if (info_.rows++ == 0 || word != last_word_) filter_.add(word);
    last_word_ = word;
    last_key_.assign(key);
    return {};
  }

  /// The sizes of most rows are a byte each; the general way costs as much as all the rest.
  void append_row(std::string_view key, std::string_view value, std::uint64_t value_mark) {
    if (key.size() < 0x80 && value_mark < 0x80) [[likely]] {
      const std::size_t begin = bytes_.size();
      bytes_.resize(begin + 2 + key.size() + value.size());
      char* to = bytes_.data() + begin;
      *to++ = static_cast<char>(key.size());
      *to++ = static_cast<char>(value_mark);
      std::memcpy(to, key.data(), key.size());
      if (!value.empty()) std::memcpy(to + key.size(), value.data(), value.size());
      return;
    }
    ByteWriter writer(bytes_);
    writer.varint(key.size());
    writer.varint(value_mark);
    writer.raw(key);
    writer.raw(value);
  }

  Status end_block() {
    ByteWriter(bytes_).little_endian64(hash64(std::string_view(bytes_).substr(block_begin_)));
    ByteWriter(index_).varint(bytes_.size() - block_begin_);
    block_rows_ = 0;
    if (bytes_.size() >= kPieceBytes) WEIR_TRY(flush());
    block_begin_ = bytes_.size();
    return {};
  }

  Status write_rest() {
    WEIR_TRY(end_block());
    filter_.finish_adding();
    const std::size_t begin = bytes_.size();
    bytes_ += index_;
    bytes_ += filter_.bytes();
    const std::uint64_t hash = hash64(std::string_view(bytes_).substr(begin));
    const std::size_t footer = bytes_.size();
    ByteWriter writer(bytes_);
    for (const std::uint64_t word : {kMagic, info_.rows, blocks_, std::uint64_t{index_.size()},
                                     std::uint64_t{filter_.bytes().size()}, hash}) {
      writer.little_endian64(word);
    }
    writer.little_endian64(hash64(std::string_view(bytes_).substr(footer)));
    return flush();
  }

  Status flush() {
    hasher_.update(bytes_);
    info_.size_bytes += bytes_.size();
    Status status = file_->append(bytes_);
    bytes_.clear();
    return status;
  }

  Storage& storage_;
  std::string path_;
  RunInfo info_;
  std::unique_ptr<AppendFile> file_;
  ContentHasher hasher_;
  std::string bytes_;            // of the file, not written yet
  std::size_t block_begin_ = 0;  // in them, of the open block
  std::uint64_t block_rows_ = 0, blocks_ = 0;
  std::string index_;
  Filter filter_;
  std::string last_key_;
  std::uint64_t last_word_ = 0;
  bool finished_ = false;
};

}  // namespace

Result<std::unique_ptr<RunWriter>> RunWriter::create(Storage& storage, const std::string& folder,
                                                     const std::string& file, std::uint64_t keys) {
  auto writer = std::make_unique<FileRunWriter>(storage, folder + "/" + file, file, keys);
  WEIR_TRY(writer->start());
  return std::unique_ptr<RunWriter>(std::move(writer));
}

}  // namespace weir
