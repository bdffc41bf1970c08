// Keeping, sorting and writing buffered rows; see row_buffer.h.
#include "weir/runtime/row_buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

#include "weir/base/check.h"

namespace weir {
namespace {

constexpr std::size_t kBlockBytes = 1 << 20;

/// Blocks that no buffer needs now. Fresh memory costs the task a page fault for every 4 KiB, and
/// the rows of a snapshot come and go all the time. Any thread.
class BlockPool {
 public:
  char* take() {
    {
      const std::lock_guard lock(mutex_);
      if (!blocks_.empty()) {
        char* block = blocks_.back();
        blocks_.pop_back();
        return block;
      }
    }
    return allocate(kBlockBytes);
  }
  void give(char* block) {
    {
      const std::lock_guard lock(mutex_);
      if (blocks_.size() < kMost) return blocks_.push_back(block);
    }
    std::free(block);
  }
  static char* allocate(std::size_t bytes) {
    void* block = std::malloc(bytes);
    WEIR_CHECK(block != nullptr, "out of memory for the rows of a snapshot");
    return static_cast<char*>(block);
  }
  /// For the life of the process: threads may still run when static objects go.
  static BlockPool& shared() {
    static BlockPool* const pool = new BlockPool;
    return *pool;
  }

 private:
  static constexpr std::size_t kMost = 32;
  std::mutex mutex_;
  std::vector<char*> blocks_;
};

}  // namespace

void RowBuffer::Lane::begin_block(std::size_t bytes) {
  if (!blocks.empty()) blocks.back().used = used(blocks.back());
  const bool large = bytes > kBlockBytes;
  const std::size_t size = large ? bytes : kBlockBytes;
  at = large ? BlockPool::allocate(size) : BlockPool::shared().take();
  end = at + size;
  blocks.push_back({at, size, 0});
}

void RowBuffer::Lane::release() {
  for (const Block& block : blocks) {
    if (block.size == kBlockBytes)
      BlockPool::shared().give(block.begin);
    else
      std::free(block.begin);
  }
}

RowBuffer::~RowBuffer() {
  ordered_.release();
  others_.release();
}

void RowBuffer::swap(RowBuffer& other) noexcept {
  std::swap(ordered_, other.ordered_);
  std::swap(others_, other.others_);
  std::swap(index_, other.index_);
  std::swap(last_ordered_, other.last_ordered_);
  std::swap(last_hash_, other.last_hash_);
  std::swap(raw_, other.raw_);
  std::swap(rows_, other.rows_);
  std::swap(in_order_, other.in_order_);
  std::swap(parts_, other.parts_);
  std::swap(hash_, other.hash_);
  std::swap(rest_size_, other.rest_size_);
}

std::size_t RowBuffer::size_bytes() const {
  std::size_t bytes = index_.size() * sizeof(Out);
  for (const Lane* lane : {&ordered_, &others_}) {
    for (const Lane::Block& block : lane->blocks) bytes += lane->used(block);
  }
  return bytes;
}

/// Whether a row belongs behind all that came in order so far.
bool RowBuffer::follows(std::uint64_t hash, std::string_view rest) const {
  if (last_ordered_ == nullptr || hash > last_hash_) return true;
  if (hash < last_hash_) return false;
  Scratch scratch;
  return rest > row_at(last_ordered_, scratch).key.substr(8);
}

void RowBuffer::append(std::uint64_t hash, std::string_view rest, std::string_view value,
                       std::uint32_t value_size) {
  WEIR_CHECK(value.size() < kRaw && rest.size() < kRaw, "a row of 4 GiB");
  const bool ordered = in_order_ && follows(hash, rest);
  char* const begin = (ordered ? ordered_ : others_).room(kHashAt + 8 + rest.size() + value.size());
  write_head(begin, hash, {static_cast<std::uint32_t>(8 + rest.size()), value_size});
  char* const to = begin + kHashAt + 8;
  if (!rest.empty()) std::memcpy(to, rest.data(), rest.size());
  if (!value.empty()) std::memcpy(to + rest.size(), value.data(), value.size());
  note(begin, hash, ordered);
}

void RowBuffer::add_tombstone(std::string_view key) {
  append(ByteReader(key).big_endian64(), key.substr(8), {}, kTombstone);
}

/// Of key and value, as they lie in memory.
std::size_t RowBuffer::bytes_of(const Head& head) const {
  if (head.value_size == kTombstone) return head.key_size;
  return head.key_size + (head.value_size == kRaw ? raw_->size : head.value_size);
}

RowBuffer::Row RowBuffer::row_at(const char* at, Scratch& scratch) const {
  Head head;
  std::memcpy(&head, at, sizeof head);
  const std::string_view key(at + sizeof head, head.key_size);
  if (head.value_size == kTombstone) return {key, {}, true};
  if (head.value_size != kRaw) return {key, {key.data() + key.size(), head.value_size}, false};
  std::memcpy(scratch, key.data(), 8);
  const auto [rest, value] =
      raw_->encode(ByteReader(key).big_endian64(), key.data() + 8, scratch + 8);
  return {{scratch, 8 + rest}, {scratch + 8 + rest, value}, false};
}

bool RowBuffer::less(const Out& a, const Out& b) const {
  if (a.hash != b.hash) return a.hash < b.hash;
  Scratch left_scratch, right_scratch;
  const Row left = row_at(a.at, left_scratch), right = row_at(b.at, right_scratch);
  if (const int order = left.key.compare(right.key); order != 0) return order < 0;
  return left.tombstone > right.tombstone;  // the live row last, where it wins
}

/// Stands on one row of the ordered ones after another.
class RowBuffer::Walk {
 public:
  explicit Walk(const RowBuffer& rows)
      : rows_(rows), block_(rows.ordered_.blocks.begin()), end_(rows.ordered_.blocks.end()) {
    open();
  }
  bool valid() const { return block_ != end_; }
  const Row& row() const { return row_; }
  /// Less than, equal to or greater than zero as the row comes before, is, or comes after another.
  int compare(std::uint64_t hash, std::string_view key) const {
    if (hash_ != hash) return hash_ < hash ? -1 : 1;
    return row_.key.compare(key);
  }
  void next() {
    Head head;
    std::memcpy(&head, block_->begin + offset_, sizeof head);
    offset_ += sizeof head + rows_.bytes_of(head);
    if (offset_ == rows_.ordered_.used(*block_)) {
      ++block_;
      offset_ = 0;
    }
    open();
  }

 private:
  void open() {
    if (!valid()) return;
    row_ = rows_.row_at(block_->begin + offset_, scratch_);
    hash_ = ByteReader(row_.key).big_endian64();
  }
  const RowBuffer& rows_;
  std::vector<Lane::Block>::const_iterator block_, end_;
  std::size_t offset_ = 0;
  Row row_;
  std::uint64_t hash_ = 0;
  Scratch scratch_;
};

namespace {

Status put(RunWriter& writer, std::string_view key, std::string_view value, bool tombstone) {
  return tombstone ? writer.erase(key) : writer.put(key, value);
}

}  // namespace

Status RowBuffer::write_to(RunWriter& writer) {
  std::sort(index_.begin(), index_.end(),
            [this](const Out& a, const Out& b) { return less(a, b); });
  Walk walk(*this);
  Scratch scratch, next_scratch;
  for (std::size_t i = 0; i < index_.size(); ++i) {
    if (i + 8 < index_.size()) __builtin_prefetch(index_[i + 8].at);
    const auto [hash, at] = index_[i];
    const Row row = row_at(at, scratch);
    int order = 1;
    while (walk.valid() && (order = walk.compare(hash, row.key)) < 0) {
      WEIR_TRY(put(writer, walk.row().key, walk.row().value, walk.row().tombstone));
      walk.next();
    }
    bool hidden = i + 1 < index_.size() && index_[i + 1].hash == hash &&
                  row_at(index_[i + 1].at, next_scratch).key == row.key;
    if (walk.valid() && order == 0) {
      if (walk.row().tombstone)
        walk.next();
      else
        hidden = true;
    }
    if (!hidden) WEIR_TRY(put(writer, row.key, row.value, row.tombstone));
  }
  for (; walk.valid(); walk.next()) {
    WEIR_TRY(put(writer, walk.row().key, walk.row().value, walk.row().tombstone));
  }
  return {};
}

}  // namespace weir
