// What a slot of a keyed table holds; see keyed_table.h. Compile-time only.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

#include "weir/base/codec.h"
#include "weir/base/hash.h"
#include "weir/runtime/state_parts.h"

namespace weir {

/// Keeps S inline when that is cheap to move about, behind a pointer otherwise. Always so when it
/// has collections: to move one says that its content goes elsewhere, and an entry only changes its
/// slot.
template <class S>
class StateHolder {
 public:
  static constexpr bool kInline = sizeof(S) <= 64 && !StateParts<S>::has_collections() &&
                                  std::is_nothrow_move_constructible_v<S>;

 private:
  struct Boxed {
    std::unique_ptr<S> box = std::make_unique<S>();
    S& get() { return *box; }
  };
  struct Inline {
    S value{};
    S& get() { return value; }
  };
  std::conditional_t<kInline, Inline, Boxed> content_;

 public:
  S& get() { return content_.get(); }
};

/// The key of an integer is its hash already, since mix64 is a bijection.
template <class K>
inline constexpr bool key_is_hash = shape_of<K> == Shape::integer;

/// Keeps the key of an entry, unless its hash does.
template <class K>
class KeyHolder {
 public:
  explicit KeyHolder(const K& key) : key_(key) {}
  const K& get(std::uint64_t) const { return key_; }
  bool is(const K& key) const { return equal(key_, key); }

 private:
  K key_;
};
template <class K>
requires key_is_hash<K>
class KeyHolder<K> {
 public:
  explicit KeyHolder(K) {}
  K get(std::uint64_t hash) const { return static_cast<K>(unmix64(hash)); }
  bool is(K) const { return true; }  // their hashes have been compared
};

}  // namespace weir
