// Rows of keyed state on their way from a task to a run file: the task appends, an I/O thread sorts
// and writes. The key of a row begins with the eight bytes of its hash, big-endian, so rows sort by
// hash.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/bytes.h"
#include "weir/base/result.h"
#include "weir/checkpoint/run.h"

namespace weir {

/// Appended to by one thread, then handed to another. Holds at most 4 GiB a chunk of rows.
class RowBuffer {
 public:
  /// Begins a row; append its key to `writer()`, call `key_done`, append its value, call
  /// `row_done`.
  void begin(std::uint64_t hash) {
    if (chunks_.empty() || chunks_.back().bytes.size() >= kChunkBytes) new_chunk();
    current_ = {hash,
                static_cast<std::uint32_t>(chunks_.size() - 1),
                static_cast<std::uint32_t>(chunks_.back().bytes.size()),
                0,
                0,
                false};
    ByteWriter(chunks_.back().bytes).big_endian64(hash);
  }
  std::string& bytes() { return chunks_.back().bytes; }
  void key_done() {
    current_.key_size = static_cast<std::uint32_t>(bytes().size() - current_.offset);
  }
  void row_done() {
    current_.value_size =
        static_cast<std::uint32_t>(bytes().size() - current_.offset - current_.key_size);
    rows_.push_back(current_);
  }
  /// Completes a row as a tombstone; nothing follows the key.
  void tombstone_done() {
    key_done();
    current_.tombstone = true;
    rows_.push_back(current_);
  }
  void add_tombstone(std::string_view key);

  std::size_t rows() const { return rows_.size(); }
  bool empty() const { return rows_.empty(); }
  /// Memory that it holds, about.
  std::size_t size_bytes() const {
    return chunks_.size() * kChunkBytes + rows_.size() * sizeof(Row);
  }

  /// Sorts the rows and writes them. Of a tombstone and a row with the same key the row wins: the
  /// key was made anew after its removal. The buffer stays as it is, so a failed write can be
  /// repeated.
  Status write_to(RunWriter& writer);

 private:
  static constexpr std::size_t kChunkBytes = 1 << 20;
  struct Chunk {
    std::string bytes;
  };
  struct Row {
    std::uint64_t hash;
    std::uint32_t chunk, offset, key_size, value_size;
    bool tombstone;
  };
  void new_chunk();
  std::string_view key(const Row& row) const {
    return std::string_view(chunks_[row.chunk].bytes).substr(row.offset, row.key_size);
  }
  std::string_view value(const Row& row) const {
    return std::string_view(chunks_[row.chunk].bytes)
        .substr(row.offset + row.key_size, row.value_size);
  }

  std::vector<Chunk> chunks_;
  std::vector<Row> rows_;
  Row current_{};
};

}  // namespace weir
