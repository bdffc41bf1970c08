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

}  // namespace weir
