// The bytes of one split, decompressed, through a window that slides over them. Records are read in
// place in the window.
//
// Invariant: `offset` counts decompressed bytes since the start of the file, and a file under a
// position is still the file it was when the position was taken, or `fill` or `open_file` fails.
// Used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "weir/base/bytes.h"
#include "weir/base/result.h"
#include "weir/runtime/environment.h"

namespace weir::file::detail {

/// What a position remembers of its file, so that another one in its place is noticed. There is no
/// inode in it: a file that was copied elsewhere with its checkpoint is still the same file.
struct Fingerprint {
  std::uint64_t size_bytes = 0;  ///< of the file as stored, when last looked at
  std::uint64_t head_bytes = 0;  ///< so many bytes from its start ...
  std::uint64_t head_hash = 0;   ///< ... have this hash_bytes

  void write(ByteWriter& writer) const;
  static Fingerprint read(ByteReader& reader);
};

enum class Fill : std::uint8_t {
  grew,     ///< the window is longer than before
  waiting,  ///< nothing yet; the file may grow
  end,      ///< nothing will come
};

class ByteInput {
 public:
  virtual ~ByteInput() = default;
  /// The bytes at hand from `offset` on; valid until the next `fill`.
  std::string_view window() const { return {begin_, size_}; }
  /// Of the window's first byte.
  std::uint64_t offset() const { return offset_; }
  /// Moves past the first `bytes` of the window.
  void consume(std::size_t bytes) {
    begin_ += bytes;
    size_ -= bytes;
    offset_ += bytes;
  }
  /// Makes the window longer by what comes next.
  virtual Result<Fill> fill() = 0;
  virtual Fingerprint fingerprint() const = 0;
  /// Stored bytes from here to the end, as far as known.
  virtual double remaining() const = 0;
  /// True when a growing file had nothing more when last looked at.
  virtual bool caught_up() const = 0;

 protected:
  const char* begin_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t offset_ = 0;
};

struct FileInputOptions {
  Environment* env = nullptr;
  std::string path;
  std::uint64_t offset = 0;   ///< decompressed bytes to skip
  Fingerprint expected = {};  ///< of the position; sizes 0 at the start of a file
  bool follow = false;
};

/// Opens a file at an offset. A plain file is entered there directly, a compressed one is
/// decompressed up to there by the first calls of `fill`.
Result<std::unique_ptr<ByteInput>> open_file(FileInputOptions options);

/// Bytes in memory, which outlive the input.
std::unique_ptr<ByteInput> open_memory(std::string_view bytes, std::uint64_t offset);

}  // namespace weir::file::detail
