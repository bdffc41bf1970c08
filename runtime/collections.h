// Large collections inside a key's state, of which a checkpoint writes only the entries that
// changed:
//
//   struct Cart {
//     std::int64_t visits = 0;
//     weir::MapState<std::string, Item> items;   // one row of state an entry
//     weir::ListState<Order> orders;             // one row an element
//   };
//   WEIR_DESCRIBE(Cart, visits, items, orders);
//
// They must be direct members of the state struct. Iteration is in the order of keys (map) or of
// insertion (list), so a restored job goes on exactly as the first one would have. Used by the
// thread of the task that owns the state.
//
// Invariant: a collection knows of each of its rows in the runs. So content may be copied, moved,
// swapped and assigned as that of any container, while the knowledge stays: what is moved away
// counts as removed here, and as new where it comes to.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/codec.h"
#include "weir/base/evolve.h"
#include "weir/base/schema.h"

namespace weir {

/// What the keyed table calls of a collection to store it. Row keys are those within the
/// collection.
template <class C>
concept StateCollection = requires(C& c) {
  typename C::IsStateCollection;
};

/// A map of which each entry is stored on its own.
template <class K, class V>
class MapState {
 public:
  using IsStateCollection = void;
  using Stored = std::pair<K, V>;
  struct Entry {
    V value{};
    bool dirty = true;    // differs from what is stored
    bool stored = false;  // a row of it exists in some run
  };

  MapState() = default;
  MapState(const MapState& other) : entries_(other.entries_) { forget_stored(); }
  /// Takes the content; what was stored of `other` counts as removed there. Not noexcept: the table
  /// keeps such a state in a box, which it moves instead.
  MapState(MapState&& other) noexcept(false) {
    for (const auto& [key, entry] : other.entries_) {
      if (entry.stored) other.removed_.push_back(encode_to_string(key));
    }
    entries_.swap(other.entries_);
    forget_stored();
  }
  /// Takes over the content of `other`; what was stored here and is not there counts as removed.
  MapState& operator=(MapState other) {
    clear();
    for (auto& [key, entry] : other.entries_) put(key, std::move(entry.value));
    return *this;
  }

  /// The value of `key`, or null. For reading.
  const V* find(const K& key) const {
    const auto it = entries_.find(key);
    return it == entries_.end() ? nullptr : &it->second.value;
  }
  bool contains(const K& key) const { return entries_.contains(key); }
  /// The value of `key` to change; made when missing.
  V& operator[](const K& key) {
    Entry& entry = entries_[key];
    entry.dirty = true;
    return entry.value;
  }
  void put(const K& key, V value) { (*this)[key] = std::move(value); }
  /// Removes `key`; true when it was there.
  bool erase(const K& key) {
    const auto it = entries_.find(key);
    if (it == entries_.end()) return false;
    if (it->second.stored) removed_.push_back(encode_to_string(key));
    entries_.erase(it);  // `key` may lie in it
    return true;
  }
  void clear() {
    while (!entries_.empty()) erase(entries_.begin()->first);
  }
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  /// Calls `visit(key, value)` for each entry in the order of keys; it must not change the map.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [key, entry] : entries_) visit(key, entry.value);
  }
  /// The smallest key's entry as (key, value) pointers, or nulls.
  std::pair<const K*, const V*> first() const {
    if (entries_.empty()) return {nullptr, nullptr};
    return {&entries_.begin()->first, &entries_.begin()->second.value};
  }

  /// The smallest key's value to move out before `erase_first`; the map is not empty.
  V* first_value() { return &entries_.begin()->second.value; }
  void erase_first() { erase(entries_.begin()->first); }

  /// Calls `put(row_key, write_value)` for each changed entry and `removed(row_key)` for each
  /// removed one, and forgets the changes.
  template <class Put, class Removed>
  void take_changes(Put&& put, Removed&& removed) {
    for (const std::string& key : removed_) removed(std::string_view(key));
    removed_.clear();
    for (auto& [key, entry] : entries_) {
      if (!entry.dirty) continue;
      put([&k = key](ByteWriter& w) { encode(w, k); },
          [&v = entry.value](ByteWriter& w) { encode(w, v); });
      entry.dirty = false;
      entry.stored = true;
    }
  }
  /// Calls `removed(row_key)` for each stored row, because the whole state goes.
  template <class Removed>
  void take_all_stored(Removed&& removed) {
    clear();
    for (const std::string& key : removed_) removed(std::string_view(key));
    removed_.clear();
  }
  /// Takes one stored row; false when its bytes are not an entry.
  bool load(std::string_view row_key, std::string_view row_value, StateDecoder<K>& keys,
            StateDecoder<V>& values) {
    K key{};
    ByteReader key_reader(row_key), value_reader(row_value);
    if (!keys.decode(key_reader, key)) return false;
    Entry entry;
    if (!values.decode(value_reader, entry.value)) return false;
    entry.dirty = false;
    entry.stored = true;
    entries_[std::move(key)] = std::move(entry);
    return true;
  }
  void mark_all_dirty() {
    for (auto& [key, entry] : entries_) entry.dirty = true;
  }

  friend bool operator==(const MapState& a, const MapState& b) {
    if (a.size() != b.size()) return false;
    auto it = b.entries_.begin();
    for (const auto& [key, entry] : a.entries_) {
      if (!equal(key, it->first) || !equal(entry.value, it->second.value)) return false;
      ++it;
    }
    return true;
  }

  using RowKey = K;
  using RowValue = V;

 private:
  void forget_stored() {
    for (auto& [key, entry] : entries_) entry.dirty = true, entry.stored = false;
  }

  std::map<K, Entry> entries_;
  std::vector<std::string> removed_;  // encoded keys of stored entries that are gone
};

/// A list that grows at its end and shrinks at its front, each element stored on its own.
template <class V>
class ListState {
 public:
  using IsStateCollection = void;

  ListState() = default;
  ListState(const ListState& other) : elements_(other.elements_) { forget_stored(); }
  /// Takes the content; what was stored of `other` counts as removed there. Not noexcept, as that
  /// of MapState.
  ListState(ListState&& other) noexcept(false) {
    for (std::size_t i = 0; i < other.elements_.size(); ++i) {
      if (other.elements_[i].stored) other.removed_.push_back(other.first_ + i);
    }
    other.first_ += other.elements_.size();
    elements_.swap(other.elements_);
    forget_stored();
  }
  /// Takes over the content of `other`; what was stored here counts as removed.
  ListState& operator=(ListState other) {
    clear();
    for (Element& e : other.elements_) push_back(std::move(e.value));
    return *this;
  }

  void push_back(V value) { elements_.push_back({std::move(value), true, false}); }
  /// Removes the first element; the list is not empty.
  void pop_front() {
    if (elements_.front().stored) removed_.push_back(first_);
    elements_.pop_front();
    ++first_;
  }
  void clear() {
    while (!empty()) pop_front();
  }
  const V& operator[](std::size_t i) const { return elements_[i].value; }
  const V& front() const { return elements_.front().value; }
  const V& back() const { return elements_.back().value; }
  /// Element `i` to change.
  V& change(std::size_t i) {
    elements_[i].dirty = true;
    return elements_[i].value;
  }
  std::size_t size() const { return elements_.size(); }
  bool empty() const { return elements_.empty(); }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const Element& e : elements_) visit(e.value);
  }

  template <class Put, class Removed>
  void take_changes(Put&& put, Removed&& removed) {
    for (const std::uint64_t index : removed_) removed(std::string_view(index_key(index)));
    removed_.clear();
    for (std::size_t i = 0; i < elements_.size(); ++i) {
      Element& e = elements_[i];
      if (!e.dirty) continue;
      put([index = first_ + i](ByteWriter& w) { w.big_endian64(index); },
          [&v = e.value](ByteWriter& w) { encode(w, v); });
      e.dirty = false;
      e.stored = true;
    }
  }
  template <class Removed>
  void take_all_stored(Removed&& removed) {
    clear();
    for (const std::uint64_t index : removed_) removed(std::string_view(index_key(index)));
    removed_.clear();
  }
  /// Rows come in the order of their keys, that is of their places.
  bool load(std::string_view row_key, std::string_view row_value, StateDecoder<std::uint64_t>&,
            StateDecoder<V>& values) {
    ByteReader key_reader(row_key), value_reader(row_value);
    const std::uint64_t index = key_reader.big_endian64();
    Element e{};
    if (key_reader.failed() || !values.decode(value_reader, e.value)) return false;
    if (elements_.empty()) first_ = index;
    if (index != first_ + elements_.size()) return false;
    e.dirty = false;
    e.stored = true;
    elements_.push_back(std::move(e));
    return true;
  }
  void mark_all_dirty() {
    for (Element& e : elements_) e.dirty = true;
  }

  friend bool operator==(const ListState& a, const ListState& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (!equal(a[i], b[i])) return false;
    }
    return true;
  }

  using RowKey = std::uint64_t;
  using RowValue = V;

 private:
  struct Element {
    V value;
    bool dirty;
    bool stored;
  };
  void forget_stored() {
    for (Element& e : elements_) e.dirty = true, e.stored = false;
  }
  static std::string index_key(std::uint64_t index) {
    std::string key;
    ByteWriter(key).big_endian64(index);
    return key;
  }
  std::deque<Element> elements_;
  std::uint64_t first_ = 0;  // place of the front element since the list began
  std::vector<std::uint64_t> removed_;
};

// In the record of their state both are an empty string; their entries are rows of their own.
namespace collections_detail {
template <class C>
struct ExternalCodec {
  static void encode(ByteWriter& writer, const C&) { writer.varint(0); }
  static void decode(ByteReader& reader, C&) {
    if (!reader.string().empty()) reader.fail();
  }
};
}  // namespace collections_detail

template <class K, class V>
struct Codec<MapState<K, V>> : collections_detail::ExternalCodec<MapState<K, V>> {
  static Schema schema() {
    return schema_build::external("MapState", {schema_of<K>(), schema_of<V>()});
  }
};
template <class V>
struct Codec<ListState<V>> : collections_detail::ExternalCodec<ListState<V>> {
  static Schema schema() { return schema_build::external("ListState", {schema_of<V>()}); }
};

}  // namespace weir
