// An optional that lies on the heap: one pointer, null while it is empty. For parts of a state that
// few keys have (in a block of base/slab.h). Stored as std::optional is. Used by the thread of its
// owner.
#pragma once

#include <memory>
#include <new>
#include <utility>

#include "weir/base/slab.h"

namespace weir {

template <class T>
class Boxed {
  static_assert(alignof(T) <= 16, "blocks are aligned to 16 bytes");

 public:
  using value_type = T;
  using StoredAsOptional = void;

  bool has_value() const { return box_ != nullptr; }
  explicit operator bool() const { return has_value(); }
  T& operator*() { return *box_; }
  const T& operator*() const { return *box_; }
  T* operator->() { return box_.get(); }
  const T* operator->() const { return box_.get(); }
  /// The address of the value, or null.
  T* get() const { return box_.get(); }

  /// A fresh value in place of what was there.
  T& emplace() {
    void* block = allocate_block(sizeof(T));
    try {
      box_.reset(::new (block) T());
    } catch (...) {
      release_block(block, sizeof(T));
      throw;
    }
    return *box_;
  }
  /// The value, made when missing.
  T& make() { return box_ ? *box_ : emplace(); }
  void reset() { box_.reset(); }

 private:
  struct Release {
    void operator()(T* value) const {
      value->~T();
      release_block(value, sizeof(T));
    }
  };
  std::unique_ptr<T, Release> box_;
};

}  // namespace weir
