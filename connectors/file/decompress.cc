// zlib and libzstd behind one interface. Used by one thread at a time.
#include "weir/connectors/file/decompress.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>

namespace weir::file::detail {
namespace {

bool is_prefix_of_other(std::string_view text, std::string_view other) {
  return text.substr(0, other.size()) == other.substr(0, text.size());
}

/// Skippable frames begin with 5x 2A 4D 18.
bool may_be_skippable(std::string_view text) {
  return (text[0] & 0xf0) == 0x50 && is_prefix_of_other(text.substr(1), "\x2a\x4d\x18");
}

class Gunzip final : public Decompressor {
 public:
  Gunzip() {
    constexpr int kGzipWithLargestWindow = 16 + 15;
    WEIR_CHECK(inflateInit2(&stream_, kGzipWithLargestWindow) == Z_OK, "zlib does not start");
  }
  ~Gunzip() override { inflateEnd(&stream_); }

  Result<Progress> run(std::string_view input, char* output, std::size_t size) override {
    if (ended_ && !input.empty()) {
      inflateReset(&stream_);
      ended_ = false;
    }
    constexpr std::size_t kMost = std::size_t{1} << 30;  // zlib counts in 32 bits
    const auto available = static_cast<uInt>(std::min(input.size(), kMost));
    const auto room = static_cast<uInt>(std::min(size, kMost));
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream_.avail_in = available;
    stream_.next_out = reinterpret_cast<Bytef*>(output);
    stream_.avail_out = room;
    const int code = inflate(&stream_, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
      const char* why = stream_.msg != nullptr ? stream_.msg : "unknown reason";
      return Error{ErrorCode::corrupt, std::string("gzip: ") + why, false};
    }
    ended_ = code == Z_STREAM_END;
    return Progress{available - stream_.avail_in, room - stream_.avail_out};
  }
  bool may_end() const override { return ended_; }

 private:
  z_stream stream_{};
  bool ended_ = false;
};

class Unzstd final : public Decompressor {
 public:
  Unzstd() : stream_(ZSTD_createDStream()) {
    WEIR_CHECK(stream_ != nullptr, "libzstd does not start");
  }
  ~Unzstd() override { ZSTD_freeDStream(stream_); }

  Result<Progress> run(std::string_view input, char* output, std::size_t size) override {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer out{output, size, 0};
    const std::size_t hint = ZSTD_decompressStream(stream_, &out, &in);
    if (ZSTD_isError(hint)) {
      return Error{ErrorCode::corrupt, std::string("zstd: ") + ZSTD_getErrorName(hint), false};
    }
    // At the end of a frame the hint is 0; a call without input must not start the next one.
    if (in.pos > 0 || out.pos > 0) ended_ = hint == 0;
    return Progress{in.pos, out.pos};
  }
  bool may_end() const override { return ended_; }

 private:
  ZSTD_DStream* stream_;
  bool ended_ = false;
};

}  // namespace

std::optional<Compression> detect_compression(std::string_view first_bytes) {
  constexpr std::string_view kGzip = "\x1f\x8b", kZstd = "\x28\xb5\x2f\xfd";
  if (first_bytes.empty()) return std::nullopt;
  if (is_prefix_of_other(first_bytes, kGzip)) {
    if (first_bytes.size() < kGzip.size()) return std::nullopt;
    return Compression::gzip;
  }
  if (is_prefix_of_other(first_bytes, kZstd) || may_be_skippable(first_bytes)) {
    if (first_bytes.size() < kZstd.size()) return std::nullopt;
    return Compression::zstd;
  }
  return Compression::none;
}

std::unique_ptr<Decompressor> make_decompressor(Compression compression) {
  if (compression == Compression::gzip) return std::make_unique<Gunzip>();
  return std::make_unique<Unzstd>();
}

}  // namespace weir::file::detail
