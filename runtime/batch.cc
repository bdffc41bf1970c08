// The type-independent part of batches; see batch.h.
#include "weir/runtime/batch.h"

#include <cstring>

namespace weir {

BatchBase::BatchBase(std::size_t capacity)
    : capacity_(capacity),
      times_(new std::int64_t[capacity]),
      hashes_(new std::uint64_t[capacity]) {}

void BatchBase::set_seen(std::size_t i, std::int64_t watermark_ms) {
  if (!seen_) seen_.reset(new std::int64_t[capacity_]);
  if (!has_seen_) {
    std::fill_n(seen_.get(), capacity_, INT64_MIN);
    has_seen_ = true;
  }
  seen_[i] = watermark_ms;
}

void BatchBase::swap_base(BatchBase& other) {
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  std::swap(has_hashes_, other.has_hashes_);
  std::swap(has_seen_, other.has_seen_);
  std::swap(times_, other.times_);
  std::swap(hashes_, other.hashes_);
  std::swap(seen_, other.seen_);
}

void BatchBase::copy_meta_to(BatchBase& to) const {
  to.size_ = size_;
  to.has_hashes_ = has_hashes_;
  std::memcpy(to.times_.get(), times_.get(), size_ * sizeof(std::int64_t));
  if (has_hashes_) std::memcpy(to.hashes_.get(), hashes_.get(), size_ * sizeof(std::uint64_t));
  to.has_seen_ = false;
  if (has_seen_) {
    for (std::size_t i = 0; i < size_; ++i) to.set_seen(i, seen_[i]);
  }
}

namespace {

constexpr std::uint8_t kHashes = 1, kSeen = 2;

void write_words(ByteWriter& writer, const void* words, std::size_t count) {
  writer.raw({static_cast<const char*>(words), count * 8});
}
void read_words(ByteReader& reader, void* words, std::size_t count) {
  const std::string_view raw = reader.raw(count * 8);
  if (!raw.empty()) std::memcpy(words, raw.data(), raw.size());
}

}  // namespace

void BatchBase::encode_meta(ByteWriter& writer) const {
  writer.u8(static_cast<std::uint8_t>((has_hashes_ ? kHashes : 0) | (has_seen_ ? kSeen : 0)));
  writer.varint(size_);
  write_words(writer, times_.get(), size_);
  if (has_hashes_) write_words(writer, hashes_.get(), size_);
  if (has_seen_) write_words(writer, seen_.get(), size_);
}

void BatchBase::decode_meta(ByteReader& reader) {
  reset_meta();
  const std::uint8_t flags = reader.u8();
  const std::uint64_t count = reader.varint();
  if (flags > (kHashes | kSeen) || count > capacity_) reader.fail();
  size_ = reader.failed() ? 0 : static_cast<std::size_t>(count);
  read_words(reader, times_.get(), size_);
  if ((flags & kHashes) != 0) {
    has_hashes_ = true;
    read_words(reader, hashes_.get(), size_);
  }
  if ((flags & kSeen) != 0) {
    if (!seen_) seen_.reset(new std::int64_t[capacity_]);
    has_seen_ = true;
    std::fill_n(seen_.get(), capacity_, INT64_MIN);
    read_words(reader, seen_.get(), size_);
  }
}

}  // namespace weir
