// Memory for large tables: zeroed, on huge pages where the system has them, because at random
// access the walk through page tables costs as much as the access; and with room behind it in the
// address space, so that a table can grow where it lies. A fresh page costs more than a copy.
// Used by one thread at a time.
#pragma once

#include <cstddef>

namespace weir {

class SlotMemory {
 public:
  SlotMemory() = default;
  /// `bytes` of zeroed memory, aligned to a cache line. Aborts when there is none.
  explicit SlotMemory(std::size_t bytes);
  SlotMemory(SlotMemory&& other) noexcept { *this = static_cast<SlotMemory&&>(other); }
  SlotMemory& operator=(SlotMemory&& other) noexcept;
  ~SlotMemory() { release(); }

  void* data() const { return data_; }
  /// Makes it `bytes` long, more than before; what is new is zeroed. False, and nothing changed,
  /// when there is no room behind it.
  bool extend(std::size_t bytes);

 private:
  void release();

  void* data_ = nullptr;
  std::size_t mapped_ = 0;    // usable bytes of a mapping; 0: from the heap
  std::size_t reserved_ = 0;  // its addresses
};

}  // namespace weir
