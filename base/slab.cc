// See slab.h. Chunks are as large as a huge page and begin at a multiple of it, so the chunk of a
// block is known from its address. Free blocks of a chunk hang on each other.
#include "weir/base/slab.h"

#include <sys/mman.h>

#include <array>
#include <bit>
#include <cstdint>
#include <mutex>
#include <new>

#include "weir/base/check.h"

namespace weir {
namespace {

constexpr std::size_t kChunk = std::size_t{2} << 20;
constexpr std::size_t kLeast = 64, kMost = 65536;  // bytes of a block
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kFromHeap = true;  // which then tells who uses what is not his
#else
constexpr bool kFromHeap = false;
#endif

struct FreeBlock {
  FreeBlock* next;
};

/// At the beginning of a chunk; the first block is where it lies.
struct Chunk {
  Chunk *before = nullptr, *after = nullptr;  // others of the size that have room
  FreeBlock* free = nullptr;
  std::size_t untouched = 0;  // where blocks that were never used begin
  std::size_t used = 0;       // blocks
};

/// The chunks of one size.
class Shelf {
 public:
  void* take(std::size_t size) {
    const std::lock_guard lock(mutex_);
    if (open_ == nullptr) link(make_chunk(size));
    Chunk& chunk = *open_;
    void* block = chunk.free;
    if (block != nullptr) {
      chunk.free = chunk.free->next;
    } else {
      block = reinterpret_cast<char*>(&chunk) + chunk.untouched;
      chunk.untouched += size;
    }
    ++chunk.used;
    if (is_full(chunk, size)) unlink(chunk);
    return block;
  }
  void put(void* block, std::size_t size) {
    const std::lock_guard lock(mutex_);
    Chunk& chunk =
        *reinterpret_cast<Chunk*>(reinterpret_cast<std::uintptr_t>(block) / kChunk * kChunk);
    if (is_full(chunk, size)) link(chunk);
    chunk.free = ::new (block) FreeBlock{chunk.free};
    const bool last = open_ == &chunk && chunk.after == nullptr;
    if (--chunk.used > 0 || last) return;  // one stays, for blocks that come and go
    unlink(chunk);
    munmap(&chunk, kChunk);
    --chunks_;
  }

 private:
  static bool is_full(const Chunk& chunk, std::size_t size) {
    return chunk.free == nullptr && chunk.untouched + size > kChunk;
  }
  Chunk& make_chunk(std::size_t size) {
    void* raw = mmap(nullptr, 2 * kChunk, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    WEIR_CHECK(raw != MAP_FAILED, "out of memory for keyed state");
    const auto begin = reinterpret_cast<std::uintptr_t>(raw);
    const std::uintptr_t start = (begin + kChunk - 1) / kChunk * kChunk;
    if (start > begin) munmap(raw, start - begin);
    const std::uintptr_t end = start + kChunk;
    if (end < begin + 2 * kChunk) {
      munmap(reinterpret_cast<void*>(end), begin + 2 * kChunk - end);
    }
    // Only a hint. The first chunk may stay nearly empty, and should then take little memory.
    if (chunks_++ > 0) madvise(reinterpret_cast<void*>(start), kChunk, MADV_HUGEPAGE);
    Chunk& chunk = *::new (reinterpret_cast<void*>(start)) Chunk;
    chunk.untouched = size;
    return chunk;
  }
  void link(Chunk& chunk) {
    chunk.before = nullptr;
    chunk.after = open_;
    if (open_ != nullptr) open_->before = &chunk;
    open_ = &chunk;
  }
  void unlink(Chunk& chunk) {
    (chunk.before == nullptr ? open_ : chunk.before->after) = chunk.after;
    if (chunk.after != nullptr) chunk.after->before = chunk.before;
  }

  std::mutex mutex_;
  Chunk* open_ = nullptr;  // the first of those that have room
  std::size_t chunks_ = 0;
};

/// Sizes are powers of two and what lies half-way between them.
std::size_t size_of(std::size_t bytes) {
  const std::size_t size = std::bit_ceil(bytes);
  return bytes <= size / 4 * 3 ? size / 4 * 3 : size;
}
/// Never destroyed: states may go after it would be.
Shelf& shelf_of(std::size_t size) {
  static auto* shelves = new std::array<Shelf, 2 * std::bit_width(kMost) + 2>;
  return (*shelves)[2 * static_cast<std::size_t>(std::bit_width(size)) +
                    (std::has_single_bit(size) ? 0 : 1)];
}

bool from_heap(std::size_t bytes) { return kFromHeap || bytes < kLeast || bytes > kMost; }

}  // namespace

void* allocate_block(std::size_t bytes) {
  if (from_heap(bytes)) return ::operator new(bytes);
  const std::size_t size = size_of(bytes);
  return shelf_of(size).take(size);
}

void release_block(void* block, std::size_t bytes) noexcept {
  if (block == nullptr) return;
  if (from_heap(bytes)) return ::operator delete(block);
  const std::size_t size = size_of(bytes);
  shelf_of(size).put(block, size);
}

}  // namespace weir
