// Memory for large tables; see slot_memory.h.
#include "weir/runtime/slot_memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "weir/base/check.h"

namespace weir {
namespace {

constexpr std::size_t kHugePage = 2u << 20;

bool mapped(std::size_t bytes) { return bytes >= 2 * kHugePage; }
std::size_t rounded(std::size_t bytes) { return (bytes + kHugePage - 1) / kHugePage * kHugePage; }

/// Maps whole huge pages at an address that is a multiple of their size.
void* map_aligned(std::size_t bytes) {
  const std::size_t size = rounded(bytes), room = size + kHugePage;
  void* raw = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  WEIR_CHECK(raw != MAP_FAILED, "out of memory for a state table");
  const auto begin = reinterpret_cast<std::size_t>(raw);
  const std::size_t start = rounded(begin);
  if (start > begin) munmap(raw, start - begin);
  if (start + size < begin + room) {
    munmap(reinterpret_cast<void*>(start + size), begin + room - start - size);
  }
  void* slots = reinterpret_cast<void*>(start);
  madvise(slots, size, MADV_HUGEPAGE);  // only a hint
  return slots;
}

}  // namespace

void* allocate_slots(std::size_t bytes) {
  if (mapped(bytes)) return map_aligned(bytes);
  void* slots = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
  WEIR_CHECK(slots != nullptr, "out of memory for a state table");
  std::memset(slots, 0, bytes);
  return slots;
}

void free_slots(void* slots, std::size_t bytes) {
  if (slots == nullptr) return;
  if (mapped(bytes)) {
    munmap(slots, rounded(bytes));
  } else {
    std::free(slots);
  }
}

}  // namespace weir
