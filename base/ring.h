// A list that grows at its end and shrinks at its front, both in constant time, in one block of
// memory (base/slab.h) for a power of two of elements; nothing is allocated before the first one.
// Stored as std::vector is. Used by the thread of its owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <new>
#include <utility>

#include "weir/base/slab.h"

namespace weir {

template <class T>
class Ring {
  static_assert(alignof(T) <= 16, "blocks are aligned to 16 bytes");

 public:
  using value_type = T;
  using StoredAsList = void;

  class Iterator {
   public:
    Iterator(const Ring* ring, std::size_t i) : ring_(ring), i_(i) {}
    const T& operator*() const { return (*ring_)[i_]; }
    Iterator& operator++() {
      ++i_;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const Ring* ring_;
    std::size_t i_;
  };

  Ring() = default;
  Ring(Ring&& other) noexcept { swap(other); }
  Ring& operator=(Ring&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Ring() {
    clear();
    release();
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](std::size_t i) { return slots_[place(i)]; }
  const T& operator[](std::size_t i) const { return slots_[place(i)]; }
  T& front() { return (*this)[0]; }
  const T& front() const { return (*this)[0]; }
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size_}; }

  void push_back(T value) {
    if (size_ == capacity_) grow(size_ + 1);
    ::new (static_cast<void*>(slots_ + place(size_))) T(std::move(value));
    ++size_;
  }
  /// Puts `value` before element `i`, or at the end. Takes time for each element behind it.
  void insert(std::size_t i, T value) {
    push_back(std::move(value));
    for (std::size_t k = size_ - 1; k > i; --k) std::swap((*this)[k], (*this)[k - 1]);
  }
  /// Removes the first element; there is one.
  void pop_front() {
    front().~T();
    first_ = static_cast<std::uint32_t>(place(1));
    --size_;
  }
  void clear() {
    while (!empty()) pop_front();
  }
  /// Makes room for `count` elements.
  void reserve(std::size_t count) {
    if (count > capacity_) grow(count);
  }
  void swap(Ring& other) noexcept {
    std::swap(slots_, other.slots_);
    std::swap(first_, other.first_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  static constexpr std::uint32_t kMinCapacity = 4;

  std::size_t place(std::size_t i) const { return (first_ + i) & (capacity_ - 1); }
  void release() { release_block(slots_, capacity_ * sizeof(T)); }
  void grow(std::size_t count) noexcept {  // elements that cannot be moved end the process
    std::size_t capacity = kMinCapacity;
    while (capacity < count) capacity *= 2;
    T* slots = static_cast<T*>(allocate_block(capacity * sizeof(T)));
    for (std::size_t i = 0; i < size_; ++i) {
      ::new (static_cast<void*>(slots + i)) T(std::move((*this)[i]));
      (*this)[i].~T();
    }
    release();
    slots_ = slots;
    first_ = 0;
    capacity_ = static_cast<std::uint32_t>(capacity);
  }

  T* slots_ = nullptr;
  std::uint32_t first_ = 0, size_ = 0, capacity_ = 0;
};

}  // namespace weir
