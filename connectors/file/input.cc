// Files and memory as inputs. Used by one thread at a time.
#include "weir/connectors/file/input.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/hash.h"
#include "weir/connectors/file/decompress.h"

namespace weir::file::detail {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::size_t kCompressedBytes = 64 * 1024;
constexpr std::size_t kHeadBytes = 4096;
constexpr std::chrono::milliseconds kShortestWait{10}, kLongestWait{250};

Error changed(const std::string& path, const std::string& what) {
  return {ErrorCode::incompatible,
          "input file '" + path + "' " + what +
              " since it was last read; put the file back, or start the job anew without its "
              "saved state",
          false};
}

class FileInput final : public ByteInput {
 public:
  explicit FileInput(FileInputOptions options)
      : options_(std::move(options)), known_(options_.expected) {}

  /// Opens the file, or opens it again to see whether it has grown.
  Status open() {
    Result<std::unique_ptr<ReadFile>> file = options_.env->storage->open(options_.path);
    if (!file.ok()) {
      if (file.error().code != ErrorCode::not_found) return file.error();
      return changed(options_.path, "has vanished");
    }
    file_ = std::move(file).value();
    const std::uint64_t size = file_->size_bytes();
    if (size < known_.size_bytes) {
      return changed(options_.path, "has shrunk from " + std::to_string(known_.size_bytes) +
                                        " to " + std::to_string(size) + " bytes");
    }
    WEIR_TRY(check_head(size));
    known_.size_bytes = size;
    return {};
  }

  /// Enters a plain file at its offset; leaves a compressed one to be skipped through.
  Status start() {
    WEIR_TRY(open());
    WEIR_TRY(detect());
    if (detected_ && !decompressor_) {
      if (options_.offset > known_.size_bytes) {
        return changed(options_.path, "has shrunk below its position");
      }
      offset_ = stored_offset_ = options_.offset;
    } else {
      to_skip_ = options_.offset;
    }
    return {};
  }

  Result<Fill> fill() override {
    if (!detected_) {
      WEIR_ASSIGN(const bool found, detect_or_wait());
      if (!found) return options_.follow ? Fill::waiting : Fill::end;
    }
    while (true) {
      WEIR_ASSIGN(const Fill result, decompressor_ ? fill_compressed() : fill_plain());
      if (result != Fill::grew || !skip()) {
        if (result == Fill::end && to_skip_ > 0) {
          return changed(options_.path, "has shrunk below its position");
        }
        return result;
      }
    }
  }

  Fingerprint fingerprint() const override { return known_; }
  double remaining() const override {
    return static_cast<double>(known_.size_bytes - stored_offset_) + static_cast<double>(size_);
  }
  bool caught_up() const override { return caught_up_; }

 private:
  Status check_head(std::uint64_t size) {
    std::string head(std::min<std::uint64_t>(size, kHeadBytes), '\0');
    WEIR_ASSIGN(const std::size_t got, file_->read_at(0, head.data(), head.size()));
    head.resize(got);
    if (got < known_.head_bytes ||
        hash_bytes(std::string_view(head).substr(0, known_.head_bytes)) != known_.head_hash) {
      if (known_.head_bytes > 0) return changed(options_.path, "was replaced by another");
    }
    known_.head_bytes = got;
    known_.head_hash = hash_bytes(head);
    return {};
  }

  Status detect() {
    char first[4];
    WEIR_ASSIGN(const std::size_t got, file_->read_at(0, first, sizeof first));
    std::optional<Compression> found = detect_compression({first, got});
    if (!found && !options_.follow && got > 0) found = Compression::none;
    detected_ = found.has_value();
    if (found && *found != Compression::none) decompressor_ = make_decompressor(*found);
    return {};
  }

  Result<bool> detect_or_wait() {
    if (options_.follow) {
      WEIR_ASSIGN(const bool grown, look_again());
      if (grown) WEIR_TRY(detect());
    }
    return detected_;
  }

  /// In a followed file: opens it again now and then; true when it has grown.
  Result<bool> look_again() {
    const SteadyTime now = options_.env->clock->steady_now();
    if (now < next_look_) return false;
    const std::uint64_t before = known_.size_bytes;
    WEIR_TRY(open());
    const bool grown = known_.size_bytes > before;
    wait_ = grown ? kShortestWait : std::min(2 * wait_, kLongestWait);
    next_look_ = now + wait_;
    caught_up_ = !grown;
    return grown;
  }

  /// Gives at least `kReadBytes` of room behind the window.
  char* make_room() {
    const std::size_t needed = size_ + kReadBytes;
    const std::size_t used = size_ == 0 ? 0 : static_cast<std::size_t>(begin_ - buffer_.data());
    if (used + needed > buffer_.size()) {
      std::vector<char> larger;
      if (needed > buffer_.size()) larger.resize(std::max(needed, 2 * buffer_.size()));
      char* target = larger.empty() ? buffer_.data() : larger.data();
      if (size_ > 0) std::memmove(target, begin_, size_);
      if (!larger.empty()) buffer_.swap(larger);
      begin_ = buffer_.data();
    } else if (size_ == 0) {
      begin_ = buffer_.data();
    }
    return buffer_.data() + (begin_ - buffer_.data()) + size_;
  }

  /// True when stored bytes can be read; else the answer for the caller is in `otherwise`.
  Result<bool> more_stored(Fill& otherwise) {
    if (stored_offset_ < known_.size_bytes) return true;
    otherwise = Fill::end;
    if (!options_.follow) return false;
    otherwise = Fill::waiting;
    return look_again();
  }

  Result<Fill> fill_plain() {
    Fill otherwise;
    WEIR_ASSIGN(const bool more, more_stored(otherwise));
    if (!more) return otherwise;
    char* target = make_room();
    const std::size_t wanted =
        std::min<std::uint64_t>(kReadBytes, known_.size_bytes - stored_offset_);
    WEIR_ASSIGN(const std::size_t got, file_->read_at(stored_offset_, target, wanted));
    if (got == 0) return changed(options_.path, "has shrunk");
    stored_offset_ += got;
    size_ += got;
    return Fill::grew;
  }

  Result<Fill> fill_compressed() {
    while (true) {
      WEIR_ASSIGN(const std::size_t produced, decompress_some());
      if (produced > 0) return Fill::grew;
      if (!compressed_.empty()) continue;
      Fill otherwise;
      WEIR_ASSIGN(const bool more, more_stored(otherwise));
      if (!more) {
        if (otherwise == Fill::end && !decompressor_->may_end()) return truncated();
        return otherwise;
      }
      WEIR_TRY(read_compressed());
    }
  }

  Status read_compressed() {
    compressed_buffer_.resize(kCompressedBytes);
    WEIR_ASSIGN(const std::size_t got, file_->read_at(stored_offset_, compressed_buffer_.data(),
                                                      compressed_buffer_.size()));
    if (got == 0) return changed(options_.path, "has shrunk");
    stored_offset_ += got;
    compressed_ = std::string_view(compressed_buffer_.data(), got);
    return {};
  }

  Result<std::size_t> decompress_some() {
    char* target = make_room();
    Result<Decompressor::Progress> progress = decompressor_->run(compressed_, target, kReadBytes);
    if (!progress.ok()) {
      Error error = progress.error();
      error.message = "input file '" + options_.path + "' is damaged near byte " +
                      std::to_string(stored_offset_) + " (" + error.message +
                      "); restore the file or remove it from the input";
      return error;
    }
    WEIR_CHECK(progress->consumed > 0 || progress->produced > 0 || compressed_.empty(),
               "a decompressor with input and room makes progress");
    compressed_.remove_prefix(progress->consumed);
    size_ += progress->produced;
    return progress->produced;
  }

  Error truncated() const {
    return {ErrorCode::corrupt,
            "input file '" + options_.path + "' is truncated: its compressed data ends within a " +
                "frame after " + std::to_string(known_.size_bytes) +
                " bytes; copy the file again, or remove it from the input",
            false};
  }

  /// Drops what lies before the offset to start at; true while there is more to skip.
  bool skip() {
    const std::size_t step = std::min<std::uint64_t>(to_skip_, size_);
    to_skip_ -= step;
    consume(step);
    return to_skip_ > 0 || size_ == 0;
  }

  FileInputOptions options_;
  Fingerprint known_;
  std::unique_ptr<ReadFile> file_;
  std::unique_ptr<Decompressor> decompressor_;
  bool detected_ = false;
  bool caught_up_ = false;
  std::uint64_t stored_offset_ = 0;  // of the next byte to take from the file
  std::uint64_t to_skip_ = 0;
  std::vector<char> buffer_;             // holds the window
  std::vector<char> compressed_buffer_;  // holds `compressed_`
  std::string_view compressed_;          // read but not yet decompressed
  SteadyTime next_look_{};
  std::chrono::milliseconds wait_ = kShortestWait;
};

class MemoryInput final : public ByteInput {
 public:
  MemoryInput(std::string_view bytes, std::uint64_t offset) : all_(bytes) { offset_ = offset; }
  Result<Fill> fill() override {
    const std::size_t at = static_cast<std::size_t>(offset_) + size_;
    if (at >= all_.size()) return Fill::end;
    begin_ = all_.data() + offset_;
    size_ = all_.size() - static_cast<std::size_t>(offset_);
    return Fill::grew;
  }
  Fingerprint fingerprint() const override { return {all_.size(), 0, 0}; }
  double remaining() const override {
    return offset_ < all_.size() ? static_cast<double>(all_.size() - offset_) : 0.0;
  }
  bool caught_up() const override { return false; }

 private:
  std::string_view all_;
};

}  // namespace

void Fingerprint::write(ByteWriter& writer) const {
  writer.varint(size_bytes);
  writer.varint(head_bytes);
  writer.little_endian64(head_hash);
}

Fingerprint Fingerprint::read(ByteReader& reader) {
  Fingerprint result;
  result.size_bytes = reader.varint();
  result.head_bytes = reader.varint();
  result.head_hash = reader.little_endian64();
  return result;
}

Result<std::unique_ptr<ByteInput>> open_file(FileInputOptions options) {
  auto input = std::make_unique<FileInput>(std::move(options));
  WEIR_TRY(input->start());
  return std::unique_ptr<ByteInput>(std::move(input));
}

std::unique_ptr<ByteInput> open_memory(std::string_view bytes, std::uint64_t offset) {
  return std::make_unique<MemoryInput>(bytes, offset);
}

}  // namespace weir::file::detail
