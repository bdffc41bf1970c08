// Streams out of gzip (RFC 1952) and Zstandard (RFC 8878) files, both of any number of members or
// frames. Used by one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/result.h"

namespace weir::file::detail {

enum class Compression : unsigned char { none, gzip, zstd };

/// Tells by the first bytes of a file. Nothing: these few bytes could still become a compressed
/// file.
std::optional<Compression> detect_compression(std::string_view first_bytes);

/// Undoes one compression, piece by piece.
class Decompressor {
 public:
  struct Progress {
    std::size_t consumed = 0;  ///< bytes of the input
    std::size_t produced = 0;  ///< bytes of the output
  };
  virtual ~Decompressor() = default;
  /// Reads from `input` and writes up to `size` bytes to `output`. The error names no file.
  virtual Result<Progress> run(std::string_view input, char* output, std::size_t size) = 0;
  /// True between two members: the input may end here.
  virtual bool may_end() const = 0;
};

/// `compression` is not `none`.
std::unique_ptr<Decompressor> make_decompressor(Compression compression);

}  // namespace weir::file::detail
