// Records on their way out, as they lie in a checkpoint until their transaction.
//
//   block  := version u8 (1), shard u32, checkpoint u64, number u32, records u32,
//             string topic, record*                                 fixed numbers are little-endian
//   record := varint flags, zigzag timestamp (ms), [varint partition], [string key],
//             [string value], [varint count, (string name, varint has value, [string value])*]
//   flags  := 1 partition | 2 key | 4 value | 8 headers
//
// A block is one committable. Blocks of a shard are numbered within their checkpoint; (checkpoint,
// number) is the progress that a transaction records, and only grows.
// Used by one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/bytes.h"
#include "weir/base/result.h"
#include "weir/connectors/kafka/message.h"

namespace weir::kafka::detail {

/// How far a shard has come. `block` counts the blocks of `checkpoint` that are done.
struct Progress {
  std::uint64_t checkpoint = 0;
  std::uint32_t block = 0;
  auto operator<=>(const Progress&) const = default;
};

/// One record as a producer takes it; views into what it was made of.
struct OutRecord {
  std::int32_t partition = -1;  ///< -1: by key
  std::int64_t timestamp_ms = 0;
  std::optional<std::string_view> key, value;
  struct OutHeader {
    std::string_view name;
    std::optional<std::string_view> value;
  };
  std::span<const OutHeader> headers;
};

/// Appends records to blocks, and closes them at a barrier.
class BlockWriter {
 public:
  BlockWriter(std::string topic, std::uint32_t shard, std::size_t block_bytes)
      : topic_(std::move(topic)), shard_(shard), block_bytes_(block_bytes) {}
  void add(const OutRecord& record);
  /// The blocks of `checkpoint`: all records since the last call.
  std::vector<std::string> take(std::uint64_t checkpoint);

 private:
  void close();
  std::string topic_;
  std::uint32_t shard_;
  std::size_t block_bytes_;
  std::string block_;  // its head is filled in when it is taken
  std::uint32_t records_ = 0;
  std::vector<std::string> closed_;
};

/// A view of a block.
class Block {
 public:
  /// Fails on what is not a block; records are checked when they are read.
  static Result<Block> parse(std::string_view bytes);

  std::uint32_t shard() const { return shard_; }
  std::uint32_t records() const { return records_; }
  std::string_view topic() const { return topic_; }
  std::size_t size_bytes() const { return rest_.size(); }
  /// What the shard has come to once this block is out.
  Progress progress() const { return progress_; }

  /// Reads the records one after another.
  class Reader {
   public:
    explicit Reader(const Block& block) : bytes_(block.rest_), left_(block.records_) {}
    /// False at the end, or when the block is damaged: then `failed()`.
    bool next(OutRecord& record);
    bool failed() const { return bytes_.failed() || (left_ == 0 && !bytes_.at_end()); }

   private:
    ByteReader bytes_;
    std::uint32_t left_;
    std::vector<OutRecord::OutHeader> headers_;
  };

 private:
  std::uint32_t shard_ = 0, records_ = 0;
  Progress progress_;
  std::string_view topic_, rest_;
};

}  // namespace weir::kafka::detail
