// The rows of an entry of a keyed table, as they stand in runs:
//
//   row key := hash (8 bytes, big-endian), key, name of a collection (empty: the main row), its key
//   main row := extras, state          row of a collection := one of its entries
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "weir/base/codec.h"
#include "weir/runtime/keyed_entry.h"
#include "weir/runtime/row_buffer.h"
#include "weir/runtime/state_parts.h"
#include "weir/runtime/timers.h"

namespace weir {

template <class S>
struct KeyedRows {
  using Parts = StateParts<S>;

  /// Appends the changed rows of `entry`, the main row always, and takes its collections for
  /// stored.
  template <class Entry>
  static void write(Entry& entry, RowBuffer& rows) {
    write_main(entry, rows);
    Parts::for_each_collection(entry.value(), [&](const char* name, auto& collection) {
      collection.take_changes(
          [&](auto&& write_key, auto&& write_value) {
            begin(rows, entry, name);
            ByteWriter w(rows.bytes());
            write_key(w);
            rows.key_done();
            ByteWriter v(rows.bytes());
            write_value(v);
            rows.row_done();
          },
          [&](std::string_view row_key) { erase(rows, entry, name, row_key); });
    });
  }

  /// Declares all rows of `entry`'s collections changed.
  template <class Entry>
  static void mark_all_dirty(Entry& entry) {
    Parts::for_each_collection(entry.value(), [](const char*, auto& c) { c.mark_all_dirty(); });
  }

  /// Appends a tombstone for each row of `entry` that some run holds; `stored` says so of the main
  /// row.
  template <class Entry>
  static void write_tombstones(Entry& entry, bool stored, RowBuffer& rows) {
    if (stored) erase(rows, entry, "", {});
    Parts::for_each_collection(entry.value(), [&](const char* name, auto& collection) {
      collection.take_all_stored(
          [&](std::string_view row_key) { erase(rows, entry, name, row_key); });
    });
  }

 private:
  using Main = std::remove_cvref_t<decltype(Parts::main(std::declval<S&>()))>;

  /// A key and state of numbers, as they are copied on the task's thread.
  template <class Key>
  struct Raw {
    Main main;
    [[no_unique_address]] std::conditional_t<key_is_hash<Key>, std::monostate, Key> key;

    static std::pair<std::size_t, std::size_t> encode(std::uint64_t hash, const char* raw,
                                                      char* to) {
      namespace cd = codec_detail;
      static_assert(cd::most_bytes<Key>() + cd::most_bytes<Main>() + 2 <= RawRows::kMostBytes);
      Raw copy;
      std::memcpy(static_cast<void*>(&copy), raw, sizeof copy);
      char* const begin = to;
      if constexpr (key_is_hash<Key>)
        to = cd::put_bounded(to, static_cast<Key>(unmix64(hash)));
      else
        to = cd::put_bounded(to, copy.key);
      *to++ = 0;  // no name of a collection
      char* const value = to;
      *to++ = 0;  // no extras
      to = cd::put_bounded(to, copy.main);
      return {static_cast<std::size_t>(value - begin), static_cast<std::size_t>(to - value)};
    }
    static constexpr RawRows kFormat{static_cast<std::uint32_t>(sizeof(Raw)), &encode};
  };
  template <class T>
  static constexpr bool is_raw = codec_detail::is_bounded<T>&& std::is_trivially_copyable_v<T>&&
      std::is_default_constructible_v<T>;

  template <class Entry>
  static void write_main(Entry& entry, RowBuffer& rows) {
    using Key = std::remove_cvref_t<decltype(entry.key())>;
    if constexpr (is_raw<Key> && is_raw<Main>) {
      if (!entry.extras) {  // the same bytes, but later
        using Copy = Raw<Key>;
        Copy copy{Parts::main(entry.value()), {}};
        if constexpr (!key_is_hash<Key>) copy.key = entry.key();
        return rows.add_raw(entry.hash, copy, Copy::kFormat);
      }
    }
    begin(rows, entry, "");
    rows.key_done();
    ByteWriter value(rows.bytes());
    encode_extras(value, entry.extras.get());
    encode(value, Parts::main(entry.value()));
    rows.row_done();
  }
  template <class Entry>
  static void begin(RowBuffer& rows, Entry& entry, const char* collection) {
    rows.begin(entry.hash);
    ByteWriter w(rows.bytes());
    encode(w, entry.key());
    w.string(collection);
  }
  template <class Entry>
  static void erase(RowBuffer& rows, Entry& entry, const char* collection,
                    std::string_view row_key) {
    begin(rows, entry, collection);
    rows.bytes().append(row_key);
    rows.tombstone_done();
  }
};

}  // namespace weir
