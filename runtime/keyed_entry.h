// What a slot of a keyed table holds; see keyed_table.h. Compile-time only.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

#include "weir/base/codec.h"
#include "weir/base/hash.h"
#include "weir/runtime/state_parts.h"

namespace weir {

/// Whether an S has parts elsewhere that `prefetch_parts` finds.
template <class S>
consteval bool has_far_parts();
template <template <class...> class List, class... Field>
consteval bool fields_have_far_parts(List<Field...>) {
  return (has_far_parts<typename describe_detail::FieldType<Field>::type>() || ...);
}
template <class S>
consteval bool has_far_parts() {
  if constexpr (shape_of<S> == Shape::list) return requires(const S& list) {
      list.data();
    };
  else if constexpr (Described<S>)
    return fields_have_far_parts(describe_detail::Members<S>{});
  else
    return false;
}

/// Brings the content of the lists in `state` towards the cache. Always inline, as is all that only
/// prefetches: see KeyedTable::prefetch.
template <class S>
[[gnu::always_inline]] inline void prefetch_parts(const S& state);
template <class S, template <class...> class List, class... Field>
[[gnu::always_inline]] inline void prefetch_fields(const S& state, List<Field...>) {
  (prefetch_parts(state.*Field::pointer), ...);
}
template <class S>
[[gnu::always_inline]] inline void prefetch_parts(const S& state) {
  if constexpr (!has_far_parts<S>())
    return;
  else if constexpr (shape_of<S> == Shape::list)
    __builtin_prefetch(state.data(), 1);
  else
    prefetch_fields(state, describe_detail::Members<S>{});
}

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
  /// Whether `prefetch` does anything.
  static constexpr bool kFar = !kInline || has_far_parts<S>();
  /// Brings what is kept elsewhere towards the cache.
  [[gnu::always_inline]] void prefetch() {
    if constexpr (kInline)
      prefetch_parts(content_.value);
    else
      __builtin_prefetch(content_.box.get(), 1);
  }
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
