// Memory for large tables; see slot_memory.h.
#include "weir/runtime/slot_memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "weir/base/check.h"

namespace weir {
namespace {

constexpr std::size_t kHugePage = 2u << 20;
constexpr std::size_t kRoom = 32;  // addresses for so many times the first size

std::size_t rounded(std::size_t bytes) { return (bytes + kHugePage - 1) / kHugePage * kHugePage; }

/// Reserves addresses from a multiple of a huge page on; null when there are not so many.
void* reserve(std::size_t bytes) {
  const std::size_t room = bytes + kHugePage;
  void* raw = mmap(nullptr, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  const auto begin = reinterpret_cast<std::size_t>(raw);
  const std::size_t start = rounded(begin);
  if (start > begin) munmap(raw, start - begin);
  if (start + bytes < begin + room) {
    munmap(reinterpret_cast<void*>(start + bytes), begin + room - start - bytes);
  }
  return reinterpret_cast<void*>(start);
}

bool make_usable(char* begin, std::size_t bytes) {
  if (mprotect(begin, bytes, PROT_READ | PROT_WRITE) != 0) return false;
  madvise(begin, bytes, MADV_HUGEPAGE);  // only a hint
  return true;
}

}  // namespace

SlotMemory::SlotMemory(std::size_t bytes) {
  if (bytes < 2 * kHugePage) {
    data_ = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
    WEIR_CHECK(data_ != nullptr, "out of memory for a state table");
    std::memset(data_, 0, bytes);
    return;
  }
  mapped_ = rounded(bytes);
  reserved_ = mapped_ * kRoom;
  data_ = reserve(reserved_);
  if (data_ == nullptr) data_ = reserve(reserved_ = mapped_);  // addresses may be limited
  WEIR_CHECK(data_ != nullptr && make_usable(static_cast<char*>(data_), mapped_),
             "out of memory for a state table");
}

SlotMemory& SlotMemory::operator=(SlotMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(mapped_, other.mapped_);
  std::swap(reserved_, other.reserved_);
  return *this;
}

bool SlotMemory::extend(std::size_t bytes) {
  const std::size_t wanted = rounded(bytes);
  if (mapped_ == 0 || wanted > reserved_) return false;
  if (wanted > mapped_ && !make_usable(static_cast<char*>(data_) + mapped_, wanted - mapped_)) {
    return false;
  }
  mapped_ = wanted;
  return true;
}

void SlotMemory::release() {
  if (reserved_ > 0)
    munmap(data_, reserved_);
  else
    std::free(data_);
}

}  // namespace weir
