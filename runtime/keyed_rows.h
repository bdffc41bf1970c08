// The rows of an entry of a keyed table, as they stand in runs:
//
//   row key := hash (8 bytes, big-endian), key, name of a collection (empty: the main row), its key
//   main row := extras, state          row of a collection := one of its entries
#pragma once

#include <cstdint>
#include <string_view>

#include "weir/base/codec.h"
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
    begin(rows, entry, "");
    rows.key_done();
    ByteWriter value(rows.bytes());
    encode_extras(value, entry.extras.get());
    encode(value, Parts::main(entry.value()));
    rows.row_done();
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
