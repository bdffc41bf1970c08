// An optional that lies on the heap: one pointer, null while it is empty. For parts of a state that
// few keys have. Stored as std::optional is. Used by the thread of its owner.
#pragma once

#include <memory>
#include <utility>

namespace weir {

template <class T>
class Boxed {
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
    box_ = std::make_unique<T>();
    return *box_;
  }
  /// The value, made when missing.
  T& make() { return box_ ? *box_ : emplace(); }
  void reset() { box_.reset(); }

 private:
  std::unique_ptr<T> box_;
};

}  // namespace weir
