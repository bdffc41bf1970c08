// Rows of keyed state on their way from a task to a run file: the task appends, an I/O thread sorts
// and writes. The key of a row begins with the eight bytes of its hash, big-endian, so rows sort by
// hash.
//
// Most rows come from a sweep over a table, in their order already; they are only walked. The
// others, before-images and tombstones, get an index, and that is sorted. States of plain numbers
// come as they lie in memory, and become rows on the I/O thread too.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/bytes.h"
#include "weir/base/result.h"
#include "weir/checkpoint/run.h"

namespace weir {

/// How states that were copied as they lay in memory become rows.
struct RawRows {
  static constexpr std::size_t kMostBytes = 600;  ///< of a row, key and value
  std::uint32_t size = 0;                         ///< of a copy
  /// Writes the rest of the key behind the hash, and then the value, to `to`; returns how long both
  /// are. `raw` need not be aligned.
  std::pair<std::size_t, std::size_t> (*encode)(std::uint64_t hash, const char* raw,
                                                char* to) = nullptr;
};

/// Appended to by one thread, then handed to another.
class RowBuffer {
 public:
  RowBuffer() = default;
  RowBuffer(RowBuffer&& other) noexcept { swap(other); }
  RowBuffer& operator=(RowBuffer&& other) noexcept {
    RowBuffer(std::move(other)).swap(*this);
    return *this;
  }
  ~RowBuffer();

  /// From now on rows come, as far as anyone knows, in the order of their keys.
  void in_order(bool whether) { in_order_ = whether; }

  /// Appends a row. `rest`: of its key, behind the hash.
  void add(std::uint64_t hash, std::string_view rest, std::string_view value) {
    append(hash, rest, value, static_cast<std::uint32_t>(value.size()));
  }
  /// Appends a row that `format` makes from `raw`. All such rows of a buffer have one format.
  template <class Raw>
  void add_raw(std::uint64_t hash, const Raw& raw, const RawRows& format) {
    raw_ = &format;
    const bool ordered = in_order_ && (last_ordered_ == nullptr || hash > last_hash_);
    char* const begin = (ordered ? ordered_ : others_).room(kHashAt + 8 + sizeof raw);
    write_head(begin, hash, {8, kRaw});
    std::memcpy(begin + kHashAt + 8, &raw, sizeof raw);
    note(begin, hash, ordered);
  }
  /// The same in parts: `begin`; append the rest of the key to `bytes()`, call `key_done`, append
  /// the value, call `row_done`.
  void begin(std::uint64_t hash) {
    hash_ = hash;
    parts_.clear();
  }
  std::string& bytes() { return parts_; }
  void key_done() { rest_size_ = parts_.size(); }
  void row_done() {
    const std::string_view parts = parts_;
    add(hash_, parts.substr(0, rest_size_), parts.substr(rest_size_));
  }
  /// Completes a row as a tombstone; nothing follows the key.
  void tombstone_done() { append(hash_, parts_, {}, kTombstone); }
  void add_tombstone(std::string_view key);

  std::size_t rows() const { return rows_; }
  bool empty() const { return rows_ == 0; }
  /// What its rows take in memory.
  std::size_t size_bytes() const;

  /// Sorts the rows and writes them. Of a tombstone and a row with the same key the row wins: the
  /// key was made anew after its removal. The buffer stays as it is, so a failed write can be
  /// repeated.
  Status write_to(RunWriter& writer);

 private:
  static constexpr std::uint32_t kTombstone = UINT32_MAX, kRaw = UINT32_MAX - 1;  // not sizes
  /// A row as it lies in memory, in front of key and value. Not aligned.
  struct Head {
    std::uint32_t key_size, value_size;
  };
  struct Row {
    std::string_view key, value;
    bool tombstone = false;
  };
  using Scratch = char[8 + RawRows::kMostBytes];
  /// Blocks of memory that are filled one after another.
  struct Lane {
    struct Block {
      char* begin;
      std::size_t size, used;
    };
    std::vector<Block> blocks;  // of the last one what is used stands in `at`
    char *at = nullptr, *end = nullptr;

    char* room(std::size_t bytes) {
      if (static_cast<std::size_t>(end - at) < bytes) [[unlikely]]
        begin_block(bytes);
      return std::exchange(at, at + bytes);
    }
    void begin_block(std::size_t bytes);
    std::size_t used(const Block& block) const {
      return &block == &blocks.back() ? static_cast<std::size_t>(at - block.begin) : block.used;
    }
    void release();
  };
  struct Out {  // a row that came out of order
    std::uint64_t hash;
    const char* at;
  };
  class Walk;

  static constexpr std::size_t kHashAt = sizeof(Head);
  static void write_head(char* begin, std::uint64_t hash, Head head) {
    const std::uint64_t word = __builtin_bswap64(hash);
    std::memcpy(begin, &head, sizeof head);
    std::memcpy(begin + kHashAt, &word, 8);
  }
  void note(const char* begin, std::uint64_t hash, bool ordered) {
    ++rows_;
    if (ordered) {
      last_ordered_ = begin;
      last_hash_ = hash;
    } else {
      index_.push_back({hash, begin});
    }
  }
  void append(std::uint64_t hash, std::string_view rest, std::string_view value,
              std::uint32_t value_size);
  bool follows(std::uint64_t hash, std::string_view rest) const;
  /// The row at `at`; one that is made only now stands in `scratch`.
  Row row_at(const char* at, Scratch& scratch) const;
  std::size_t bytes_of(const Head& head) const;
  bool less(const Out& a, const Out& b) const;
  void swap(RowBuffer& other) noexcept;

  Lane ordered_, others_;
  std::vector<Out> index_;              // of the others
  const char* last_ordered_ = nullptr;  // the last row there
  std::uint64_t last_hash_ = 0;         // its hash
  const RawRows* raw_ = nullptr;
  std::size_t rows_ = 0;
  bool in_order_ = false;
  std::string parts_;  // of the row at hand
  std::uint64_t hash_ = 0;
  std::size_t rest_size_ = 0;
};

}  // namespace weir
