// Blocks of memory for parts of large states: those of one size lie together on huge pages where
// the system has them. When such parts are met at random, the walk through page tables costs more
// than the access, and the heap has small pages only. Small and very large blocks come from the
// heap as ever. Any thread.
//
// Invariant: a chunk holds blocks of one size and goes back to the system when all of them are
// free.
#pragma once

#include <cstddef>

namespace weir {

/// A block of at least `bytes`, aligned to 16 bytes. Aborts when there is no memory.
void* allocate_block(std::size_t bytes);
/// Gives back a block that was allocated with the same `bytes`, or null.
void release_block(void* block, std::size_t bytes) noexcept;

}  // namespace weir
