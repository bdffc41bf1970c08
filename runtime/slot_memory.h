// Memory for large tables: zeroed, and on huge pages where the system has them, because at random
// access the walk through page tables costs as much as the access. Thread-safe.
#pragma once

#include <cstddef>

namespace weir {

/// `bytes` of zeroed memory, aligned to a cache line. Aborts when there is none.
void* allocate_slots(std::size_t bytes);
/// Gives it back; `bytes` as it was asked for. Null is fine.
void free_slots(void* slots, std::size_t bytes);

}  // namespace weir
