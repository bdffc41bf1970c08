// Reads the rows of a run in their order, only after the file's hash was found right (hazard H22).
#include <algorithm>

#include "weir/checkpoint/run.h"
#include "weir/checkpoint/run_format.h"
#include "weir/checkpoint/run_verify.h"

namespace weir {
namespace {

using namespace run_format;

constexpr std::size_t kMostAhead = 256 * 1024;

class FileRowCursor final : public RowCursor {
 public:
  FileRowCursor(std::string path, std::unique_ptr<ReadFile> file)
      : path_(std::move(path)), file_(std::move(file)) {}

  Status open(std::uint64_t rows) {
    if (file_->size_bytes() == 0) return {};
    if (Status status = read_index(*file_, index_, nullptr); !status.ok()) {
      return status.error().code == ErrorCode::corrupt ? corrupt(status.error().message)
                                                       : status.error();
    }
    if (index_.rows != rows) {
      return corrupt("it does not hold the number of rows that its checkpoint says");
    }
    return {};
  }

  /// The block that may hold `key` is the last one whose first key is not above it.
  Status seek(std::string_view key) override {
    const auto above = std::upper_bound(index_.firsts.begin(), index_.firsts.end(), key);
    const auto block = static_cast<std::size_t>(above - index_.firsts.begin());
    ahead_ = kBlockBytes;
    WEIR_TRY(enter(block == 0 ? 0 : block - 1));
    while (valid_ && walk_.key() < key) WEIR_TRY(next());
    return {};
  }
  bool valid() const override { return valid_; }
  Status next() override {
    WEIR_CHECK(valid_, "next() of a cursor that stands on no row");
    if (walk_.next()) [[likely]]
      return {};
    if (walk_.damaged()) return damaged_block();
    return enter(block_ + 1);
  }
  std::string_view key() const override { return walk_.key(); }
  std::string_view value() const override { return walk_.value(); }
  bool tombstone() const override { return walk_.tombstone(); }

 private:
  /// Stands on the first row of `block`, or on none when there is no such block.
  Status enter(std::size_t block) {
    block_ = block;
    valid_ = false;
    if (block >= index_.blocks()) return {};
    const std::uint64_t begin = index_.begin_of(block), end = index_.ends[block];
    if (begin < piece_begin_ || end > piece_begin_ + piece_.size()) WEIR_TRY(fetch(begin, end));
    if (!walk_.open(std::string_view(piece_).substr(begin - piece_begin_, end - begin)) ||
        !walk_.next()) {
      return damaged_block();
    }
    valid_ = true;
    return {};
  }

  /// Reads from `begin` on, at least to `end`, and the further ahead the longer it goes on.
  Status fetch(std::uint64_t begin, std::uint64_t end) {
    const std::uint64_t data_end = index_.ends.back();
    const std::uint64_t size =
        std::min(std::max<std::uint64_t>(ahead_, end - begin), data_end - begin);
    ahead_ = std::min(ahead_ * 4, kMostAhead);
    piece_.resize(size);
    piece_begin_ = begin;
    auto got = file_->read_at(begin, piece_.data(), size);
    if (!got.ok() || *got != size) piece_.clear();
    if (!got.ok()) return got.error();
    if (*got != size) return corrupt("it became shorter while it was read");
    return {};
  }

  Error damaged_block() {
    valid_ = false;
    return corrupt("its block " + std::to_string(block_) + " is damaged");
  }
  Error corrupt(const std::string& what) const {
    return {ErrorCode::corrupt, "The run file " + path_ + " cannot be read: " + what + ".", false};
  }

  std::string path_;
  std::unique_ptr<ReadFile> file_;
  Index index_;
  std::string piece_;  // of the file, some blocks
  std::uint64_t piece_begin_ = 0;
  std::size_t ahead_ = kBlockBytes;
  std::size_t block_ = 0;
  RowWalk walk_;
  bool valid_ = false;
};

}  // namespace

Result<std::unique_ptr<RowCursor>> open_run(Storage& storage, const std::string& folder,
                                            const RunInfo& info) {
  WEIR_ASSIGN(std::unique_ptr<ReadFile> file, open_verified(storage, folder, info));
  auto cursor = std::make_unique<FileRowCursor>(folder + "/" + info.file, std::move(file));
  WEIR_TRY(cursor->open(info.rows));
  return std::unique_ptr<RowCursor>(std::move(cursor));
}

}  // namespace weir
