// Writing and reading blocks; see staged.h.
#include "weir/connectors/kafka/staged.h"

#include <cstring>
#include <utility>

namespace weir::kafka::detail {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint64_t kPartition = 1, kKey = 2, kValue = 4, kHeaders = 8;

Error damaged() {
  return {ErrorCode::incompatible,
          "the checkpoint holds output of a Kafka sink in a form that this version of Weir does "
          "not know",
          false};
}

template <class T>
void put(std::string& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

// Where the numbers that are known last stand in the head.
constexpr std::size_t kCheckpointAt = 5, kNumberAt = 13, kRecordsAt = 17, kHeadBytes = 21;

}  // namespace

void BlockWriter::add(const OutRecord& record) {
  ByteWriter out(block_);
  if (block_.empty()) {
    block_.reserve(block_bytes_ + 4096);
    out.u8(kVersion);
    out.little_endian32(shard_);
    block_.resize(kHeadBytes);
    out.string(topic_);
  }
  out.varint((record.partition >= 0 ? kPartition : 0) | (record.key ? kKey : 0) |
             (record.value ? kValue : 0) | (record.headers.empty() ? 0 : kHeaders));
  out.zigzag(record.timestamp_ms);
  if (record.partition >= 0) out.varint(static_cast<std::uint64_t>(record.partition));
  if (record.key) out.string(*record.key);
  if (record.value) out.string(*record.value);
  if (!record.headers.empty()) {
    out.varint(record.headers.size());
    for (const auto& header : record.headers) {
      out.string(header.name);
      out.varint(header.value ? 1 : 0);
      if (header.value) out.string(*header.value);
    }
  }
  ++records_;
  if (block_.size() >= block_bytes_) close();
}

void BlockWriter::close() {
  if (block_.empty()) return;
  put(block_, kRecordsAt, std::exchange(records_, 0));
  closed_.push_back(std::move(block_));
  block_.clear();
}

std::vector<std::string> BlockWriter::take(std::uint64_t checkpoint) {
  close();
  std::uint32_t number = 0;
  for (std::string& block : closed_) {
    put(block, kCheckpointAt, checkpoint);
    put(block, kNumberAt, ++number);
  }
  return std::exchange(closed_, {});
}

Result<Block> Block::parse(std::string_view bytes) {
  ByteReader in(bytes);
  Block block;
  const std::uint8_t version = in.u8();
  block.shard_ = in.little_endian32();
  block.progress_.checkpoint = in.little_endian64();
  block.progress_.block = in.little_endian32();
  block.records_ = in.little_endian32();
  block.topic_ = in.string();
  if (version != kVersion || in.failed() || block.topic_.empty()) return damaged();
  block.rest_ = in.rest();
  return block;
}

bool Block::Reader::next(OutRecord& record) {
  if (left_ == 0 || bytes_.failed()) return false;
  --left_;
  const std::uint64_t flags = bytes_.varint();
  record.timestamp_ms = bytes_.zigzag();
  record.partition =
      (flags & kPartition) != 0 ? static_cast<std::int32_t>(bytes_.varint() & INT32_MAX) : -1;
  record.key = (flags & kKey) != 0 ? std::optional(bytes_.string()) : std::nullopt;
  record.value = (flags & kValue) != 0 ? std::optional(bytes_.string()) : std::nullopt;
  headers_.clear();
  if ((flags & kHeaders) != 0) {
    for (std::uint64_t n = bytes_.varint(); n > 0 && !bytes_.failed(); --n) {
      const std::string_view name = bytes_.string();
      const bool has_value = bytes_.varint() == 1;
      headers_.push_back({name, has_value ? std::optional(bytes_.string()) : std::nullopt});
    }
  }
  record.headers = headers_;
  if (flags > 15) bytes_.fail();
  return !bytes_.failed();
}

}  // namespace weir::kafka::detail
